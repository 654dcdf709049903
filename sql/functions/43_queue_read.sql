-- Reading the queue: deadlines, positions, lists.

create function support.offers_mine(p_actor text)
returns table (offer_id uuid, kind text, entry_id uuid, chat_id uuid, call_id uuid, customer_id uuid, customer_name text,
               created_at timestamptz, expires_at timestamptz, transfer_from uuid, transfer_from_name text, transfer_note text, transfer_back boolean)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_me uuid := support.act_staff(p_actor);
begin
    return query
        select o.id, case when q.callback then 'callback' else o.kind end, o.entry_id, o.chat_id, o.call_id, o.customer_id, u.name, o.created_at,
               o.expires_at, f.from_staff_id, support.staff_name(f.from_staff_id), f.note, q.phase = 'returning'
        from support.offers o left join support.customers u on u.id = o.customer_id
        left join support.call_queue q on q.id = o.entry_id and o.kind = 'call'
        left join support.call_transfers f on f.id = q.transfer_id
        where o.staff_id = v_me and o.state = 'pending' order by o.created_at, o.id;
end $$;
comment on function support.offers_mine(text) is 'Pending offers of the acting staff member';

create function support.queue_next_deadline(p_actor text, out deadline timestamptz, out now timestamptz)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_variable
begin
    perform support.act_as(p_actor, 'system:router');
    now := support.now();
    deadline := least(
        (select min(o.expires_at) from support.offers o where o.state = 'pending'),
        (select min(q.escalate_at) from support.chat_queue q where q.closed_at is null and q.escalate_at is not null),
        (select min(q.escalate_at) from support.call_queue q where q.closed_at is null and q.escalate_at is not null),
        (select min(q.away_until) from support.call_queue q where q.closed_at is null and q.away_until is not null),
        (select min(q.phase_until) from support.call_queue q where q.closed_at is null and q.phase_until is not null and q.state = 'waiting'),
        (select min(k.ring_until) from support.voice_calls k where k.ring_until is not null),
        (select min(p.grace_until) from support.staff_presence p where p.grace_until is not null),
        (select min(p.wrap_until) from support.staff_presence p where p.wrap_until is not null and p.wrap_until > now));
end $$;
comment on function support.queue_next_deadline(text) is 'When the router must look again though nothing happens';

create function support.do_pace(out per_entry interval) language plpgsql stable as $$
declare
    v_since timestamptz := support.now() - interval '1 hour';
begin
    select case when count(*) >= 3 then (max(t.closed_at) - min(t.closed_at)) / (count(*) - 1) end into per_entry
    from (select u.closed_at from (
              (select q.closed_at from support.chat_queue q where q.state = 'assigned' and q.closed_at > v_since order by q.closed_at desc limit 20)
              union all
              (select q.closed_at from support.call_queue q where q.state = 'assigned' and q.closed_at > v_since order by q.closed_at desc limit 20)) u
          order by u.closed_at desc limit 20) t;
end $$;
comment on function support.do_pace() is 'Mean time between the last 20 assignments of the last hour; NULL when there were less than 3';

create function support.queue_positions(p_actor text, p_entries uuid[])
returns table (kind text, entry_id uuid, chat_id uuid, call_id uuid, customer_id uuid, "position" bigint, wait_low_ms bigint, wait_high_ms bigint,
               escalation int, language text)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_pace_ms float8;
begin
    perform support.act_as(p_actor, 'system:router');
    v_pace_ms := (select extract(epoch from p.per_entry) * 1000 from support.do_pace() p);
    return query
        select r.kind, r.id, r.chat_id, r.call_id, r.customer_id, r.n, (r.n * v_pace_ms * 0.5)::bigint, (r.n * v_pace_ms * 2)::bigint, r.escalation, r.language
        from (select u.*, row_number() over (order by u.priority desc, u.queued_at, u.id) as n
              from (select 'chat'::text as kind, q.id, q.chat_id, null::uuid as call_id, q.customer_id, q.priority, q.queued_at, q.escalation, q.language
                    from support.chat_queue q where q.closed_at is null
                    union all
                    select 'call', q.id, q.chat_id, q.call_id, q.customer_id, q.priority, q.queued_at, q.escalation, q.language
                    from support.call_queue q where q.closed_at is null) u) r
        where p_entries is null or r.id = any (p_entries)
        order by r.n;
end $$;
comment on function support.queue_positions(text, uuid[]) is 'Place in the queue, and the expected wait: place times the recent pace, halved and doubled';

-- The queue as the actor sees it. A name is shown by the chat that waits: it does not depend on whom else the actor has served.
create function support.do_queue_rows(p_limit int)
returns table (kind text, entry_id uuid, chat_id uuid, call_id uuid, customer_id uuid, customer_name text, language text, team_id uuid, state text,
               priority int, queued_at timestamptz, escalation int, offered_to uuid)
language plpgsql stable as $$
#variable_conflict use_column
begin
    return query
        select l.kind, l.id, l.chat_id, l.call_id, l.customer_id, (select u.name from support.customers u where u.id = c.customer_id), l.language, l.team_id,
               l.state, l.priority, l.queued_at, l.escalation, l.staff_id
        from (select e.* from (
                  select 'chat'::text as kind, q.id, q.chat_id, null::uuid as call_id, q.customer_id, q.language, q.team_id, q.state, q.priority,
                         q.queued_at, q.escalation, q.staff_id
                  from support.chat_queue q where q.closed_at is null
                  union all
                  select case when q.callback then 'callback' else 'call' end, q.id, q.chat_id, q.call_id, q.customer_id, q.language, q.team_id, q.state, q.priority, q.queued_at, q.escalation, q.staff_id
                  from support.call_queue q where q.closed_at is null) e
              order by e.priority desc, e.queued_at, e.id limit p_limit) l
        left join support.chat_sessions c on c.id = l.chat_id
        order by l.priority desc, l.queued_at, l.id;
end $$;
comment on function support.do_queue_rows(int) is 'Who waits, as far as the actor may see, in order';

create function support.queue_list(p_actor text, p_limit int)
returns table (kind text, entry_id uuid, chat_id uuid, call_id uuid, customer_id uuid, customer_name text, language text, team_id uuid, state text,
               priority int, queued_at timestamptz, escalation int, offered_to uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act_staff(p_actor);
    return query select r.* from support.do_queue_rows(least(greatest(coalesce(p_limit, 100), 1), 500)) r;
end $$;
comment on function support.queue_list(text, int) is 'Who waits, as far as the acting staff member may see';

-- Staff see the same queue when they have the same team, or are supervisors, unless an entry is theirs alone: offered to them, meant for
-- them, or a call in their chat.
create function support.queue_pictures(p_actor text, p_staff uuid[], p_limit int)
returns table (viewers uuid[], kind text, entry_id uuid, chat_id uuid, call_id uuid, customer_id uuid, customer_name text, language text, team_id uuid,
               state text, priority int, queued_at timestamptz, escalation int, offered_to uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_limit int := least(greatest(coalesce(p_limit, 100), 1), 500);
    v_views jsonb;
    v_view jsonb;
    v_own uuid[];
begin
    perform support.act_as(p_actor, 'system:router');
    v_own := array(select q.staff_id from support.chat_queue q where q.closed_at is null and q.staff_id is not null
                   union select o.id from support.call_queue q join support.chat_sessions c on c.id = q.chat_id,
                         unnest(array[q.staff_id, q.direct_staff_id, c.assigned_staff_id]) o (id) where q.closed_at is null and o.id is not null);
    v_views := (select jsonb_agg(v.ids order by v.ids) from (
        select jsonb_agg(s.id order by s.id) as ids from support.support_staff s
        where s.id = any (p_staff) and s.active
        group by case when s.id = any (v_own) then s.id::text when support.role_rank(s.role) >= 3 then 'all' else coalesce(s.team_id::text, '') end) v);
    for v_view in select v.ids from jsonb_array_elements(v_views) v (ids) loop
        viewers := array(select i::uuid from jsonb_array_elements_text(v_view) i);
        perform set_config('supportd.actor', 'staff:' || viewers[1], true);
        return query select queue_pictures.viewers, r.* from (select 1) one left join support.do_queue_rows(v_limit) r on true;
    end loop;
end $$;
comment on function support.queue_pictures(text, uuid[], int) is 'Who waits, once for all who see the same; a view without entries is one row with entry_id NULL';

create function support.queue_routing(p_actor text, p_chat uuid)
returns table (offer_id uuid, kind text, staff_id uuid, state text, created_at timestamptz, closed_at timestamptz, why jsonb)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act_staff(p_actor);
    return query select o.id, o.kind, o.staff_id, o.state, o.created_at, o.closed_at, o.why
                 from support.offers o where o.chat_id = p_chat order by o.created_at, o.id;
end $$;
comment on function support.queue_routing(text, uuid) is 'Why a chat and its calls were offered to whom';
