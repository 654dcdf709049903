-- Start, receipts, tags, close, back to the queue.

create function support.do_enqueue_chat(p_chat uuid, p_entry uuid, p_queued_at timestamptz, p_declined uuid[] default '{}')
returns bigint language plpgsql as $$
#variable_conflict use_column
declare
    v_rev bigint;
begin
    update support.chat_sessions c
    set status = 'queued', entry_id = p_entry, queued_at = p_queued_at, rev = c.rev + 1, assigned_staff_id = null, assigned_at = null,
        weight = greatest(c.weight, 1)
    where c.id = p_chat returning c.rev into v_rev;
    insert into support.chat_queue (id, chat_id, customer_id, team_id, language, priority, queued_at, escalate_at, declined_by)
    select p_entry, c.id, c.customer_id, c.team_id, c.language, c.priority, p_queued_at,
           support.now() + support.seconds('queue.timeout_s'), p_declined
    from support.chat_sessions c where c.id = p_chat;
    return v_rev;
end $$;
comment on function support.do_enqueue_chat(uuid, uuid, timestamptz, uuid[]) is 'Puts a locked chat into the queue; returns its rev';

create function support.do_chat_start_found(p_customer uuid, p_client_key uuid, p_entry uuid,
    out result text, out chat_id uuid, out status text, out seq bigint, out rev bigint, out entry_id uuid, out created_at timestamptz)
language plpgsql as $$
#variable_conflict use_column
declare
    v_chat support.chat_sessions;
    v_weight int;
begin
    select c.* into v_chat from support.chat_sessions c where c.customer_id = p_customer and c.client_key = p_client_key;
    result := 'repeat';
    if not found then
        select c.* into v_chat from support.chat_sessions c where c.customer_id = p_customer and c.status <> 'closed' for no key update;
        result := 'existing';
        if not found then
            result := null;
            return;
        end if;
        if v_chat.weight = 0 then
            v_weight := support.setting_int('queue.chat_weight');
            update support.chat_sessions c set weight = v_weight where c.id = v_chat.id;
        end if;
        if v_chat.status = 'open' and v_chat.call_id is null then
            perform support.do_enqueue_chat(v_chat.id, p_entry, support.now());
            select c.* into v_chat from support.chat_sessions c where c.id = v_chat.id;
        end if;
    end if;
    chat_id := v_chat.id;
    status := v_chat.status;
    seq := v_chat.last_seq;
    rev := v_chat.rev;
    entry_id := v_chat.entry_id;
    created_at := v_chat.created_at;
end $$;
comment on function support.do_chat_start_found(uuid, uuid, uuid) is 'The chat that a repeated or second start gets; result NULL: there is none';

create function support.chat_start(
    p_actor text, p_chat uuid, p_client_key uuid, p_entry uuid, p_language text, p_site text, p_request text,
    out result text, out chat_id uuid, out status text, out seq bigint, out rev bigint, out entry_id uuid, out created_at timestamptz)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_me uuid := support.act_customer(p_actor);
    v_now timestamptz := support.now();
    v_language text := coalesce(p_language, (select c.language from support.customers c where c.id = v_me));
    v_weight int := support.setting_int('queue.chat_weight');
begin
    select f.* into result, chat_id, status, seq, rev, entry_id, created_at from support.do_chat_start_found(v_me, p_client_key, p_entry) f;
    if result is not null then
        return;
    end if;
    if not support.setting_on('features.chat') then
        perform support.fail('SD403', 'feature_off');
    end if;
    if (select count(*) from support.chat_sessions c where c.customer_id = v_me and c.created_at > v_now - interval '1 day')
       >= support.setting_int('chat.max_per_day') then
        perform support.fail('SD429', 'too_many_chats');
    end if;
    insert into support.chat_sessions (id, customer_id, client_key, channel, status, language, site, weight, entry_id, audit_ref, created_at, queued_at)
    values (p_chat, v_me, p_client_key, 'chat', 'queued', v_language, p_site, v_weight, p_entry, support.customer_ref(v_me), v_now, v_now)
    on conflict do nothing;
    if not found then
        select f.* into result, chat_id, status, seq, rev, entry_id, created_at from support.do_chat_start_found(v_me, p_client_key, p_entry) f;
        if result is null then
            perform support.fail('SD400', 'bad_argument');
        end if;
        return;
    end if;
    insert into support.chat_queue (id, chat_id, customer_id, language, queued_at, escalate_at)
    values (p_entry, p_chat, v_me, v_language, v_now, v_now + support.seconds('queue.timeout_s'));
    insert into support.chat_participants (chat_id, kind, participant_id, customer_id, joined_at) values (p_chat, 'customer', v_me, v_me, v_now);
    perform support.audit('chat.start', 'chat', p_chat::text, p_request);
    result := 'ok';
    chat_id := p_chat;
    status := 'queued';
    seq := 0;
    rev := 0;
    entry_id := p_entry;
    created_at := v_now;
end $$;
comment on function support.chat_start(text, uuid, uuid, uuid, text, text, text) is 'Starts a chat, or finds the one that is open';

create function support.chat_receipt(
    p_actor text, p_chat uuid, p_delivered bigint, p_read bigint, p_note_read bigint,
    out result text, out rev bigint, out delivered_seq bigint, out read_seq bigint, out note_read_seq bigint,
    out customer_id uuid, out staff_id uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_seq bigint;
    v_note bigint;
    v_kind text;
    v_me uuid;
begin
    perform support.act(p_actor);
    v_kind := support.actor_kind();
    v_me := split_part(p_actor, ':', 2)::uuid;
    select c.rev, c.last_seq, case when v_kind = 'staff' then c.last_note_seq else 0 end, c.customer_id, c.assigned_staff_id
    into rev, v_seq, v_note, customer_id, staff_id from support.chat_sessions c where c.id = p_chat for no key update;
    if not found then
        perform support.fail('SD404', 'chat_not_found');
    end if;
    update support.chat_participants p
    set delivered_seq = greatest(p.delivered_seq, least(p_delivered, v_seq), least(p_read, v_seq)),
        read_seq = greatest(p.read_seq, least(p_read, v_seq)), note_read_seq = greatest(p.note_read_seq, least(p_note_read, v_note))
    where p.chat_id = p_chat and p.kind = v_kind and p.participant_id = v_me
      and (p.delivered_seq < least(greatest(p_delivered, p_read), v_seq) or p.read_seq < least(p_read, v_seq)
           or p.note_read_seq < least(p_note_read, v_note))
    returning p.delivered_seq, p.read_seq, p.note_read_seq into delivered_seq, read_seq, note_read_seq;
    if found then
        result := 'ok';
        update support.chat_sessions c set rev = c.rev + 1 where c.id = p_chat returning c.rev into rev;
    else
        result := 'same';
        select p.delivered_seq, p.read_seq, p.note_read_seq into delivered_seq, read_seq, note_read_seq from support.chat_participants p
        where p.chat_id = p_chat and p.kind = v_kind and p.participant_id = v_me;
    end if;
    if v_kind = 'customer' then
        note_read_seq := null;
    end if;
end $$;
comment on function support.chat_receipt(text, uuid, bigint, bigint, bigint) is 'Raises the delivered and read marks of the actor';

create function support.chat_tag(p_actor text, p_chat uuid, p_add text[], p_remove text[], p_request text,
    out result text, out rev bigint, out tags text[], out customer_id uuid, out staff_id uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_have text[];
begin
    perform support.act_staff(p_actor);
    select c.rev, c.tags, c.customer_id, c.assigned_staff_id into rev, v_have, customer_id, staff_id
    from support.chat_sessions c where c.id = p_chat for no key update;
    if not found then
        perform support.fail('SD404', 'chat_not_found');
    end if;
    tags := array(select distinct t from unnest(v_have || coalesce(p_add, '{}')) t
                  where t <> all (coalesce(p_remove, '{}')) order by t);
    if cardinality(tags) > 20 or exists (select 1 from unnest(tags) t where t is null or length(t) not between 1 and 40) then
        perform support.fail('SD400', 'bad_argument');
    end if;
    result := 'same';
    if tags <> v_have then
        update support.chat_sessions c set tags = chat_tag.tags, rev = c.rev + 1 where c.id = p_chat returning c.rev into rev;
        perform support.audit('chat.tag', 'chat', p_chat::text, p_request, null, jsonb_build_object('tags', cardinality(tags)));
        result := 'ok';
    end if;
end $$;
comment on function support.chat_tag(text, uuid, text[], text[], text) is 'Adds and removes tags';

create function support.do_lock_chat(p_chat uuid) returns support.chat_sessions language plpgsql as $$
#variable_conflict use_column
declare
    v_entry uuid;
    v_chat support.chat_sessions;
begin
    for i in 1 .. 10 loop
        begin
            select c.entry_id into v_entry from support.chat_sessions c where c.id = p_chat;
            perform 1 from support.chat_queue q where q.id = v_entry for no key update;
            select c.* into v_chat from support.chat_sessions c where c.id = p_chat for no key update;
            if not found then
                perform support.fail('SD404', 'chat_not_found');
            end if;
            if v_chat.entry_id is distinct from v_entry then
                raise exception using errcode = 'SD001';
            end if;
            return v_chat;
        exception when sqlstate 'SD001' then
            null; -- the chat changed its entry in between: the block gives the locks back, again in order
        end;
    end loop;
    perform support.fail('40001', 'retry');
end $$;
comment on function support.do_lock_chat(uuid) is 'Locks the live queue entry of a chat, then the chat';

create function support.do_leave_queue(p_entry uuid, p_state text, out offer_id uuid, out offer_staff_id uuid)
language plpgsql as $$
#variable_conflict use_column
begin
    update support.offers o set state = 'withdrawn', closed_at = support.now() where o.entry_id = p_entry and o.state = 'pending'
    returning o.id, o.staff_id into offer_id, offer_staff_id;
    update support.chat_queue q set state = p_state, staff_id = null, closed_at = support.now(), escalate_at = null where q.id = p_entry;
end $$;
comment on function support.do_leave_queue(uuid, text) is 'Closes a locked entry of chat_queue without assignment and withdraws its offer';

create function support.chat_close(p_actor text, p_chat uuid, p_reason text, p_request text,
    out result text, out rev bigint, out customer_id uuid, out staff_id uuid, out offer_id uuid, out offer_staff_id uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_rank int := support.act(p_actor);
    v_chat support.chat_sessions := support.do_lock_chat(p_chat);
    v_kind text := support.actor_kind();
begin
    rev := v_chat.rev;
    customer_id := v_chat.customer_id;
    staff_id := v_chat.assigned_staff_id;
    result := case
        when v_chat.status = 'closed' then 'closed'
        when v_kind = 'staff' and v_rank < 2 and (v_chat.status <> 'assigned' or v_chat.assigned_staff_id <> support.actor_staff())
            then 'not_assigned'
        when v_chat.call_id is not null then 'call_live' end;
    if result is not null then
        return;
    end if;
    if v_chat.entry_id is not null then
        select l.offer_id, l.offer_staff_id into offer_id, offer_staff_id
        from support.do_leave_queue(v_chat.entry_id, case v_kind when 'customer' then 'abandoned' else 'withdrawn' end) l;
    end if;
    perform support.audit('chat.close', 'chat', p_chat::text, p_request, p_reason);
    update support.chat_sessions c
    set status = 'closed', close_reason = p_reason, closed_at = support.now(), entry_id = null, rev = c.rev + 1
    where c.id = p_chat returning c.rev into rev;
    perform support.do_system_message(p_chat, 'closed', jsonb_build_object('by', v_kind, 'reason', p_reason)
        || case v_kind when 'staff' then support.do_staff_params(support.actor_staff()) else '{}' end);
    result := 'ok';
end $$;
comment on function support.chat_close(text, uuid, text, text) is 'Ends a chat; one that waits leaves the queue';

create function support.chat_requeue(p_actor text, p_chat uuid, p_entry uuid, p_reason text, p_request text,
    out result text, out entry_id uuid, out rev bigint, out customer_id uuid, out staff_id uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_rank int := support.act_ranked(p_actor, 1);
    v_me uuid := support.act_staff(p_actor);
    v_chat support.chat_sessions;
begin
    select c.* into v_chat from support.chat_sessions c where c.id = p_chat for no key update;
    if not found then
        perform support.fail('SD404', 'chat_not_found');
    end if;
    rev := v_chat.rev;
    customer_id := v_chat.customer_id;
    staff_id := v_chat.assigned_staff_id;
    result := case when v_chat.entry_id = p_entry then 'repeat'
                   when v_chat.status = 'closed' then 'closed'
                   when v_chat.status <> 'assigned' or (v_rank < 2 and v_chat.assigned_staff_id <> v_me) then 'not_assigned'
                   when v_chat.call_id is not null then 'call_live' end;
    if result is not null then
        return;
    end if;
    rev := support.do_enqueue_chat(p_chat, p_entry, coalesce(v_chat.queued_at, v_chat.created_at),
                                   case when v_chat.assigned_staff_id = v_me then array[v_me] else '{}' end);
    entry_id := p_entry;
    perform support.audit('chat.requeue', 'chat', p_chat::text, p_request, p_reason, jsonb_build_object('staff', staff_id));
    perform support.do_system_message(p_chat, 'requeued', support.do_staff_params(staff_id) || '{"reason": "given_back"}');
    result := 'ok';
end $$;
comment on function support.chat_requeue(text, uuid, uuid, text, text) is 'Gives a chat back to the queue';
