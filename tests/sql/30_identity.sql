-- Customers, login, sessions, managing staff.
begin;
select plan(82);
select t.people() \g /dev/null

-- customer_upsert
select is(t.call('customer_upsert', 'system:auth', t.id('n1')::text, 'iss', 'new', 'Nia', 'n@x.test', 'sw', 'r') ->> 'created', 'true', 'a new customer is made');
select is(t.call('customer_upsert', 'system:auth', t.id('n2')::text, 'iss', 'new', 'Nia', 'n@x.test', 'sw', 'r'),
    jsonb_build_object('id', t.id('n1'), 'created', false), 'the same subject is the same customer');
select t.call('customer_upsert', 'system:auth', t.id('n2')::text, 'iss', 'new', 'Nia B', null, null, 'r') \g /dev/null
select results_eq(format($$select name, email, language from support.customers where id = %L$$, t.id('n1')), $$values ('Nia B', 'n@x.test', 'sw')$$,
    'a new name is kept, NULL changes nothing');
select isnt(t.call('customer_upsert', 'system:auth', t.id('n3')::text, 'iss2', 'new', null, null, null, 'r') ->> 'id', t.id('n1')::text, 'another issuer is another customer');
select is((select ref from support.customer_salts where customer_id = t.id('n1')),
    (select encode(support.hmac_sha256(salt, uuid_send(customer_id)), 'hex') from support.customer_salts where customer_id = t.id('n1')), 'the trail''s name is an HMAC');
select is(encode(support.hmac_sha256(decode(repeat('0b', 20), 'hex'), 'Hi There'), 'hex'), 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7', 'RFC 4231, case 1');
select is(encode(support.hmac_sha256(decode(repeat('aa', 131), 'hex'), 'Test Using Larger Than Block-Size Key - Hash Key First'), 'hex'),
    '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54', 'RFC 4231, case 6');
select is(t.fails('customer_upsert', t.c('c1'), t.id('n4')::text, 'iss', 'x', null, null, null, null), 'SD403 denied', 'only the login makes customers');
select matches(t.fails('customer_upsert', 'system:auth', t.id('n4')::text, 'iss', '', null, null, null, null), '^23514', 'a subject is not empty');
select matches(t.fails('customer_upsert', 'system:auth', t.id('n4')::text, 'iss', 'y', null, null, 'not a language!', null), '^23514', 'a language is a tag');

-- customer_get
select is(t.call('customer_get', t.c('c1'), t.id('c1')::text, null) ->> 'name', 'Customer 1', 'the own card');
select is(t.call('customer_get', t.c('c1'), t.id('c2')::text, null), null, 'not that of another');
select is(t.call('customer_get', t.s('a1'), t.id('c1')::text, null), null, 'an agent sees no customer without a chat');
select t.served('c1', 'a1') \g /dev/null
select is(t.call('customer_get', t.s('a1'), t.id('c1')::text, null) ->> 'open_chat_id', t.id('kc1')::text, 'with one he does');
select is((select count(*)::int from support.support_activity_logs where action = 'customer.read' and actor_ref = t.id('a1')::text
    and subject_ref = support.customer_ref(t.id('c1'))), 1, 'and it is audited, by reference');

-- staff by token and by password
select is(t.call('staff_by_subject', 'system:auth', 'bank', 'sub-a1') ->> 'role', 'agent', 'staff by token');
select is(t.call('staff_by_subject', 'system:auth', 'bank', 'sub-z1'), null, 'not when deactivated');
select is(t.call('staff_by_subject', 'system:auth', 'other', 'sub-a1'), null, 'not of another issuer');
select is(t.fails('staff_by_subject', t.c('c1'), 'bank', 'sub-a1'), 'SD403 denied', 'not for a customer');
select is(t.call('staff_get', 'system:auth', t.id('s1')::text) ->> 'display_name', 'Name s1', 'staff by id');
select is(t.call('staff_login_lookup', 'system:auth', 'A1@Bank.Test') ->> 'staff_id', t.id('a1')::text, 'login without regard to case');
select is(t.call('staff_login_lookup', 'system:auth', 'z1@bank.test'), null, 'no login when deactivated');
select is(t.call('staff_login_result', 'system:auth', t.id('a1')::text, 'false', null) - 'locked_until', '{"result": "failed", "failed_count": 1}', 'a failure counts');
select is(t.call('staff_login_result', 'system:auth', t.id('a1')::text, 'true', null) ->> 'failed_count', '0', 'a success forgets it');
select t.call('staff_login_result', 'system:auth', t.id('a1')::text, 'false', null) from generate_series(1, 4) \g /dev/null
select is(t.call('staff_login_result', 'system:auth', t.id('a1')::text, 'false', null) ->> 'result', 'locked', 'the fifth failure locks');
select is(t.call('staff_login_lookup', 'system:auth', 'a1@bank.test') ->> 'locked', 'true', 'the account is locked');
select is(t.call('staff_login_result', 'system:auth', t.id('a1')::text, 'true', null) ->> 'result', 'locked', 'the right password does not open it');
select t.later('901 s') \g /dev/null
select is(t.call('staff_login_result', 'system:auth', t.id('a1')::text, 'true', null) ->> 'result', 'ok', 'after the time it does');
select is(t.fails('staff_login_result', 'system:auth', t.id('nobody')::text, 'true', null), 'SD404 staff_not_found', 'nobody');
select is((select count(*)::int from support.support_activity_logs where action = 'staff.login' and outcome = 'denied'), 7, 'denied logins are audited');

-- sessions
select isnt(t.call('staff_session_create', 'system:auth', t.id('a1')::text, '\x' || repeat('01', 32), '\x' || repeat('02', 32), null), null, 'a session');
select is(t.call('staff_session_lookup', 'system:auth', '\x' || repeat('01', 32)) ->> 'staff_id', t.id('a1')::text, 'is found by its hash');
select is(t.call('staff_session_lookup', 'system:auth', '\x' || repeat('03', 32)), null, 'another is not');
select is(t.fails('staff_session_create', 'system:auth', t.id('z1')::text, '\x' || repeat('05', 32), '\x' || repeat('02', 32), null), 'SD404 staff_not_found', 'none for the deactivated');
select matches(t.fails('staff_session_create', 'system:auth', t.id('a1')::text, '\x01', '\x' || repeat('02', 32), null), '^23514', 'a hash has 32 bytes');
select is(t.call('staff_session_delete', 'system:auth', '\x' || repeat('01', 32), null) ->> 'deleted', 'true', 'logout');
select is(t.call('staff_session_delete', 'system:auth', '\x' || repeat('01', 32), null) ->> 'deleted', 'false', 'once');
select t.call('staff_session_create', 'system:auth', t.id('a1')::text, '\x' || repeat('01', 32), '\x' || repeat('02', 32), null) \g /dev/null
select t.later('43201 s') \g /dev/null
select is(t.call('staff_session_lookup', 'system:auth', '\x' || repeat('01', 32)), null, 'a session ends');
select is(t.call('staff_sessions_purge', 'system:auth') ->> 'purged', '1', 'and is removed');

-- staff_create
select is(t.call('staff_create', a, t.id('new' || r)::text, r || a || '@bank.test', 'New', r, null, null, null, null, null) ->> 'result', 'ok', a || ' makes a ' || r)
from (values ('system:admin', 'super_admin'), (t.s('x1'), 'admin'), (t.s('d1'), 'supervisor'), (t.s('d1'), 'agent')) v (a, r);
select is(t.fails('staff_create', a, t.id('no')::text, 'no@bank.test', 'New', r, null, null, null, null, null), 'SD403 denied', a || ' makes no ' || r)
from (values (t.s('d1'), 'admin'), (t.s('d1'), 'super_admin'), (t.s('s1'), 'agent'), (t.s('a1'), 'agent'), (t.c('c1'), 'agent'), ('system:router', 'agent')) v (a, r);
select is(t.call('staff_create', 'system:admin', t.id('a1')::text, 'q@bank.test', 'New', 'agent', null, null, null, null, null) ->> 'result', 'repeat', 'a repeated id');
select is(t.call('staff_create', 'system:admin', t.id('q')::text, 'A1@BANK.test', 'New', 'agent', null, null, null, null, null) ->> 'result', 'taken', 'a taken address');
select is(t.call('staff_create', 'system:admin', t.id('q')::text, 'q@bank.test', 'New', 'agent', null, 'bank', 'sub-a1', null, null) ->> 'result', 'taken', 'a taken subject');
select is(t.fails('staff_create', 'system:admin', t.id('q')::text, 'q@bank.test', 'New', 'customer', null, null, null, null, null), 'SD400 bad_argument', 'a role that is none');
select matches(t.fails('staff_create', 'system:admin', t.id('q')::text, 'q@bank.test', 'New', 'agent', null, null, null, 'plain', null), '^23514', 'a password that is no argon2id hash');

-- staff_set_role
select is(t.call('staff_set_role', t.s('d1'), t.id('a1')::text, 'team_lead', null) ->> 'result', 'ok', 'an admin makes a lead');
select is(t.call('staff_set_role', t.s('d1'), t.id('a1')::text, 'team_lead', null) ->> 'result', 'same', 'again');
select is(t.fails('staff_set_role', t.s('d1'), t.id('a1')::text, 'admin', null), 'SD403 denied', 'but no admin');
select is(t.fails('staff_set_role', t.s('d1'), t.id('x1')::text, 'agent', null), 'SD403 denied', 'nor the super_admin an agent');
select is(t.fails('staff_set_role', t.s('x1'), t.id('x1')::text, 'agent', null), 'SD403 denied', 'nobody changes the own role');
select is(t.fails('staff_set_role', t.s('s1'), t.id('a1')::text, 'agent', null), 'SD403 denied', 'a supervisor does not');
select is(t.fails('staff_set_role', t.s('x1'), t.id('nobody')::text, 'agent', null), 'SD404 staff_not_found', 'nobody');
select t.call('staff_deactivate', t.s('x1'), t.id('newsuper_admin')::text, null) \g /dev/null
select is(t.fails('staff_set_role', 'system:admin', t.id('x1')::text, 'agent', null), 'SD409 last_super_admin', 'the last super_admin stays');
select is(t.fails('staff_deactivate', 'system:admin', t.id('x1')::text, null), 'SD409 last_super_admin', 'and is not deactivated');
select is((select count(*)::int from support.support_activity_logs where action = 'staff.set_role' and reason = 'team_lead' and detail = '{"from": "agent"}'), 1, 'a role is audited');

-- staff_set_password
select is(t.call('staff_set_password', t.s('a2'), t.id('a2')::text, '$argon2id$v=19$new', null) ->> 'result', 'ok', 'the own password');
select is(t.fails('staff_set_password', t.s('a2'), t.id('a3')::text, '$argon2id$v=19$new', null), 'SD403 denied', 'not that of a colleague');
select is(t.call('staff_set_password', t.s('d1'), t.id('a2')::text, '$argon2id$v=19$new2', null) ->> 'result', 'ok', 'an admin does');
select is(t.fails('staff_set_password', t.s('d1'), t.id('x1')::text, '$argon2id$v=19$new2', null), 'SD403 denied', 'not that of a super_admin');

-- lists
select is(t.call('staff_me', t.s('a2')) ->> 'capacity', '4', 'staff_me knows the capacity');
select is(t.call('staff_me', t.s('a2')) ->> 'connected', 'false', 'and that the lease is older than the process lives');
select is((select string_agg(r ->> 'display_name', ', ') from jsonb_array_elements(t.rows('staff_list', t.s('l1'))) r), 'Name a1, Name l1', 'a lead lists the own team');
select ok(jsonb_array_length(t.rows('staff_list', t.s('s1'))) >= 8, 'a supervisor all');
select is(t.fails('staff_list', t.c('c1')), 'SD403 denied', 'a customer nobody');

-- staff_deactivate
select is(t.fails('staff_deactivate', t.s('d1'), t.id('d1')::text, null), 'SD403 denied', 'nobody removes oneself');
select is(t.fails('staff_deactivate', t.s('s1'), t.id('a1')::text, null), 'SD403 denied', 'a supervisor removes nobody');
select is(t.call('staff_deactivate', t.s('d1'), t.id('a1')::text, null), jsonb_build_object('result', 'ok', 'chats', jsonb_build_array(t.id('kc1')), 'calls', '[]'::jsonb, 'offers', '[]'::jsonb),
    'open work goes back');
select results_eq(format($$select status, assigned_staff_id from support.chat_sessions where id = %L$$, t.id('kc1')), $$values ('queued', null::uuid)$$, 'the chat waits');
select is(t.call('staff_deactivate', t.s('d1'), t.id('a1')::text, null) ->> 'result', 'same', 'once');
select t.call('lease_remove', 'system:monitor', t.id('p1')::text, '101') \g /dev/null
select is((select (reason, grace_until)::text from support.staff_presence where staff_id = t.id('a1')), '(deactivated,)', 'who loses the connection with it has no grace period');
select is(support.staff_name(t.id('a1')), 'Name a1', 'history keeps the name');
select is(t.fails('staff_me', t.s('a1')), 'SD401 no_actor', 'and may do nothing');
select is(t.violations(), '', 'invariants');
select * from finish();
rollback;
