-- What the media side writes: quality, signaling between processes.

create function support.call_summary(p_actor text, p_call uuid, p_quality jsonb, out result text)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act_as(p_actor, 'system:media');
    if jsonb_typeof(p_quality) is distinct from 'object' then
        perform support.fail('SD400', 'bad_argument');
    end if;
    update support.voice_calls k
    set quality = p_quality, mos_low = (select min((m #>> '{}')::real) from jsonb_path_query(p_quality, '$.*.*.mos') m where jsonb_typeof(m) = 'number')
    where k.id = p_call;
    if not found then
        perform support.fail('SD404', 'call_not_found');
    end if;
    perform support.audit('call.summary', 'call', p_call::text);
    result := 'ok';
end $$;
comment on function support.call_summary(text, uuid, jsonb) is 'Quality of a call per leg and direction; mos_low is the least "mos" in it';

create function support.call_samples(
    p_actor text, p_call uuid, p_at timestamptz[], p_legs text[], p_directions text[], p_packets int[], p_lost int[], p_recovered int[],
    p_jitter_us int[], p_rtt_us int[], p_mos real[], p_level_db real[], p_flags int[], out inserted bigint)
language plpgsql set supportd.actor = '' as $$
declare
    v_customer uuid;
    v_count int := cardinality(p_at);
begin
    perform support.act_as(p_actor, 'system:media');
    if v_count > 1000 or v_count <> any (array[cardinality(p_legs), cardinality(p_directions), cardinality(p_packets), cardinality(p_lost),
        cardinality(p_recovered), cardinality(p_jitter_us), cardinality(p_rtt_us), cardinality(p_mos), cardinality(p_level_db), cardinality(p_flags)]) then
        perform support.fail('SD400', 'bad_argument');
    end if;
    v_customer := (select k.customer_id from support.voice_calls k where k.id = p_call);
    if v_customer is null then
        perform support.fail('SD404', 'call_not_found');
    end if;
    insert into support.call_quality_samples (call_id, leg, direction, at, customer_id, packets, lost, recovered, jitter_us, rtt_us, mos, level_db, flags)
    select p_call, s.leg, s.direction, date_trunc('second', s.at), v_customer, s.packets, s.lost, s.recovered, s.jitter_us, s.rtt_us, s.mos, s.level_db, s.flags
    from unnest(p_at, p_legs, p_directions, p_packets, p_lost, p_recovered, p_jitter_us, p_rtt_us, p_mos, p_level_db, p_flags)
        s (at, leg, direction, packets, lost, recovered, jitter_us, rtt_us, mos, level_db, flags)
    on conflict do nothing;
    get diagnostics inserted = row_count;
end $$;
comment on function support.call_samples(text, uuid, timestamptz[], text[], text[], int[], int[], int[], int[], int[], real[], real[], int[])
    is 'Quality samples of a call, many at once';

create function support.call_quality(p_actor text, p_call uuid, p_limit int)
returns table (at timestamptz, leg text, direction text, packets int, lost int, recovered int, jitter_us int, rtt_us int, mos real, level_db real, flags int)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act(p_actor);
    return query
        select s.at, s.leg, s.direction, s.packets, s.lost, s.recovered, s.jitter_us, s.rtt_us, s.mos, s.level_db, s.flags
        from support.call_quality_samples s where s.call_id = p_call
        order by s.at desc, s.leg desc, s.direction desc limit least(greatest(coalesce(p_limit, 240), 1), 4000);
end $$;
comment on function support.call_quality(text, uuid, int) is 'The newest samples of a call';

create function support.signal_put(p_actor text, p_call uuid, p_to uuid, p_kind text, p_payload jsonb, out id bigint)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_customer uuid;
begin
    perform support.act(p_actor);
    v_customer := (select k.customer_id from support.voice_calls k where k.id = p_call and k.ended_at is null);
    if v_customer is null then
        perform support.fail('SD404', 'call_not_found');
    end if;
    -- Staff see more calls than they are a party of.
    if support.actor_kind() = 'staff'
        and not exists (select 1 from support.voice_calls k where k.id = p_call and k.staff_id = support.actor_staff())
        and not exists (select 1 from support.offers o where o.call_id = p_call and o.state = 'pending' and o.staff_id = support.actor_staff())
        and not exists (select 1 from support.call_parties r where r.call_id = p_call and r.staff_id = support.actor_staff() and r.closed_at is null) then
        perform support.fail('SD403', 'denied');
    end if;
    if not exists (select 1 from support.processes p where p.id = p_to and p.state = 'live') then
        perform support.fail('SD404', 'process_not_found');
    end if;
    insert into support.webrtc_signaling (to_process, call_id, customer_id, sender, kind, payload)
    values (p_to, p_call, v_customer, p_actor, p_kind, p_payload);
    id := currval('support.webrtc_signaling_id_seq');
end $$;
comment on function support.signal_put(text, uuid, uuid, text, jsonb) is 'Leaves signaling for the process that owns the media';

create function support.signal_take(p_actor text, p_process uuid, p_limit int)
returns table (id bigint, call_id uuid, sender text, kind text, payload jsonb)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_ids bigint[];
begin
    perform support.act_as(p_actor, 'system:media');
    v_ids := array(select n.id from support.webrtc_signaling n where n.to_process = p_process order by n.id
                   limit least(greatest(coalesce(p_limit, 100), 1), 1000));
    return query
        with taken as (
            delete from support.webrtc_signaling w where w.to_process = p_process and w.id = any (v_ids)
            returning w.id, w.call_id, w.sender, w.kind, w.payload
        ) select t.* from taken t order by t.id;
end $$;
comment on function support.signal_take(text, uuid, int) is 'Takes what was left for a process, in order';

create function support.signal_purge(p_actor text, out purged bigint) language plpgsql set supportd.actor = '' as $$
declare
    v_before timestamptz := support.now() - interval '10 minutes';
begin
    perform support.act_as(p_actor, 'system:retention');
    delete from support.webrtc_signaling w where w.created_at < v_before;
    get diagnostics purged = row_count;
end $$;
comment on function support.signal_purge(text) is 'Removes signaling that nobody took';
