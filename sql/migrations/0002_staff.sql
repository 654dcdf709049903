-- Teams, staff, built-in accounts, their sessions.

create table support.teams (
    id uuid primary key,
    name text not null unique check (length(name) between 1 and 100),
    created_at timestamptz not null default support.now()
);
comment on table support.teams is 'Teams of staff; a chat of no team is for everybody';
comment on column support.teams.id is 'UUID version 7';
comment on column support.teams.name is 'Shown name';
comment on column support.teams.created_at is 'When it was made';
alter table support.teams enable row level security;
alter table support.teams force row level security;
create policy staff_read on support.teams for select to supportd_app, support_admin
    using ((select support.actor_rank()) >= 1 or (select support.actor_system()) = 'router');
comment on policy staff_read on support.teams is 'Staff and the router know the teams';
create policy admin on support.teams to supportd_app, support_admin
    using ((select support.actor_rank()) >= 3) with check ((select support.actor_rank()) >= 3);
comment on policy admin on support.teams is 'Supervisors manage teams';
create policy report on support.teams for select to support_report using (true);
comment on policy report on support.teams is 'Reports group by team';
grant select, insert (id, name), update (name) on support.teams to supportd_app, support_admin;
grant select on support.teams to support_report;

create table support.support_staff (
    id uuid primary key,
    email text not null check (length(email) between 3 and 320 and position('@' in email) > 1),
    display_name text not null check (length(display_name) between 1 and 100),
    role text not null check (role in ('agent', 'team_lead', 'supervisor', 'admin', 'super_admin')),
    team_id uuid references support.teams (id) on delete restrict,
    issuer text check (length(issuer) <= 500),
    subject text check (length(subject) between 1 and 500),
    active boolean not null default true,
    capacity int check (capacity between 1 and 100),
    takes_chats boolean not null default true,
    takes_calls boolean not null default true,
    auto_answer boolean not null default false,
    created_at timestamptz not null default support.now(),
    deactivated_at timestamptz,
    check ((issuer is null) = (subject is null)),
    check (active = (deactivated_at is null))
);
create unique index support_staff_email on support.support_staff (lower(email));
create unique index support_staff_subject on support.support_staff (issuer, subject) where subject is not null;
create index support_staff_team on support.support_staff (team_id);
comment on table support.support_staff is 'Staff and their role: what stands here decides, never a token; rows are deactivated, never deleted';
comment on column support.support_staff.id is 'UUID version 7';
comment on column support.support_staff.email is 'Address and login name, unique without regard to case';
comment on column support.support_staff.display_name is 'Name shown to customers and colleagues';
comment on column support.support_staff.role is 'agent, team_lead, supervisor, admin or super_admin; each has all that the one before has';
comment on column support.support_staff.team_id is 'Team; NULL: none';
comment on column support.support_staff.issuer is 'Issuer of the bank login, with subject';
comment on column support.support_staff.subject is 'Subject of the bank login; NULL: built-in account only';
comment on column support.support_staff.active is 'False: may do nothing any more';
comment on column support.support_staff.capacity is 'Work at once in units; NULL: setting queue.capacity';
comment on column support.support_staff.takes_chats is 'Is offered chats';
comment on column support.support_staff.takes_calls is 'Is offered calls';
comment on column support.support_staff.auto_answer is 'Offers are accepted without a click';
comment on column support.support_staff.created_at is 'When the row was made';
comment on column support.support_staff.deactivated_at is 'When the member was deactivated';
alter table support.support_staff enable row level security;
alter table support.support_staff force row level security;
create policy staff_read on support.support_staff for select to supportd_app, support_admin
    using ((select support.actor_rank()) >= 1 or (select support.actor_system()) in ('auth', 'router', 'monitor'));
comment on policy staff_read on support.support_staff is 'Colleagues see each other; the system parts that log in, route and watch see all';
create policy admin on support.support_staff to supportd_app, support_admin
    using ((select support.actor_rank()) >= 5
           or ((select support.actor_rank()) = 4 and role in ('agent', 'team_lead', 'supervisor')))
    with check ((select support.actor_rank()) >= 5
           or ((select support.actor_rank()) = 4 and role in ('agent', 'team_lead', 'supervisor')));
comment on policy admin on support.support_staff is 'Admins manage staff below admin; super_admins everybody';
create policy own on support.support_staff for update to supportd_app
    using (id = (select support.actor_staff())) with check (id = (select support.actor_staff())
           and role = (select case support.actor_rank() when 1 then 'agent' when 2 then 'team_lead' when 3 then 'supervisor'
                              when 4 then 'admin' when 5 then 'super_admin' end));
comment on policy own on support.support_staff is 'One may change the own row (auto-answer), never the own role';
create policy policy_read on support.support_staff for select to support_policy using (true);
comment on policy policy_read on support.support_staff is 'The look-ups of the policies';
create policy report on support.support_staff for select to support_report using (true);
comment on policy report on support.support_staff is 'Reports name staff';
grant select, insert (id, email, display_name, role, team_id, issuer, subject, capacity, takes_chats, takes_calls, auto_answer),
    update (display_name, role, team_id, active, deactivated_at, capacity, takes_chats, takes_calls, auto_answer)
    on support.support_staff to supportd_app, support_admin;
grant select on support.support_staff to support_policy;
grant select (id, display_name, role, team_id, active, capacity, takes_chats, takes_calls, created_at, deactivated_at)
    on support.support_staff to support_report;

create table support.staff_accounts (
    staff_id uuid primary key references support.support_staff (id) on delete cascade,
    password_hash text not null check (password_hash like '$argon2id$%' and length(password_hash) <= 500),
    failed_count int not null default 0 check (failed_count >= 0),
    locked_until timestamptz,
    changed_at timestamptz not null default support.now()
);
comment on table support.staff_accounts is 'Built-in passwords of staff, hashed by argon2id in the daemon';
comment on column support.staff_accounts.staff_id is 'Whose';
comment on column support.staff_accounts.password_hash is 'Encoded argon2id hash with its parameters and salt';
comment on column support.staff_accounts.failed_count is 'Failures since the last success or lock';
comment on column support.staff_accounts.locked_until is 'No login before then';
comment on column support.staff_accounts.changed_at is 'When the password was set';
alter table support.staff_accounts enable row level security;
alter table support.staff_accounts force row level security;
create policy auth on support.staff_accounts to supportd_app
    using ((select support.actor_system()) = 'auth') with check ((select support.actor_system()) = 'auth');
comment on policy auth on support.staff_accounts is 'Login reads the hash and counts failures';
create policy admin on support.staff_accounts to supportd_app, support_admin
    using ((select support.actor_rank()) >= 4) with check ((select support.actor_rank()) >= 4);
comment on policy admin on support.staff_accounts is 'Admins set passwords (below whom is checked in the function)';
create policy own on support.staff_accounts to supportd_app
    using (staff_id = (select support.actor_staff())) with check (staff_id = (select support.actor_staff()));
comment on policy own on support.staff_accounts is 'One changes the own password';
grant select, insert (staff_id, password_hash), update (password_hash, failed_count, locked_until, changed_at)
    on support.staff_accounts to supportd_app;
grant select (staff_id, failed_count, locked_until, changed_at), insert (staff_id, password_hash),
    update (password_hash, failed_count, locked_until, changed_at) on support.staff_accounts to support_admin;

create table support.staff_sessions (
    token_hash bytea primary key check (length(token_hash) = 32),
    csrf_hash bytea not null check (length(csrf_hash) = 32),
    staff_id uuid not null references support.support_staff (id) on delete cascade,
    created_at timestamptz not null default support.now(),
    expires_at timestamptz not null
);
create index staff_sessions_staff on support.staff_sessions (staff_id);
create index staff_sessions_expiry on support.staff_sessions (expires_at);
comment on table support.staff_sessions is 'Login sessions of built-in accounts; only hashes of what the browser holds';
comment on column support.staff_sessions.token_hash is 'SHA-256 of the session cookie';
comment on column support.staff_sessions.csrf_hash is 'SHA-256 of the CSRF token';
comment on column support.staff_sessions.staff_id is 'Who is logged in';
comment on column support.staff_sessions.created_at is 'Login time';
comment on column support.staff_sessions.expires_at is 'End of the session';
alter table support.staff_sessions enable row level security;
alter table support.staff_sessions force row level security;
create policy auth on support.staff_sessions to supportd_app
    using ((select support.actor_system()) = 'auth') with check ((select support.actor_system()) = 'auth');
comment on policy auth on support.staff_sessions is 'Login and logout';
create policy admin on support.staff_sessions for all to supportd_app, support_admin
    using ((select support.actor_rank()) >= 4) with check (false);
comment on policy admin on support.staff_sessions is 'A new password or deactivation ends the sessions';
create policy own on support.staff_sessions for all to supportd_app
    using (staff_id = (select support.actor_staff())) with check (false);
comment on policy own on support.staff_sessions is 'One may end the own sessions';
grant select, insert (token_hash, csrf_hash, staff_id, expires_at), delete on support.staff_sessions to supportd_app;
grant select (staff_id, created_at, expires_at), delete on support.staff_sessions to support_admin;
