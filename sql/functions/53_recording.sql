-- Recordings: start, pause, stop, end; reading.

create function support.do_recording_pause(p_recording uuid, p_position_ms bigint, p_reason text) returns void language plpgsql as $$
begin
    update support.call_recordings r set state = 'paused',
        pauses = r.pauses || jsonb_build_object('from_ms', p_position_ms, 'to_ms', null, 'reason', p_reason) where r.id = p_recording;
end $$;
comment on function support.do_recording_pause(uuid, bigint, text) is 'A pause begins';

create function support.do_recording_pause_end(p_pauses jsonb, p_position_ms bigint) returns jsonb language sql immutable
return case when jsonb_array_length(p_pauses) > 0 and p_pauses #>> '{-1,to_ms}' is null
            then jsonb_set(p_pauses, '{-1,to_ms}', to_jsonb(p_position_ms)) else p_pauses end;
comment on function support.do_recording_pause_end(jsonb, bigint) is 'The list of pauses with the last one ended';

create function support.do_recording_refusal(p_kind text, p_call support.voice_calls, p_want text, p_process uuid) returns text language plpgsql as $$
declare
    v_policy text := (select s.value #>> '{}' from support.support_settings s where s.key = 'recording.policy');
begin
    return case
        when p_kind = 'customer' or (p_kind = 'staff' and p_call.staff_id is distinct from support.actor_staff()) then 'denied'
        when p_kind = 'staff' and p_want not in ('on', 'paused', 'off') then 'denied'
        when p_call.state not in ('active', 'held') then 'not_allowed'
        when p_call.owner_process <> p_process then 'elsewhere'
        when p_want = 'auto' then case when v_policy <> 'all' or p_call.recording <> 'off' then 'same' end
        when p_want = 'card' then case when p_call.recording <> 'on' then 'same' end
        when p_want = 'resume' then case when p_call.recording <> 'paused' then 'same' end
        when p_want = p_call.recording then 'same'
        when p_want = 'on' and p_call.recording = 'off' and v_policy = 'off' then 'feature_off'
        when p_want = 'off' and v_policy = 'all' and p_kind = 'staff' then 'feature_off'
        when p_want = 'paused' and p_call.recording = 'off' then 'not_allowed'
    end;
end $$;
comment on function support.do_recording_refusal(text, support.voice_calls, text, uuid) is 'Why a change of recording does not happen, or NULL';

create function support.recording_set(p_actor text, p_call uuid, p_want text, p_recording uuid, p_process uuid, p_key text, p_path text,
    p_position_ms bigint, p_request text,
    out result text, out recording_id uuid, out state text, out chat_id uuid, out customer_id uuid, out staff_id uuid, out resume_ms bigint,
    out elapsed_us bigint, out from_us bigint)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_kind text;
    v_call support.voice_calls;
    v_have support.call_recordings;
    v_now timestamptz := support.now();
    v_what text;
begin
    perform support.act(p_actor);
    v_kind := support.actor_kind();
    select k.* into v_call from support.voice_calls k where k.id = p_call for no key update;
    if not found or (v_kind = 'system' and p_actor <> 'system:media') then
        perform support.fail('SD404', 'call_not_found');
    end if;
    chat_id := v_call.chat_id;
    customer_id := v_call.customer_id;
    staff_id := v_call.staff_id;
    state := case when v_call.ended_at is null then v_call.recording else 'off' end;
    resume_ms := 0;
    elapsed_us := 0;
    from_us := 0;
    select r.* into v_have from support.call_recordings r where r.call_id = p_call and r.state in ('on', 'paused') for no key update;
    recording_id := v_have.id;
    result := support.do_recording_refusal(v_kind, v_call, p_want, p_process);
    if result is null and p_want = 'resume' and v_have.pauses #>> '{-1,reason}' is distinct from 'card' then
        result := 'same';
    end if;
    if result is not null then
        if result = 'denied' then
            perform support.fail('SD403', 'denied');
        elsif result = 'feature_off' then
            perform support.fail('SD403', 'feature_off');
        end if;
        return;
    end if;
    state := case p_want when 'auto' then 'on' when 'card' then 'paused' when 'resume' then 'on' else p_want end;
    if state = 'on' and v_call.recording = 'off' then
        v_what := 'start';
        recording_id := p_recording;
        if p_want = 'auto' and v_now - v_call.answered_at < interval '5 s' then -- the whole call, however late this comes
            elapsed_us := (extract(epoch from v_now - v_call.answered_at) * 1000000)::bigint;
            v_now := v_call.answered_at;
        end if;
        from_us := (extract(epoch from v_now - v_call.answered_at) * 1000000)::bigint;
        insert into support.call_recordings (id, call_id, customer_id, staff_id, team_id, owner_process, state, started_by, started_at, key_id, path, keep_until, parties)
        values (p_recording, p_call, v_call.customer_id, v_call.staff_id, support.staff_team(v_call.staff_id), p_process, 'on', p_actor, v_now, p_key, p_path,
                v_now + support.setting_int('recording.retention_days') * interval '1 day',
                jsonb_build_array(jsonb_build_object('track', 1, 'staff_id', v_call.staff_id, 'role', 'agent', 'from_ms', 0)));
    elsif state = 'on' then
        v_what := 'resume';
        update support.call_recordings r set state = 'on', pauses = support.do_recording_pause_end(r.pauses, p_position_ms) where r.id = v_have.id;
    elsif state = 'paused' then
        v_what := 'pause';
        perform support.do_recording_pause(v_have.id, p_position_ms, case p_want when 'card' then 'card' else 'agent' end);
        resume_ms := case p_want when 'card' then support.setting_int('recording.resume_s') * 1000 else 0 end;
    else
        v_what := 'stop';
        update support.call_recordings r set state = 'ending', ended_at = v_now, pauses = support.do_recording_pause_end(r.pauses, p_position_ms)
        where r.id = v_have.id;
    end if;
    update support.voice_calls k set recording = recording_set.state where k.id = p_call;
    perform support.audit('recording.' || v_what, 'recording', recording_id::text, p_request, case p_want when 'card' then 'card_data' end,
                          jsonb_build_object('call', p_call));
    result := 'ok';
end $$;
comment on function support.recording_set(text, uuid, text, uuid, uuid, text, text, bigint, text)
    is 'on, paused, off by the agent of the call; auto (policy all), card (pause for card data), resume (end of that) by the media side';

create function support.recording_finish(p_actor text, p_recording uuid, p_duration_ms bigint, p_bytes bigint, p_incomplete boolean, p_gap_ms bigint,
    out result text)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act_as(p_actor, 'system:media');
    update support.call_recordings r set state = 'ended', ended_at = coalesce(r.ended_at, r.started_at + p_duration_ms * interval '1 ms'), duration_ms = p_duration_ms, bytes = p_bytes,
        incomplete = p_incomplete, gap_ms = p_gap_ms, pauses = support.do_recording_pause_end(r.pauses, p_duration_ms)
    where r.id = p_recording and r.state not in ('ended', 'deleting', 'deleted');
    result := case when found then 'ok' else 'same' end;
    if found then
        perform support.audit('recording.finish', 'recording', p_recording::text, null, case when p_incomplete then 'incomplete' end,
                              jsonb_build_object('duration_ms', p_duration_ms));
    end if;
end $$;
comment on function support.recording_finish(text, uuid, bigint, bigint, boolean, bigint) is 'All of a recording is on the disk, or what could get there';

create function support.recording_party(p_actor text, p_recording uuid, p_track int, p_staff uuid, p_role text, p_from_ms bigint, out result text)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act_as(p_actor, 'system:media');
    if p_role not in ('agent', 'consult', 'barge') then
        perform support.fail('SD400', 'bad_argument');
    end if;
    update support.call_recordings r set tracks = greatest(r.tracks, p_track + 1),
        others = case when p_staff = r.staff_id or p_staff = any (r.others) or cardinality(r.others) >= 64 then r.others else r.others || p_staff end,
        parties = case when jsonb_array_length(r.parties) >= 200 then r.parties
                       else r.parties || jsonb_build_object('track', p_track, 'staff_id', p_staff, 'role', p_role, 'from_ms', p_from_ms) end
    where r.id = p_recording and r.state in ('on', 'paused', 'ending', 'ended', 'broken')
      and not r.parties @> jsonb_build_array(jsonb_build_object('track', p_track, 'staff_id', p_staff, 'role', p_role, 'from_ms', p_from_ms));
    result := case when found then 'ok' else 'same' end;
end $$;
comment on function support.recording_party(text, uuid, int, uuid, text, bigint) is 'From here on the customer hears somebody else, on a track that may be new. Beyond 64 people and 200 stretches the oldest are kept and nothing fails';

create function support.recordings_of_dead_process(p_actor text, out marked bigint) language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act_as(p_actor, 'system:monitor');
    update support.call_recordings r set state = 'broken', incomplete = true, ended_at = coalesce(r.ended_at, support.now())
    where r.state in ('on', 'paused', 'ending')
      and r.owner_process in (select p.id from support.processes p where p.state <> 'live');
    get diagnostics marked = row_count;
end $$;
comment on function support.recordings_of_dead_process(text) is 'Recordings whose process is gone end as broken';

create function support.recordings_place(p_actor text, p_process uuid, p_place uuid, out result text) language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act_as(p_actor, 'system:monitor');
    update support.processes p set recording_place = p_place where p.id = p_process;
    result := case when found then 'ok' else 'same' end;
end $$;
comment on function support.recordings_place(text, uuid, uuid) is 'Where a process keeps its recordings';

create function support.recordings_due(p_actor text, p_place uuid, p_limit int) returns table (recording_id uuid, path text, tracks int)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_now timestamptz := support.now();
    v_limit int := least(greatest(coalesce(p_limit, 50), 1), 200);
    v_id uuid;
begin
    perform support.act_as(p_actor, 'system:retention');
    for v_id in
        update support.call_recordings r set state = 'deleting', erase_at = v_now
        where r.id = any (array(select d.id from support.call_recordings d where d.state in ('ended', 'broken') and d.keep_until <= v_now
                                order by d.keep_until limit v_limit for no key update skip locked))
        returning r.id
    loop
        perform support.audit('recording.delete', 'recording', v_id::text, null, 'retention', '{}');
    end loop;
    return query
        update support.call_recordings r set erase_at = v_now + interval '60 s'
        where r.id = any (array(select d.id from support.call_recordings d join support.processes p on p.id = d.owner_process
                                where d.state = 'deleting' and d.erase_at <= v_now and coalesce(p.recording_place, p_place) = p_place
                                order by d.erase_at limit v_limit for no key update of d skip locked))
        returning r.id, r.path, r.tracks::int;
end $$;
comment on function support.recordings_due(text, uuid, int) is
    'Ends what retention has ended, everywhere, and takes those whose files are in this place (or in one that nobody knows): their files are to be removed';

create function support.recording_erased(p_actor text, p_recording uuid, out result text) language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act_as(p_actor, 'system:retention');
    update support.call_recordings r set state = 'deleted', path = null, key_id = null, bytes = 0, erase_at = null, deleted_at = support.now()
    where r.id = p_recording and r.state = 'deleting';
    result := case when found then 'ok' else 'same' end;
    if found then
        perform support.audit('recording.erased', 'recording', p_recording::text, null, 'retention', '{}');
    end if;
end $$;
comment on function support.recording_erased(text, uuid) is 'The files of a recording are gone';

create function support.recordings_next_due(p_actor text, p_place uuid, out now timestamptz, out deadline timestamptz) language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act_as(p_actor, 'system:retention');
    now := support.now();
    deadline := least(
        (select min(r.keep_until) from support.call_recordings r where r.state in ('ended', 'broken')),
        (select d.erase_at from support.call_recordings d join support.processes p on p.id = d.owner_process
         where d.state = 'deleting' and coalesce(p.recording_place, p_place) = p_place order by d.erase_at limit 1));
end $$;
comment on function support.recordings_next_due(text, uuid) is 'When support.recordings_due() has something to do again';

create function support.do_recording_json(p_recording support.call_recordings) returns jsonb language plpgsql stable as $$
begin
    return jsonb_build_object('id', p_recording.id, 'call_id', p_recording.call_id,
        'state', case p_recording.state when 'ending' then 'ended' else p_recording.state end,
        'customer', jsonb_build_object('id', p_recording.customer_id, 'name',
                                       (select u.name from support.customers u where u.id = p_recording.customer_id)),
        'staff', jsonb_build_object('id', p_recording.staff_id, 'name', support.staff_name(p_recording.staff_id)),
        'started_at', support.rfc3339(p_recording.started_at), 'ended_at', support.rfc3339(p_recording.ended_at),
        'duration_ms', p_recording.duration_ms, 'bytes', p_recording.bytes, 'incomplete', p_recording.incomplete, 'gap_ms', p_recording.gap_ms,
        'pauses', p_recording.pauses, 'tracks', p_recording.tracks,
        'parties', (select coalesce(jsonb_agg(jsonb_build_object('track', (e ->> 'track')::int, 'role', e ->> 'role', 'from_ms', (e ->> 'from_ms')::bigint,
                                                                 'staff', jsonb_build_object('id', e ->> 'staff_id', 'name', support.staff_name((e ->> 'staff_id')::uuid)))
                                              order by n), '[]')
                    from jsonb_array_elements(p_recording.parties) with ordinality x (e, n)),
        'keep_until', support.rfc3339(p_recording.keep_until));
end $$;
comment on function support.do_recording_json(support.call_recordings) is 'A recording as it stands in JSON';

create function support.recordings_list(p_actor text, p_call uuid, p_staff uuid, p_customer uuid, p_before uuid, p_limit int)
returns table (recording_id uuid, recording jsonb)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_before uuid := coalesce(p_before, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    v_limit int := least(greatest(coalesce(p_limit, 50), 1), 200);
    v_ids uuid[];
begin
    perform support.act(p_actor);
    if p_call is not null then
        v_ids := array(select r.id from support.call_recordings r where r.call_id = p_call and r.id < v_before and r.state not in ('deleting', 'deleted')
                       and (p_staff is null or r.staff_id = p_staff or p_staff = any (r.others)) and (p_customer is null or r.customer_id = p_customer) order by r.id desc limit v_limit);
    elsif p_customer is not null then
        v_ids := array(select r.id from support.call_recordings r where r.customer_id = p_customer and r.id < v_before and r.state not in ('deleting', 'deleted')
                       and (p_staff is null or r.staff_id = p_staff or p_staff = any (r.others)) order by r.id desc limit v_limit);
    elsif p_staff is not null then
        -- Those begun by others are found first and cut then: by its estimates the planner would walk down the ids and look for the member in each.
        v_ids := array(select u.id from (
                       (select r.id from support.call_recordings r where r.staff_id = p_staff and r.id < v_before and r.state not in ('deleting', 'deleted')
                        order by r.id desc limit v_limit)
                       union all
                       (select o.id from (select r.id, r.state from support.call_recordings r where r.others @> array[p_staff] and r.others <> '{}' offset 0) o
                        where o.id < v_before and o.state not in ('deleting', 'deleted') order by o.id desc limit v_limit)) u
                       order by u.id desc limit v_limit);
    else
        v_ids := array(select r.id from support.call_recordings r where r.id < v_before and r.state not in ('deleting', 'deleted') order by r.id desc limit v_limit);
    end if;
    return query select r.id, support.do_recording_json(r) from unnest(v_ids) l (id) join support.call_recordings r on r.id = l.id order by r.id desc;
end $$;
comment on function support.recordings_list(text, uuid, uuid, uuid, uuid, int) is 'Recordings that the actor may hear, newest first; p_staff: who is heard in them';

create function support.recording_get(p_actor text, p_recording uuid)
returns table (recording jsonb, state text, path text, tracks int, owner_process uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act(p_actor);
    return query select support.do_recording_json(r), r.state, r.path, r.tracks::int, r.owner_process from support.call_recordings r where r.id = p_recording and r.state not in ('deleting', 'deleted');
end $$;
comment on function support.recording_get(text, uuid) is 'A recording, if the actor may hear it';

create function support.recording_play(p_actor text, p_recording uuid, p_track int, p_request text)
returns table (recording jsonb, state text, path text, tracks int)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act(p_actor);
    return query select support.do_recording_json(r), r.state, r.path, r.tracks::int from support.call_recordings r where r.id = p_recording and r.state not in ('deleting', 'deleted');
    if found then
        perform support.audit('recording.play', 'recording', p_recording::text, p_request, null, jsonb_build_object('track', p_track));
    end if;
end $$;
comment on function support.recording_play(text, uuid, int, text) is 'An opening of a recording, which is audited';
