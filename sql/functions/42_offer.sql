-- Answers to offers, and what becomes of those nobody answers.

-- Gives an entry to a staff member. The caller holds staff, entry, call and chat.
create function support.do_take(p_kind text, p_entry uuid, p_chat uuid, p_call uuid, p_staff uuid, p_weight int, p_request text)
returns bigint language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := support.now();
    v_chat support.chat_sessions;
    v_rev bigint;
begin
    select c.* into v_chat from support.chat_sessions c where c.id = p_chat;
    if p_kind = 'call' then
        update support.voice_calls k set state = 'active', staff_id = p_staff, entry_id = null, answered_at = coalesce(k.answered_at, v_now),
            weight = p_weight + case when v_chat.status = 'assigned' and v_chat.assigned_staff_id = p_staff then v_chat.weight else 0 end
        where k.id = p_call;
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
    perform support.do_system_message(p_chat, case p_kind when 'call' then 'call_answered' else 'assigned' end,
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

create function support.offer_accept(p_actor text, p_offer uuid, p_request text,
    out result text, out kind text, out entry_id uuid, out chat_id uuid, out call_id uuid, out customer_id uuid, out staff_name text,
    out rev bigint, out owner_process uuid)
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
        owner_process := (select k.owner_process from support.voice_calls k where k.id = v_offer.call_id);
    end if;
end $$;
comment on function support.offer_accept(text, uuid, text) is 'The agent takes what was offered; a call is answered';

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
returns table (offer_id uuid, kind text, entry_id uuid, chat_id uuid, call_id uuid, customer_id uuid, staff_id uuid, rev bigint, paused boolean)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_now timestamptz := support.now();
    v_max int;
    v_offers uuid[];
begin
    perform support.act_as(p_actor, 'system:router');
    v_max := support.setting_int('queue.max_misses');
    perform support.lock_router();
    v_offers := array(select o.id from support.offers o where o.state = 'pending' and o.expires_at <= v_now);
    perform 1 from support.staff_presence p
    where p.staff_id in (select o.staff_id from support.offers o where o.id = any (v_offers)) order by p.staff_id for no key update;
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
end $$;
comment on function support.offers_expire(text) is 'Offers past their deadline are missed; who misses too many is set away';

create function support.queue_pick(p_actor text, p_entry uuid, p_request text,
    out result text, out kind text, out entry_id uuid, out chat_id uuid, out call_id uuid, out customer_id uuid, out staff_name text,
    out rev bigint, out offer_id uuid, out offer_staff_id uuid, out owner_process uuid)
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
    if support.do_lock_entry(kind, entry_id, call_id, chat_id) not in ('waiting', 'offered') then
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
    owner_process := (select k.owner_process from support.voice_calls k where k.id = queue_pick.call_id);
    result := 'picked';
end $$;
comment on function support.queue_pick(text, uuid, text) is 'A staff member takes an entry out of the queue by hand';

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
    if exists (select 1 from support.voice_calls k where k.staff_id = p_staff and k.ended_at is null and k.state in ('active', 'held')) then
        return null;
    end if;
    if v_chat.status = 'assigned' and v_chat.assigned_staff_id = p_staff then
        return least(greatest(least(v_call, v_capacity) - v_chat.weight, 0), v_capacity - v_load);
    end if;
    return case when v_load + least(v_call, v_capacity) <= v_capacity then least(v_call, v_capacity) end;
end $$;
comment on function support.do_pick_weight(uuid, text, uuid) is 'Units that an entry would take of this agent; NULL: there is no room';
