-- Assignment, timeouts, grace periods: one transaction at a time under the router lock.

create function support.do_slots() returns support.slot[] language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := support.now();
    v_since timestamptz := v_now - support.seconds('process.lease_s');
    v_capacity int := support.setting_int('queue.capacity');
begin
    perform 1 from support.staff_presence p where p.chosen = 'available' order by p.staff_id for no key update;
    return array(
        select row(s.id, coalesce(s.capacity, v_capacity), support.staff_load(s.id), p.last_assigned_at, s.team_id, s.takes_chats,
                   s.takes_calls and not support.staff_in_call(s.id), coalesce(p.wrap_until > v_now, false), s.skills)::support.slot
        from support.staff_presence p join support.support_staff s on s.id = p.staff_id and s.active
        where p.chosen = 'available'
          and (p.wrap_until is null or p.wrap_until <= v_now -- a call that comes back rings in wrap-up too
               or exists (select 1 from support.call_queue q where q.direct_staff_id = p.staff_id and q.phase = 'returning' and q.state = 'waiting'))
          and exists (select 1 from support.presence_leases l join support.processes r on r.id = l.process_id
                      where l.subject_id = p.staff_id and l.subject_kind = 'staff' and r.state = 'live' and r.heartbeat_at > v_since)
        order by s.id);
end $$;
comment on function support.do_slots() is 'Locks who chose available; returns those who are also connected and active; who is in wrap-up is only there for a call that comes back';

create function support.do_waiting(p_teams uuid[], p_staff uuid[], p_direct boolean) returns setof support.waiting language sql stable as $$
    select u.* from (
        select 'chat'::text as kind, q.id, q.chat_id, null::uuid as call_id, q.customer_id, q.team_id, null::uuid as direct, q.priority, q.queued_at,
               q.declined_by, q.missed_by, false as only_direct, null::text as skill
        from support.chat_queue q where q.state = 'waiting' and not p_direct
        union all
        select 'call', q.id, q.chat_id, q.call_id, q.customer_id, q.team_id, q.direct_staff_id, q.priority, q.queued_at, q.declined_by, q.missed_by,
               q.only_direct, q.skill
        from support.call_queue q where q.state = 'waiting' and q.away_until is null and (not p_direct or q.direct_staff_id = any (p_staff))) u
    where (u.team_id is null or u.team_id = any (p_teams) or u.direct = any (p_staff)) and not p_staff <@ u.declined_by
    order by u.priority desc, u.queued_at, u.id
$$;
comment on function support.do_waiting(uuid[], uuid[], boolean) is 'Waiting entries that one of these agents might take, in order; p_direct: only calls meant for one of them';

-- The rule of assignment: least busy in proportion to capacity, then longest idle; who missed it before comes last; the agent
-- of the chat comes first and takes a call into what capacity is left.
create function support.do_choose(p_slots support.slot[], p_entry support.waiting,
    out slot int, out weight int, out why jsonb, out reserve int)
language plpgsql stable as $$
#variable_conflict use_column
declare
    v_chat int := coalesce((select c.weight from support.chat_sessions c where c.id = p_entry.chat_id), 1);
    v_call int := nullif(support.setting_int('queue.call_weight'), 0);
begin
    with needs as (
        select s.*, s.n::int as place, s.id is not distinct from p_entry.direct as direct, s.id = any (p_entry.missed_by) as missed,
               case when p_entry.kind = 'chat' then v_chat
                    when p_entry.only_direct then least(coalesce(v_call, s.capacity), s.capacity, greatest(s.capacity - s.load, greatest(v_chat, 1)))
                    when s.id is not distinct from p_entry.direct then least(greatest(least(v_call, s.capacity) - v_chat, 0), s.capacity - s.load)
                    else least(coalesce(v_call, s.capacity), s.capacity) end as need
        from unnest(p_slots) with ordinality s (id, capacity, load, idle_since, team_id, chats, calls, held, skills, n)
    ), judged as (
        select n.*, case when n.id = any (p_entry.declined_by) then 'declined'
                         when p_entry.kind = 'chat' and not n.chats then 'no_chats'
                         when p_entry.kind = 'call' and not n.calls then 'no_calls'
                         when p_entry.only_direct and not n.direct then 'not_addressed'
                         when p_entry.only_direct and n.load + n.need > n.capacity then 'capacity'
                         when n.direct then null
                         when p_entry.skill is not null and not p_entry.skill = any (n.skills) then 'skill'
                         when p_entry.team_id <> coalesce(n.team_id, '00000000-0000-0000-0000-000000000000') then 'team'
                         when n.held then 'held'
                         when n.load + n.need > n.capacity then 'capacity' end as excluded
        from needs n
    ), best as (
        select j.place, j.need from judged j where j.excluded is null
        order by j.missed, j.direct desc, j.load::float8 / j.capacity, j.idle_since nulls first, j.id limit 1
    )
    select b.place, b.need,
           (select jsonb_agg(jsonb_build_object('staff_id', j.id, 'load', j.load, 'capacity', j.capacity, 'need', j.need,
                                                'idle_since', support.rfc3339(j.idle_since), 'missed', j.missed, 'direct', j.direct,
                                                'excluded', j.excluded) order by j.place) from judged j where j.place <= 50),
           case when b.place is null then
               (select j.place from judged j where j.excluded = 'capacity' and j.capacity >= j.need order by j.load, j.id limit 1) end
    into slot, weight, why, reserve from (select 1) one left join best b on true;
end $$;
comment on function support.do_choose(support.slot[], support.waiting) is 'Which agent gets an entry, and why; reserve: whom to keep free for it when it fits nobody yet';

create function support.do_offer(inout p_slots support.slot[], p_entry support.waiting, out offer uuid) language plpgsql as $$
#variable_conflict use_column
declare
    v_choice record;
    v_staff uuid;
    v_now timestamptz := support.now();
    v_seconds interval := support.seconds(case p_entry.kind when 'chat' then 'queue.offer_s' else 'queue.ring_s' end);
begin
    if p_entry.kind = 'chat' then
        perform 1 from support.chat_queue q where q.id = p_entry.id and q.state = 'waiting' for no key update;
    else
        perform 1 from support.call_queue q where q.id = p_entry.id and q.state = 'waiting' for no key update;
    end if;
    if not found then
        return;
    end if;
    v_choice := support.do_choose(p_slots, p_entry);
    if v_choice.slot is null then
        if v_choice.reserve is not null then
            p_slots[v_choice.reserve].held := true;
        end if;
        return;
    end if;
    v_staff := p_slots[v_choice.slot].id;
    offer := support.uuid7();
    insert into support.offers (id, kind, entry_id, chat_id, call_id, customer_id, staff_id, weight, created_at, expires_at, why)
    values (offer, p_entry.kind, p_entry.id, p_entry.chat_id, p_entry.call_id, p_entry.customer_id, v_staff, v_choice.weight, v_now,
            v_now + v_seconds, jsonb_build_object('rule', 'least_busy_longest_idle', 'candidates', v_choice.why));
    if p_entry.kind = 'chat' then
        update support.chat_queue q set state = 'offered', staff_id = v_staff where q.id = p_entry.id;
    else
        update support.call_queue q set state = 'offered', staff_id = v_staff where q.id = p_entry.id;
        p_slots[v_choice.slot].calls := false;
    end if;
    p_slots[v_choice.slot].load := p_slots[v_choice.slot].load + v_choice.weight;
    perform support.audit('offer.make', 'chat', p_entry.chat_id::text, null, null,
                          jsonb_build_object('offer', offer, 'staff', v_staff, 'call', p_entry.call_id));
end $$;
comment on function support.do_offer(support.slot[], support.waiting) is 'Offers one entry to the best agent, if there is one';

create function support.do_ring(p_offers uuid[]) returns void language plpgsql as $$
#variable_conflict use_column
begin
    perform 1 from support.voice_calls k where k.id in (select o.call_id from support.offers o where o.id = any (p_offers))
    order by k.id for no key update;
    perform 1 from support.chat_sessions c where c.id in (select o.chat_id from support.offers o where o.id = any (p_offers) and o.kind = 'call')
    order by c.id for no key update;
    update support.voice_calls k set state = 'ringing', ringing_at = support.now()
    where k.id in (select o.call_id from support.offers o where o.id = any (p_offers)) and k.state = 'queued';
    update support.chat_sessions c set rev = c.rev + 1
    where c.id in (select o.chat_id from support.offers o where o.id = any (p_offers) and o.kind = 'call');
end $$;
comment on function support.do_ring(uuid[]) is 'Calls that were offered ring';

create function support.queue_assign(p_actor text, p_max int)
returns table (offer_id uuid, kind text, entry_id uuid, chat_id uuid, call_id uuid, customer_id uuid, staff_id uuid,
               expires_at timestamptz, auto_answer boolean, rev bigint)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_slots support.slot[];
    v_staff uuid[];
    v_teams uuid[];
    v_entry support.waiting;
    v_offer uuid;
    v_offers uuid[] := '{}';
begin
    perform support.act_as(p_actor, 'system:router');
    perform support.lock_router();
    v_slots := support.do_slots();
    v_staff := array(select s.id from unnest(v_slots) s);
    v_teams := array(select distinct s.team_id from unnest(v_slots) s where s.team_id is not null);
    for i in 0 .. 1 loop -- all in order while somebody has room; then calls for one agent, who needs none
        for v_entry in select w.* from support.do_waiting(v_teams, v_staff, i = 1) w where cardinality(v_staff) > 0 loop
            exit when cardinality(v_offers) >= p_max
                or (i = 0 and not exists (select 1 from unnest(v_slots) s where s.load < s.capacity and not s.held));
            select d.p_slots, d.offer into v_slots, v_offer from support.do_offer(v_slots, v_entry) d;
            if v_offer is not null then
                v_offers := v_offers || v_offer;
            end if;
        end loop;
    end loop;
    perform support.do_ring(v_offers);
    return query
        select o.id, o.kind, o.entry_id, o.chat_id, o.call_id, o.customer_id, o.staff_id, o.expires_at, s.auto_answer, c.rev
        from unnest(v_offers) with ordinality m (id, n) join support.offers o on o.id = m.id
        join support.support_staff s on s.id = o.staff_id join support.chat_sessions c on c.id = o.chat_id order by m.n;
end $$;
comment on function support.queue_assign(text, int) is 'Offers waiting chats and calls, in order, to agents who have room: exactly once with any number of daemons';

create function support.queue_timeouts(p_actor text)
returns table (kind text, entry_id uuid, chat_id uuid, call_id uuid, customer_id uuid, step int, rev bigint)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_now timestamptz := support.now();
    v_more int;
    v_step interval;
    v_rows record;
begin
    perform support.act_as(p_actor, 'system:router');
    v_more := support.setting_int('queue.escalation_priority');
    v_step := support.seconds('queue.step_s');
    perform support.lock_router();
    perform 1 from support.chat_queue q where q.closed_at is null and q.escalate_at <= v_now order by q.id for no key update;
    perform 1 from support.call_queue q where q.closed_at is null and q.escalate_at <= v_now order by q.id for no key update;
    for v_rows in
        with chats as (
            update support.chat_queue q set escalation = q.escalation + 1, priority = q.priority + v_more, team_id = null, declined_by = '{}',
                escalate_at = case when q.escalation < 2 then v_now + v_step end
            where q.closed_at is null and q.escalate_at <= v_now
            returning 'chat' as kind, q.id, q.chat_id, null::uuid as call_id, q.customer_id, q.escalation
        ), calls as (
            update support.call_queue q set escalation = q.escalation + 1, priority = q.priority + v_more, team_id = null,
                escalate_at = case when q.escalation < 2 then v_now + v_step end
            where q.closed_at is null and q.escalate_at <= v_now
            returning 'call' as kind, q.id, q.chat_id, q.call_id, q.customer_id, q.escalation
        ) select * from chats union all select * from calls order by chat_id
    loop
        kind := v_rows.kind;
        entry_id := v_rows.id;
        chat_id := v_rows.chat_id;
        call_id := v_rows.call_id;
        customer_id := v_rows.customer_id;
        step := v_rows.escalation;
        update support.chat_sessions c set rev = c.rev + 1, team_id = null, priority = c.priority + v_more
        where c.id = v_rows.chat_id returning c.rev into rev;
        perform support.audit('queue.escalate', 'chat', v_rows.chat_id::text, null, null, jsonb_build_object('step', step, 'call', call_id));
        if step = 1 then
            perform support.do_system_message(v_rows.chat_id, 'queue_timeout', jsonb_build_object('step', step));
        end if;
        return next;
    end loop;
end $$;
comment on function support.queue_timeouts(text) is 'Takes one escalation step with each entry that has waited too long';

create function support.grace_expire(p_actor text)
returns table (staff_id uuid, kind text, entry_id uuid, chat_id uuid, call_id uuid, customer_id uuid, rev bigint)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_now timestamptz := support.now();
begin
    perform support.act_as(p_actor, 'system:router');
    perform support.lock_router();
    for staff_id in select p.staff_id from support.staff_presence p where p.grace_until <= v_now order by p.staff_id for no key update loop
        update support.staff_presence p
        set grace_until = null, chosen = case when support.is_connected('staff', p.staff_id) then p.chosen else 'offline' end,
            reason = case when support.is_connected('staff', p.staff_id) then p.reason else 'connection_lost' end
        where p.staff_id = grace_expire.staff_id;
        if not support.is_connected('staff', staff_id) then
            for kind, entry_id, chat_id, call_id, customer_id, rev in
                select r.kind, r.entry_id, r.chat_id, r.call_id, r.customer_id, r.rev
                from support.do_release_staff(grace_expire.staff_id, 'connection_lost') r
            loop
                return next;
            end loop;
        end if;
    end loop;
end $$;
comment on function support.grace_expire(text) is 'Work of agents who did not come back goes to the queue';
