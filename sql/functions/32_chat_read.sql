-- Reading chats: state document, history, lists.

create function support.chat_read_open(p_actor text, p_chat uuid, p_request text, out result text, out customer_id uuid, out staff_id uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act_staff(p_actor);
    select c.customer_id, c.assigned_staff_id into customer_id, staff_id from support.chat_sessions c where c.id = p_chat;
    if not found then
        perform support.fail('SD404', 'chat_not_found');
    end if;
    perform support.audit('chat.read', 'chat', p_chat::text, p_request);
    result := 'ok';
end $$;
comment on function support.chat_read_open(text, uuid, text) is 'Audits one opening of a chat by staff';

create function support.do_chat_marks(p_chat uuid, p_staff boolean) returns jsonb language plpgsql stable as $$
begin
    return coalesce((select jsonb_agg(jsonb_build_object('kind', p.kind, 'id', p.participant_id, 'delivered_seq', p.delivered_seq,
                                                         'read_seq', p.read_seq)
                                      || case when p_staff then jsonb_build_object('note_read_seq', p.note_read_seq) else '{}' end
                                      order by p.kind, p.participant_id)
                     from support.chat_participants p where p.chat_id = p_chat), '[]');
end $$;
comment on function support.do_chat_marks(uuid, boolean) is 'Marks of the state document';

create function support.do_chat_call(p_call uuid) returns jsonb language plpgsql stable as $$
begin
    return (select jsonb_build_object('id', k.id, 'state', k.state, 'started_at', support.rfc3339(k.created_at),
                                      'answered_at', support.rfc3339(k.answered_at), 'staff_id', k.staff_id)
            from support.voice_calls k where k.id = p_call);
end $$;
comment on function support.do_chat_call(uuid) is 'Live call of the state document';

create function support.chat_state(p_actor text, p_chat uuid)
returns table (state jsonb, seq bigint, note_seq bigint, rev bigint, customer_id uuid, staff_id uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_staff boolean;
    v_chat support.chat_sessions;
begin
    perform support.act(p_actor);
    v_staff := support.actor_kind() <> 'customer';
    select c.* into v_chat from support.chat_sessions c where c.id = p_chat;
    if not found then
        return;
    end if;
    seq := v_chat.last_seq;
    note_seq := case when v_staff then v_chat.last_note_seq end;
    rev := v_chat.rev;
    customer_id := v_chat.customer_id;
    staff_id := v_chat.assigned_staff_id;
    state := jsonb_build_object(
        'id', v_chat.id, 'status', v_chat.status, 'channel', v_chat.channel, 'seq', v_chat.last_seq, 'rev', v_chat.rev,
        'created_at', support.rfc3339(v_chat.created_at), 'closed_at', support.rfc3339(v_chat.closed_at), 'close_reason', v_chat.close_reason,
        'customer', jsonb_build_object('id', v_chat.customer_id, 'language', v_chat.language),
        'assigned', case when v_chat.assigned_staff_id is not null then jsonb_build_object('id', v_chat.assigned_staff_id,
            'name', support.staff_name(v_chat.assigned_staff_id), 'since', support.rfc3339(v_chat.assigned_at)) end,
        'marks', support.do_chat_marks(p_chat, v_staff),
        'queue', (select jsonb_build_object('entry_id', q.id, 'queued_at', support.rfc3339(q.queued_at), 'escalation', q.escalation)
                  from support.chat_queue q where q.id = v_chat.entry_id),
        'call', support.do_chat_call(v_chat.call_id));
    if v_staff then
        state := state || jsonb_build_object('note_seq', v_chat.last_note_seq, 'tags', to_jsonb(v_chat.tags),
            'customer', jsonb_build_object('id', v_chat.customer_id, 'language', v_chat.language,
                'name', (select u.name from support.customers u where u.id = v_chat.customer_id)));
    end if;
    return next;
end $$;
comment on function support.chat_state(text, uuid) is 'The small state document of a chat as the actor may see it';

create function support.do_message_rows(p_chat uuid, p_notes boolean, p_after bigint, p_before bigint, p_limit int)
returns setof support.chat_messages language plpgsql stable as $$
declare
    v_after bigint := coalesce(p_after, 0);
    v_before bigint := coalesce(p_before, 9223372036854775807);
    v_limit int := least(greatest(coalesce(p_limit, 50), 1), 200);
begin
    if p_notes and p_after is not null then
        return query select m.* from support.chat_messages m where m.chat_id = p_chat and m.note_seq > v_after and m.note_seq < v_before
                     order by m.note_seq limit v_limit;
    elsif p_notes then
        return query select * from (select m.* from support.chat_messages m where m.chat_id = p_chat and m.note_seq < v_before
                     and m.note_seq is not null order by m.note_seq desc limit v_limit) l order by l.note_seq;
    elsif p_after is not null then
        return query select m.* from support.chat_messages m where m.chat_id = p_chat and m.seq > v_after and m.seq < v_before
                     order by m.seq limit v_limit;
    else
        return query select * from (select m.* from support.chat_messages m where m.chat_id = p_chat and m.seq < v_before
                     and m.seq is not null order by m.seq desc limit v_limit) l order by l.seq;
    end if;
end $$;
comment on function support.do_message_rows(uuid, boolean, bigint, bigint, int) is 'A page of messages or notes, ascending';

create function support.do_sender_name(p_kind text, p_sender uuid) returns text language plpgsql stable as $$
begin
    if p_kind = 'staff' then
        return support.staff_name(p_sender);
    elsif p_kind = 'customer' then
        return (select c.name from support.customers c where c.id = p_sender);
    end if;
    return null;
end $$;
comment on function support.do_sender_name(text, uuid) is 'Shown name of a sender, as far as the actor may see it';

create function support.chat_history(p_actor text, p_chat uuid, p_after bigint, p_before bigint, p_limit int)
returns table (id uuid, seq bigint, note_seq bigint, kind text, sender_kind text, sender_id uuid, sender_name text, client_id uuid,
               body text, params jsonb, categories text[], created_at timestamptz, remask_rev bigint)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act(p_actor);
    return query select m.id, m.seq, m.note_seq, m.kind, m.sender_kind, m.sender_id, support.do_sender_name(m.sender_kind, m.sender_id),
                        m.client_id, m.body, m.params, m.categories, m.created_at, m.remask_rev
                 from support.do_message_rows(p_chat, false, p_after, p_before, p_limit) m;
end $$;
comment on function support.chat_history(text, uuid, bigint, bigint, int) is 'Public messages of a chat';

create function support.chat_notes(p_actor text, p_chat uuid, p_after bigint, p_before bigint, p_limit int)
returns table (id uuid, seq bigint, note_seq bigint, kind text, sender_kind text, sender_id uuid, sender_name text, client_id uuid,
               body text, params jsonb, categories text[], created_at timestamptz, remask_rev bigint)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act_staff(p_actor);
    return query select m.id, m.seq, m.note_seq, m.kind, m.sender_kind, m.sender_id, support.do_sender_name(m.sender_kind, m.sender_id),
                        m.client_id, m.body, m.params, m.categories, m.created_at, m.remask_rev
                 from support.do_message_rows(p_chat, true, p_after, p_before, p_limit) m;
end $$;
comment on function support.chat_notes(text, uuid, bigint, bigint, int) is 'Notes of a chat, for staff';

create function support.chat_remasked(p_actor text, p_chat uuid, p_since_rev bigint)
returns table (id uuid, seq bigint, note_seq bigint, kind text, sender_kind text, sender_id uuid, sender_name text, client_id uuid,
               body text, params jsonb, categories text[], created_at timestamptz, remask_rev bigint)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act(p_actor);
    return query select m.id, m.seq, m.note_seq, m.kind, m.sender_kind, m.sender_id, support.do_sender_name(m.sender_kind, m.sender_id),
                        m.client_id, m.body, m.params, m.categories, m.created_at, m.remask_rev
                 from support.chat_messages m where m.chat_id = p_chat and m.remask_rev > p_since_rev order by m.remask_rev;
end $$;
comment on function support.chat_remasked(text, uuid, bigint) is 'Messages masked in place since a rev';

create function support.do_chat_rows(p_chats uuid[])
returns table (chat_id uuid, status text, channel text, customer_id uuid, customer_name text, staff_id uuid, staff_name text, tags text[],
               seq bigint, note_seq bigint, rev bigint, read_seq bigint, last_message_at timestamptz, created_at timestamptz, closed_at timestamptz)
language plpgsql stable as $$
#variable_conflict use_column
declare
    v_kind text := support.actor_kind();
    v_staff boolean := v_kind = 'staff';
    v_me uuid := coalesce(support.actor_customer(), support.actor_staff());
begin
    return query
        select c.id, c.status, c.channel, c.customer_id, u.name, c.assigned_staff_id, support.staff_name(c.assigned_staff_id),
               case when v_staff then c.tags end, c.last_seq, case when v_staff then c.last_note_seq end, c.rev, p.read_seq, c.last_message_at,
               c.created_at, c.closed_at
        from unnest(p_chats) l (id) join support.chat_sessions c on c.id = l.id
        left join support.customers u on u.id = c.customer_id
        left join support.chat_participants p on p.chat_id = c.id and p.kind = v_kind and p.participant_id = v_me
        order by c.id desc;
end $$;
comment on function support.do_chat_rows(uuid[]) is 'Rows of the lists of chats';

create function support.chats_mine(p_actor text, p_open boolean, p_before uuid, p_limit int)
returns table (chat_id uuid, status text, channel text, customer_id uuid, customer_name text, staff_id uuid, staff_name text, tags text[],
               seq bigint, note_seq bigint, rev bigint, read_seq bigint, last_message_at timestamptz, created_at timestamptz, closed_at timestamptz)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_before uuid := coalesce(p_before, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    v_limit int := least(greatest(coalesce(p_limit, 50), 1), 200);
    v_customer uuid;
    v_me uuid;
begin
    perform support.act(p_actor);
    v_customer := support.actor_customer();
    v_me := support.actor_staff();
    if v_customer is not null and p_open then
        return query select r.* from support.do_chat_rows(array(
            select c.id from support.chat_sessions c where c.customer_id = v_customer and c.status <> 'closed' and c.id < v_before)) r;
    elsif v_customer is not null then
        return query select r.* from support.do_chat_rows(array(
            select c.id from support.chat_sessions c where c.customer_id = v_customer and c.id < v_before
            and (p_open is null or c.status = 'closed') order by c.id desc limit v_limit)) r;
    elsif p_open then
        return query select r.* from support.do_chat_rows(array(
            select c.id from support.chat_sessions c where c.assigned_staff_id = v_me and c.status = 'assigned' and c.id < v_before
            order by c.id desc limit v_limit)) r;
    else
        return query select r.* from support.do_chat_rows(array(
            select c.id from support.chat_sessions c where c.assigned_staff_id = v_me and c.id < v_before
            and (p_open is null or c.status = 'closed') order by c.id desc limit v_limit)) r;
    end if;
end $$;
comment on function support.chats_mine(text, boolean, uuid, int) is 'Chats of the acting customer, or assigned to the acting staff member';

create function support.chats_of_customer(p_actor text, p_customer uuid, p_before uuid, p_limit int, p_request text)
returns table (chat_id uuid, status text, channel text, customer_id uuid, customer_name text, staff_id uuid, staff_name text, tags text[],
               seq bigint, note_seq bigint, rev bigint, read_seq bigint, last_message_at timestamptz, created_at timestamptz, closed_at timestamptz)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_before uuid := coalesce(p_before, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    v_limit int := least(greatest(coalesce(p_limit, 50), 1), 200);
begin
    perform support.act_staff(p_actor);
    return query select r.* from support.do_chat_rows(array(
        select c.id from support.chat_sessions c where c.customer_id = p_customer and c.id < v_before
        order by c.id desc limit v_limit)) r;
    if found then
        perform support.audit('customer.history', 'customer', support.customer_ref(p_customer), p_request);
    end if;
end $$;
comment on function support.chats_of_customer(text, uuid, uuid, int, text) is 'Earlier chats of a customer, for staff';

create function support.chats_changed_since(p_actor text, p_chats uuid[], p_seqs bigint[], p_note_seqs bigint[], p_revs bigint[])
returns table (chat_id uuid, seq bigint, note_seq bigint, rev bigint)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act_as(p_actor, 'system:monitor');
    return query
        select c.id, c.last_seq, c.last_note_seq, c.rev
        from unnest(p_chats, p_seqs, p_note_seqs, p_revs) k (id, seq, note_seq, rev) join support.chat_sessions c on c.id = k.id
        where c.last_seq > k.seq or c.last_note_seq > k.note_seq or c.rev > k.rev;
end $$;
comment on function support.chats_changed_since(text, uuid[], bigint[], bigint[], bigint[]) is 'Which of the given chats have moved on';
