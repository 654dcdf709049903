-- Processes, connections, status; what a lost connection gives back.
begin;
select plan(51);
select t.people() \g /dev/null

select is(t.call('process_register', 'system:monitor', t.id('p2')::text, 'host2', '2', 'test') ->> 'others', '1', 'a second process sees the first');
select is(t.call('process_register', 'system:monitor', t.id('p2')::text, 'host2', '2', 'test') ->> 'others', '1', 'again is no error');
select is(t.call('process_heartbeat', 'system:monitor', t.id('p2')::text), '{"alive": true, "others": 1}', 'alive');
select is(t.call('process_heartbeat', 'system:monitor', t.id('p9')::text) ->> 'alive', 'false', 'an unknown one is not');
select is(t.fails('process_register', 'system:router', t.id('p3')::text, 'h', '1', 'v'), 'SD403 denied', 'only the monitor');

select is(t.call('lease_add', 'system:monitor', t.id('p2')::text, '1', t.s('a1')) ->> 'first', 'false', 'a second connection of the agent');
select is(t.call('lease_add', 'system:monitor', t.id('p2')::text, '1', t.s('a1')) ->> 'first', 'false', 'again is no error');
select is(t.fails('lease_add', 'system:monitor', t.id('p9')::text, '1', t.s('a1')), 'SD404 process_not_found', 'not in an unknown process');
select is(t.fails('lease_add', 'system:monitor', t.id('p2')::text, '2', 'system:router'), 'SD400 bad_argument', 'only people connect');
select is(t.rows('connected', 'system:monitor', array[t.s('a1'), t.s('z1'), t.c('c1')]::text), jsonb_build_array(jsonb_build_object('subject', t.s('a1')), jsonb_build_object('subject', t.c('c1'))), 'who is connected');

-- the agent has an offer and a chat, and loses both connections
select t.served('c1', 'a1') \g /dev/null
select t.ready('a1') \g /dev/null
select t.chat('c2') \g /dev/null
create temporary table o as select t.assign() -> 0 as offer;
select is(offer ->> 'staff_id', t.id('a1')::text, 'an offer') from o;
select is(t.call('lease_remove', 'system:monitor', t.id('p2')::text, '1'), jsonb_build_object('subject', t.s('a1'), 'last', false, 'offers', null), 'one connection less');
select is(t.call('lease_remove', 'system:monitor', t.id('p2')::text, '77'), null, 'an unknown connection');
select is(t.call('lease_remove', 'system:monitor', t.id('p1')::text, '101'), jsonb_build_object('subject', t.s('a1'), 'last', true, 'offers', jsonb_build_array(offer -> 'offer_id')),
    'with the last one the offer goes back') from o;
select results_eq(format('select state from support.chat_queue where chat_id = %L', t.id('kc2')), $$values ('waiting')$$, 'the customer waits at the same place');
select is(t.violations(), '', 'invariants');
select is(jsonb_array_length(t.assign()), 0, 'nobody else is there');
select is(t.call('offer_accept', t.s('a1'), offer ->> 'offer_id', null) ->> 'result', 'gone', 'the offer is gone') from o;
select is((select status from support.chat_sessions where id = t.id('kc1')), 'assigned', 'the chat is kept');
select is(t.rows('grace_expire', 'system:router'), '[]', 'during the grace period');
select t.pass('30 s') \g /dev/null
select is(t.call('lease_add', 'system:monitor', t.id('p1')::text, '201', t.s('a1')) ->> 'first', 'true', 'the agent returns');
select t.pass('60 s') \g /dev/null
select is(t.rows('grace_expire', 'system:router'), '[]', 'and keeps the chat');
select is(jsonb_array_length(t.assign()), 1, 'and is offered work again');
select t.call('offer_decline', t.s('a1'), (select id::text from support.offers where state = 'pending'), null) \g /dev/null
select t.call('lease_remove', 'system:monitor', t.id('p1')::text, '201') \g /dev/null
select is((t.call('queue_next_deadline', 'system:router') ->> 'deadline')::timestamptz, (select grace_until from support.staff_presence where staff_id = t.id('a1')), 'the grace period is the next deadline');
select t.pass('61 s') \g /dev/null
create temporary table g as select t.rows('grace_expire', 'system:router') as r;
select is((select params -> 'reason' from support.chat_messages where body = 'requeued' and chat_id = (select (r #>> '{0,chat_id}')::uuid from g)), '"connection_lost"', 'the chat tells that its agent is gone');
select is(r #>> '{0,chat_id}', t.id('kc1')::text, 'who stays away loses the chat') from g;
select results_eq(format('select status, assigned_staff_id from support.chat_sessions where id = %L', t.id('kc1')), $$values ('queued', null::uuid)$$, 'it waits');
select is((select queued_at from support.chat_queue where id = (r #>> '{0,entry_id}')::uuid), (select created_at from support.chat_sessions where id = t.id('kc1')), 'at its old age') from g;
select is((select chosen || ' ' || reason from support.staff_presence where staff_id = t.id('a1')), 'offline connection_lost', 'the agent is offline');
select is(t.violations(), '', 'invariants');

-- a process dies
select t.call('lease_add', 'system:monitor', t.id('p2')::text, '5', t.s('a2')) \g /dev/null
select t.ready('a2') \g /dev/null
select is(t.rows('queue_assign', 'system:router', '1') #>> '{0,staff_id}', t.id('a2')::text, 'an offer to an agent with two processes');
select t.pass('16 s') \g /dev/null
select is(t.rows('leases_expire', 'system:monitor'), jsonb_build_array(jsonb_build_object('process_id', t.id('p2'), 'staff_id', null, 'offers', null)), 'the silent process is dead; the agent has another connection');
select is(t.call('process_heartbeat', 'system:monitor', t.id('p2')::text) ->> 'alive', 'false', 'it is told so');
select is(t.rows('leases_expire', 'system:monitor'), '[]', 'once');
select t.later('16 s') \g /dev/null
select is((select string_agg(r ->> 'staff_id', ',') from jsonb_array_elements(t.rows('leases_expire', 'system:monitor')) r where r @? '$.offers[*]'), t.id('a2')::text,
    'with the last process the offers go back');
select is((select count(*)::int from support.presence_leases), 0, 'no lease is left');
select is((select count(*)::int from support.offers where state = 'pending'), 0, 'nor an offer');
select is(t.violations(), '', 'invariants');
select is(t.call('process_register', 'system:monitor', t.id('p4')::text, 'host', '4', 'test') ->> 'others', '0', 'a new one starts');
select t.call('lease_add', 'system:monitor', t.id('p4')::text, '1', t.s('a2')) \g /dev/null
select is(t.rows('process_leave', 'system:monitor', t.id('p4')::text) #>> '{1,staff_id}', t.id('a2')::text, 'an orderly stop');

-- status
select t.call('process_register', 'system:monitor', t.id('p5')::text, 'host', '5', 'test') \g /dev/null
select t.call('lease_add', 'system:monitor', t.id('p5')::text, '1', t.s('a3')) \g /dev/null
select is(t.call('presence_set', t.s('a3'), 'available', null, null) ->> 'result', 'ok', 'available');
select is(t.call('presence_set', t.s('a3'), 'available', null, null) ->> 'result', 'same', 'again');
select is(t.fails('presence_set', t.s('a3'), 'asleep', null, null), 'SD400 bad_argument', 'no such status');
select is(t.rows('queue_assign', 'system:router', '1') #>> '{0,staff_id}', t.id('a3')::text, 'an offer');
select is(jsonb_array_length(t.call('presence_set', t.s('a3'), 'away', 'lunch', null) -> 'offers'), 1, 'going away gives it back');
select is((select count(*)::int from support.chat_queue where a.x and closed_at is null and state = 'waiting'), 2, 'the customer waits') from (select true as x) a;
select is(t.call('staff_me', t.s('a3')) ->> 'reason', 'lunch', 'with the reason');
select is(t.call('presence_set_auto_answer', t.s('a3'), 'true', null) ->> 'result', 'ok', 'auto-answer');
select is(t.call('presence_set_auto_answer', t.s('a3'), 'true', null) ->> 'result', 'same', 'again');
select is(t.call('staff_me', t.s('a3')) ->> 'auto_answer', 'true', 'is kept');
select is(t.violations(), '', 'invariants');
select * from finish();
rollback;
