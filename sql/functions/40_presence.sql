-- Processes, connections, presence of staff; giving work back.

create function support.is_connected(p_kind text, p_subject uuid) returns boolean language plpgsql stable as $$
declare
    v_since timestamptz := support.now() - support.seconds('process.lease_s');
begin
    return exists (select 1 from support.presence_leases l join support.processes p on p.id = l.process_id
                   where l.subject_id = p_subject and l.subject_kind = p_kind and p.state = 'live' and p.heartbeat_at > v_since);
end $$;
comment on function support.is_connected(text, uuid) is 'Has a connection in a live process';

create function support.staff_load(p_staff uuid) returns int language plpgsql stable security definer
set search_path = pg_catalog, pg_temp as $$
begin
    return (select coalesce(sum(greatest(c.weight, coalesce(k.weight, 0))), 0)
            from support.chat_sessions c
            left join support.voice_calls k on k.id = c.call_id and k.staff_id = p_staff and k.state in ('active', 'held', 'calling')
            where c.assigned_staff_id = p_staff and c.status = 'assigned')
         + (select coalesce(sum(o.weight), 0) from support.offers o where o.staff_id = p_staff and o.state = 'pending');
end $$;
comment on function support.staff_load(uuid) is 'Units of capacity in use: chats (with their live call) and pending offers';

create function support.staff_in_call(p_staff uuid) returns boolean language plpgsql stable security definer
set search_path = pg_catalog, pg_temp as $$
begin
    return exists (select 1 from support.voice_calls k where k.staff_id = p_staff and k.ended_at is null and k.state in ('active', 'held', 'calling'))
        or exists (select 1 from support.offers o where o.staff_id = p_staff and o.state = 'pending' and o.kind = 'call')
        or exists (select 1 from support.call_parties r where r.staff_id = p_staff and r.role = 'consult' and r.closed_at is null);
end $$;
comment on function support.staff_in_call(uuid) is 'Has a call, or one rings there, or is consulted about one';

create function support.do_lock_offers(p_offers uuid[]) returns void language plpgsql as $$
begin
    perform 1 from support.chat_queue q where q.id in (select o.entry_id from support.offers o where o.id = any (p_offers) and o.kind = 'chat')
    order by q.id for no key update;
    perform 1 from support.call_queue q where q.id in (select o.entry_id from support.offers o where o.id = any (p_offers) and o.kind = 'call')
    order by q.id for no key update;
    perform 1 from support.voice_calls k where k.id in (select o.call_id from support.offers o where o.id = any (p_offers))
    order by k.id for no key update;
    perform 1 from support.chat_sessions c
    where c.id in (select o.chat_id from support.offers o where o.id = any (p_offers) and o.kind = 'call')
    order by c.id for no key update;
end $$;
comment on function support.do_lock_offers(uuid[]) is 'Locks entries, calls and chats of offers, in order';

-- Offers given back. Callers hold the router lock and the staff rows.
create function support.do_give_back(p_offers uuid[], p_state text, p_reason text, p_request text default null)
returns table (offer_id uuid, kind text, entry_id uuid, chat_id uuid, call_id uuid, customer_id uuid, staff_id uuid, rev bigint)
language plpgsql as $$
#variable_conflict use_column
declare
    v_offer support.offers;
    v_now timestamptz := support.now();
begin
    perform support.do_lock_offers(p_offers);
    for v_offer in select o.* from support.offers o where o.id = any (p_offers) and o.state = 'pending' order by o.id for no key update loop
        offer_id := v_offer.id;
        kind := v_offer.kind;
        entry_id := v_offer.entry_id;
        chat_id := v_offer.chat_id;
        call_id := v_offer.call_id;
        customer_id := v_offer.customer_id;
        staff_id := v_offer.staff_id;
        rev := support.do_entry_back(v_offer, p_state);
        perform support.audit('offer.' || p_state, 'chat', v_offer.chat_id::text, p_request, p_reason,
                              jsonb_build_object('offer', v_offer.id, 'staff', v_offer.staff_id, 'call', v_offer.call_id));
        update support.offers o set state = p_state, closed_at = v_now where o.id = v_offer.id;
        return next;
    end loop;
end $$;
comment on function support.do_give_back(uuid[], text, text, text) is 'Closes pending offers as declined, missed or withdrawn; their entries wait again at their place';

create function support.do_entry_back(p_offer support.offers, p_state text) returns bigint language plpgsql as $$
#variable_conflict use_column
declare
    v_declined uuid[] := case when p_state = 'declined' then array[p_offer.staff_id] else '{}' end;
    v_missed uuid[] := case when p_state = 'missed' then array[p_offer.staff_id] else '{}' end;
    v_rev bigint;
begin
    if p_offer.kind = 'chat' then
        update support.chat_queue q set state = 'waiting', staff_id = null, declined_by = q.declined_by || v_declined,
            missed_by = q.missed_by || v_missed where q.id = p_offer.entry_id and q.state = 'offered';
        return (select c.rev from support.chat_sessions c where c.id = p_offer.chat_id);
    end if;
    update support.chat_sessions c set rev = c.rev + 1 where c.id = p_offer.chat_id returning c.rev into v_rev;
    update support.voice_calls k set state = 'queued' where k.id = p_offer.call_id and k.state = 'ringing';
    update support.call_queue q set state = 'waiting', staff_id = null, declined_by = q.declined_by || v_declined,
        missed_by = q.missed_by || v_missed where q.id = p_offer.entry_id and q.state = 'offered';
    perform support.do_transfer_back(p_offer.entry_id);
    return v_rev;
end $$;
comment on function support.do_entry_back(support.offers, text) is 'The entry of an offer waits again; returns the rev of the chat';

create function support.do_give_back_of(p_staff uuid, p_state text, p_reason text, p_request text default null)
returns table (offer_id uuid, kind text, entry_id uuid, chat_id uuid, call_id uuid, customer_id uuid, staff_id uuid, rev bigint)
language plpgsql as $$
begin
    return query select g.* from support.do_give_back(
        array(select o.id from support.offers o where o.staff_id = p_staff and o.state = 'pending'), p_state, p_reason, p_request) g;
end $$;
comment on function support.do_give_back_of(uuid, text, text, text) is 'Gives back all pending offers of a staff member';

-- Work given back. Callers hold the router lock and the staff row.
create function support.do_release_staff(p_staff uuid, p_reason text)
returns table (kind text, entry_id uuid, chat_id uuid, call_id uuid, customer_id uuid, rev bigint)
language plpgsql as $$
#variable_conflict use_column
declare
    v_chat support.chat_sessions;
    v_chats uuid[] := array(select c.id from support.chat_sessions c where c.assigned_staff_id = p_staff and c.status = 'assigned');
begin
    perform 1 from support.call_queue q where q.closed_at is null and q.chat_id = any (v_chats) order by q.id for no key update;
    perform 1 from support.voice_calls k where k.ended_at is null and k.chat_id = any (v_chats) order by k.id for no key update;
    perform 1 from support.chat_sessions c where c.id = any (v_chats) order by c.id for no key update;
    for v_chat in select c.* from support.chat_sessions c where c.id = any (v_chats) and c.assigned_staff_id = p_staff
                  and c.status = 'assigned' order by c.id loop
        chat_id := v_chat.id;
        call_id := v_chat.call_id;
        customer_id := v_chat.customer_id;
        perform support.audit('chat.requeue', 'chat', v_chat.id::text, null, p_reason, jsonb_build_object('staff', p_staff, 'call', call_id));
        if v_chat.call_id is null then
            kind := 'chat';
            entry_id := support.uuid7();
            rev := support.do_enqueue_chat(v_chat.id, do_release_staff.entry_id, coalesce(v_chat.queued_at, v_chat.created_at));
        else
            kind := 'call';
            select r.entry_id, r.rev into entry_id, rev from support.do_requeue_call(v_chat.call_id) r;
        end if;
        perform support.do_system_message(v_chat.id, 'requeued', support.do_staff_params(p_staff) || jsonb_build_object('reason', p_reason));
        return next;
    end loop;
end $$;
comment on function support.do_release_staff(uuid, text) is 'Chats and live calls of a staff member go back to the queue at the age they had';

create function support.do_requeue_call(p_call uuid, out entry_id uuid, out rev bigint) language plpgsql as $$
#variable_conflict use_column
declare
    v_call support.voice_calls;
    v_now timestamptz := support.now();
begin
    select k.* into v_call from support.voice_calls k where k.id = p_call;
    entry_id := v_call.entry_id;
    if v_call.state in ('active', 'held', 'calling') then
        entry_id := support.uuid7();
        perform support.do_part_end(p_call, 'requeued');
        update support.voice_calls k set state = 'queued', entry_id = do_requeue_call.entry_id, weight = 0, held_at = null, music_at = null,
            ring_until = null, hold_ms = k.hold_ms + support.do_music_ms(k) where k.id = p_call;
        insert into support.call_queue (id, call_id, chat_id, customer_id, team_id, language, priority, queued_at, escalate_at, callback)
        select do_requeue_call.entry_id, v_call.id, c.id, c.customer_id, c.team_id, c.language, c.priority, v_call.queued_at,
               v_now + support.seconds('queue.timeout_s'), v_call.state = 'calling'
        from support.chat_sessions c where c.id = v_call.chat_id;
    else
        update support.call_queue q set direct_staff_id = null where q.id = v_call.entry_id and not q.only_direct;
    end if;
    update support.chat_sessions c set status = 'open', assigned_staff_id = null, assigned_at = null, rev = c.rev + 1
    where c.id = v_call.chat_id returning c.rev into rev;
end $$;
comment on function support.do_requeue_call(uuid) is 'A live call waits again, and takes its chat from the agent';

create function support.do_staff_gone(p_staff uuid) returns uuid[] language plpgsql as $$
#variable_conflict use_column
begin
    perform 1 from support.staff_presence p where p.staff_id = p_staff for no key update;
    update support.staff_presence p set grace_until = support.now() + support.seconds('queue.grace_s')
    from support.support_staff s
    where p.staff_id = p_staff and s.id = p.staff_id and s.active and p.grace_until is null;
    return array(select g.offer_id from support.do_give_back_of(p_staff, 'withdrawn', 'connection_lost') g);
end $$;
comment on function support.do_staff_gone(uuid) is 'A staff member is not connected any more: offers go back at once, the grace period runs unless the member was removed';

create function support.process_register(p_actor text, p_process uuid, p_host text, p_pid int, p_version text, out others bigint)
language plpgsql set supportd.actor = '' as $$
declare
    v_now timestamptz := support.now();
begin
    perform support.act_as(p_actor, 'system:monitor');
    insert into support.processes (id, host, pid, version) values (p_process, p_host, p_pid, p_version) on conflict do nothing;
    others := (select count(*) from support.processes p
               where p.state = 'live' and p.id <> p_process and p.heartbeat_at > v_now - support.seconds('process.lease_s'));
    perform support.audit('process.start', 'process', p_process::text);
end $$;
comment on function support.process_register(text, uuid, text, int, text) is 'A daemon has started';

create function support.process_heartbeat(p_actor text, p_process uuid, out alive boolean, out others bigint)
language plpgsql set supportd.actor = '' as $$
declare
    v_now timestamptz := support.now();
begin
    perform support.act_as(p_actor, 'system:monitor');
    update support.processes p set heartbeat_at = v_now where p.id = p_process and p.state = 'live';
    alive := found;
    others := (select count(*) from support.processes p
               where p.state = 'live' and p.id <> p_process and p.heartbeat_at > v_now - support.seconds('process.lease_s'));
end $$;
comment on function support.process_heartbeat(text, uuid) is 'A daemon is alive';

create function support.do_process_end(p_process uuid, p_state text)
returns table (process_id uuid, staff_id uuid, offers uuid[]) language plpgsql as $$
#variable_conflict use_column
declare
    v_staff uuid[];
begin
    update support.processes p set state = p_state where p.id = p_process and p.state = 'live';
    if not found then
        return;
    end if;
    process_id := p_process;
    v_staff := array(select distinct l.subject_id from support.presence_leases l
                     where l.process_id = p_process and l.subject_kind = 'staff' order by 1);
    delete from support.presence_leases l where l.process_id = p_process;
    perform support.audit('process.end', 'process', p_process::text, null, p_state);
    return next;
    perform 1 from support.staff_presence p where p.staff_id = any (v_staff) order by p.staff_id for no key update;
    foreach staff_id in array v_staff loop
        if not support.is_connected('staff', staff_id) then
            offers := support.do_staff_gone(staff_id);
            return next;
        end if;
    end loop;
end $$;
comment on function support.do_process_end(uuid, text) is 'Takes a process off: its connections are gone';

create function support.process_leave(p_actor text, p_process uuid)
returns table (process_id uuid, staff_id uuid, offers uuid[]) language plpgsql set supportd.actor = '' as $$
begin
    perform support.act_as(p_actor, 'system:monitor');
    perform support.lock_router();
    return query select e.* from support.do_process_end(p_process, 'left') e;
end $$;
comment on function support.process_leave(text, uuid) is 'A daemon stops in order';

create function support.leases_expire(p_actor text)
returns table (process_id uuid, staff_id uuid, offers uuid[]) language plpgsql set supportd.actor = '' as $$
declare
    v_process uuid;
begin
    perform support.act_as(p_actor, 'system:monitor');
    perform support.lock_router();
    for v_process in select p.id from support.processes p
                     where p.state = 'live' and p.heartbeat_at <= support.now() - support.seconds('process.lease_s') order by p.id loop
        return query select e.* from support.do_process_end(v_process, 'dead') e;
    end loop;
end $$;
comment on function support.leases_expire(text) is 'Takes dead processes off';

create function support.lease_add(p_actor text, p_process uuid, p_connection bigint, p_subject text, out first boolean)
language plpgsql set supportd.actor = '' as $$
declare
    v_kind text := split_part(p_subject, ':', 1);
    v_id uuid;
begin
    perform support.act_as(p_actor, 'system:monitor');
    if v_kind not in ('customer', 'staff') or length(p_subject) > 45 then
        perform support.fail('SD400', 'bad_argument');
    end if;
    v_id := split_part(p_subject, ':', 2)::uuid;
    if v_kind = 'staff' then
        perform 1 from support.staff_presence p where p.staff_id = v_id for no key update;
    end if;
    if not exists (select 1 from support.processes p where p.id = p_process and p.state = 'live') then
        perform support.fail('SD404', 'process_not_found');
    end if;
    first := not support.is_connected(v_kind, v_id);
    insert into support.presence_leases (process_id, connection_id, subject_kind, subject_id) values (p_process, p_connection, v_kind, v_id)
    on conflict do nothing;
    if v_kind = 'staff' then
        update support.staff_presence p set grace_until = null where p.staff_id = v_id and p.grace_until is not null;
    end if;
end $$;
comment on function support.lease_add(text, uuid, bigint, text) is 'A client has connected';

create function support.lease_remove(p_actor text, p_process uuid, p_connection bigint)
returns table (subject text, last boolean, offers uuid[]) language plpgsql set supportd.actor = '' as $$
declare
    v_kind text;
    v_id uuid;
begin
    perform support.act_as(p_actor, 'system:monitor');
    select l.subject_kind, l.subject_id into v_kind, v_id from support.presence_leases l
    where l.process_id = p_process and l.connection_id = p_connection;
    if not found then
        return;
    end if;
    if v_kind = 'staff' then
        perform support.lock_router();
        perform 1 from support.staff_presence p where p.staff_id = v_id for no key update;
    end if;
    delete from support.presence_leases l where l.process_id = p_process and l.connection_id = p_connection;
    subject := v_kind || ':' || v_id;
    last := not support.is_connected(v_kind, v_id);
    if last and v_kind = 'staff' then
        offers := support.do_staff_gone(v_id);
    end if;
    return next;
end $$;
comment on function support.lease_remove(text, uuid, bigint) is 'A client has gone';

create function support.connected(p_actor text, p_subjects text[]) returns table (subject text)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act_as(p_actor, 'system:monitor');
    return query select s.subject from unnest(p_subjects) s (subject)
        where support.is_connected(split_part(s.subject, ':', 1), split_part(s.subject, ':', 2)::uuid);
end $$;
comment on function support.connected(text, text[]) is 'Which of the given are connected';

create function support.presence_set(p_actor text, p_chosen text, p_reason text, p_request text,
    out result text, out chosen text, out offers uuid[])
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_me uuid := support.act_staff(p_actor);
    v_have support.staff_presence;
begin
    if p_chosen is null or p_chosen not in ('available', 'away', 'offline') then
        perform support.fail('SD400', 'bad_argument');
    end if;
    perform support.lock_router();
    select p.* into v_have from support.staff_presence p where p.staff_id = v_me for no key update;
    chosen := p_chosen;
    offers := '{}';
    result := 'same';
    if v_have.chosen = p_chosen and v_have.reason is not distinct from p_reason
       and (p_chosen <> 'available' or (v_have.misses = 0 and v_have.wrap_until is null)) then
        return;
    end if;
    update support.staff_presence p
    set chosen = p_chosen, reason = p_reason, misses = 0, wrap_until = case when p_chosen <> 'available' then p.wrap_until end,
        changed_at = case when p.chosen = p_chosen then p.changed_at else support.now() end
    where p.staff_id = v_me;
    if p_chosen <> 'available' then
        offers := array(select g.offer_id from support.do_give_back_of(v_me, 'withdrawn', p_chosen, p_request) g);
    end if;
    perform support.audit('presence.set', 'staff', v_me::text, p_request, p_chosen);
    result := 'ok';
end $$;
comment on function support.presence_set(text, text, text, text) is 'A staff member sets the own status';

create function support.wrap_extend(p_actor text, p_ms int, p_request text, out result text, out wrap_until timestamptz)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_me uuid := support.act_staff(p_actor);
    v_have support.staff_presence;
    v_until timestamptz;
begin
    if p_ms is null or p_ms not between 1000 and 3600000 then
        perform support.fail('SD400', 'bad_argument');
    end if;
    select p.* into v_have from support.staff_presence p where p.staff_id = v_me for no key update;
    result := 'none';
    if v_have.wrap_until is null or v_have.wrap_until <= support.now() then
        return;
    end if;
    v_until := least(v_have.wrap_until + p_ms * interval '1 ms',
                     coalesce(v_have.wrap_from, support.now()) + support.seconds('queue.wrap_up_max_s'));
    wrap_until := greatest(v_until, v_have.wrap_until);
    result := 'limit';
    if v_until > v_have.wrap_until then
        update support.staff_presence p set wrap_until = v_until where p.staff_id = v_me;
        perform support.audit('presence.wrap_extend', 'staff', v_me::text, p_request, null,
                              jsonb_build_object('ms', (extract(epoch from v_until - v_have.wrap_until) * 1000)::bigint));
        result := 'ok';
    end if;
end $$;
comment on function support.wrap_extend(text, int, text) is 'The wrap-up of the actor lasts longer, within its limit';

create function support.wrap_end(p_actor text, p_request text, out result text)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_me uuid := support.act_staff(p_actor);
    v_until timestamptz;
begin
    select p.wrap_until into v_until from support.staff_presence p where p.staff_id = v_me for no key update;
    result := 'same';
    if v_until > support.now() then
        update support.staff_presence p set wrap_until = null, wrap_from = null where p.staff_id = v_me;
        perform support.audit('presence.wrap_end', 'staff', v_me::text, p_request);
        result := 'ok';
    end if;
end $$;
comment on function support.wrap_end(text, text) is 'The wrap-up of the actor is over';

create function support.presence_set_auto_answer(p_actor text, p_on boolean, p_request text, out result text)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_me uuid := support.act_staff(p_actor);
begin
    perform 1 from support.staff_presence p where p.staff_id = v_me for no key update;
    update support.support_staff s set auto_answer = p_on where s.id = v_me and s.auto_answer <> p_on;
    result := case when found then 'ok' else 'same' end;
    if found then
        perform support.audit('presence.auto_answer', 'staff', v_me::text, p_request, case when p_on then 'on' else 'off' end);
    end if;
end $$;
comment on function support.presence_set_auto_answer(text, boolean, text) is 'Offers to the actor are accepted without a click';

grant create on schema support to support_policy;
alter function support.staff_load(uuid) owner to support_policy;
alter function support.staff_in_call(uuid) owner to support_policy;
revoke create on schema support from support_policy;
