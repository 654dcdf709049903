-- Schema, clock, ids, and the actor look-ups that every policy stands on.

create schema support;
comment on schema support is 'Everything supportd keeps; sql/README.md';
grant usage on schema support to supportd_app, support_policy, support_search, support_report, support_admin, supportd_test;

-- Nobody executes a function that was not granted to him.
alter default privileges for role supportd_owner revoke execute on functions from public;

create table support.schema_migrations (
    number int primary key check (number >= 0),
    name text not null,
    sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    applied_at timestamptz not null default clock_timestamp()
);
comment on table support.schema_migrations is 'What supportd migrate has applied; number 0 is the set of functions';
comment on column support.schema_migrations.number is 'Number of the file in sql/migrations, 0 for all of sql/functions';
comment on column support.schema_migrations.name is 'Name of the file without number';
comment on column support.schema_migrations.sha256 is 'SHA-256 of the file (number 0: of all files in name order), hex';
comment on column support.schema_migrations.applied_at is 'When it was applied';
alter table support.schema_migrations enable row level security;
alter table support.schema_migrations force row level security;
create policy owner on support.schema_migrations to supportd_owner using (true) with check (true);
comment on policy owner on support.schema_migrations is 'The migration runner acts as the owner';
create policy readers on support.schema_migrations for select to supportd_app, support_report, support_admin using (true);
comment on policy readers on support.schema_migrations is 'The daemon compares versions before it is ready';
grant select on support.schema_migrations to supportd_app, support_report, support_admin;

create table support.clock (
    id boolean primary key default true check (id),
    shift interval not null default '0'
);
comment on table support.clock is 'One row: what support.now() adds to the system clock; moved by tests only';
comment on column support.clock.id is 'Always true: there is one row';
comment on column support.clock.shift is 'Added to clock_timestamp()';
insert into support.clock default values;
alter table support.clock enable row level security;
alter table support.clock force row level security;
create policy everybody on support.clock for select to public using (true);
comment on policy everybody on support.clock is 'The clock is no secret';
create policy test on support.clock for update to supportd_test using (true) with check (true);
comment on policy test on support.clock is 'Only the test role moves the clock';
grant select on support.clock to supportd_app, support_policy, support_report, support_admin, supportd_test;
grant update (shift) on support.clock to supportd_test;

create function support.now() returns timestamptz language plpgsql volatile as $$
begin
    return clock_timestamp() + (select c.shift from support.clock c);
end $$;
comment on function support.now() is 'The time of every stored time and deadline';

-- The actor, as policies see it. Each policy reads these in a sub-select: once per statement, not once per row.

create function support.actor_customer() returns uuid language sql stable parallel safe
return case when left(current_setting('supportd.actor', true), 9) = 'customer:'
            then substr(current_setting('supportd.actor', true), 10)::uuid end;
comment on function support.actor_customer() is 'The acting customer, or NULL';

create function support.actor_system() returns text language sql stable parallel safe
return case when left(current_setting('supportd.actor', true), 7) = 'system:'
            then substr(current_setting('supportd.actor', true), 8) end;
comment on function support.actor_system() is 'Name of the acting part of the system, or NULL';

create function support.actor_kind() returns text language sql stable parallel safe
return nullif(split_part(current_setting('supportd.actor', true), ':', 1), '');
comment on function support.actor_kind() is 'customer, staff, system, or NULL';

-- Owned by support_policy, whose own policies let it read: a policy on support_staff that read support_staff would recurse.

create function support.staff_rank(p_staff uuid) returns int language plpgsql stable security definer
set search_path = pg_catalog, pg_temp as $$
begin
    return coalesce((select case s.role when 'agent' then 1 when 'team_lead' then 2 when 'supervisor' then 3
                                        when 'admin' then 4 when 'super_admin' then 5 end
                     from support.support_staff s where s.id = p_staff and s.active), 0);
end $$;
comment on function support.staff_rank(uuid) is '1 agent to 5 super_admin; 0 when unknown or not active';

create function support.actor_rank() returns int language sql stable
return case when left(current_setting('supportd.actor', true), 6) = 'staff:'
            then support.staff_rank(substr(current_setting('supportd.actor', true), 7)::uuid)
            when current_setting('supportd.actor', true) = 'system:admin' then 5
            else 0 end;
comment on function support.actor_rank() is 'Rank of the acting staff member by support_staff, else 0; system:admin counts as super_admin';

create function support.actor_staff() returns uuid language sql stable
return case when left(current_setting('supportd.actor', true), 6) = 'staff:'
                 and support.staff_rank(substr(current_setting('supportd.actor', true), 7)::uuid) > 0
            then substr(current_setting('supportd.actor', true), 7)::uuid end;
comment on function support.actor_staff() is 'The acting staff member if active, or NULL';

create function support.actor_staff_id() returns uuid language sql stable parallel safe
return case when left(current_setting('supportd.actor', true), 6) = 'staff:'
            then substr(current_setting('supportd.actor', true), 7)::uuid end;
comment on function support.actor_staff_id() is 'The acting staff member, active or not: for policies whose function asks that itself';

-- One function for the rule of each kind of row: on the way of every message a policy made of many sub-selects costs more to
-- start than all it guards.

create function support.chat_seen_by(p_me uuid, p_chat uuid, p_status text, p_assigned uuid, p_team uuid)
returns boolean language plpgsql stable security definer
set search_path = pg_catalog, pg_temp as $$
declare
    v_role text;
    v_team uuid;
begin
    if p_me is null then
        return false;
    end if;
    select s.role, s.team_id into v_role, v_team from support.support_staff s where s.id = p_me and s.active;
    if not found then
        return false;
    end if;
    return coalesce(p_assigned = p_me, false) or v_role in ('supervisor', 'admin', 'super_admin')
        or (p_status in ('open', 'queued') and (p_team is null or coalesce(p_team = v_team, false)))
        or (v_role = 'team_lead' and (coalesce(p_team = v_team, false) or (p_team is null and p_assigned is null)
            or exists (select 1 from support.support_staff s where s.id = p_assigned and s.team_id = v_team)))
        or exists (select 1 from support.offers o where o.chat_id = p_chat and o.staff_id = p_me and o.state = 'pending');
end $$;
comment on function support.chat_seen_by(uuid, uuid, text, uuid, uuid) is
    'Staff p_me sees a chat: agents those assigned or offered to them, or waiting in their team; leads their team; supervisors all';

create function support.chat_seen(p_me uuid, p_chat uuid) returns boolean language plpgsql stable security definer
set search_path = pg_catalog, pg_temp as $$
begin
    if p_me is null then
        return false;
    end if;
    return coalesce((select support.chat_seen_by(p_me, c.id, c.status, c.assigned_staff_id, c.team_id)
                     from support.chat_sessions c where c.id = p_chat), false);
end $$;
comment on function support.chat_seen(uuid, uuid) is 'As chat_seen_by(), for rows that hang on a chat';

create function support.customer_seen(p_me uuid, p_customer uuid) returns boolean language plpgsql stable security definer
set search_path = pg_catalog, pg_temp as $$
declare
    v_role text;
    v_team uuid;
begin
    if p_me is null then
        return false;
    end if;
    select s.role, s.team_id into v_role, v_team from support.support_staff s where s.id = p_me and s.active;
    return found and (v_role in ('supervisor', 'admin', 'super_admin')
        or exists (select 1 from support.chat_sessions c where c.customer_id = p_customer and c.status <> 'closed'
                   and support.chat_seen_by(p_me, c.id, c.status, c.assigned_staff_id, c.team_id))
        or exists (select 1 from support.chat_sessions c where c.customer_id = p_customer and c.assigned_staff_id = p_me)
        or (v_role = 'team_lead' and exists (select 1 from support.support_staff s join support.chat_sessions c on c.assigned_staff_id = s.id
                                             where s.team_id = v_team and c.customer_id = p_customer)));
end $$;
comment on function support.customer_seen(uuid, uuid) is 'Staff p_me sees a chat of this customer';

create function support.entry_seen(p_me uuid, p_team uuid, p_staff uuid) returns boolean language plpgsql stable security definer
set search_path = pg_catalog, pg_temp as $$
declare
    v_role text;
    v_team uuid;
begin
    if p_me is null then
        return false;
    end if;
    select s.role, s.team_id into v_role, v_team from support.support_staff s where s.id = p_me and s.active;
    return found and (p_team is null or coalesce(p_team = v_team, false) or coalesce(p_staff = p_me, false)
                      or v_role in ('supervisor', 'admin', 'super_admin'));
end $$;
comment on function support.entry_seen(uuid, uuid, uuid) is 'Staff p_me sees a queue entry: of no team, of their team, or theirs; supervisors all';

grant create on schema support to support_policy;
alter function support.staff_rank(uuid) owner to support_policy;
alter function support.chat_seen_by(uuid, uuid, text, uuid, uuid) owner to support_policy;
alter function support.chat_seen(uuid, uuid) owner to support_policy;
alter function support.customer_seen(uuid, uuid) owner to support_policy;
alter function support.entry_seen(uuid, uuid, uuid) owner to support_policy;
revoke create on schema support from support_policy;

-- Given by the new owner's members: the default privileges of supportd_owner still hold for what he created.
grant execute on function support.now(), support.actor_customer(), support.actor_system(), support.actor_kind(), support.actor_rank(), support.actor_staff(),
    support.staff_rank(uuid),
    support.actor_staff_id(), support.chat_seen_by(uuid, uuid, text, uuid, uuid), support.chat_seen(uuid, uuid),
    support.customer_seen(uuid, uuid), support.entry_seen(uuid, uuid, uuid)
    to supportd_app, support_admin, support_policy;

create function support.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception using errcode = 'SD409', message = 'append_only';
end $$;
comment on function support.refuse_change() is 'Trigger of append-only tables: refuses everybody, superusers included';
