-- Managing staff.

create function support.do_may_manage(p_rank int, p_role text) returns void language plpgsql as $$
begin
    if p_rank < 4 or (support.role_rank(p_role) >= 4 and p_rank < 5) then
        perform support.fail('SD403', 'denied');
    end if;
end $$;
comment on function support.do_may_manage(int, text) is 'Admins manage staff below admin, super_admins everybody';

create function support.do_tell_person(p_staff uuid, p_what text) returns void language sql as $$
    select pg_notify('supportd_bus', format(E'00000000-0000-0000-0000-000000000000 0\nperson %s 0 {"w":"%s"}\n', p_staff, p_what))
$$;
comment on function support.do_tell_person(uuid, text) is 'All daemons hear it at the commit, whoever made the change: removed, or role (who that is must be looked up anew)';

create function support.staff_create(
    p_actor text, p_id uuid, p_email text, p_display_name text, p_role text, p_team uuid, p_issuer text, p_subject text,
    p_password_hash text, p_request text, out result text, out id uuid)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    if support.role_rank(p_role) is null or p_id is null then
        perform support.fail('SD400', 'bad_argument');
    end if;
    perform support.do_may_manage(support.act(p_actor), p_role);
    insert into support.support_staff as s (id, email, display_name, role, team_id, issuer, subject)
    values (p_id, p_email, p_display_name, p_role, p_team, p_issuer, p_subject)
    on conflict do nothing returning s.id into id;
    if not found then
        result := case when exists (select 1 from support.support_staff s where s.id = p_id) then 'repeat' else 'taken' end;
        id := case when result = 'repeat' then p_id end;
        return;
    end if;
    insert into support.staff_presence (staff_id) values (p_id);
    if p_password_hash is not null then
        insert into support.staff_accounts (staff_id, password_hash) values (p_id, p_password_hash);
    end if;
    perform support.audit('staff.create', 'staff', p_id::text, p_request, p_role);
    result := 'ok';
end $$;
comment on function support.staff_create(text, uuid, text, text, text, uuid, text, text, text, text) is 'A new staff member';

create function support.do_lock_staff(p_staff uuid) returns support.support_staff language plpgsql as $$
declare
    v_have support.support_staff;
begin
    perform 1 from support.support_staff s where s.role = 'super_admin' and s.active and support.actor_rank() >= 5
    order by s.id for no key update;
    select s.* into v_have from support.support_staff s where s.id = p_staff;
    if not found then
        perform support.fail('SD404', 'staff_not_found');
    end if;
    return v_have;
end $$;
comment on function support.do_lock_staff(uuid) is 'The row of a staff member; holds the set of super_admins still';

create function support.do_keep_super_admin(p_staff uuid) returns void language plpgsql as $$
begin
    if not exists (select 1 from support.support_staff s where s.role = 'super_admin' and s.active and s.id <> p_staff) then
        perform support.fail('SD409', 'last_super_admin');
    end if;
end $$;
comment on function support.do_keep_super_admin(uuid) is 'Refuses to lose the last super_admin';

create function support.staff_set_role(p_actor text, p_staff uuid, p_role text, p_request text, out result text)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_rank int := support.act(p_actor);
    v_have support.support_staff;
begin
    if support.role_rank(p_role) is null then
        perform support.fail('SD400', 'bad_argument');
    end if;
    perform support.do_may_manage(v_rank, p_role);
    v_have := support.do_lock_staff(p_staff);
    perform support.do_may_manage(v_rank, v_have.role);
    if p_actor = 'staff:' || p_staff then
        perform support.fail('SD403', 'denied');
    end if;
    if v_have.role = p_role then
        result := 'same';
        return;
    end if;
    if v_have.role = 'super_admin' and v_have.active then
        perform support.do_keep_super_admin(p_staff);
    end if;
    update support.support_staff s set role = p_role where s.id = p_staff;
    perform support.audit('staff.set_role', 'staff', p_staff::text, p_request, p_role, jsonb_build_object('from', v_have.role));
    perform support.do_tell_person(p_staff, 'role');
    result := 'ok';
end $$;
comment on function support.staff_set_role(text, uuid, text, text) is 'Grants or takes a role';

create function support.staff_set_password(p_actor text, p_staff uuid, p_password_hash text, p_request text, out result text)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_rank int := support.act(p_actor);
    v_role text := (select s.role from support.support_staff s where s.id = p_staff);
begin
    if v_role is null then
        perform support.fail('SD404', 'staff_not_found');
    end if;
    if p_actor <> 'staff:' || p_staff then
        perform support.do_may_manage(v_rank, v_role);
    end if;
    update support.staff_accounts a set password_hash = p_password_hash, failed_count = 0, locked_until = null, changed_at = support.now()
    where a.staff_id = p_staff;
    if not found then
        insert into support.staff_accounts (staff_id, password_hash) values (p_staff, p_password_hash);
    end if;
    delete from support.staff_sessions n where n.staff_id = p_staff;
    perform support.audit('staff.set_password', 'staff', p_staff::text, p_request);
    perform support.do_tell_person(p_staff, 'role');
    result := 'ok';
end $$;
comment on function support.staff_set_password(text, uuid, text, text) is 'Sets a password and ends all sessions of that member';

create function support.staff_deactivate(p_actor text, p_staff uuid, p_request text,
    out result text, out chats uuid[], out calls uuid[], out offers uuid[])
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_rank int := support.act(p_actor);
    v_have support.support_staff;
begin
    perform support.do_may_manage(v_rank, 'agent');
    perform support.lock_router();
    v_have := support.do_lock_staff(p_staff);
    perform support.do_may_manage(v_rank, v_have.role);
    if p_actor = 'staff:' || p_staff then
        perform support.fail('SD403', 'denied');
    end if;
    if not v_have.active then
        result := 'same';
        return;
    end if;
    if v_have.role = 'super_admin' then
        perform support.do_keep_super_admin(p_staff);
    end if;
    perform 1 from support.staff_presence p where p.staff_id = p_staff for no key update;
    offers := array(select g.offer_id from support.do_give_back_of(p_staff, 'withdrawn', 'deactivated') g);
    select coalesce(array_agg(r.chat_id) filter (where r.kind = 'chat'), '{}'), coalesce(array_agg(r.call_id) filter (where r.kind = 'call'), '{}')
    into chats, calls from support.do_release_staff(p_staff, 'deactivated') r;
    update support.support_staff s set active = false, deactivated_at = support.now() where s.id = p_staff;
    update support.staff_presence p set chosen = 'offline', reason = 'deactivated', wrap_until = null, grace_until = null,
        changed_at = support.now() where p.staff_id = p_staff;
    delete from support.staff_sessions n where n.staff_id = p_staff;
    perform support.audit('staff.deactivate', 'staff', p_staff::text, p_request, null,
        jsonb_build_object('chats', cardinality(chats), 'calls', cardinality(calls), 'offers', cardinality(offers)));
    perform support.do_tell_person(p_staff, 'removed');
    result := 'ok';
end $$;
comment on function support.staff_deactivate(text, uuid, text) is 'Removes a staff member: open work goes back to the queue, history keeps the name';

create function support.do_staff_rows(p_staff uuid, p_team uuid, p_all boolean)
returns table (id uuid, email text, display_name text, role text, team_id uuid, chosen text, reason text, auto_answer boolean,
               capacity int, load int, connected boolean, wrap_until timestamptz, active boolean)
language plpgsql as $$
#variable_conflict use_column
begin
    return query
        select s.id, s.email, s.display_name, s.role, s.team_id, coalesce(p.chosen, 'offline'), p.reason, s.auto_answer,
               coalesce(s.capacity, support.setting_int('queue.capacity')), support.staff_load(s.id),
               support.is_connected('staff', s.id), case when p.wrap_until > support.now() then p.wrap_until end, s.active
        from support.support_staff s left join support.staff_presence p on p.staff_id = s.id
        where s.id = p_staff or p_all or s.team_id = p_team
        order by s.display_name, s.id;
end $$;
comment on function support.do_staff_rows(uuid, uuid, boolean) is 'Staff with presence and load';

create function support.staff_me(p_actor text)
returns table (id uuid, email text, display_name text, role text, team_id uuid, chosen text, reason text, auto_answer boolean,
               capacity int, load int, connected boolean, wrap_until timestamptz)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_me uuid := support.act_staff(p_actor);
begin
    return query select r.id, r.email, r.display_name, r.role, r.team_id, r.chosen, r.reason, r.auto_answer, r.capacity, r.load,
                        r.connected, r.wrap_until from support.do_staff_rows(v_me, null, false) r;
end $$;
comment on function support.staff_me(text) is 'The acting staff member';

create function support.staff_list(p_actor text)
returns table (id uuid, email text, display_name text, role text, team_id uuid, chosen text, reason text, auto_answer boolean,
               capacity int, load int, connected boolean, wrap_until timestamptz, active boolean)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_rank int := support.act_ranked(p_actor, 1);
begin
    return query select r.* from support.do_staff_rows(support.actor_staff(), support.actor_team(), v_rank >= 3) r;
end $$;
comment on function support.staff_list(text) is 'Staff that the actor may see, with presence and load';
