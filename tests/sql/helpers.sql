-- Helpers of the pgTAP tests, loaded once per database by tests/sql/run.sh. Everything under test runs as supportd_app:
-- functions of the schema t that touch it are SECURITY DEFINER and belong to that role; pgTAP itself runs as superuser.
create schema t;
create schema tap;
create extension pgtap with schema tap;
select format('alter database %I set search_path = public, tap', current_database()) \gexec
set search_path = public, tap;
grant usage, create on schema t to supportd_app;

-- Ids by name, in the form of UUID version 7.
create function t.id(p_name text) returns uuid language sql immutable as
$$ select ('01900000-0000-7000-8000-' || left(md5(p_name), 12))::uuid $$;
create function t.c(p_name text) returns text language sql immutable as $$ select 'customer:' || t.id(p_name) $$;
create function t.s(p_name text) returns text language sql immutable as $$ select 'staff:' || t.id(p_name) $$;

create function t.text_of(p_function text, p_args text[]) returns text language sql as $$
    select format('support.%I(%s)', p_function, coalesce(string_agg(coalesce(quote_literal(a), 'null'), ', ' order by n), ''))
    from unnest(p_args) with ordinality u (a, n) $$;

-- First row of a function as jsonb, NULL when there is none.
create function t.call(p_function text, variadic p_args text[]) returns jsonb language plpgsql security definer as $$
declare
    v_row jsonb;
begin
    execute format('select to_jsonb(f) from (select * from %s limit 1) f', t.text_of(p_function, p_args)) into v_row;
    return v_row;
end $$;

-- All rows of a function.
create function t.rows(p_function text, variadic p_args text[]) returns jsonb language plpgsql security definer as $$
declare
    v_rows jsonb;
begin
    execute format('select coalesce(jsonb_agg(to_jsonb(f)), ''[]'') from (select * from %s) f', t.text_of(p_function, p_args)) into v_rows;
    return v_rows;
end $$;

-- SQLSTATE and message of a function that refuses, 'ok' when it does not; undone in either case.
create function t.fails(p_function text, variadic p_args text[]) returns text language plpgsql security definer as $$
begin
    begin
        execute format('select 1 from %s f', t.text_of(p_function, p_args));
        raise exception using errcode = 'TT000';
    exception when others then
        return case sqlstate when 'TT000' then 'ok' else sqlstate || ' ' || sqlerrm end;
    end;
end $$;

-- One value of a query on the tables, with the actor that a policy sees.
create function t.as(p_actor text, p_sql text) returns text language plpgsql security definer set supportd.actor = '' as $$
declare
    v_value text;
begin
    perform set_config('supportd.actor', p_actor, true);
    execute p_sql into v_value;
    return v_value;
end $$;

-- What a writing statement does for an actor: number of rows, or the SQLSTATE; undone.
create function t.tries(p_actor text, p_sql text) returns text language plpgsql security definer set supportd.actor = '' as $$
declare
    v_count bigint;
begin
    perform set_config('supportd.actor', p_actor, true);
    begin
        execute p_sql;
        get diagnostics v_count = row_count;
        raise exception using errcode = 'TT000', message = v_count::text;
    exception when others then
        return case sqlstate when 'TT000' then sqlerrm else sqlstate end;
    end;
end $$;

select format('alter function %s owner to supportd_app', p.oid::regprocedure) from pg_proc p
where p.pronamespace = 't'::regnamespace and p.prosecdef \gexec

-- Time of the daemon, moved on.
create function t.later(p_by interval) returns void language sql as $$ update support.clock set shift = shift + p_by $$;

-- As t.later(), with the process alive all the while.
create function t.pass(p_by interval) returns void language plpgsql as $$
begin
    perform t.later(p_by);
    perform t.call('process_heartbeat', 'system:monitor', t.id('p1')::text);
end $$;

create function t.violations() returns text language sql as
$$ select coalesce(string_agg(v.name || ' ' || v.subject, ', '), '') from support.check_invariants() v $$;

-- People: teams A and B; agents a1 (A), a2 (B), a3 (none); lead l1 (A); supervisor s1; admin d1; super_admin x1; z1 deactivated;
-- customers c1 to c9; process p1 with everybody connected but z1.
create function t.people() returns void language plpgsql as $$
declare
    v record;
begin
    insert into support.teams (id, name) values (t.id('A'), 'Cards'), (t.id('B'), 'Loans');
    for v in select * from (values ('x1', 'super_admin', null), ('d1', 'admin', null), ('s1', 'supervisor', null), ('l1', 'team_lead', 'A'),
                            ('a1', 'agent', 'A'), ('a2', 'agent', 'B'), ('a3', 'agent', null), ('z1', 'agent', null)) p (name, role, team) loop
        perform t.call('staff_create', 'system:admin', t.id(v.name)::text, v.name || '@bank.test', 'Name ' || v.name, v.role,
                       t.id(v.team)::text, 'bank', 'sub-' || v.name, '$argon2id$v=19$m=65536,t=3,p=1$c2FsdA$aGFzaA', 'fixture');
    end loop;
    perform t.call('staff_deactivate', 'system:admin', t.id('z1')::text, 'fixture');
    perform t.call('process_register', 'system:monitor', t.id('p1')::text, 'host', '1', 'test');
    for i in 1 .. 9 loop
        perform t.call('customer_upsert', 'system:auth', t.id('c' || i)::text, 'bank', 'cust-' || i, 'Customer ' || i, 'c' || i || '@example.test', 'en', null);
        perform t.call('lease_add', 'system:monitor', t.id('p1')::text, i::text, t.c('c' || i));
    end loop;
    for v in select n, row_number() over () as i from unnest(array['a1', 'a2', 'a3', 'l1', 's1', 'd1', 'x1']) n loop
        perform t.call('lease_add', 'system:monitor', t.id('p1')::text, (100 + v.i)::text, t.s(v.n));
    end loop;
end $$;

create function t.chat(p_customer text, p_name text default null) returns jsonb language sql as $$
    select t.call('chat_start', t.c(p_customer), t.id('k' || coalesce(p_name, p_customer))::text, t.id('key' || coalesce(p_name, p_customer))::text,
                  t.id('e' || coalesce(p_name, p_customer))::text, 'en', 'https://bank.test', 'req') $$;

create function t.post(p_actor text, p_chat text, p_client text, p_body text default 'hello', p_kind text default 'message') returns jsonb
language sql as $$
    select t.call('message_post', p_actor, t.id('k' || p_chat)::text, t.id('m' || p_client || p_actor)::text, t.id(p_client)::text, p_kind,
                  p_body, '{}', 'req') $$;

create function t.callup(p_customer text, p_chat text default null) returns jsonb language sql as $$
    select t.call('call_start', t.c(p_customer), t.id('v' || p_customer)::text, t.id('vkey' || p_customer)::text, t.id('k' || p_chat)::text,
                  t.id('kv' || p_customer)::text, t.id('ve' || p_customer)::text, t.id('p1')::text, 'req') $$;

-- Makes an agent available, and gives what the router offers to him.
create function t.ready(p_staff text) returns text language sql as $$ select t.call('presence_set', t.s(p_staff), 'available', null, 'req') ->> 'result' $$;
create function t.assign() returns jsonb language sql as $$ select t.rows('queue_assign', 'system:router', '100') $$;
create function t.accept(p_staff text, p_offer jsonb) returns jsonb language sql as
$$ select t.call('offer_accept', t.s(p_staff), p_offer ->> 'offer_id', 'req') $$;

-- A chat of the customer that is assigned to the agent: k<customer>.
create function t.served(p_customer text, p_staff text) returns void language plpgsql as $$
begin
    perform t.chat(p_customer);
    if t.call('queue_pick', t.s(p_staff), t.id('e' || p_customer)::text, 'req') ->> 'result' is distinct from 'picked' then
        raise exception 'fixture: % could not pick the chat of %', p_staff, p_customer;
    end if;
end $$;
