-- Settings; the trail: append-only for everybody, sealed in order.
begin;
select plan(43);
select t.people() \g /dev/null

-- settings
select is(jsonb_array_length(t.rows('setting_get_all', t.c('c1'))), (select count(*)::int from support.support_settings), 'all settings');
select is(t.call('setting_set', t.s('d1'), 'queue.capacity', '6', 'req') ->> 'result', 'ok', 'an admin sets one');
select is(t.call('setting_set', t.s('d1'), 'queue.capacity', '6', 'req') ->> 'result', 'same', 'again');
select is((select value from support.support_settings where key = 'queue.capacity'), '6', 'it holds');
select is(t.call('staff_me', t.s('a1')) ->> 'capacity', '6', 'at once');
select is(t.fails('setting_set', a, k, v, null), e, format('%s = %s: %s', k, v, e))
from (values (t.s('s1'), 'queue.capacity', '5', 'SD403 denied'), (t.c('c1'), 'queue.capacity', '5', 'SD403 denied'), (t.s('d1'), 'no.such', '5', 'SD404 setting_not_found'),
    (t.s('d1'), 'queue.capacity', '0', 'SD400 bad_argument'), (t.s('d1'), 'queue.capacity', '101', 'SD400 bad_argument'), (t.s('d1'), 'queue.capacity', '1.5', 'SD400 bad_argument'),
    (t.s('d1'), 'queue.capacity', '"5"', 'SD400 bad_argument'), (t.s('d1'), 'queue.capacity', 'null', 'SD400 bad_argument'), (t.s('d1'), 'queue.capacity', null, 'SD400 bad_argument'),
    (t.s('d1'), 'features.chat', '1', 'SD400 bad_argument')) v (a, k, v, e);
select is((select count(*)::int from support.support_activity_logs where action = 'setting.set' and subject_ref = 'queue.capacity' and request_id = 'req'), 1, 'audited');
select is(has_function_privilege('support_admin', 'support.setting_set(text, text, jsonb, text)', 'execute'), true, 'people in SQL may, too');

-- append-only
select throws_ok('update support.support_activity_logs set reason = ''x''', 'SD409', 'append_only', 'a superuser changes no row');
select throws_ok('delete from support.support_activity_logs', 'SD409', 'append_only', 'deletes none');
select throws_ok('truncate support.support_activity_logs', 'SD409', 'append_only', 'nor all');
select throws_ok('update support.support_activity_logs set reason = ''x'' where false', 'SD409', 'append_only', 'not even none');
select throws_ok('delete from support.audit_seals', 'SD409', 'append_only', 'seals stay');
set local session_replication_role = replica;
select throws_ok('delete from support.support_activity_logs', 'SD409', 'append_only', 'also when triggers are for replicas only');
set local session_replication_role = origin;
create function pg_temp.owner(p_sql text) returns text language plpgsql as $$
begin
    set local role supportd_owner;
    begin
        execute p_sql;
    exception when others then
        reset role;
        return sqlstate;
    end;
    reset role;
    return 'ok';
end $$;
select is(pg_temp.owner('update support.support_activity_logs set reason = null'), 'SD409', 'nor does the owner');
select is(pg_temp.owner('truncate support.support_activity_logs'), 'SD409', 'nor truncate');
select is(t.tries(t.s('x1'), 'update support.support_activity_logs set reason = null'), '42501', 'the daemon has no right to try');
select is(t.tries('system:sealer', 'delete from support.audit_seals'), '42501', 'nor the sealer');

-- rows
select is(t.call('audit_denied', t.c('c1'), 'chat.read', 'chat', t.id('kc9')::text, 'denied', 'req9') ->> 'result', 'ok', 'a refused attempt');
select results_eq($$select actor_kind, actor_ref = support.customer_ref(t.id('c1')), action, outcome, reason from support.support_activity_logs where request_id = 'req9'$$,
    $$values ('customer', true, 'chat.read', 'denied', 'denied')$$, 'is a row');
select t.call('audit_denied', 'system:auth', 'customer.read', 'customer', t.id('c2')::text, 'denied', 'req10') \g /dev/null
select is((select subject_ref from support.support_activity_logs where request_id = 'req10'), support.customer_ref(t.id('c2')), 'a customer as subject is a reference');
select matches(t.fails('audit_denied', t.c('c1'), 'Drop Table!', 'chat', null, null, null), '^23514', 'an action is a code');
select matches(t.fails('audit_denied', t.c('c1'), 'chat.read', 'chat', null, 'because she said so', null), '^23514', 'a reason is a code');
select is(t.call('audit_denied', t.s('a1'), 'staff.list', null, null, 'denied', null) ->> 'result', 'ok', 'a refused attempt on nothing in particular');
select is(t.rows('audit_list', t.s('d1'), null, '1') #>> '{0,action}', 'audit.read', 'reading the trail is in the trail');
select is(t.fails('audit_list', t.s('s1'), null, '1'), 'SD403 denied', 'admins only');
select is(t.fails('audit_list', 'system:sealer', null, '1'), 'SD403 denied', 'the sealer has other ways');

-- sealing: rows of this transaction are not ready; those of an earlier one are
create temporary table ready as select t.rows('audit_seal_next', 'system:sealer', '10000') as r;
select is((select count(*)::int from ready, jsonb_array_elements(r) x where (x ->> 'xid')::bigint >= pg_current_xact_id()::text::bigint), 0, 'what is not committed is not sealed');
select is(t.fails('audit_seal_next', t.s('x1'), '5'), 'SD403 denied', 'only the sealer');
select is(t.fails('audit_seals', t.s('s1'), '0', '5'), 'SD403 denied', 'seals are for admins');
select is(t.fails('audit_verify_page', t.s('s1'), '0', '0', '0', '0', '5'), 'SD403 denied', 'rows too');
select is(convert_from(support.audit_canonical(row(7, '2026-01-02 03:04:05.678901Z', '99'::xid8, 'staff', 'ref', 'chat.read', 'chat', 'k', 'done', null, 'req "x"', '{"b": 1, "a": [2]}')::support.support_activity_logs), 'UTF8'),
    '[7, 99, 1767323045678901, "staff", "ref", "chat.read", "chat", "k", "done", null, "req \"x\"", {"a": [2], "b": 1}]', 'canonical bytes');
select is(t.call('audit_seal_append', 'system:sealer', '2', '\x' || repeat('00', 32), '1', '1', '1', '1', '1', '\x' || repeat('11', 32), '\x' || repeat('22', 64), 'k1') ->> 'result', 'stale', 'a seal out of turn');
select is(t.fails('audit_seal_append', t.s('x1'), '1', '\x00', '1', '1', '1', '1', '1', '\x00', '\x00', 'k'), 'SD403 denied', 'by nobody else');
select * from finish();
rollback;
