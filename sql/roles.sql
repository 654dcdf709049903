-- Cluster roles and parameter grants of supportd. Run once by a superuser, with psql; may be repeated:
--   psql -v app_password=... -v migrate_password=... -f sql/roles.sql DATABASE
-- Without the variables the two login roles keep the password they have (a new role has none and can only come in by a
-- pg_hba.conf method that needs none). sql/README.md says what each role is.
\set ON_ERROR_STOP on

begin;

create function pg_temp.ensure_role(p_name text, p_login boolean) returns void language plpgsql as $$
begin
    if not exists (select 1 from pg_roles where rolname = p_name) then
        execute format('create role %I', p_name);
    end if;
    execute format('alter role %I %s nosuperuser nocreatedb nocreaterole nobypassrls noreplication', p_name,
                   case when p_login then 'login' else 'nologin' end);
end $$;

select pg_temp.ensure_role(n, l) from (values
    ('supportd_owner', false), ('supportd_migrate', true), ('supportd_app', true), ('support_policy', false),
    ('support_search', false), ('support_report', false), ('support_admin', false), ('supportd_test', false)) r (n, l) \g /dev/null

drop function pg_temp.ensure_role(text, boolean);

\if :{?app_password}
alter role supportd_app password :'app_password';
\endif
\if :{?migrate_password}
alter role supportd_migrate password :'migrate_password';
\endif

-- SET ROLE only: what supportd_migrate makes must belong to the owner.
alter role supportd_migrate noinherit;
grant supportd_owner to supportd_migrate;
-- A function can be given only to a role of which the giver is a member.
grant support_policy, support_search to supportd_owner;

-- The clause "set supportd.actor" of a function is checked against the one who creates it.
grant set on parameter supportd.actor to supportd_owner;

-- A new partition, or a table that was empty when a connection planned, would keep a sequential plan in long-lived
-- connections until autoanalyze has passed.
alter role supportd_app set enable_seqscan = off;
-- A generic plan from the start: the statements are all key look-ups, planning again buys nothing.
alter role supportd_app set plan_cache_mode = force_generic_plan;
alter role supportd_app set jit = off;

select format('grant create, connect, temporary on database %I to supportd_owner', current_database()) \gexec
select format('revoke temporary on database %I from public', current_database()) \gexec
select format('grant connect on database %I to supportd_migrate, supportd_app, support_report, support_admin',
              current_database()) \gexec

commit;
