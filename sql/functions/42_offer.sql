-- Answers to offers, and what becomes of those nobody answers.

-- Gives an entry to a staff member. The caller holds staff, entry, call and chat.
create function support.do_take(p_kind text, p_entry uuid, p_chat uuid, p_call uuid, p_staff uuid, p_weight int, p_request text)
returns bigint language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := support.now();
    v_chat support.chat_sessions;
    v_callback boolean;
    v_rev bigint;
begin
    select c.* into v_chat from support.chat_sessions c where c.id = p_chat;
    if p_kind = 'call' then
        v_callback := (select q.callback from support.call_queue q where q.id = p_entry);
        perform support.do_part_begin(p_call, p_chat, v_chat.customer_id, p_staff);
        update support.voice_calls k set state = case when v_callback then 'calling' else 'active' end, staff_id = p_staff, entry_id = null,
            answered_at = case when v_callback then k.answered_at else coalesce(k.answered_at, v_now) end,
            weight = p_weight + case when v_chat.status = 'assigned' and v_chat.assigned_staff_id = p_staff then v_chat.weight else 0 end
        where k.id = p_call;
        if v_callback then
            perform support.do_call_back(p_call, v_chat.customer_id);
        end if;
    end if;
    update support.chat_sessions c
    set status = 'assigned', entry_id = null, rev = c.rev + 1, assigned_staff_id = p_staff,
        assigned_at = case when v_chat.status = 'assigned' and v_chat.assigned_staff_id = p_staff then c.assigned_at else v_now end
    where c.id = p_chat returning c.rev into v_rev;
    if p_kind = 'call' then
        update support.call_queue q set state = 'assigned', staff_id = p_staff, closed_at = v_now, escalate_at = null where q.id = p_entry;
    else
        update support.chat_queue q set state = 'assigned', staff_id = p_staff, closed_at = v_now, escalate_at = null where q.id = p_entry;
    end if;
    insert into support.chat_participants (chat_id, kind, participant_id, customer_id, joined_at)
    values (p_chat, 'staff', p_staff, v_chat.customer_id, v_now) on conflict do nothing;
    update support.staff_presence p set misses = 0, last_assigned_at = v_now where p.staff_id = p_staff;
    perform support.audit(p_kind || '.assign', 'chat', p_chat::text, p_request, null, jsonb_build_object('staff', p_staff, 'call', p_call));
    perform support.do_system_message(p_chat,
        case when p_kind = 'chat' or v_callback then 'assigned'
             when exists (select 1 from support.call_queue q where q.id = p_entry and q.transfer_id is not null) then 'transferred' else 'call_answered' end,
        support.do_staff_params(p_staff) || case p_kind when 'call' then jsonb_build_object('call_id', p_call) else '{}' end);
    return v_rev;
end $$;
comment on function support.do_take(text, uuid, uuid, uuid, uuid, int, text) is 'A locked entry becomes work of a staff member';

create function support.do_lock_entry(p_kind text, p_entry uuid, p_call uuid, p_chat uuid) returns text language plpgsql as $$
#variable_conflict use_column
declare
    v_state text;
begin
    if p_kind = 'chat' then
        select q.state into v_state from support.chat_queue q where q.id = p_entry for no key update;
    else
        select q.state into v_state from support.call_queue q where q.id = p_entry for no key update;
        perform 1 from support.voice_calls k where k.id = p_call for no key update;
    end if;
    perform 1 from support.chat_sessions c where c.id = p_chat for no key update;
    return v_state;
end $$;
comment on function support.do_lock_entry(text, uuid, uuid, uuid) is 'Locks entry, call and chat in order; returns the state of the entry';

-- The process that owns the media of a call now: a callback, or a call whose process is gone, has none yet.
create function support.do_own(p_call uuid, p_process uuid, out owner_process uuid, out calling boolean) language plpgsql as $$
#variable_conflict use_column
begin
    select k.owner_process, k.state = 'calling' into owner_process, calling from support.voice_calls k where k.id = p_call;
    if p_process <> owner_process and (calling or not exists (select 1 from support.processes p where p.id = owner_process and p.state = 'live')) then
        update support.voice_calls k set owner_process = p_process where k.id = p_call;
        owner_process := p_process;
    end if;
end $$;
comment on function support.do_own(uuid, uuid) is 'Owner of the media of a call just taken; calling: it is a callback';

create function support.offer_accept(p_actor text, p_offer uuid, p_request text, p_process uuid default null,
    out result text, out kind text, out entry_id uuid, out chat_id uuid, out call_id uuid, out customer_id uuid, out staff_name text,
    out rev bigint, out owner_process uuid, out calling boolean)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_me uuid := support.act_staff(p_actor);
    v_offer support.offers;
begin
    select o.* into v_offer from support.offers o where o.id = p_offer and o.staff_id = v_me;
    if not found then
        perform support.fail('SD404', 'offer_not_found');
    end if;
    kind := v_offer.kind;
    entry_id := v_offer.entry_id;
    chat_id := v_offer.chat_id;
    call_id := v_offer.call_id;
    customer_id := v_offer.customer_id;
    staff_name := support.staff_name(v_me);
    perform 1 from support.staff_presence p where p.staff_id = v_me for no key update;
    perform support.do_lock_entry(v_offer.kind, v_offer.entry_id, v_offer.call_id, v_offer.chat_id);
    select o.* into v_offer from support.offers o where o.id = p_offer for no key update;
    -- A repeat, unless the work has gone to somebody else since.
    result := case when v_offer.state = 'pending' then 'accepted'
                   when v_offer.state = 'accepted' and v_offer.kind = 'call' and exists (
                       select 1 from support.voice_calls k where k.id = v_offer.call_id and k.staff_id = v_me) then 'accepted'
                   when v_offer.state = 'accepted' and v_offer.kind = 'chat' and exists (
                       select 1 from support.chat_sessions c where c.id = v_offer.chat_id and c.assigned_staff_id = v_me) then 'accepted'
                   else 'gone' end;
    if v_offer.state = 'pending' then
        rev := support.do_take(v_offer.kind, v_offer.entry_id, v_offer.chat_id, v_offer.call_id, v_me, v_offer.weight, p_request);
        update support.offers o set state = 'accepted', closed_at = support.now() where o.id = p_offer;
    end if;
    if result = 'accepted' then
        rev := coalesce(rev, (select c.rev from support.chat_sessions c where c.id = v_offer.chat_id));
        select w.owner_process, w.calling into owner_process, calling from support.do_own(v_offer.call_id, p_process) w;
    end if;
end $$;
comment on function support.offer_accept(text, uuid, text, uuid) is 'The agent takes what was offered; a call is answered';

create function support.offer_auto_answer(p_actor text, p_call uuid, p_request text, p_process uuid default null,
    out result text, out offer_id uuid, out kind text, out entry_id uuid, out chat_id uuid, out call_id uuid, out customer_id uuid, out staff_name text,
    out rev bigint, out owner_process uuid, out calling boolean)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_me uuid := support.act_staff(p_actor);
begin
    offer_id := (select o.id from support.offers o join support.support_staff s on s.id = o.staff_id and s.auto_answer
                 join support.call_queue q on q.id = o.entry_id and not q.callback
                 where o.staff_id = v_me and o.call_id = p_call and o.state = 'pending');
    result := 'off';
    if offer_id is not null then
        perform support.audit('offer.auto_answer', 'call', p_call::text, p_request);
        select a.result, a.kind, a.entry_id, a.chat_id, a.call_id, a.customer_id, a.staff_name, a.rev, a.owner_process, a.calling
        into result, kind, entry_id, chat_id, call_id, customer_id, staff_name, rev, owner_process, calling
        from support.offer_accept(p_actor, offer_auto_answer.offer_id, p_request, p_process) a;
    end if;
end $$;
comment on function support.offer_auto_answer(text, uuid, text, uuid) is 'Takes a call on behalf of an agent who chose auto-answer and whose leg is there';

create function support.offer_decline(p_actor text, p_offer uuid, p_request text,
    out result text, out kind text, out entry_id uuid, out chat_id uuid, out call_id uuid, out customer_id uuid, out rev bigint)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_me uuid := support.act_staff(p_actor);
    v_state text;
begin
    select o.state, o.kind, o.entry_id, o.chat_id, o.call_id, o.customer_id into v_state, kind, entry_id, chat_id, call_id, customer_id
    from support.offers o where o.id = p_offer and o.staff_id = v_me;
    if not found then
        perform support.fail('SD404', 'offer_not_found');
    end if;
    perform 1 from support.staff_presence p where p.staff_id = v_me for no key update;
    select g.rev into rev from support.do_give_back(array[p_offer], 'declined', null, p_request) g;
    result := case when found then 'declined' else
        (select case o.state when 'declined' then 'declined' else 'gone' end from support.offers o where o.id = p_offer) end;
end $$;
comment on function support.offer_decline(text, uuid, text) is 'The agent does not take it; the next one is asked';

create function support.offers_expire(p_actor text)
returns table (offer_id uuid, kind text, entry_id uuid, chat_id uuid, call_id uuid, customer_id uuid, staff_id uuid, rev bigint, paused boolean,
               outcome text)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_now timestamptz := support.now();
    v_max int;
    v_offers uuid[];
    v_rest uuid[];
begin
    perform support.act_as(p_actor, 'system:router');
    v_max := support.setting_int('queue.max_misses');
    perform support.lock_router();
    v_offers := array(select o.id from support.offers o where o.state = 'pending' and o.expires_at <= v_now);
    perform 1 from support.staff_presence p
    where p.staff_id in (select o.staff_id from support.offers o where o.id = any (v_offers)) order by p.staff_id for no key update;
    -- What else rings at those who are set away by this goes back with it.
    v_rest := array(select o.id from support.offers o join support.staff_presence p on p.staff_id = o.staff_id and p.chosen = 'available'
                    where o.state = 'pending' and o.id <> all (v_offers)
                      and p.misses + (select count(*) from support.offers m where m.id = any (v_offers) and m.staff_id = o.staff_id) >= v_max);
    perform support.do_lock_offers(v_offers || v_rest);
    outcome := 'missed';
    for offer_id, kind, entry_id, chat_id, call_id, customer_id, staff_id, rev in
        select g.* from support.do_give_back(v_offers, 'missed', null) g
    loop
        update support.staff_presence p
        set misses = case when p.misses + 1 >= v_max then 0 else p.misses + 1 end,
            chosen = case when p.misses + 1 >= v_max then 'away' else p.chosen end,
            reason = case when p.misses + 1 >= v_max then 'missed_offers' else p.reason end,
            changed_at = case when p.misses + 1 >= v_max then v_now else p.changed_at end
        where p.staff_id = offers_expire.staff_id and p.chosen = 'available' returning p.chosen = 'away' into paused;
        paused := coalesce(paused, false);
        if paused then
            perform support.audit('presence.pause', 'staff', staff_id::text, null, 'missed_offers');
        end if;
        return next;
    end loop;
    outcome := 'withdrawn';
    paused := true;
    for offer_id, kind, entry_id, chat_id, call_id, customer_id, staff_id, rev in
        select g.* from support.do_give_back(v_rest, 'withdrawn', 'missed_offers') g
    loop
        return next;
    end loop;
end $$;
comment on function support.offers_expire(text) is 'Offers past their deadline are missed; who misses too many is set away';

create function support.queue_pick(p_actor text, p_entry uuid, p_request text, p_process uuid default null,
    out result text, out kind text, out entry_id uuid, out chat_id uuid, out call_id uuid, out customer_id uuid, out staff_name text,
    out rev bigint, out offer_id uuid, out offer_staff_id uuid, out owner_process uuid, out calling boolean)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_me uuid := support.act_staff(p_actor);
    v_slot support.slot;
    v_entry support.waiting;
    v_need int;
    v_own int;
begin
    perform support.lock_router();
    select q.kind, q.entry_id, q.chat_id, q.call_id, q.customer_id into kind, entry_id, chat_id, call_id, customer_id
    from support.do_find_entry(p_entry) q;
    if entry_id is null then
        perform support.fail('SD404', 'entry_not_found');
    end if;
    perform 1 from support.staff_presence p where p.staff_id in (v_me, (select o.staff_id from support.offers o where o.entry_id = p_entry and o.state = 'pending'))
    order by p.staff_id for no key update;
    if support.do_lock_entry(kind, entry_id, call_id, chat_id) not in ('waiting', 'offered')
       or exists (select 1 from support.call_queue q where q.id = p_entry -- it is on its way to somebody, or its caller is gone
                  and (q.away_until is not null or (q.only_direct and q.direct_staff_id <> v_me and support.actor_rank() < 2))) then
        result := 'gone';
        return;
    end if;
    select o.id, o.staff_id, case when o.staff_id = v_me then o.weight end into offer_id, offer_staff_id, v_own
    from support.offers o where o.entry_id = p_entry and o.state = 'pending' for no key update;
    v_need := coalesce(v_own, support.do_pick_weight(v_me, kind, chat_id));
    if v_need is null then
        result := 'over_capacity';
        offer_id := null;
        offer_staff_id := null;
        return;
    end if;
    rev := support.do_take(kind, entry_id, chat_id, call_id, v_me, v_need, p_request);
    update support.offers o set state = case when o.staff_id = v_me then 'accepted' else 'withdrawn' end, closed_at = support.now()
    where o.entry_id = p_entry and o.state = 'pending';
    staff_name := support.staff_name(v_me);
    select w.owner_process, w.calling into owner_process, calling from support.do_own(queue_pick.call_id, p_process) w;
    result := 'picked';
end $$;
comment on function support.queue_pick(text, uuid, text, uuid) is 'A staff member takes an entry out of the queue by hand';

create function support.do_find_entry(p_entry uuid, out kind text, out entry_id uuid, out chat_id uuid, out call_id uuid, out customer_id uuid)
language plpgsql stable as $$
#variable_conflict use_column
begin
    select 'chat', q.id, q.chat_id, q.customer_id into kind, entry_id, chat_id, customer_id from support.chat_queue q where q.id = p_entry;
    if not found then
        select 'call', q.id, q.chat_id, q.call_id, q.customer_id into kind, entry_id, chat_id, call_id, customer_id
        from support.call_queue q where q.id = p_entry;
    end if;
end $$;
comment on function support.do_find_entry(uuid) is 'An entry of either queue that the actor may see';

create function support.do_pick_weight(p_staff uuid, p_kind text, p_chat uuid) returns int language plpgsql stable as $$
declare
    v_capacity int := coalesce((select s.capacity from support.support_staff s where s.id = p_staff), support.setting_int('queue.capacity'));
    v_load int := support.staff_load(p_staff);
    v_chat support.chat_sessions;
    v_call int := coalesce(nullif(support.setting_int('queue.call_weight'), 0), v_capacity);
begin
    select c.* into v_chat from support.chat_sessions c where c.id = p_chat;
    if p_kind = 'chat' then
        return case when v_load + v_chat.weight <= v_capacity then v_chat.weight end;
    end if;
    if exists (select 1 from support.voice_calls k where k.staff_id = p_staff and k.ended_at is null and k.state in ('active', 'held', 'calling')) then
        return null;
    end if;
    if v_chat.status = 'assigned' and v_chat.assigned_staff_id = p_staff then
        return least(greatest(least(v_call, v_capacity) - v_chat.weight, 0), v_capacity - v_load);
    end if;
    return case when v_load + least(v_call, v_capacity) <= v_capacity then least(v_call, v_capacity) end;
end $$;
comment on function support.do_pick_weight(uuid, text, uuid) is 'Units that an entry would take of this agent; NULL: there is no room';
