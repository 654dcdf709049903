-- Messages: one call stores one message.

create function support.message_post(
    p_actor text, p_chat uuid, p_id uuid, p_client_id uuid, p_kind text, p_body text, p_categories text[], p_request text,
    out result text, out id uuid, out seq bigint, out note_seq bigint, out created_at timestamptz, out repeated boolean, out rev bigint,
    out customer_id uuid, out staff_id uuid, out entry_id uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_rank int := support.act(p_actor); -- assigned, not performed: a PERFORM is a query of its own
    v_sender_kind text := split_part(p_actor, ':', 1);
    v_sender uuid := case when v_sender_kind <> 'system' then split_part(p_actor, ':', 2)::uuid end;
    v_status text;
    v_weight int;
    v_ref text;
begin
    if p_kind is null or p_kind || v_sender_kind not in ('messagecustomer', 'messagestaff', 'notestaff') then
        perform support.fail('SD403', 'denied');
    end if;
    select c.rev, c.customer_id, c.assigned_staff_id, c.status, c.weight, c.audit_ref
    into rev, customer_id, staff_id, v_status, v_weight, v_ref from support.chat_sessions c where c.id = p_chat for no key update;
    if not found then
        perform support.fail('SD404', 'chat_not_found');
    end if;
    select m.id, m.seq, m.note_seq, m.created_at into id, seq, note_seq, created_at from support.chat_messages m
    where m.chat_id = p_chat and m.sender_id = v_sender and m.client_id = p_client_id;
    repeated := found;
    result := case when repeated then 'ok'
                   when p_kind = 'note' then null
                   when v_status = 'closed' then 'closed'
                   when v_sender_kind = 'staff' and (v_status <> 'assigned' or staff_id <> v_sender) then 'not_assigned' end;
    if result is not null then
        return;
    end if;

    created_at := support.now();
    id := p_id;
    if p_kind = 'note' then
        update support.chat_sessions c set last_note_seq = c.last_note_seq + 1 where c.id = p_chat returning c.last_note_seq into note_seq;
    else
        update support.chat_sessions c
        set last_seq = c.last_seq + 1, last_message_at = message_post.created_at,
            first_response_at = case when v_sender_kind = 'staff' then coalesce(c.first_response_at, message_post.created_at)
                                     else c.first_response_at end
        where c.id = p_chat returning c.last_seq into seq;
    end if;
    insert into support.chat_messages (chat_id, id, seq, note_seq, kind, customer_id, sender_kind, sender_id, client_id, body, categories, created_at)
    values (p_chat, p_id, message_post.seq, message_post.note_seq, p_kind, message_post.customer_id, v_sender_kind, v_sender, p_client_id, p_body,
            coalesce(p_categories, '{}'), message_post.created_at);
    insert into support.support_activity_logs (at, actor_kind, actor_ref, action, subject_kind, subject_ref, request_id, detail)
    values (message_post.created_at, v_sender_kind, case v_sender_kind when 'customer' then v_ref else split_part(p_actor, ':', 2) end,
            case p_kind when 'note' then 'note.post' else 'message.post' end, 'chat', p_chat::text, left(p_request, 64),
            jsonb_build_object('seq', coalesce(seq, note_seq), 'masked', to_jsonb(coalesce(p_categories, '{}'))));
    if v_sender_kind = 'customer' and (v_weight = 0 or v_status = 'open') then
        select w.rev, w.entry_id into rev, entry_id from support.do_customer_wrote(p_chat) w;
    end if;
    result := 'ok';
end $$;
comment on function support.message_post(text, uuid, uuid, uuid, text, text, text[], text) is 'Stores a masked message, once per client id';

create function support.do_customer_wrote(p_chat uuid, out rev bigint, out entry_id uuid) language plpgsql as $$
#variable_conflict use_column
declare
    v_chat support.chat_sessions;
begin
    update support.chat_sessions c set weight = greatest(c.weight, support.setting_int('queue.chat_weight'))
    where c.id = p_chat returning c.* into v_chat;
    rev := v_chat.rev;
    if v_chat.status = 'open' and v_chat.call_id is null then
        entry_id := support.uuid7();
        rev := support.do_enqueue_chat(p_chat, do_customer_wrote.entry_id, coalesce(v_chat.queued_at, support.now()));
    end if;
end $$;
comment on function support.do_customer_wrote(uuid) is 'A voice chat counts as a chat once the customer writes, and waits for staff when no call does';

-- The caller acts as the sender and holds the chat.
create function support.do_message_remask(p_chat uuid, p_id uuid, p_body text, p_categories text[], p_request text) returns void
language plpgsql as $$
#variable_conflict use_column
declare
    v_rev bigint := (select c.rev + 1 from support.chat_sessions c where c.id = p_chat);
    v_seq bigint;
    v_note_seq bigint;
begin
    update support.chat_messages m set body = p_body, categories = p_categories, remask_rev = v_rev
    where m.chat_id = p_chat and m.id = p_id and m.sender_id = coalesce(support.actor_customer(), support.actor_staff())
    returning m.seq, m.note_seq into v_seq, v_note_seq;
    if not found then
        return; -- it was refused, so there is nothing to mask
    end if;
    update support.chat_sessions c set rev = v_rev where c.id = p_chat;
    perform support.audit('message.remask', 'chat', p_chat::text, p_request, null,
        jsonb_build_object('message', p_id, 'seq', v_seq, 'note_seq', v_note_seq, 'masked', to_jsonb(p_categories)));
end $$;
comment on function support.do_message_remask(uuid, uuid, text, text[], text) is 'Masks an earlier part of a split number in place';

create function support.message_join(
    p_actor text, p_chat uuid, p_id uuid, p_client_id uuid, p_kind text, p_body text, p_categories text[], p_request text,
    p_earlier uuid[], p_texts text[],
    out result text, out id uuid, out seq bigint, out note_seq bigint, out created_at timestamptz, out repeated boolean, out rev bigint,
    out customer_id uuid, out staff_id uuid, out entry_id uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act(p_actor);
    if cardinality(p_earlier) is distinct from cardinality(p_texts) or coalesce(support.actor_customer(), support.actor_staff()) is null then
        perform support.fail('SD400', 'bad_argument');
    end if;
    perform 1 from support.chat_sessions c where c.id = p_chat for no key update;
    if not found then
        perform support.fail('SD404', 'chat_not_found');
    end if;
    for i in 1 .. cardinality(p_earlier) loop
        perform support.do_message_remask(p_chat, p_earlier[i], p_texts[i], '{card}', p_request);
    end loop;
    select m.result, m.id, m.seq, m.note_seq, m.created_at, m.repeated, m.rev, m.customer_id, m.staff_id, m.entry_id
    into result, id, seq, note_seq, created_at, repeated, rev, customer_id, staff_id, entry_id
    from support.message_post(p_actor, p_chat, p_id, p_client_id, p_kind, p_body, p_categories, p_request) m;
end $$;
comment on function support.message_join(text, uuid, uuid, uuid, text, text, text[], text, uuid[], text[]) is
    'As message_post, for a message that completes a number split over earlier ones: those are masked in place in the same transaction, or nothing is stored';
