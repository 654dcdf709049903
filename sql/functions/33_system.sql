-- System messages: what happened to a chat, told in it. They are written by the function that makes the change, whose caller they
-- do not concern, so they act as system:router whoever acts.

create function support.do_system_message(p_chat uuid, p_code text, p_params jsonb default '{}') returns bigint
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_actor text := set_config('supportd.actor', 'system:router', true);
    v_zero uuid := '00000000-0000-0000-0000-000000000000';
    v_customer uuid;
    v_seq bigint;
begin
    update support.chat_sessions c set last_seq = c.last_seq + 1 where c.id = p_chat returning c.last_seq, c.customer_id into v_seq, v_customer;
    insert into support.chat_messages (chat_id, id, seq, kind, customer_id, sender_kind, sender_id, client_id, body, params, created_at)
    values (p_chat, support.uuid7(), v_seq, 'system', v_customer, 'system', v_zero, support.uuid7(), p_code, p_params, support.now());
    return v_seq;
end $$;
comment on function support.do_system_message(uuid, text, jsonb) is 'Tells a locked chat what happened to it; returns its seq';

create function support.do_staff_params(p_staff uuid) returns jsonb language plpgsql stable as $$
begin
    return jsonb_build_object('staff_id', p_staff, 'staff_name', support.staff_name(p_staff));
end $$;
comment on function support.do_staff_params(uuid) is 'A staff member in the params of a system message, by the name of now';
