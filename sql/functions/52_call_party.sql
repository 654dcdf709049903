-- Others in a call: consultation (warm transfer) and supervision. Lock order as everywhere: router, staff, call, chat.

create function support.do_parties_end(p_call uuid, p_reason text) returns void language plpgsql set supportd.actor = '' as $$
declare
    v_party support.call_parties;
begin
    perform support.act('system:media'); -- whoever ends the call need not see who was in it
    for v_party in
        update support.call_parties r set state = 'closed', expires_at = null, closed_at = support.now(), reason = p_reason
        where r.call_id = p_call and r.closed_at is null returning r.*
    loop
        perform support.do_party_audit(v_party, 'end', null, p_reason);
    end loop;
end $$;
comment on function support.do_parties_end(uuid, text) is 'Ends all parts in a call';

create function support.do_staff_parties_end(p_staff uuid) returns void language plpgsql set supportd.actor = '' as $$
declare
    v_party support.call_parties;
begin
    perform support.act('system:media');
    perform 1 from support.voice_calls k
    where k.id in (select r.call_id from support.call_parties r where r.staff_id = p_staff and r.closed_at is null) order by k.id for no key update;
    for v_party in
        update support.call_parties r set state = 'closed', expires_at = null, closed_at = support.now(), reason = 'left'
        where r.staff_id = p_staff and r.closed_at is null returning r.*
    loop
        perform support.do_party_audit(v_party, 'end', null, 'left');
    end loop;
end $$;
comment on function support.do_staff_parties_end(uuid) is 'Ends the parts of one who is removed';

create function support.do_party_audit(p_party support.call_parties, p_what text, p_request text, p_reason text) returns void language plpgsql as $$
begin
    perform support.audit(case p_party.role when 'consult' then 'call.consult' else 'call.supervise' end || '_' || p_what, 'call', p_party.call_id::text,
                          p_request, p_reason, jsonb_build_object('party', p_party.id, 'staff', p_party.staff_id, 'role', p_party.role));
end $$;
comment on function support.do_party_audit(support.call_parties, text, text, text) is 'One row of the trail about a part: start, open, talk, switch, end';

create function support.do_party_close(p_party uuid, p_reason text, p_request text) returns support.call_parties language plpgsql as $$
declare
    v_party support.call_parties;
begin
    update support.call_parties r set state = 'closed', expires_at = null, closed_at = support.now(), reason = p_reason
    where r.id = p_party and r.closed_at is null returning r.* into v_party;
    if found then
        perform support.do_party_audit(v_party, case p_reason when 'switched' then 'switch' else 'end' end, p_request, p_reason);
    end if;
    return v_party;
end $$;
comment on function support.do_party_close(uuid, text, text) is 'Ends a part; the row, or NULL if it had ended';

-- The locked call; whoever does not see it does not learn that it is there.
create function support.do_party_call(p_call uuid) returns support.voice_calls language plpgsql as $$
declare
    v_call support.voice_calls;
begin
    select k.* into v_call from support.voice_calls k where k.id = p_call for no key update;
    if not found then
        perform support.fail('SD404', 'call_not_found');
    end if;
    return v_call;
end $$;
comment on function support.do_party_call(uuid) is 'Locks a call that the actor sees';

create function support.do_party_room(p_call uuid) returns boolean language plpgsql stable security definer
set search_path = pg_catalog, pg_temp as $$
begin
    return (select count(*) from support.call_parties r where r.call_id = p_call and r.closed_at is null) + 2
           < (select (s.value #>> '{}')::int from support.support_settings s where s.key = 'call.max_parties');
end $$;
comment on function support.do_party_room(uuid) is 'One more may come into this call, parts that the actor does not see counted';

create function support.call_on_hold(p_call uuid) returns boolean language plpgsql stable security definer
set search_path = pg_catalog, pg_temp as $$
begin
    return exists (select 1 from support.voice_calls k where k.id = p_call
                   and (k.state = 'held' or (k.state = 'active' and exists (
                       select 1 from support.call_parties r where r.call_id = k.id and r.closed_at is null and r.talk = 'colleague'))));
end $$;
comment on function support.call_on_hold(uuid) is 'The customer hears music although the call is answered';

create function support.do_parties_json(p_call uuid) returns jsonb language plpgsql stable as $$
begin
    return (select coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'staff', jsonb_build_object('id', r.staff_id, 'name', support.staff_name(r.staff_id)),
                'role', r.role, 'state', r.state, 'talk', r.talk, 'since', support.rfc3339(coalesce(r.opened_at, r.created_at)),
                'expires_at', support.rfc3339(r.expires_at)) order by r.created_at, r.id), '[]')
            from support.call_parties r where r.call_id = p_call and r.closed_at is null);
end $$;
comment on function support.do_parties_json(uuid) is 'Parts in a call for its state document, those that the actor sees';

create function support.consult_ask(p_actor text, p_call uuid, p_party uuid, p_staff uuid, p_request text,
    out result text, out party_id uuid, out customer_id uuid, out staff_id uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_me uuid := support.act_staff(p_actor);
    v_call support.voice_calls;
    v_have support.call_parties;
    v_party support.call_parties;
    v_weight int;
begin
    perform support.lock_router();
    perform 1 from support.staff_presence p where p.staff_id in (v_me, p_staff) order by p.staff_id for no key update;
    v_call := support.do_party_call(p_call);
    customer_id := v_call.customer_id;
    staff_id := p_staff;
    select r.* into v_have from support.call_parties r where r.call_id = p_call and r.role = 'consult' and r.closed_at is null;
    party_id := coalesce(v_have.id, p_party);
    select c.weight into v_weight from support.chat_sessions c where c.id = v_call.chat_id;
    result := case when v_call.staff_id is distinct from v_me then 'not_allowed'
                   when v_have.staff_id = p_staff then 'repeat'
                   when v_have.id is not null or v_call.state <> 'active' then 'not_allowed'
                   when not exists (select 1 from support.do_can_take('staff', p_staff, null, null, v_weight) c where c.free)
                        or exists (select 1 from support.call_parties r where r.call_id = p_call and r.staff_id = p_staff and r.closed_at is null)
                       then 'unavailable'
                   when not support.do_party_room(p_call) then 'limit' end;
    if result is not null then
        if result <> 'repeat' then
            perform support.audit('call.consult_start', 'call', p_call::text, p_request, result, jsonb_build_object('staff', p_staff), 'denied');
        end if;
        return;
    end if;
    insert into support.call_parties (id, call_id, chat_id, customer_id, staff_id, asked_by, role, state, talk, created_at, expires_at)
    values (p_party, p_call, v_call.chat_id, v_call.customer_id, p_staff, v_me, 'consult', 'asked', 'colleague', support.now(),
            support.now() + support.seconds('call.consult_s')) returning * into v_party;
    perform support.do_party_audit(v_party, 'start', p_request, null);
    result := 'ok';
end $$;
comment on function support.consult_ask(text, uuid, uuid, uuid, text) is 'The agent of a call asks a colleague; the customer hears music';

create function support.consult_accept(p_actor text, p_call uuid, p_request text, out result text, out customer_id uuid, out staff_id uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_me uuid := support.act_staff(p_actor);
    v_call support.voice_calls := support.do_party_call(p_call);
    v_party support.call_parties;
begin
    customer_id := v_call.customer_id;
    staff_id := v_call.staff_id;
    select r.* into v_party from support.call_parties r where r.call_id = p_call and r.role = 'consult' and r.staff_id = v_me and r.closed_at is null;
    result := case when v_party.id is null or v_party.expires_at <= support.now() then 'gone' when v_party.state = 'open' then 'repeat' else 'ok' end;
    if result = 'ok' then
        update support.call_parties r set state = 'open', expires_at = null, opened_at = support.now() where r.id = v_party.id;
        perform support.do_party_audit(v_party, 'open', p_request, null);
    end if;
end $$;
comment on function support.consult_accept(text, uuid, text) is 'The colleague answers';

create function support.consult_talk(p_actor text, p_call uuid, p_with text, p_request text, out result text, out customer_id uuid, out staff_id uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_me uuid := support.act_staff(p_actor);
    v_call support.voice_calls := support.do_party_call(p_call);
    v_party support.call_parties;
begin
    if p_with is null or p_with not in ('colleague', 'customer', 'all') then
        perform support.fail('SD400', 'bad_argument');
    end if;
    customer_id := v_call.customer_id;
    select r.* into v_party from support.call_parties r where r.call_id = p_call and r.asked_by = v_me and r.closed_at is null;
    staff_id := v_party.staff_id;
    result := case when v_call.staff_id is distinct from v_me then 'not_allowed' when v_party.id is null then 'gone'
                   when p_with = 'all' and v_party.state = 'asked' then 'not_allowed' when v_party.talk = p_with then 'repeat' else 'ok' end;
    if result = 'ok' then
        update support.call_parties r set talk = p_with where r.id = v_party.id;
        perform support.do_party_audit(v_party, 'talk', p_request, p_with);
    end if;
end $$;
comment on function support.consult_talk(text, uuid, text, text) is 'With whom the agent talks in a consultation';

-- A locked call with its chat goes to a colleague without a pause. The caller holds router, both staff rows and the call.
create function support.do_call_hand_over(p_call support.voice_calls, p_to uuid, p_weight int) returns bigint
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_now timestamptz := support.now();
    v_rev bigint;
begin
    perform support.act('system:router'); -- the chat leaves the sender's sight on the way
    perform support.do_part_end(p_call.id, 'transfer');
    perform support.do_part_begin(p_call.id, p_call.chat_id, p_call.customer_id, p_to);
    update support.chat_sessions c set status = 'assigned', assigned_staff_id = p_to, assigned_at = v_now, rev = c.rev + 1
    where c.id = p_call.chat_id returning c.rev into v_rev;
    update support.voice_calls k set staff_id = p_to, weight = p_weight where k.id = p_call.id;
    perform support.act('staff:' || p_to); -- one joins a chat as oneself
    insert into support.chat_participants (chat_id, kind, participant_id, customer_id, joined_at)
    values (p_call.chat_id, 'staff', p_to, p_call.customer_id, v_now) on conflict do nothing;
    perform support.act('system:router');
    update support.staff_presence p set misses = 0, last_assigned_at = v_now where p.staff_id = p_to;
    update support.staff_presence p set wrap_from = v_now, wrap_until = v_now + support.seconds('queue.wrap_up_s')
    where p.staff_id = p_call.staff_id and support.setting_int('queue.wrap_up_s') > 0;
    return v_rev;
end $$;
comment on function support.do_call_hand_over(support.voice_calls, uuid, int) is 'A call with its chat goes to a colleague who is in it; returns the rev of the chat';

create function support.do_hand_over_weight(p_staff uuid, p_chat uuid) returns int language plpgsql stable as $$
declare
    v_capacity int := coalesce((select s.capacity from support.support_staff s where s.id = p_staff), support.setting_int('queue.capacity'));
    v_load int := support.staff_load(p_staff);
    v_chat int := (select c.weight from support.chat_sessions c where c.id = p_chat);
    v_need int := least(coalesce(nullif(support.setting_int('queue.call_weight'), 0), v_capacity), v_capacity);
begin
    return case when v_load + v_chat <= v_capacity then least(v_need, v_capacity - v_load) end;
end $$;
comment on function support.do_hand_over_weight(uuid, uuid) is 'Units that a call handed over takes of what this colleague has left; NULL: not even its chat fits';

create function support.consult_complete(p_actor text, p_call uuid, p_transfer uuid, p_request text,
    out result text, out customer_id uuid, out staff_id uuid, out chat_id uuid, out rev bigint)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_me uuid := support.act_staff(p_actor);
    v_call support.voice_calls;
    v_party support.call_parties;
    v_weight int;
begin
    perform support.lock_router();
    perform 1 from support.staff_presence p where p.staff_id = v_me
        or p.staff_id = (select r.staff_id from support.call_parties r where r.call_id = p_call and r.asked_by = v_me and r.closed_at is null)
    order by p.staff_id for no key update;
    v_call := support.do_party_call(p_call);
    perform 1 from support.chat_sessions c where c.id = v_call.chat_id for no key update;
    customer_id := v_call.customer_id;
    chat_id := v_call.chat_id;
    select r.* into v_party from support.call_parties r where r.call_id = p_call and r.asked_by = v_me and r.closed_at is null;
    staff_id := v_party.staff_id;
    v_weight := support.do_hand_over_weight(v_party.staff_id, v_call.chat_id);
    result := case when v_call.staff_id is distinct from v_me then 'not_allowed' when v_party.id is null or v_party.state <> 'open' then 'gone'
                   when v_weight is null then 'over_capacity' else 'ok' end;
    if result <> 'ok' then
        perform support.audit('call.consult_complete', 'call', p_call::text, p_request, result, null, 'denied');
        return;
    end if;
    perform support.do_party_close(v_party.id, 'completed', p_request);
    insert into support.call_transfers (id, call_id, chat_id, customer_id, from_staff_id, kind, to_staff_id, created_at)
    values (p_transfer, p_call, v_call.chat_id, v_call.customer_id, v_me, 'staff', v_party.staff_id, support.now());
    perform support.audit('call.transfer', 'call', p_call::text, p_request, 'warm',
                          jsonb_build_object('from', v_call.state, 'to', 'active', 'transfer', p_transfer, 'staff', v_party.staff_id));
    select support.do_call_hand_over(v_call, v_party.staff_id, v_weight) into rev;
end $$;
comment on function support.consult_complete(text, uuid, uuid, text) is 'The colleague has the call and the chat from now on';

create function support.consult_end(p_actor text, p_call uuid, p_request text, out result text, out customer_id uuid, out staff_id uuid, out agent_id uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_me uuid := support.act_staff(p_actor);
    v_call support.voice_calls := support.do_party_call(p_call);
    v_party support.call_parties;
begin
    customer_id := v_call.customer_id;
    agent_id := v_call.staff_id;
    select r.* into v_party from support.call_parties r where r.call_id = p_call and r.role = 'consult' and r.closed_at is null
        and (r.staff_id = v_me or r.asked_by = v_me);
    result := 'none';
    if found then
        perform support.do_party_close(v_party.id, case when v_party.asked_by = v_me then 'returned' when v_party.state = 'asked' then 'declined' else 'left' end,
                                       p_request);
        staff_id := v_party.staff_id;
        result := 'ok';
    end if;
end $$;
comment on function support.consult_end(text, uuid, text) is 'The agent takes a consultation back; the colleague declines or leaves';

create function support.call_supervise(p_actor text, p_call uuid, p_party uuid, p_mode text, p_request text,
    out result text, out customer_id uuid, out staff_id uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_me uuid := support.act_staff(p_actor);
    v_rank int := support.act_ranked(p_actor, 2);
    v_call support.voice_calls := support.do_party_call(p_call);
    v_have support.call_parties;
    v_party support.call_parties;
begin
    if p_mode is null or p_mode not in ('listen', 'whisper', 'barge') then
        perform support.fail('SD400', 'bad_argument');
    end if;
    customer_id := v_call.customer_id;
    staff_id := v_call.staff_id;
    select r.* into v_have from support.call_parties r where r.call_id = p_call and r.staff_id = v_me and r.closed_at is null;
    result := case when v_rank = 2 and v_call.staff_id <> v_me
                        and coalesce(support.staff_team(v_call.staff_id) <> support.actor_team(), true) then 'denied'
                   when v_call.state not in ('active', 'held') or v_call.staff_id = v_me or v_have.role = 'consult' then 'not_allowed'
                   when v_have.role = p_mode then 'same'
                   when v_have.id is null and not support.do_party_room(p_call) then 'limit'
                   when v_have.id is null then 'ok' else 'switched' end;
    if result in ('denied', 'not_allowed', 'limit') then
        perform support.audit('call.supervise_start', 'call', p_call::text, p_request, result, jsonb_build_object('role', p_mode), 'denied');
        return;
    end if;
    if result = 'same' then
        return;
    end if;
    if result = 'switched' then
        perform support.do_party_close(v_have.id, 'switched', p_request);
    end if;
    insert into support.call_parties (id, call_id, chat_id, customer_id, staff_id, role, state, created_at, opened_at)
    values (p_party, p_call, v_call.chat_id, v_call.customer_id, v_me, p_mode, 'open', support.now(), support.now()) returning * into v_party;
    perform support.do_party_audit(v_party, 'start', p_request, null);
end $$;
comment on function support.call_supervise(text, uuid, uuid, text, text) is 'A team lead (calls of the own team) or supervisor listens, whispers or barges in, or changes the mode';

create function support.supervise_end(p_actor text, p_call uuid, p_request text, out result text, out customer_id uuid, out staff_id uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_me uuid := support.act_staff(p_actor);
    v_call support.voice_calls := support.do_party_call(p_call);
    v_party uuid;
begin
    customer_id := v_call.customer_id;
    staff_id := v_call.staff_id;
    select r.id into v_party from support.call_parties r where r.call_id = p_call and r.staff_id = v_me and r.role <> 'consult' and r.closed_at is null;
    result := case when found then 'ok' else 'none' end;
    if found then
        perform support.do_party_close(v_party, 'left', p_request);
    end if;
end $$;
comment on function support.supervise_end(text, uuid, text) is 'Who supervises goes';

create function support.party_drop(p_actor text, p_party uuid, p_reason text, out result text, out staff_id uuid, out customer_id uuid, out agent_id uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_party support.call_parties;
begin
    perform support.act_as(p_actor, 'system:media');
    select r.* into v_party from support.call_parties r where r.id = p_party;
    select k.customer_id, k.staff_id into customer_id, agent_id from support.voice_calls k where k.id = v_party.call_id for no key update;
    select r.* into v_party from support.call_parties r where r.id = p_party and r.closed_at is null;
    staff_id := v_party.staff_id;
    result := 'none';
    if v_party.id is not null and (p_reason <> 'missed' or (v_party.state = 'asked' and v_party.expires_at <= support.now())) then
        perform support.do_party_close(p_party, p_reason, null);
        result := 'ok';
    end if;
end $$;
comment on function support.party_drop(text, uuid, text) is 'The media side ends a part: nobody answered in time, or the leg is gone';

create function support.call_parties_live(p_actor text, p_call uuid)
returns table (party_id uuid, staff_id uuid, role text, state text, talk text, remaining_ms bigint)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act_as(p_actor, 'system:media');
    return query
        select r.id, r.staff_id, r.role, r.state, r.talk, greatest((extract(epoch from r.expires_at - support.now()) * 1000)::bigint, 0)
        from support.call_parties r where r.call_id = p_call and r.closed_at is null order by r.id;
end $$;
comment on function support.call_parties_live(text, uuid) is 'Parts in a call for the process that owns its media';

create function support.parties_mine(p_actor text, p_call uuid)
returns table (call_id uuid, chat_id uuid, role text, state text, reason text, customer_id uuid, customer_name text, from_id uuid, from_name text,
               expires_at timestamptz, remaining_ms bigint)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_me uuid := support.act_staff(p_actor);
    v_now timestamptz := support.now();
begin
    return query
        select r.call_id, r.chat_id, r.role, r.state, r.reason, r.customer_id, (select u.name from support.customers u where u.id = r.customer_id),
               r.asked_by, support.staff_name(r.asked_by), r.expires_at, greatest((extract(epoch from r.expires_at - v_now) * 1000)::bigint, 0)
        from support.call_parties r
        where r.staff_id = v_me and case when p_call is null then r.closed_at is null else r.call_id = p_call end
        order by r.created_at desc limit case when p_call is null then 50 else 1 end;
end $$;
comment on function support.parties_mine(text, uuid) is 'The actor''s parts: those that last, or the newest in one call';

grant create on schema support to support_policy;
alter function support.do_party_room(uuid) owner to support_policy;
alter function support.call_on_hold(uuid) owner to support_policy;
revoke create on schema support from support_policy;
