-- Calls: start, changes of state, reading.

create function support.do_call_found(p_call support.voice_calls, p_result text,
    out result text, out call_id uuid, out chat_id uuid, out entry_id uuid, out state text, out rev bigint, out staff_id uuid,
    out owner_process uuid, out chat_created boolean)
language plpgsql stable as $$
#variable_conflict use_column
begin
    result := p_result;
    call_id := p_call.id;
    chat_id := p_call.chat_id;
    entry_id := p_call.entry_id;
    state := p_call.state;
    staff_id := p_call.staff_id;
    owner_process := p_call.owner_process;
    rev := (select c.rev from support.chat_sessions c where c.id = p_call.chat_id);
    chat_created := false;
end $$;
comment on function support.do_call_found(support.voice_calls, text) is 'Answer of call_start for a call that is there already';

create function support.do_call_chat(p_customer uuid, p_chat uuid, p_new_chat uuid, p_client_key uuid,
    out chat support.chat_sessions, out created boolean)
language plpgsql as $$
#variable_conflict use_column
declare
    v_chat uuid := coalesce(p_chat, (select c.id from support.chat_sessions c where c.customer_id = p_customer and c.status <> 'closed'));
begin
    created := false;
    if v_chat is null then
        insert into support.chat_sessions (id, customer_id, client_key, channel, status, language, weight, audit_ref, created_at)
        values (p_new_chat, p_customer, p_client_key, 'voice', 'open', (select u.language from support.customers u where u.id = p_customer), 0,
                support.customer_ref(p_customer), support.now())
        on conflict do nothing;
        created := found;
        v_chat := (select c.id from support.chat_sessions c where c.customer_id = p_customer and c.status <> 'closed');
        if created then
            insert into support.chat_participants (chat_id, kind, participant_id, customer_id, joined_at)
            values (p_new_chat, 'customer', p_customer, p_customer, support.now());
            perform support.audit('chat.start', 'chat', p_new_chat::text, null, 'call');
        end if;
    end if;
    if v_chat is null then
        perform support.fail('SD400', 'bad_argument');
    end if;
    chat := support.do_lock_chat(v_chat);
end $$;
comment on function support.do_call_chat(uuid, uuid, uuid, uuid) is 'The locked chat of a new call: the given one, the open one, or a new one of channel voice';

create function support.call_start(
    p_actor text, p_call uuid, p_client_key uuid, p_chat uuid, p_new_chat uuid, p_entry uuid, p_process uuid, p_request text,
    out result text, out call_id uuid, out chat_id uuid, out entry_id uuid, out state text, out rev bigint, out staff_id uuid,
    out owner_process uuid, out chat_created boolean, out offer_id uuid, out offer_staff_id uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_me uuid := support.act_customer(p_actor);
    v_now timestamptz := support.now();
    v_call support.voice_calls;
    v_chat support.chat_sessions;
    v_found record;
    v_queued timestamptz;
begin
    for i in 1 .. 2 loop -- again after a twin was faster
        select k.* into v_call from support.voice_calls k where k.customer_id = v_me and (k.client_key = p_client_key or k.ended_at is null)
        order by k.client_key = p_client_key desc limit 1;
        if found then
            v_call.owner_process := coalesce(support.do_call_take_up(v_call, p_process), v_call.owner_process);
            select f.* into result, call_id, chat_id, entry_id, state, rev, staff_id, owner_process, chat_created
            from support.do_call_found(v_call, case when v_call.client_key = p_client_key then 'repeat' else 'existing' end) f;
            return;
        end if;
        if i = 2 then
            perform support.fail('SD400', 'bad_argument');
        end if;
        if not support.setting_on('features.calls') then
            perform support.fail('SD403', 'feature_off');
        end if;
        if not exists (select 1 from support.processes p where p.id = p_process and p.state = 'live') then
            perform support.fail('SD404', 'process_not_found');
        end if;
        v_found := support.do_call_chat(v_me, p_chat, p_new_chat, p_client_key);
        v_chat := v_found.chat;
        chat_created := v_found.created;
        chat_id := v_chat.id;
        if v_chat.status = 'closed' then
            result := 'closed';
            return;
        end if;
        v_queued := case when v_chat.status = 'queued' then v_chat.queued_at else v_now end;
        insert into support.voice_calls (id, chat_id, customer_id, client_key, state, owner_process, entry_id, created_at, queued_at)
        values (p_call, v_chat.id, v_me, p_client_key, 'queued', p_process, p_entry, v_now, v_queued) on conflict do nothing;
        exit when found;
    end loop;
    if v_chat.entry_id is not null then
        select l.offer_id, l.offer_staff_id into offer_id, offer_staff_id from support.do_leave_queue(v_chat.entry_id, 'withdrawn') l;
    end if;
    staff_id := case when v_chat.status = 'assigned' then v_chat.assigned_staff_id end;
    insert into support.call_queue (id, call_id, chat_id, customer_id, team_id, direct_staff_id, language, priority, queued_at, escalate_at)
    values (p_entry, p_call, v_chat.id, v_me, v_chat.team_id, call_start.staff_id, v_chat.language, v_chat.priority, v_queued,
            v_now + support.seconds('queue.timeout_s'));
    update support.chat_sessions c set call_id = p_call, entry_id = null, status = case c.status when 'queued' then 'open' else c.status end,
        rev = c.rev + 1 where c.id = v_chat.id returning c.rev into rev;
    perform support.audit('call.start', 'call', p_call::text, p_request, null, jsonb_build_object('chat', v_chat.id));
    perform support.do_system_message(v_chat.id, 'call_started', jsonb_build_object('call_id', p_call));
    result := 'ok';
    call_id := p_call;
    entry_id := p_entry;
    state := 'queued';
    owner_process := p_process;
end $$;
comment on function support.call_start(text, uuid, uuid, uuid, uuid, uuid, uuid, text) is 'A customer calls; the call takes the place of the chat in the queue';

-- The chat after its call. The caller holds entry, call and chat.
create function support.do_chat_after_call(p_chat uuid, p_queued_at timestamptz, out rev bigint, out status text) language plpgsql as $$
#variable_conflict use_column
declare
    v_chat support.chat_sessions;
begin
    select c.* into v_chat from support.chat_sessions c where c.id = p_chat;
    if v_chat.weight = 0 then
        status := 'closed';
        perform support.audit('chat.close', 'chat', p_chat::text, null, 'call_ended');
        update support.chat_sessions c set status = 'closed', close_reason = 'call_ended', closed_at = support.now(), call_id = null,
            rev = c.rev + 1 where c.id = p_chat returning c.rev into rev;
        perform support.do_system_message(p_chat, 'closed', '{"by": "system", "reason": "call_ended"}');
    elsif v_chat.status = 'open' then
        status := 'queued';
        update support.chat_sessions c set call_id = null where c.id = p_chat;
        rev := support.do_enqueue_chat(p_chat, support.uuid7(), p_queued_at);
    else
        status := v_chat.status;
        update support.chat_sessions c set call_id = null, rev = c.rev + 1 where c.id = p_chat returning c.rev into rev;
    end if;
end $$;
comment on function support.do_chat_after_call(uuid, timestamptz) is 'A voice chat without a word of the customer ends with its call; one that nobody serves waits again';

create function support.do_call_end(p_call support.voice_calls, p_reason text, p_entry_state text,
    out rev bigint, out chat_status text, out offer_id uuid, out offer_staff_id uuid)
language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := support.now();
begin
    if p_call.state in ('active', 'held') then
        update support.staff_presence p set wrap_from = v_now, wrap_until = v_now + support.seconds('queue.wrap_up_s')
        where p.staff_id = p_call.staff_id and support.setting_int('queue.wrap_up_s') > 0;
    else
        update support.call_queue q set state = p_entry_state, staff_id = null, closed_at = v_now, escalate_at = null where q.id = p_call.entry_id;
        update support.offers o set state = 'withdrawn', closed_at = v_now where o.entry_id = p_call.entry_id and o.state = 'pending'
        returning o.id, o.staff_id into offer_id, offer_staff_id;
    end if;
    perform support.do_part_end(p_call.id, 'ended');
    update support.voice_calls k set state = 'ended', end_reason = p_reason, ended_at = v_now, entry_id = null, held_at = null, music_at = null,
        ring_until = null, hold_ms = k.hold_ms + support.do_music_ms(k)
    where k.id = p_call.id;
    perform support.do_system_message(p_call.chat_id, case when p_call.answered_at is null then 'call_missed' else 'call_ended' end,
        jsonb_build_object('call_id', p_call.id, 'reason', p_reason)
        || case when p_call.answered_at is null then '{}'
                else jsonb_build_object('duration_ms', (extract(epoch from v_now - p_call.answered_at) * 1000)::bigint) end);
    select a.rev, a.status into rev, chat_status from support.do_chat_after_call(p_call.chat_id, p_call.queued_at) a;
end $$;
comment on function support.do_call_end(support.voice_calls, text, text) is 'Ends a locked call';

create function support.do_music_ms(p_call support.voice_calls) returns bigint language sql stable as $$
    select coalesce((extract(epoch from support.now() - coalesce(p_call.held_at, p_call.music_at)) * 1000)::bigint, 0) $$;
comment on function support.do_music_ms(support.voice_calls) is 'Milliseconds since when the customer hears music of a hold or a consultation that lasts; else 0';

create function support.do_call_music(p_call uuid, p_on boolean) returns void language plpgsql set supportd.actor = '' as $$
begin
    perform support.act('system:media'); -- a colleague who leaves may not change the call
    update support.voice_calls k set music_at = case when p_on and k.state = 'active' then coalesce(k.music_at, support.now()) end,
        hold_ms = k.hold_ms + case when p_on or k.music_at is null then 0 else support.do_music_ms(k) end
    where k.id = p_call and (k.music_at is not null) <> (p_on and k.state = 'active');
end $$;
comment on function support.do_call_music(uuid, boolean) is 'A consultation lets the customer of a call hear music, or not any more';

create function support.do_call_hold(p_call uuid, p_chat uuid, p_new text) returns bigint language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := support.now();
    v_rev bigint;
begin
    update support.voice_calls k set state = p_new, held_at = case p_new when 'held' then v_now end, hold_ms = k.hold_ms + support.do_music_ms(k),
        music_at = case when p_new = 'active' and exists (select 1 from support.call_parties r
                                                           where r.call_id = p_call and r.closed_at is null and r.talk = 'colleague') then v_now end
    where k.id = p_call;
    update support.chat_sessions c set rev = c.rev + 1 where c.id = p_chat returning c.rev into v_rev;
    return v_rev;
end $$;
comment on function support.do_call_hold(uuid, uuid, text) is 'Hold and resume of a locked call';

create function support.call_transition(p_actor text, p_call uuid, p_expected text, p_new text, p_reason text, p_fields jsonb, p_request text,
    out result text, out state text, out rev bigint, out chat_id uuid, out customer_id uuid, out staff_id uuid, out owner_process uuid,
    out offer_id uuid, out offer_staff_id uuid, out chat_status text, out length_us bigint)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_kind text;
    v_call support.voice_calls;
    v_reason text := p_reason;
begin
    perform support.act(p_actor);
    v_kind := support.actor_kind();
    select k.* into v_call from support.voice_calls k where k.id = p_call;
    if not found or (v_kind = 'system' and p_actor <> 'system:media') then
        perform support.fail('SD404', 'call_not_found');
    end if;
    perform 1 from support.staff_presence p where p.staff_id = v_call.staff_id for no key update;
    perform 1 from support.call_queue q where q.id = v_call.entry_id for no key update;
    select k.* into v_call from support.voice_calls k where k.id = p_call for no key update;
    select c.rev, c.status into rev, chat_status from support.chat_sessions c where c.id = v_call.chat_id for no key update;
    state := v_call.state;
    chat_id := v_call.chat_id;
    customer_id := v_call.customer_id;
    staff_id := v_call.staff_id;
    owner_process := v_call.owner_process;
    if v_call.state is distinct from p_expected then
        result := 'stale';
        return;
    end if;
    if not coalesce((select case v_kind when 'customer' then t.customer when 'staff' then t.staff and v_call.staff_id = support.actor_staff()
                                        else t.system end
                     from support.call_transitions t where t.from_state = p_expected and t.to_state = p_new), false) then
        result := 'not_allowed';
        perform support.audit('call.transition', 'call', p_call::text, p_request, 'not_allowed',
                              jsonb_build_object('from', p_expected, 'to', left(p_new, 20)), 'denied');
        return;
    end if;
    if p_new = 'ended' and v_call.callback_at is not null and v_call.state not in ('active', 'held') then
        v_reason := case v_kind when 'customer' then 'callback_cancelled' when 'staff' then 'callback_failed' else p_reason end;
    end if;
    perform support.audit('call.transition', 'call', p_call::text, p_request, v_reason,
                          jsonb_build_object('from', p_expected, 'to', p_new)
                          || case when p_fields is null then '{}' else jsonb_build_object('fields', p_fields) end);
    if p_new = 'ended' then
        select e.rev, e.chat_status, e.offer_id, e.offer_staff_id into rev, chat_status, offer_id, offer_staff_id
        from support.do_call_end(v_call, coalesce(v_reason, 'hangup'),
            case when v_call.callback_at is null and (v_kind = 'customer' or p_reason = 'media_lost') then 'abandoned' else 'withdrawn' end) e;
        length_us := (select (extract(epoch from k.ended_at - k.answered_at) * 1000000)::bigint from support.voice_calls k where k.id = p_call);
    else
        rev := support.do_call_hold(p_call, v_call.chat_id, p_new);
    end if;
    state := p_new;
    result := 'ok';
end $$;
comment on function support.call_transition(text, uuid, text, text, text, jsonb, text) is 'One change of state of a call, by the table of transitions';

create function support.call_state(p_actor text, p_call uuid)
returns table (state jsonb, call_id uuid, chat_id uuid, customer_id uuid, staff_id uuid, status text, owner_process uuid, entry_id uuid,
               callback boolean, ring_until timestamptz)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_now timestamptz;
    v_window interval;
begin
    perform support.act(p_actor);
    v_now := support.now();
    v_window := support.seconds('call.rating_window_s');
    return query
        select jsonb_build_object('id', k.id, 'chat_id', k.chat_id, 'state', k.state, 'end_reason', k.end_reason,
                   'created_at', support.rfc3339(k.created_at), 'ringing_at', support.rfc3339(k.ringing_at),
                   'answered_at', support.rfc3339(k.answered_at), 'ended_at', support.rfc3339(k.ended_at), 'hold_ms', k.hold_ms,
                   'held_at', support.rfc3339(k.held_at), 'transfer', support.do_transfer_state(k.entry_id),
                   'callback', case when k.callback_at is not null then jsonb_build_object('requested_at', support.rfc3339(k.callback_at),
                       'attempts', k.callback_attempts, 'max_attempts', support.setting_int('call.callback_attempts'),
                       'ring_until', support.rfc3339(k.ring_until), 'outcome', k.callback_outcome) end,
                   'rating', case when k.rating is not null then jsonb_build_object('score', k.rating, 'comment', k.rating_comment) end,
                   'rate_until', case when k.state = 'ended' and k.answered_at is not null and k.rating is null and k.ended_at + v_window > v_now
                                           and support.setting_on('features.ratings') then support.rfc3339(k.ended_at + v_window) end,
                   'recording', case when k.ended_at is null then k.recording else 'off' end,
                   'on_hold', support.call_on_hold(k.id), 'parties', support.do_parties_json(k.id),
                   'staff', case when k.staff_id is not null then jsonb_build_object('id', k.staff_id, 'name', support.staff_name(k.staff_id)) end),
               k.id, k.chat_id, k.customer_id, k.staff_id, k.state, k.owner_process, k.entry_id,
               k.callback_at is not null and k.state in ('queued', 'ringing', 'calling'), k.ring_until
        from support.voice_calls k where k.id = p_call;
end $$;
comment on function support.call_state(text, uuid) is 'A call as the actor may see it';

create function support.calls_mine(p_actor text, p_live boolean, p_before uuid, p_limit int)
returns table (call_id uuid, chat_id uuid, customer_id uuid, customer_name text, staff_id uuid, staff_name text, state text, end_reason text,
               created_at timestamptz, answered_at timestamptz, ended_at timestamptz, owner_process uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_before uuid := coalesce(p_before, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    v_limit int := least(greatest(coalesce(p_limit, 50), 1), 200);
    v_customer uuid;
    v_me uuid;
    v_calls uuid[];
begin
    perform support.act(p_actor);
    v_customer := support.actor_customer();
    v_me := support.actor_staff();
    if v_customer is not null and p_live then
        v_calls := array(select k.id from support.voice_calls k where k.customer_id = v_customer and k.ended_at is null and k.id < v_before);
    elsif v_customer is not null then
        v_calls := array(select k.id from support.voice_calls k where k.customer_id = v_customer and k.id < v_before
                         and (p_live is null or k.ended_at is not null) order by k.id desc limit v_limit);
    elsif p_live then
        v_calls := array(select k.id from support.voice_calls k where k.staff_id = v_me and k.ended_at is null and k.id < v_before
                         order by k.id desc limit v_limit);
    else
        v_calls := array(select k.id from support.voice_calls k where k.staff_id = v_me and k.id < v_before
                         and (p_live is null or k.ended_at is not null) order by k.id desc limit v_limit);
    end if;
    return query
        select k.id, k.chat_id, k.customer_id, u.name, k.staff_id, support.staff_name(k.staff_id), k.state, k.end_reason, k.created_at,
               k.answered_at, k.ended_at, k.owner_process
        from unnest(v_calls) l (id) join support.voice_calls k on k.id = l.id left join support.customers u on u.id = k.customer_id
        order by k.id desc;
end $$;
comment on function support.calls_mine(text, boolean, uuid, int) is 'Calls of the acting customer or staff member';
