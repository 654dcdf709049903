-- Partitions made ahead; the invariants that hold whatever was killed.

create function support.partitions_ensure(p_actor text, p_months int) returns table (partition text, made boolean)
language plpgsql security definer set search_path = pg_catalog, pg_temp set supportd.actor = '' set lock_timeout = '1s' as $$
#variable_conflict use_column
declare
    v_month timestamptz := date_trunc('month', clock_timestamp(), 'UTC');
    v_low uuid;
    v_high uuid;
begin
    perform support.act_as(p_actor, 'system:retention');
    perform pg_advisory_xact_lock(7305, 3);
    for i in 0 .. least(greatest(coalesce(p_months, 2), 0), 24) loop
        partition := 'chat_messages_' || to_char(v_month at time zone 'UTC', 'YYYYMM');
        v_low := support.uuid7_floor(v_month);
        v_month := (v_month at time zone 'UTC' + interval '1 month') at time zone 'UTC';
        v_high := support.uuid7_floor(v_month);
        made := to_regclass('support.' || partition) is null;
        if made then
            begin
                execute format('create table support.%I partition of support.chat_messages for values from (%L) to (%L)', partition, v_low, v_high);
                execute format('alter table support.%I enable row level security', partition);
                execute format('alter table support.%I force row level security', partition);
                execute format('comment on table support.%I is %L', partition, 'Messages of the chats of one month');
            exception when check_violation then
                made := false; -- chats of that month are in the default partition already, and stay there
            end;
        end if;
        return next;
    end loop;
end $$;
comment on function support.partitions_ensure(text, int) is
    'Partitions of chat_messages for this month and p_months more; locks the table for a moment, and gives up (55P03) rather than make messages wait';

create function support.check_invariants() returns table (name text, subject text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
    return query
        select 'offer_without_entry', o.id::text from support.offers o
        where o.state = 'pending'
          and not exists (select 1 from support.chat_queue q where q.id = o.entry_id and o.kind = 'chat' and q.state = 'offered' and q.staff_id = o.staff_id)
          and not exists (select 1 from support.call_queue q where q.id = o.entry_id and o.kind = 'call' and q.state = 'offered' and q.staff_id = o.staff_id);
    return query
        select 'entry_without_offer', e.id::text
        from (select q.id from support.chat_queue q where q.state = 'offered' union all select q.id from support.call_queue q where q.state = 'offered') e
        where not exists (select 1 from support.offers o where o.entry_id = e.id and o.state = 'pending');
    return query
        select 'offered_twice', o.entry_id::text from support.offers o where o.state = 'pending' group by o.entry_id having count(*) > 1;
    return query
        select 'over_capacity', s.id::text from support.support_staff s
        where support.staff_load(s.id) > coalesce(s.capacity, (select (t.value #>> '{}')::int from support.support_settings t where t.key = 'queue.capacity'));
    return query
        select 'two_calls', k.staff_id::text from support.voice_calls k where k.state in ('active', 'held', 'calling') group by k.staff_id having count(*) > 1;
    return query
        select 'inactive_has_work', s.id::text from support.support_staff s
        where not s.active and support.staff_load(s.id) > 0;
    return query
        select 'chat_entry', c.id::text from support.chat_sessions c
        where c.entry_id is distinct from (select q.id from support.chat_queue q where q.chat_id = c.id and q.closed_at is null);
    return query
        select 'assigned_still_queued', c.id::text from support.chat_sessions c
        where c.status in ('assigned', 'closed') and exists (select 1 from support.chat_queue q where q.chat_id = c.id and q.closed_at is null);
    return query
        select 'chat_call', c.id::text from support.chat_sessions c
        where c.call_id is distinct from (select k.id from support.voice_calls k where k.chat_id = c.id and k.ended_at is null);
    return query
        select 'call_entry', k.id::text from support.voice_calls k
        where k.entry_id is distinct from (select q.id from support.call_queue q where q.call_id = k.id and q.closed_at is null);
    return query
        select 'ringing_without_offer', k.id::text from support.voice_calls k
        where (k.state = 'ringing') <> exists (select 1 from support.offers o where o.call_id = k.id and o.state = 'pending');
    return query
        select 'call_without_agent', k.id::text from support.voice_calls k join support.chat_sessions c on c.id = k.chat_id
        where k.state in ('active', 'held', 'calling') and (c.status <> 'assigned' or c.assigned_staff_id <> k.staff_id);
    return query
        select 'call_without_process', k.id::text from support.voice_calls k join support.processes p on p.id = k.owner_process
        left join support.call_queue q on q.id = k.entry_id
        where k.ended_at is null and p.state <> 'live' and not coalesce(q.callback or q.away_until is not null, false);
    return query
        select 'call_part', k.id::text from support.voice_calls k left join support.call_parts t on t.call_id = k.id and t.ended_at is null
        where (k.ended_at is null or t.call_id is not null)
          and t.staff_id is distinct from case when k.state in ('active', 'held', 'calling') then k.staff_id end;
    return query
        select 'party_without_agent', r.id::text from support.call_parties r join support.voice_calls k on k.id = r.call_id
        where r.closed_at is null and (k.state not in ('active', 'held') or r.staff_id = k.staff_id or r.asked_by <> k.staff_id);
    return query
        select 'seq_gap', c.id::text from support.chat_sessions c
        left join (select m.chat_id, count(m.seq) as n, coalesce(max(m.seq), 0) as top, count(m.note_seq) as notes, coalesce(max(m.note_seq), 0) as note_top
                   from support.chat_messages m group by m.chat_id) t on t.chat_id = c.id
        where (c.last_seq, c.last_seq, c.last_note_seq, c.last_note_seq)
              is distinct from (coalesce(t.n, 0), coalesce(t.top, 0), coalesce(t.notes, 0), coalesce(t.note_top, 0));
    return query
        select 'mark_too_high', p.chat_id::text from support.chat_participants p join support.chat_sessions c on c.id = p.chat_id
        where p.delivered_seq > c.last_seq or p.read_seq > p.delivered_seq or p.note_read_seq > c.last_note_seq;
end $$;
comment on function support.check_invariants() is 'What must hold at every moment between transactions; each row is a violation';

grant create on schema support to support_policy;
alter function support.check_invariants() owner to support_policy;
revoke create on schema support from support_policy;
