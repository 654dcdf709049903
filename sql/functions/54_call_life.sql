-- The life of a call beside start and end: who has it, transfer, callback, places kept, deadlines, rating, missed calls.

create function support.do_part_begin(p_call uuid, p_chat uuid, p_customer uuid, p_staff uuid) returns void language plpgsql as $$
begin
    insert into support.call_parts (call_id, n, chat_id, customer_id, staff_id, started_at)
    select p_call, coalesce(max(t.n), 0) + 1, p_chat, p_customer, p_staff, support.now() from support.call_parts t where t.call_id = p_call;
end $$;
comment on function support.do_part_begin(uuid, uuid, uuid, uuid) is 'A locked call is with this agent from now on';

create function support.do_part_end(p_call uuid, p_how text) returns void language plpgsql as $$
begin
    update support.call_parts t set ended_at = support.now(), end_how = p_how where t.call_id = p_call and t.ended_at is null;
end $$;
comment on function support.do_part_end(uuid, text) is 'A locked call is with nobody from now on';

-- Transfer.

create function support.do_can_take(p_kind text, p_staff uuid, p_team uuid, p_skill text, p_weight int)
returns table (staff_id uuid, free boolean) language plpgsql stable as $$
#variable_conflict use_column
declare
    v_me uuid := support.actor_staff();
    v_capacity int := support.setting_int('queue.capacity');
begin
    return query
        select s.id, not support.staff_in_call(s.id) and support.staff_load(s.id) + greatest(p_weight, 1) <= coalesce(s.capacity, v_capacity)
        from support.support_staff s join support.staff_presence p on p.staff_id = s.id
        where s.active and s.takes_calls and p.chosen = 'available' and s.id <> v_me and support.is_connected('staff', s.id)
          and case p_kind when 'staff' then s.id = p_staff when 'team' then s.team_id = p_team when 'skill' then p_skill = any (s.skills) else true end;
end $$;
comment on function support.do_can_take(text, uuid, uuid, text, int) is 'Colleagues of a target who are there; free: without a call, and with room';

create function support.transfer_targets(p_actor text, out targets jsonb) language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act_staff(p_actor);
    with can as (
        select c.staff_id, c.free, s.display_name, s.team_id, s.skills
        from support.do_can_take(null, null, null, null, 0) c join support.support_staff s on s.id = c.staff_id
    )
    select jsonb_build_object(
        'staff', (select coalesce(jsonb_agg(jsonb_build_object('id', c.staff_id, 'name', c.display_name, 'free', c.free) order by c.display_name, c.staff_id), '[]') from can c),
        'teams', (select coalesce(jsonb_agg(jsonb_build_object('id', m.id, 'name', m.name, 'available',
                                                               (select count(*) from can c where c.team_id = m.id)) order by m.name), '[]') from support.teams m),
        'skills', (select coalesce(jsonb_agg(jsonb_build_object('name', k.name, 'available',
                                                                (select count(*) from can c where k.name = any (c.skills))) order by k.name), '[]')
                   from (select distinct unnest(s.skills) as name from support.support_staff s where s.active) k))
    into targets;
end $$;
comment on function support.transfer_targets(text) is 'To whom a call can be handed on now';

create function support.do_transfer_state(p_entry uuid) returns jsonb language plpgsql stable as $$
begin
    return (select jsonb_build_object('from', jsonb_build_object('id', f.from_staff_id, 'name', support.staff_name(f.from_staff_id)), 'kind', f.kind,
                'to', coalesce(support.staff_name(f.to_staff_id), (select m.name from support.teams m where m.id = f.to_team_id), f.to_skill, ''),
                'state', q.phase)
            from support.call_queue q join support.call_transfers f on f.id = q.transfer_id where q.id = p_entry);
end $$;
comment on function support.do_transfer_state(uuid) is 'The transfer under way of the state document, for those who see it';

create function support.call_transfer(p_actor text, p_call uuid, p_transfer uuid, p_kind text, p_staff uuid, p_team uuid, p_skill text, p_note text,
    p_request text, out result text, out state text, out rev bigint, out chat_id uuid, out customer_id uuid, out entry_id uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_me uuid := support.act_staff(p_actor);
    v_call support.voice_calls;
    v_weight int;
    v_now timestamptz := support.now();
begin
    if p_kind is null or p_kind not in ('staff', 'team', 'skill') 
       or (case p_kind when 'staff' then p_staff is null when 'team' then p_team is null else p_skill is null end) then
        perform support.fail('SD400', 'bad_argument');
    end if;
    perform support.lock_router();
    perform 1 from support.staff_presence p where p.staff_id = v_me for no key update;
    select k.* into v_call from support.voice_calls k where k.id = p_call for no key update;
    if not found then
        perform support.fail('SD404', 'call_not_found');
    end if;
    select c.rev, c.weight into rev, v_weight from support.chat_sessions c where c.id = v_call.chat_id for no key update;
    chat_id := v_call.chat_id;
    customer_id := v_call.customer_id;
    entry_id := v_call.entry_id;
    state := v_call.state;
    result := case when exists (select 1 from support.call_transfers f where f.id = p_transfer) then 'repeat'
                   when v_call.state not in ('active', 'held') or v_call.staff_id <> v_me then 'not_allowed'
                   when not exists (select 1 from support.do_can_take(p_kind, p_staff, p_team, p_skill, v_weight) c where p_kind <> 'staff' or c.free) then 'unavailable' end;
    if result is not null then
        if result <> 'repeat' then
            perform support.audit('call.transfer', 'call', p_call::text, p_request, result, jsonb_build_object('from', v_call.state), 'denied');
        end if;
        return;
    end if;
    insert into support.call_transfers (id, call_id, chat_id, customer_id, from_staff_id, kind, to_staff_id, to_team_id, to_skill, note, created_at)
    values (p_transfer, p_call, v_call.chat_id, v_call.customer_id, v_me, p_kind, case p_kind when 'staff' then p_staff end,
            case p_kind when 'team' then p_team end, case p_kind when 'skill' then p_skill end, p_note, v_now);
    perform support.audit('call.transfer', 'call', p_call::text, p_request, p_kind,
                          jsonb_build_object('from', v_call.state, 'to', 'queued', 'transfer', p_transfer, 'staff', p_staff, 'team', p_team));
    perform support.act('system:router'); -- what follows is out of the sender's reach: the queue of another team
    perform support.do_part_end(p_call, 'transfer');
    select r.entry_id, r.rev into entry_id, rev from support.do_requeue_call(p_call) r;
    update support.call_queue q set transfer_id = p_transfer, phase = 'offered', phase_until = v_now + support.seconds('call.transfer_s'), escalate_at = null,
        direct_staff_id = case p_kind when 'staff' then p_staff end, only_direct = p_kind = 'staff', skill = case p_kind when 'skill' then p_skill end,
        team_id = case p_kind when 'team' then p_team end, priority = 100000
    where q.id = call_transfer.entry_id;
    update support.chat_sessions c set team_id = case p_kind when 'team' then p_team end where c.id = v_call.chat_id;
    update support.staff_presence p set wrap_from = v_now, wrap_until = v_now + support.seconds('queue.wrap_up_s')
    where p.staff_id = v_me and support.setting_int('queue.wrap_up_s') > 0;
    state := 'queued';
    result := 'ok';
end $$;
comment on function support.call_transfer(text, uuid, uuid, text, uuid, uuid, text, text, text) is 'The agent of a call hands it on; the customer waits at the head of the queue';

-- The next phase of a transfer whose receiver does not take it. The caller holds entry and chat; the entry waits.
create function support.do_transfer_back(p_entry uuid) returns text language plpgsql as $$
#variable_conflict use_column
declare
    v_entry support.call_queue;
    v_sender uuid;
begin
    select q.* into v_entry from support.call_queue q where q.id = p_entry;
    if v_entry.phase is null or v_entry.phase = 'queued'
       or (v_entry.phase = 'offered' and not v_entry.only_direct and v_entry.phase_until > support.now()) then
        return v_entry.phase;
    end if;
    if v_entry.phase = 'offered' then
        v_sender := (select f.from_staff_id from support.call_transfers f join support.support_staff s on s.id = f.from_staff_id and s.active
                     join support.staff_presence p on p.staff_id = s.id and p.chosen = 'available'
                     where f.id = v_entry.transfer_id and support.is_connected('staff', s.id) and not support.staff_in_call(s.id));
    end if;
    update support.call_queue q set phase = case when v_sender is null then 'queued' else 'returning' end,
        phase_until = case when v_sender is not null then support.now() + support.seconds('call.transfer_s') end,
        escalate_at = case when v_sender is null then support.now() + support.seconds('queue.timeout_s') end,
        direct_staff_id = v_sender, only_direct = v_sender is not null, team_id = null, skill = null where q.id = p_entry;
    update support.chat_sessions c set team_id = null where c.id = v_entry.chat_id;
    perform support.audit('call.transfer_back', 'call', v_entry.call_id::text, null, case when v_sender is null then 'queued' else 'returning' end,
                          jsonb_build_object('transfer', v_entry.transfer_id, 'staff', v_sender));
    return case when v_sender is null then 'queued' else 'returning' end;
end $$;
comment on function support.do_transfer_back(uuid) is 'A transferred call goes back to its sender, from there to anybody, before all others';

-- Callback.

create function support.call_callback(p_actor text, p_call uuid, p_request text,
    out result text, out state text, out rev bigint, out chat_id uuid, out customer_id uuid, out offer_id uuid, out offer_staff_id uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_me uuid := support.act_customer(p_actor);
    v_call support.voice_calls;
begin
    select k.* into v_call from support.voice_calls k where k.id = p_call;
    if not found then
        perform support.fail('SD404', 'call_not_found');
    end if;
    if not support.setting_on('features.callback') then
        perform support.fail('SD403', 'feature_off');
    end if;
    perform 1 from support.call_queue q where q.id = v_call.entry_id for no key update;
    select k.* into v_call from support.voice_calls k where k.id = p_call for no key update;
    select c.rev into rev from support.chat_sessions c where c.id = v_call.chat_id for no key update;
    chat_id := v_call.chat_id;
    customer_id := v_me;
    state := v_call.state;
    result := case when v_call.callback_at is not null and v_call.state in ('queued', 'ringing') then 'same'
                   when v_call.state not in ('queued', 'ringing') or v_call.answered_at is not null then 'not_allowed' end;
    if result is not null then
        if result = 'not_allowed' then
            perform support.audit('call.callback', 'call', p_call::text, p_request, 'not_allowed', jsonb_build_object('from', v_call.state), 'denied');
        end if;
        return;
    end if;
    update support.offers o set state = 'withdrawn', closed_at = support.now() where o.entry_id = v_call.entry_id and o.state = 'pending'
    returning o.id, o.staff_id into offer_id, offer_staff_id;
    update support.call_queue q set callback = true, away_until = null, state = 'waiting', staff_id = null where q.id = v_call.entry_id;
    update support.voice_calls k set callback_at = support.now(), state = 'queued' where k.id = p_call;
    update support.chat_sessions c set rev = c.rev + 1 where c.id = v_call.chat_id returning c.rev into rev;
    perform support.audit('call.callback', 'call', p_call::text, p_request, null, jsonb_build_object('from', v_call.state, 'to', 'queued'));
    state := 'queued';
    result := 'ok';
end $$;
comment on function support.call_callback(text, uuid, text) is 'A caller who waits asks to be called back and keeps the place';

create function support.do_call_back(p_call uuid, p_customer uuid) returns void language plpgsql as $$
#variable_conflict use_column
declare
    v_there boolean := support.is_connected('customer', p_customer);
begin
    update support.voice_calls k set callback_attempts = k.callback_attempts + 1, callback_outcome = case when not v_there then 'not_reachable' end,
        ring_until = case when v_there then support.now() + support.seconds('call.callback_ring_s') end where k.id = p_call;
end $$;
comment on function support.do_call_back(uuid, uuid) is 'One attempt to reach the customer of a locked callback';

create function support.callback_ring(p_actor text, p_call uuid, p_request text,
    out result text, out state text, out chat_id uuid, out customer_id uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_me uuid := support.act_staff(p_actor);
    v_call support.voice_calls;
begin
    select k.* into v_call from support.voice_calls k where k.id = p_call for no key update;
    if not found then
        perform support.fail('SD404', 'call_not_found');
    end if;
    chat_id := v_call.chat_id;
    customer_id := v_call.customer_id;
    state := v_call.state;
    result := case when v_call.state <> 'calling' or v_call.staff_id <> v_me or v_call.ring_until > support.now() then 'not_allowed'
                   when v_call.callback_attempts >= support.setting_int('call.callback_attempts') then 'attempts_used' else 'ok' end;
    perform support.audit('call.ring', 'call', p_call::text, p_request, nullif(result, 'ok'), jsonb_build_object('attempts', v_call.callback_attempts),
                          case result when 'ok' then 'done' else 'denied' end);
    if result = 'ok' then
        perform support.do_call_back(p_call, v_call.customer_id);
    end if;
end $$;
comment on function support.callback_ring(text, uuid, text) is 'The agent of a callback calls the customer once more';

create function support.callback_answer(p_actor text, p_call uuid, p_take boolean, p_request text,
    out result text, out state text, out rev bigint, out chat_id uuid, out customer_id uuid, out staff_id uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_me uuid := support.act_customer(p_actor);
    v_call support.voice_calls;
begin
    select k.* into v_call from support.voice_calls k where k.id = p_call;
    if not found then
        perform support.fail('SD404', 'call_not_found');
    end if;
    perform 1 from support.staff_presence p where p.staff_id = v_call.staff_id for no key update;
    select k.* into v_call from support.voice_calls k where k.id = p_call for no key update;
    select c.rev into rev from support.chat_sessions c where c.id = v_call.chat_id for no key update;
    chat_id := v_call.chat_id;
    customer_id := v_me;
    staff_id := v_call.staff_id;
    state := v_call.state;
    if (p_take and v_call.state = 'active') or (not p_take and v_call.end_reason = 'callback_declined') then
        result := 'same';
        return;
    end if;
    if v_call.state <> 'calling' or v_call.ring_until is null then
        result := 'not_allowed';
        perform support.audit('call.answer', 'call', p_call::text, p_request, result, jsonb_build_object('from', v_call.state), 'denied');
        return;
    end if;
    perform support.audit('call.answer', 'call', p_call::text, p_request, case when p_take then 'taken' else 'declined' end,
                          jsonb_build_object('from', v_call.state, 'to', case when p_take then 'active' else 'ended' end));
    if p_take then
        update support.voice_calls k set state = 'active', ring_until = null, answered_at = coalesce(k.answered_at, support.now()) where k.id = p_call;
        update support.chat_sessions c set rev = c.rev + 1 where c.id = v_call.chat_id returning c.rev into rev;
        perform support.do_system_message(v_call.chat_id, 'called_back', support.do_staff_params(v_call.staff_id) || jsonb_build_object('call_id', p_call));
        state := 'active';
    else
        select e.rev into rev from support.do_call_end(v_call, 'callback_declined', 'withdrawn') e;
        state := 'ended';
    end if;
    result := 'ok';
end $$;
comment on function support.callback_answer(text, uuid, boolean, text) is 'The customer takes the call back, or does not';

-- A place in the queue.

create function support.call_away(p_actor text, p_call uuid, p_process uuid, p_away boolean, out result text, out away_until timestamptz)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_entry uuid;
begin
    perform support.act_as(p_actor, 'system:media');
    v_entry := (select k.entry_id from support.voice_calls k where k.id = p_call and k.owner_process = p_process and k.state in ('queued', 'ringing'));
    update support.call_queue q set away_until = case when p_away then coalesce(q.away_until, support.now() + support.seconds('queue.place_s')) end
    where q.id = v_entry and q.closed_at is null and not q.callback and (q.away_until is not null) <> p_away returning q.away_until into away_until;
    result := case when found then 'ok' else 'same' end;
    if found then
        perform support.audit(case when p_away then 'call.away' else 'call.return' end, 'call', p_call::text);
    end if;
end $$;
comment on function support.call_away(text, uuid, uuid, boolean) is 'The leg of a caller who waits is gone (the place is kept for a while), or is back';

create function support.do_call_take_up(p_call support.voice_calls, p_process uuid) returns uuid language plpgsql as $$
#variable_conflict use_column
begin
    if p_call.state not in ('queued', 'ringing') or p_call.owner_process = p_process
       or not exists (select 1 from support.processes p where p.id = p_process and p.state = 'live') then
        return null;
    end if;
    update support.call_queue q set away_until = support.now() + support.seconds('queue.place_s')
    where q.id = p_call.entry_id and q.closed_at is null and q.away_until is not null;
    if not found then
        return null;
    end if;
    update support.voice_calls k set owner_process = p_process where k.id = p_call.id;
    perform support.audit('call.take_up', 'call', p_call.id::text, null, null, jsonb_build_object('process', p_process));
    return p_process;
end $$;
comment on function support.do_call_take_up(support.voice_calls, uuid) is 'A caller who lost the media comes back to this process; NULL: it stays where it is';

create function support.do_keep_place(p_call support.voice_calls) returns bigint language plpgsql as $$
#variable_conflict use_column
declare
    v_rev bigint;
begin
    if p_call.state = 'calling' then
        return (select r.rev from support.do_requeue_call(p_call.id) r);
    end if;
    select g.rev into v_rev from support.do_give_back(
        array(select o.id from support.offers o where o.entry_id = p_call.entry_id and o.state = 'pending'), 'withdrawn', 'process_lost') g;
    update support.call_queue q set away_until = support.now() + support.seconds('queue.place_s') where q.id = p_call.entry_id and not q.callback;
    return v_rev;
end $$;
comment on function support.do_keep_place(support.voice_calls) is 'A waiting call whose process is gone keeps its place for a while';

create function support.calls_of_dead_process(p_actor text)
returns table (call_id uuid, chat_id uuid, customer_id uuid, staff_id uuid, offer_id uuid, offer_staff_id uuid, rev bigint, ended boolean)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_calls uuid[];
    v_call support.voice_calls;
begin
    perform support.act_as(p_actor, 'system:monitor');
    perform support.lock_router();
    v_calls := array(select k.id from support.voice_calls k join support.processes p on p.id = k.owner_process left join support.call_queue q on q.id = k.entry_id
                     where k.ended_at is null and p.state <> 'live' and not coalesce(q.callback or q.away_until is not null, false));
    perform 1 from support.staff_presence p
    where p.staff_id in (select k.staff_id from support.voice_calls k where k.id = any (v_calls)
                         union select o.staff_id from support.offers o where o.call_id = any (v_calls) and o.state = 'pending') order by p.staff_id for no key update;
    perform 1 from support.call_queue q where q.call_id = any (v_calls) and q.closed_at is null order by q.id for no key update;
    perform 1 from support.voice_calls k where k.id = any (v_calls) order by k.id for no key update;
    perform 1 from support.chat_sessions c where c.call_id = any (v_calls) and c.id in (select k.chat_id from support.voice_calls k where k.id = any (v_calls))
    order by c.id for no key update;
    for v_call in select k.* from support.voice_calls k where k.id = any (v_calls) and k.ended_at is null order by k.chat_id loop
        call_id := v_call.id;
        chat_id := v_call.chat_id;
        customer_id := v_call.customer_id;
        staff_id := v_call.staff_id;
        ended := v_call.state in ('active', 'held');
        offer_id := null;
        offer_staff_id := null;
        perform support.audit('call.transition', 'call', v_call.id::text, null, 'process_lost',
                              jsonb_build_object('from', v_call.state, 'to', case when ended then 'ended' else 'queued' end));
        if ended then
            select e.rev, e.offer_id, e.offer_staff_id into rev, offer_id, offer_staff_id from support.do_call_end(v_call, 'process_lost', 'withdrawn') e;
        else
            select o.id, o.staff_id into offer_id, offer_staff_id from support.offers o where o.entry_id = v_call.entry_id and o.state = 'pending';
            rev := support.do_keep_place(v_call);
        end if;
        return next;
    end loop;
end $$;
comment on function support.calls_of_dead_process(text) is 'Ends the calls whose media went with their process; those that wait keep their place';

create function support.call_deadlines(p_actor text)
returns table (what text, kind text, entry_id uuid, chat_id uuid, call_id uuid, customer_id uuid, staff_id uuid, rev bigint, offer_id uuid, offer_staff_id uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_now timestamptz := support.now();
    v_entries uuid[];
    v_rings uuid[];
    v_calls uuid[];
    v_entry support.call_queue;
    v_call support.voice_calls;
begin
    perform support.act_as(p_actor, 'system:router');
    perform support.lock_router();
    v_entries := array(select q.id from support.call_queue q where q.closed_at is null and q.away_until <= v_now
                       union select q.id from support.call_queue q where q.closed_at is null and q.phase_until <= v_now and q.state = 'waiting');
    v_rings := array(select k.id from support.voice_calls k where k.ring_until <= v_now);
    perform 1 from support.staff_presence p where p.staff_id in (select o.staff_id from support.offers o where o.entry_id = any (v_entries) and o.state = 'pending')
    order by p.staff_id for no key update;
    perform 1 from support.call_queue q where q.id = any (v_entries) order by q.id for no key update;
    v_calls := v_rings || array(select q.call_id from support.call_queue q where q.id = any (v_entries));
    perform 1 from support.voice_calls k where k.id = any (v_calls) order by k.id for no key update;
    perform 1 from support.chat_sessions c where c.id in (select q.chat_id from support.call_queue q where q.id = any (v_entries)) order by c.id for no key update;
    kind := 'call';
    for v_entry in select q.* from support.call_queue q where q.id = any (v_entries) and q.closed_at is null order by q.chat_id loop
        entry_id := v_entry.id;
        chat_id := v_entry.chat_id;
        call_id := v_entry.call_id;
        customer_id := v_entry.customer_id;
        staff_id := null;
        offer_id := null;
        offer_staff_id := null;
        if v_entry.away_until <= v_now then
            what := 'abandoned';
            select k.* into v_call from support.voice_calls k where k.id = v_entry.call_id;
            perform support.audit('call.transition', 'call', v_call.id::text, null, 'abandoned', jsonb_build_object('from', v_call.state, 'to', 'ended'));
            select e.rev, e.offer_id, e.offer_staff_id into rev, offer_id, offer_staff_id from support.do_call_end(v_call, 'abandoned', 'abandoned') e;
            return next;
        elsif v_entry.state = 'waiting' and v_entry.phase_until <= v_now then
            what := support.do_transfer_back(v_entry.id);
            staff_id := (select f.from_staff_id from support.call_transfers f where f.id = v_entry.transfer_id);
            update support.chat_sessions c set rev = c.rev + 1 where c.id = v_entry.chat_id returning c.rev into rev;
            return next;
        end if;
    end loop;
    for v_call in update support.voice_calls k set ring_until = null, callback_outcome = 'no_answer' where k.id = any (v_rings) and k.ring_until <= v_now returning k.* loop
        what := 'no_answer';
        entry_id := null;
        offer_id := null;
        offer_staff_id := null;
        chat_id := v_call.chat_id;
        call_id := v_call.id;
        customer_id := v_call.customer_id;
        staff_id := v_call.staff_id;
        rev := null;
        perform support.audit('call.ring', 'call', v_call.id::text, null, 'no_answer', jsonb_build_object('attempts', v_call.callback_attempts), 'denied');
        return next;
    end loop;
end $$;
comment on function support.call_deadlines(text) is 'Ends calls whose caller did not come back, moves transfers on, stops callbacks that nobody answers';

-- Afterwards.

create function support.call_rate(p_actor text, p_call uuid, p_score int, p_comment text, p_request text, out result text, out staff_id uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_me uuid := support.act_customer(p_actor);
    v_call support.voice_calls;
begin
    if p_score is null or p_score not between 1 and 5 or length(p_comment) > 2000 then
        perform support.fail('SD400', 'bad_argument');
    end if;
    select k.* into v_call from support.voice_calls k where k.id = p_call for no key update;
    if not found then
        perform support.fail('SD404', 'call_not_found');
    end if;
    if not support.setting_on('features.ratings') then
        perform support.fail('SD403', 'feature_off');
    end if;
    staff_id := v_call.staff_id;
    result := case when v_call.rating = p_score and v_call.rating_comment is not distinct from p_comment then 'same'
                   when v_call.rating is not null then 'already'
                   when v_call.state <> 'ended' or v_call.answered_at is null then 'not_allowed'
                   when v_call.ended_at + support.seconds('call.rating_window_s') <= support.now() then 'closed' else 'ok' end;
    if result = 'ok' then
        update support.voice_calls k set rating = p_score, rating_comment = p_comment, rated_at = support.now() where k.id = p_call;
    end if;
    if result <> 'same' then
        perform support.audit('call.rate', 'call', p_call::text, p_request, nullif(result, 'ok'), jsonb_build_object('score', p_score),
                              case result when 'ok' then 'done' else 'denied' end);
    end if;
end $$;
comment on function support.call_rate(text, uuid, int, text, text) is 'The customer rates an answered call, once';

create function support.do_calls_missed(p_staff uuid, p_rank int, p_before uuid, p_limit int)
returns table (call_id uuid, chat_id uuid, customer_id uuid, created_at timestamptz, queued_at timestamptz, ended_at timestamptz,
               end_reason text, asked jsonb)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
    v_team uuid := support.staff_team(p_staff);
begin
    return query
        select m.id, m.chat_id, m.customer_id, m.created_at, m.queued_at, m.ended_at, m.end_reason,
               (select coalesce(jsonb_agg(jsonb_build_object('staff', jsonb_build_object('id', o.staff_id, 'name', support.staff_name(o.staff_id)),
                                                             'state', o.state, 'at', support.rfc3339(o.created_at)) order by o.created_at, o.id), '[]')
                from support.offers o where o.call_id = m.id and o.customer_id = m.customer_id)
        from (select k.id, k.chat_id, k.customer_id, k.created_at, k.queued_at, k.ended_at, k.end_reason
              from support.voice_calls k join support.chat_sessions c on c.id = k.chat_id
              where k.ended_at is not null and k.answered_at is null and k.end_reason <> 'callback_declined' and k.id < p_before
                and (p_rank >= 3 or c.team_id is null or c.team_id = v_team)
              order by k.id desc limit p_limit) m order by m.id desc;
end $$;
comment on function support.do_calls_missed(uuid, int, uuid, int) is 'Calls that ended without an answer, as far as this member may know of them';

create function support.calls_missed(p_actor text, p_before uuid, p_limit int, p_request text)
returns table (call_id uuid, chat_id uuid, customer_id uuid, customer_name text, created_at timestamptz, queued_at timestamptz, ended_at timestamptz,
               end_reason text, asked jsonb)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_rank int := support.act_ranked(p_actor, 1);
    v_me uuid := support.act_staff(p_actor);
begin
    perform support.audit('call.read_missed', 'call', null, p_request);
    perform support.act('system:auth'); -- who knows names of customers whose chats have ended
    return query
        select m.call_id, m.chat_id, m.customer_id, u.name, m.created_at, m.queued_at, m.ended_at, m.end_reason, m.asked
        from support.do_calls_missed(v_me, v_rank, coalesce(p_before, 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
                                     least(greatest(coalesce(p_limit, 50), 1), 200)) m
        left join support.customers u on u.id = m.customer_id order by m.call_id desc;
end $$;
comment on function support.calls_missed(text, uuid, int, text) is 'Missed calls, newest first (audited)';

create function support.calls_live(p_actor text, p_limit int)
returns table (call_id uuid, chat_id uuid, customer_id uuid, customer_name text, staff_id uuid, staff_name text, state text, answered_at timestamptz,
               recording text)
language plpgsql stable set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_rank int := support.act_ranked(p_actor, 2);
    v_team uuid := support.actor_team();
begin
    return query
        select k.id, k.chat_id, k.customer_id, u.name, k.staff_id, support.staff_name(k.staff_id), k.state, k.answered_at, k.recording
        from support.voice_calls k left join support.customers u on u.id = k.customer_id
        where k.ended_at is null and k.staff_id is not null and k.state in ('active', 'held')
          and (v_rank >= 3 or support.staff_team(k.staff_id) = v_team)
        order by k.answered_at, k.id limit least(greatest(coalesce(p_limit, 50), 1), 200);
end $$;
comment on function support.calls_live(text, int) is 'Calls that the actor may supervise now, the longest first';

create function support.staff_set_skills(p_actor text, p_staff uuid, p_skills text[], p_request text, out result text)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_rank int := support.act(p_actor);
    v_have support.support_staff;
begin
    perform support.do_may_manage(v_rank, 'agent');
    v_have := support.do_lock_staff(p_staff);
    perform support.do_may_manage(v_rank, v_have.role);
    if p_skills is null or cardinality(p_skills) > 50 or exists (select 1 from unnest(p_skills) s where s is null or s !~ '^[a-z0-9_-]{1,40}$') then
        perform support.fail('SD400', 'bad_argument');
    end if;
    result := 'same';
    if v_have.skills <> p_skills then
        update support.support_staff s set skills = p_skills where s.id = p_staff;
        perform support.audit('staff.set_skills', 'staff', p_staff::text, p_request, null, jsonb_build_object('skills', cardinality(p_skills)));
        result := 'ok';
    end if;
end $$;
comment on function support.staff_set_skills(text, uuid, text[], text) is 'Skills of a staff member';

grant create on schema support to support_policy;
alter function support.do_calls_missed(uuid, int, uuid, int) owner to support_policy;
revoke create on schema support from support_policy;
