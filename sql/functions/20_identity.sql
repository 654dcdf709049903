-- Customers, staff by token, built-in login, sessions.

create function support.customer_upsert(
    p_actor text, p_id uuid, p_issuer text, p_subject text, p_name text, p_email text, p_language text, p_request text,
    out id uuid, out created boolean)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_have support.customers;
    v_salt bytea := uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
begin
    perform support.act_as(p_actor, 'system:auth');
    created := false;
    select c.* into v_have from support.customers c where c.issuer = p_issuer and c.subject = p_subject;
    if not found then
        insert into support.customers as c (id, issuer, subject, name, email, language)
        values (p_id, p_issuer, p_subject, p_name, p_email, p_language)
        on conflict (issuer, subject) do nothing returning c.id into id;
        if found then
            insert into support.customer_salts (customer_id, salt, ref)
            values (p_id, v_salt, encode(support.hmac_sha256(v_salt, uuid_send(p_id)), 'hex'));
            created := true;
            perform support.audit('customer.create', 'customer', support.customer_ref(p_id), p_request);
            return;
        end if;
        select c.* into v_have from support.customers c where c.issuer = p_issuer and c.subject = p_subject;
    end if;
    id := v_have.id;
    if (coalesce(p_name, v_have.name), coalesce(p_email, v_have.email), coalesce(p_language, v_have.language))
       is distinct from (v_have.name, v_have.email, v_have.language) then
        update support.customers c
        set name = coalesce(p_name, c.name), email = coalesce(p_email, c.email), language = coalesce(p_language, c.language),
            updated_at = support.now()
        where c.id = v_have.id;
        perform support.audit('customer.update', 'customer', support.customer_ref(v_have.id), p_request);
    end if;
end $$;
comment on function support.customer_upsert(text, uuid, text, text, text, text, text, text) is 'The customer whom a token names, made when new';

create function support.customer_get(p_actor text, p_customer uuid, p_request text)
returns table (id uuid, name text, email text, language text, created_at timestamptz, open_chat_id uuid, chats bigint)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act(p_actor);
    return query
        select c.id, c.name, c.email, c.language, c.created_at,
               (select s.id from support.chat_sessions s where s.customer_id = c.id and s.status <> 'closed'),
               (select count(*) from (select 1 from support.chat_sessions s where s.customer_id = c.id limit 1000) s)
        from support.customers c where c.id = p_customer;
    if found and support.actor_kind() = 'staff' then
        perform support.audit('customer.read', 'customer', support.customer_ref(p_customer), p_request);
    end if;
end $$;
comment on function support.customer_get(text, uuid, text) is 'The card of a customer';

create function support.staff_by_subject(p_actor text, p_issuer text, p_subject text)
returns table (staff_id uuid, role text, display_name text, email text, team_id uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act_as(p_actor, 'system:auth');
    return query select s.id, s.role, s.display_name, s.email, s.team_id from support.support_staff s
        where s.issuer = p_issuer and s.subject = p_subject and s.active;
end $$;
comment on function support.staff_by_subject(text, text, text) is 'The active staff member whom a token names';

create function support.staff_get(p_actor text, p_staff uuid)
returns table (staff_id uuid, role text, display_name text, email text, team_id uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act_as(p_actor, 'system:auth');
    return query select s.id, s.role, s.display_name, s.email, s.team_id from support.support_staff s where s.id = p_staff and s.active;
end $$;
comment on function support.staff_get(text, uuid) is 'An active staff member by id';

create function support.staff_login_lookup(p_actor text, p_email text)
returns table (staff_id uuid, password_hash text, locked boolean, locked_until timestamptz, role text, display_name text)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act_as(p_actor, 'system:auth');
    return query
        select s.id, a.password_hash, coalesce(a.locked_until > support.now(), false), a.locked_until, s.role, s.display_name
        from support.support_staff s join support.staff_accounts a on a.staff_id = s.id
        where lower(s.email) = lower(p_email) and s.active;
end $$;
comment on function support.staff_login_lookup(text, text) is 'What a login is checked against';

create function support.staff_login_result(p_actor text, p_staff uuid, p_ok boolean, p_request text,
    out result text, out failed_count int, out locked_until timestamptz)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_now timestamptz := support.now();
    v_have support.staff_accounts;
begin
    perform support.act_as(p_actor, 'system:auth');
    select a.* into v_have from support.staff_accounts a where a.staff_id = p_staff for no key update;
    if not found then
        perform support.fail('SD404', 'staff_not_found');
    end if;
    failed_count := v_have.failed_count;
    locked_until := v_have.locked_until;
    if v_have.locked_until > v_now then
        result := 'locked';
    elsif p_ok then
        result := 'ok';
        failed_count := 0;
        locked_until := null;
    else
        failed_count := v_have.failed_count + 1;
        locked_until := null;
        result := 'failed';
        if failed_count >= support.setting_int('auth.lockout_failures') then
            result := 'locked';
            failed_count := 0;
            locked_until := v_now + support.seconds('auth.lockout_s');
        end if;
    end if;
    update support.staff_accounts a set failed_count = staff_login_result.failed_count, locked_until = staff_login_result.locked_until
    where a.staff_id = p_staff
      and (a.failed_count, a.locked_until) is distinct from (staff_login_result.failed_count, staff_login_result.locked_until);
    perform support.audit('staff.login', 'staff', p_staff::text, p_request, case when result <> 'ok' then result end, null,
                          case when result = 'ok' then 'done' else 'denied' end);
end $$;
comment on function support.staff_login_result(text, uuid, boolean, text) is 'Counts a login, and locks the account after too many failures';

create function support.staff_session_create(p_actor text, p_staff uuid, p_token_hash bytea, p_csrf_hash bytea, p_request text,
    out expires_at timestamptz)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act_as(p_actor, 'system:auth');
    if support.staff_rank(p_staff) = 0 then
        perform support.fail('SD404', 'staff_not_found');
    end if;
    expires_at := support.now() + support.seconds('auth.session_s');
    insert into support.staff_sessions (token_hash, csrf_hash, staff_id, expires_at)
    values (p_token_hash, p_csrf_hash, p_staff, staff_session_create.expires_at);
    perform support.audit('session.create', 'staff', p_staff::text, p_request);
end $$;
comment on function support.staff_session_create(text, uuid, bytea, bytea, text) is 'A login session';

create function support.staff_session_lookup(p_actor text, p_token_hash bytea)
returns table (staff_id uuid, role text, display_name text, email text, team_id uuid, csrf_hash bytea, expires_at timestamptz)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act_as(p_actor, 'system:auth');
    return query
        select s.id, s.role, s.display_name, s.email, s.team_id, n.csrf_hash, n.expires_at
        from support.staff_sessions n join support.support_staff s on s.id = n.staff_id
        where n.token_hash = p_token_hash and n.expires_at > support.now() and s.active;
end $$;
comment on function support.staff_session_lookup(text, bytea) is 'Who holds a session cookie';

create function support.staff_session_delete(p_actor text, p_token_hash bytea, p_request text, out deleted boolean)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_staff uuid;
begin
    perform support.act_as(p_actor, 'system:auth');
    delete from support.staff_sessions n where n.token_hash = p_token_hash returning n.staff_id into v_staff;
    deleted := found;
    if deleted then
        perform support.audit('session.delete', 'staff', v_staff::text, p_request);
    end if;
end $$;
comment on function support.staff_session_delete(text, bytea, text) is 'Logout';

create function support.staff_sessions_purge(p_actor text, out purged bigint)
language plpgsql set supportd.actor = '' as $$
begin
    perform support.act_as(p_actor, 'system:auth');
    delete from support.staff_sessions n where n.expires_at <= (select support.now());
    get diagnostics purged = row_count;
end $$;
comment on function support.staff_sessions_purge(text) is 'Removes expired sessions';
