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

-- One row is SAMPLE_NUMBERS of src/call/call_store.c: at (us), leg (0: customer, 1: agent, 2: a part beside them), rtt_us, level (dBov), flags, then for in and for out: packets, lost,
-- recovered, late, jitter_us, residual loss and burst ratio and MOS in hundredths. -32768: not known. p_calls: the calls of the rows, then, unless no
-- row is of one, the parts.
create function support.call_samples(p_actor text, p_calls uuid[], p_numbers bigint[], out inserted bigint)
language plpgsql set supportd.actor = '' as $$
declare
    v_width constant int := 21;
    v_count int := cardinality(p_numbers) / v_width;
begin
    perform support.act_as(p_actor, 'system:media');
    if v_count is null or v_count > 1000 or cardinality(p_numbers) % v_width <> 0 or cardinality(p_calls) not in (v_count, 2 * v_count)
        or p_calls is null then
        perform support.fail('SD400', 'bad_argument');
    end if;
    insert into support.call_quality_samples (call_id, party_id, leg, direction, at, customer_id, packets, lost, recovered, late, jitter_us, residual_loss,
        burst_ratio, mos, rtt_us, level_db, flags)
    select r.id, r.party_id, coalesce(r.role, case r.leg when 1 then 'agent' else 'customer' end), r.direction, to_timestamp(0) + r.at_us * interval '1 microsecond', r.customer_id,
           r.packets, r.lost, r.recovered, r.late, r.jitter, nullif(r.residual, -32768) / 100.0, nullif(r.burst, -32768) / 100.0,
           nullif(r.mos, -32768) / 100.0, nullif(r.rtt, -32768), case r.direction when 'in' then nullif(r.level, -32768) end, r.flags
    from (select k.id, k.customer_id, y.id as party_id, y.role, d.direction, p_numbers[o.at + 1] as at_us, p_numbers[o.at + 2] as leg, p_numbers[o.at + 3] as rtt,
                 p_numbers[o.at + 4] as level, p_numbers[o.at + 5] as flags, p_numbers[o.at + d.at + 1] as packets, p_numbers[o.at + d.at + 2] as lost,
                 p_numbers[o.at + d.at + 3] as recovered, p_numbers[o.at + d.at + 4] as late, p_numbers[o.at + d.at + 5] as jitter,
                 p_numbers[o.at + d.at + 6] as residual, p_numbers[o.at + d.at + 7] as burst, p_numbers[o.at + d.at + 8] as mos
          from unnest(p_calls[1:v_count], p_calls[v_count + 1:]) with ordinality u (call_id, part_id, n)
          cross join lateral (select (u.n::int - 1) * v_width) o (at)
          join support.voice_calls k on k.id = u.call_id -- one that was erased meanwhile has no samples
          left join support.call_parties y on y.id = u.part_id and y.call_id = u.call_id
          cross join (values ('in', 5), ('out', 13)) d (direction, at)
          where (p_numbers[o.at + 2] = 2) = (y.id is not null)
          order by k.id) r
    on conflict do nothing;
    get diagnostics inserted = row_count;
end $$;
comment on function support.call_samples(text, uuid[], bigint[]) is 'Quality samples of many calls at once; what is there already is skipped';

create function support.call_quality(p_actor text, p_call uuid, p_before timestamptz, p_leg text, p_direction text, p_limit int)
returns table (at timestamptz, leg text, direction text, packets int, lost int, recovered int, late int, jitter_us int, rtt_us int, residual_loss real,
               burst_ratio real, mos real, level_db real, flags int)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act(p_actor);
    return query
        select s.at, s.leg, s.direction, s.packets, s.lost, s.recovered, s.late, s.jitter_us, s.rtt_us, s.residual_loss, s.burst_ratio, s.mos,
               s.level_db, s.flags
        from support.call_quality_samples s
        where s.call_id = p_call and (s.at, s.leg, s.direction) < (coalesce(p_before, 'infinity'), coalesce(p_leg, ''), coalesce(p_direction, ''))
        order by s.at desc, s.leg desc, s.direction desc limit least(greatest(coalesce(p_limit, 240), 1), 4000);
end $$;
comment on function support.call_quality(text, uuid, timestamptz, text, text, int) is 'The samples of a call before a given one (NULL: the newest)';

-- One row is CLIENT_NUMBERS of src/call/call_store.c: at (us), leg (as of call_samples), then the columns from interval_ms on. -32768: not known.
create function support.call_client_put(p_actor text, p_calls uuid[], p_numbers bigint[], p_paths text[], out inserted bigint)
language plpgsql set supportd.actor = '' as $$
declare
    v_width constant int := 15;
    v_count int := cardinality(p_numbers) / v_width;
begin
    perform support.act_as(p_actor, 'system:media');
    if v_count is null or v_count > 1000 or cardinality(p_numbers) % v_width <> 0 or cardinality(p_calls) not in (v_count, 2 * v_count)
        or p_calls is null or cardinality(p_paths) is distinct from v_count then
        perform support.fail('SD400', 'bad_argument');
    end if;
    insert into support.call_client_stats (call_id, party_id, leg, at, customer_id, interval_ms, received, lost, discarded, samples, concealed, silent_concealed,
        sent, jitter_us, buffer_us, rtt_us, level_db, mic_db, path)
    select k.id, y.id, coalesce(y.role, case r.leg when 1 then 'agent' else 'customer' end), to_timestamp(0) + r.at_us * interval '1 microsecond', k.customer_id, r.span,
           r.received, r.lost, nullif(r.discarded, -32768), nullif(r.samples, -32768), nullif(r.concealed, -32768), nullif(r.silent, -32768),
           nullif(r.sent, -32768), nullif(r.jitter, -32768), nullif(r.buffer, -32768), nullif(r.rtt, -32768), nullif(r.level, -32768),
           nullif(r.mic, -32768), nullif(r.path, '')
    from (select u.call_id, u.part_id, u.path, p_numbers[o.at + 1] as at_us, p_numbers[o.at + 2] as leg, p_numbers[o.at + 3] as span, p_numbers[o.at + 4] as received,
                 p_numbers[o.at + 5] as lost, p_numbers[o.at + 6] as discarded, p_numbers[o.at + 7] as samples, p_numbers[o.at + 8] as concealed,
                 p_numbers[o.at + 9] as silent, p_numbers[o.at + 10] as sent, p_numbers[o.at + 11] as jitter, p_numbers[o.at + 12] as buffer,
                 p_numbers[o.at + 13] as rtt, p_numbers[o.at + 14] as level, p_numbers[o.at + 15] as mic
          from unnest(p_calls[1:v_count], p_calls[v_count + 1:], p_paths) with ordinality u (call_id, part_id, path, n)
          cross join lateral (select (u.n::int - 1) * v_width) o (at)) r
    join support.voice_calls k on k.id = r.call_id
    left join support.call_parties y on y.id = r.part_id and y.call_id = r.call_id
    where (r.leg = 2) = (y.id is not null)
    order by k.id
    on conflict do nothing;
    get diagnostics inserted = row_count;
end $$;
comment on function support.call_client_put(text, uuid[], bigint[], text[]) is 'Reports of clients about many calls at once; what is there already is skipped';

create function support.call_client(p_actor text, p_call uuid, p_from timestamptz, p_before timestamptz, p_limit int)
returns table (at timestamptz, leg text, interval_ms int, received int, lost int, discarded int, samples int, concealed int, silent_concealed int,
               sent int, jitter_us int, buffer_us int, rtt_us int, level_db real, mic_db real, path text)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act(p_actor);
    return query
        select s.at, s.leg, s.interval_ms, s.received, s.lost, s.discarded, s.samples, s.concealed, s.silent_concealed, s.sent, s.jitter_us, s.buffer_us,
               s.rtt_us, s.level_db, s.mic_db, s.path
        from support.call_client_stats s
        where s.call_id = p_call and s.at >= coalesce(p_from, '-infinity') and s.at < coalesce(p_before, 'infinity')
        order by s.at desc, s.leg desc limit least(greatest(coalesce(p_limit, 240), 1), 4000);
end $$;
comment on function support.call_client(text, uuid, timestamptz, timestamptz, int) is 'Reports of the clients of a call within a span of time, newest first';

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
