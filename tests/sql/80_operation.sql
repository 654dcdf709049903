-- Partitions, the clock, ids, the other database roles, and that check_invariants() sees what is broken.
begin;
select plan(50);
select t.people() \g /dev/null

-- partitions
select is(jsonb_array_length(t.rows('partitions_ensure', 'system:retention', '2')), 3, 'this month and two more');
select is((select count(*)::int from jsonb_array_elements(t.rows('partitions_ensure', 'system:retention', '2')) r where (r ->> 'made')::boolean), 0, 'once');
select is(t.fails('partitions_ensure', t.s('x1'), '2'), 'SD403 denied', 'by the system');
select is((select count(*)::int from pg_class c join pg_inherits i on i.inhrelid = c.oid where i.inhparent = 'support.chat_messages'::regclass and (not relrowsecurity or not relforcerowsecurity)), 0,
    'new partitions have row level security');
select is((select count(*)::int from pg_class c join pg_inherits i on i.inhrelid = c.oid where i.inhparent = 'support.chat_messages'::regclass
    and (has_table_privilege('supportd_app', c.oid, 'select') or has_table_privilege('support_report', c.oid, 'select'))), 0, 'and no rights of their own');
select t.call('chat_start', t.c('c1'), support.uuid7()::text, t.id('pk')::text, t.id('pe')::text, 'en', null, null) \g /dev/null
select t.call('message_post', t.c('c1'), c.id::text, t.id('pm')::text, t.id('pm')::text, 'message', 'x', '{}', null) from support.chat_sessions c \g /dev/null
select is((select tableoid::regclass::text from support.chat_messages), 'support.chat_messages_' || to_char(now() at time zone 'UTC', 'YYYYMM'), 'a chat of now is in the partition of its month');
select t.chat('c2'), t.post(t.c('c2'), 'c2', 'old') \g /dev/null
select is((select tableoid::regclass::text from support.chat_messages where chat_id = t.id('kc2')), 'support.chat_messages_default', 'any other is kept too');

select t.call('chat_start', t.c('c3'), support.uuid7_floor(now() + interval '200 days')::text, t.id('fk')::text, t.id('fe')::text, 'en', null, null) \g /dev/null
select t.call('message_post', t.c('c3'), c.id::text, t.id('fm')::text, t.id('fm')::text, 'message', 'x', '{}', null) from support.chat_sessions c where c.customer_id = t.id('c3') \g /dev/null
select is((select count(*)::int from jsonb_array_elements(t.rows('partitions_ensure', 'system:retention', '9')) r where (r ->> 'made')::boolean), 6, 'a month with chats in the default partition is left out');
select t.call('chat_close', t.c('c3'), c.id::text, 'customer', null) from support.chat_sessions c where c.customer_id = t.id('c3') \g /dev/null

-- ids and clock
select matches(support.uuid7()::text, '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$', 'version 7, variant 10');
select is((select count(*)::int from generate_series(1, 200) where support.uuid7()::text !~ '^.{14}7.{4}[89ab]'), 0, 'always');
select ok(support.uuid7() > support.uuid7_floor(now() - interval '1 hour') and support.uuid7() < support.uuid7_floor(clock_timestamp() + interval '1 s'), 'ordered by time');
select ok(abs(extract(epoch from support.now() - clock_timestamp())) < 1, 'the clock stands right');
select t.later('1 hour') \g /dev/null
select ok(abs(extract(epoch from support.now() - clock_timestamp()) - 3600) < 1, 'and moves');
select throws_ok('insert into support.clock (id) values (false)', '23514', null, 'there is one clock');

-- the other roles
create function pg_temp.like_role(p_role text, p_sql text) returns text language plpgsql as $$
declare
    v_value text;
begin
    execute format('set local role %I', p_role);
    begin
        execute p_sql into v_value;
    exception when others then
        v_value := sqlstate;
    end;
    reset role;
    return v_value;
end $$;
select is(pg_temp.like_role('support_report', 'select count(*) from support.' || n), v, 'report: ' || n)
from (values ('support_staff', '8'), ('chat_queue', '3'), ('voice_calls', '0'), ('offers', '0'), ('customers', '42501'), ('customer_salts', '42501'), ('staff_accounts', '42501'),
    ('support_activity_logs', '42501'), ('webrtc_signaling', '42501'), ('chat_participants', '42501')) x (n, v);
select is(pg_temp.like_role('support_report', 'select body from support.chat_messages limit 1'), '42501', 'report: no text');
select is(pg_temp.like_role('support_report', 'select customer_id from support.chat_sessions limit 1'), '42501', 'report: no customer');
select is(pg_temp.like_role('support_report', 'select email from support.support_staff limit 1'), '42501', 'report: no address');
select is(pg_temp.like_role('support_report', 'select count(seq)::text from support.chat_messages'), '4', 'report: figures');
select is(pg_temp.like_role('support_report', 'update support.support_staff set display_name = ''x'''), '42501', 'report: changes nothing');
select is(pg_temp.like_role('support_admin', format($$select result from support.staff_create('system:admin', %L, 'sql@bank.test', 'By SQL', 'agent', null, null, null, null, null)$$, t.id('sql'))), 'ok', 'admin: adds staff in SQL');
select is(pg_temp.like_role('support_admin', format($$select result from support.staff_set_role('system:admin', %L, 'team_lead', null)$$, t.id('sql'))), 'ok', 'admin: sets a role');
select is(pg_temp.like_role('support_admin', format($$select result from support.staff_set_password('system:admin', %L, '$argon2id$x', null)$$, t.id('sql'))), 'ok', 'admin: sets a password');
select is(pg_temp.like_role('support_admin', $$select result from support.setting_set('system:admin', 'queue.capacity', '5', null)$$), 'ok', 'admin: sets a setting');
select is(pg_temp.like_role('support_admin', $$select count(*) > 0 from support.audit_list('system:admin', null, 5)$$), 'true', 'admin: reads the trail');
select is(pg_temp.like_role('support_admin', 'select count(*) from support.chat_messages'), '42501', 'admin: no messages');
select is(pg_temp.like_role('support_admin', 'select count(*) from support.customers'), '42501', 'admin: no customers');
select is(pg_temp.like_role('supportd_owner', 'select count(*) from support.customers'), '0', 'the owner sees nothing either: row level security is forced');
select is(pg_temp.like_role('supportd_migrate', 'select count(*) from support.customers'), '42501', 'nor the migration role before it takes the owner''s');
select is(pg_temp.like_role('supportd_test', $$update support.clock set shift = '0' returning 'moved'$$), 'moved', 'the test role moves the clock');

-- the invariant checker sees what is broken (the constraints and triggers are switched off for that)
select is(t.violations(), '', 'all is well');
create function pg_temp.broken(p_sql text) returns text language plpgsql as $$
declare
    v_found text;
begin
    set local session_replication_role = replica;
    alter table support.chat_sessions disable trigger check_row;
    begin
        execute p_sql;
        select string_agg(distinct v.name, ',') into v_found from support.check_invariants() v;
        raise exception using errcode = 'TT000';
    exception when sqlstate 'TT000' then
        null;
    end;
    return v_found;
end $$;
select t.served('c3', 'a1'), t.post(t.c('c3'), 'c3', 'm1'), t.ready('a2'), t.chat('c4'), t.rows('queue_assign', 'system:router', '100') \g /dev/null
select matches(pg_temp.broken(q), e, e) from (values
    ('delete from support.chat_messages where seq = 1', 'seq_gap'),
    ('update support.chat_sessions set last_seq = 5', 'seq_gap'),
    ('update support.chat_participants set delivered_seq = 9', 'mark_too_high'),
    ('update support.offers set state = ''withdrawn'', closed_at = now()', 'entry_without_offer'),
    ('update support.chat_queue set state = ''waiting'', staff_id = null where state = ''offered''', 'offer_without_entry'),
    ('update support.chat_sessions set entry_id = null', 'chat_entry'),
    ('update support.chat_sessions set status = ''assigned'' where status = ''queued''', 'assigned_still_queued'),
    ('update support.support_staff set capacity = 1; update support.chat_sessions set weight = 9', 'over_capacity'),
    ('update support.support_staff set active = false, deactivated_at = now()', 'inactive_has_work'),
    ('update support.chat_sessions set call_id = id', 'chat_call')) v (q, e);
select * from finish();
rollback;
