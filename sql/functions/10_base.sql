-- What all other functions stand on: actor, errors, audit rows, settings, ids. Internal: none of them sets supportd.actor for
-- longer than its caller's own clause.

create function support.fail(p_code text, p_message text) returns void language plpgsql as $$
begin
    raise exception using errcode = p_code, message = p_message;
end $$;
comment on function support.fail(text, text) is 'Raises SQLSTATE p_code with a snake_case code as message';

create function support.act(p_actor text) returns int language plpgsql as $$
declare
    v_rank int := 0;
    v_set text;
begin
    if p_actor like 'customer:________-____-____-____-____________' then
        v_set := set_config('supportd.actor', p_actor, true);
        return 0;
    end if;
    if p_actor like 'staff:________-____-____-____-____________' then
        v_rank := support.staff_rank(substr(p_actor, 7)::uuid);
    end if;
    if p_actor = 'system:admin' then
        v_rank := 5;
    elsif v_rank = 0 and (p_actor is null or p_actor not in ('system:router', 'system:outbox', 'system:retention', 'system:auth',
                          'system:sealer', 'system:monitor', 'system:media')) then
        perform support.fail('SD401', 'no_actor');
    end if;
    v_set := set_config('supportd.actor', p_actor, true);
    return v_rank;
end $$;
comment on function support.act(text) is 'Makes p_actor the actor of the calling function, whose SET clause undoes it; returns the rank';

create function support.act_as(p_actor text, variadic p_allowed text[]) returns void language plpgsql as $$
begin
    perform support.act(p_actor);
    if p_actor <> all (p_allowed) then
        perform support.fail('SD403', 'denied');
    end if;
end $$;
comment on function support.act_as(text, text[]) is 'As act(), for one of the given actors only';

create function support.act_customer(p_actor text) returns uuid language plpgsql as $$
begin
    perform support.act(p_actor);
    if left(p_actor, 9) <> 'customer:' then
        perform support.fail('SD403', 'denied');
    end if;
    return substr(p_actor, 10)::uuid;
end $$;
comment on function support.act_customer(text) is 'As act(), for customers only; returns the customer';

create function support.act_staff(p_actor text) returns uuid language plpgsql as $$
begin
    perform support.act(p_actor);
    if left(p_actor, 6) <> 'staff:' then
        perform support.fail('SD403', 'denied');
    end if;
    return substr(p_actor, 7)::uuid;
end $$;
comment on function support.act_staff(text) is 'As act(), for staff only; returns the staff member';

create function support.act_ranked(p_actor text, p_rank int) returns int language plpgsql as $$
declare
    v_rank int := support.act(p_actor);
begin
    if v_rank < p_rank then
        perform support.fail('SD403', 'denied');
    end if;
    return v_rank;
end $$;
comment on function support.act_ranked(text, int) is 'As act(), for staff of at least that rank';

create function support.role_rank(p_role text) returns int language sql immutable
return case p_role when 'agent' then 1 when 'team_lead' then 2 when 'supervisor' then 3 when 'admin' then 4 when 'super_admin' then 5 end;
comment on function support.role_rank(text) is '1 agent to 5 super_admin, NULL when there is no such role';

create function support.check_failed(p_table text) returns void language plpgsql as $$
begin
    raise exception using errcode = 'check_violation', message = 'row_check', table = p_table, schema = 'support';
end $$;
comment on function support.check_failed(text) is 'Raises 23514 for the check triggers';

create function support.staff_team(p_staff uuid) returns uuid language plpgsql stable security definer
set search_path = pg_catalog, pg_temp as $$
begin
    return (select s.team_id from support.support_staff s where s.id = p_staff and s.active);
end $$;
comment on function support.staff_team(uuid) is 'Team of an active staff member, or NULL';

create function support.actor_team() returns uuid language sql stable
return case when left(current_setting('supportd.actor', true), 6) = 'staff:'
            then support.staff_team(substr(current_setting('supportd.actor', true), 7)::uuid) end;
comment on function support.actor_team() is 'Team of the acting staff member, or NULL';

create function support.uuid7_floor(p_at timestamptz) returns uuid language sql immutable
return encode(substring(int8send((extract(epoch from p_at) * 1000)::bigint) from 3) || '\x70008000000000000000'::bytea, 'hex')::uuid;
comment on function support.uuid7_floor(timestamptz) is 'The smallest UUID version 7 of that millisecond';

create function support.uuid7() returns uuid language sql volatile
return encode(set_bit(set_bit(
    overlay(uuid_send(gen_random_uuid()) placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
    52, 1), 53, 1), 'hex')::uuid;
comment on function support.uuid7() is 'A new UUID version 7 (version 4 with time in front: 0100 becomes 0111)';

create function support.rfc3339(p_at timestamptz) returns text language sql stable
return to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
comment on function support.rfc3339(timestamptz) is 'A time as it stands in JSON: UTC with milliseconds';

create function support.hmac_sha256(p_key bytea, p_data bytea) returns bytea language plpgsql immutable as $$
declare
    v_inner bytea := decode(repeat('36', 64), 'hex');
    v_outer bytea := decode(repeat('5c', 64), 'hex');
begin
    if length(p_key) > 64 then
        p_key := sha256(p_key);
    end if;
    for i in 0 .. length(p_key) - 1 loop
        v_inner := set_byte(v_inner, i, get_byte(p_key, i) # 54);
        v_outer := set_byte(v_outer, i, get_byte(p_key, i) # 92);
    end loop;
    return sha256(v_outer || sha256(v_inner || p_data));
end $$;
comment on function support.hmac_sha256(bytea, bytea) is 'RFC 2104 with SHA-256';

create function support.staff_name(p_staff uuid) returns text language plpgsql stable security definer
set search_path = pg_catalog, pg_temp as $$
begin
    return (select s.display_name from support.support_staff s where s.id = p_staff);
end $$;
comment on function support.staff_name(uuid) is 'Display name, which history keeps after deactivation';

create function support.customer_ref(p_customer uuid) returns text language plpgsql stable security definer
set search_path = pg_catalog, pg_temp as $$
begin
    return coalesce((select s.ref from support.customer_salts s where s.customer_id = p_customer), 'erased');
end $$;
comment on function support.customer_ref(uuid) is 'How the audit trail names a customer: HMAC-SHA-256 of the id under the salt of that customer';

create function support.setting_int(p_key text) returns int language plpgsql stable as $$
begin
    return (select (s.value #>> '{}')::int from support.support_settings s where s.key = p_key);
end $$;
comment on function support.setting_int(text) is 'An integer setting';

create function support.setting_on(p_key text) returns boolean language plpgsql stable as $$
begin
    return (select s.value = 'true'::jsonb from support.support_settings s where s.key = p_key);
end $$;
comment on function support.setting_on(text) is 'A boolean setting';

create function support.seconds(p_key text) returns interval language plpgsql stable as $$
begin
    return support.setting_int(p_key) * interval '1 second';
end $$;
comment on function support.seconds(text) is 'A setting in seconds as interval';

create function support.audit(p_action text, p_kind text, p_ref text, p_request text default null, p_reason text default null,
                              p_detail jsonb default null, p_outcome text default 'done')
returns void language plpgsql as $$
declare
    v_kind text := support.actor_kind();
    v_customer uuid := support.actor_customer();
begin
    insert into support.support_activity_logs (actor_kind, actor_ref, action, subject_kind, subject_ref, outcome, reason, request_id, detail)
    values (v_kind, case when v_customer is not null then support.customer_ref(v_customer)
                         else split_part(current_setting('supportd.actor'), ':', 2) end,
            p_action, p_kind, p_ref, p_outcome, p_reason, left(p_request, 64), p_detail);
end $$;
comment on function support.audit(text, text, text, text, text, jsonb, text) is 'Writes one row of the trail as the actor';

create function support.lock_router() returns void language plpgsql as $$
begin
    perform pg_advisory_xact_lock(7305, 1);
end $$;
comment on function support.lock_router() is 'First in the lock order: one transaction at a time changes who has what work';

grant create on schema support to support_policy;
alter function support.staff_team(uuid) owner to support_policy;
alter function support.staff_name(uuid) owner to support_policy;
alter function support.customer_ref(uuid) owner to support_policy;
revoke create on schema support from support_policy;
