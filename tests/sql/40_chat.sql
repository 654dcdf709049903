-- Start, state, marks, tags, close, requeue, lists.
begin;
select plan(70);
select t.people() \g /dev/null

select is(t.chat('c1') - 'created_at', jsonb_build_object('result', 'ok', 'chat_id', t.id('kc1'), 'status', 'queued', 'seq', 0, 'rev', 0, 'entry_id', t.id('ec1')), 'a chat starts and waits');
select is(t.chat('c1') ->> 'result', 'repeat', 'the same key again');
select is(t.chat('c1', 'again') - 'created_at', jsonb_build_object('result', 'existing', 'chat_id', t.id('kc1'), 'status', 'queued', 'seq', 0, 'rev', 0, 'entry_id', t.id('ec1')),
    'a second start finds the open chat');
select is((select count(*)::int from support.chat_sessions where customer_id = t.id('c1')), 1, 'there is one');
select is((select count(*)::int from support.chat_queue where customer_id = t.id('c1')), 1, 'in the queue once');
select is(t.chat('c2') ->> 'result', 'ok', 'keys of customers do not meet');
select is(t.fails('chat_start', t.c('c3'), t.id('kc1')::text, t.id('other')::text, t.id('eo')::text, 'en', null, null), 'SD400 bad_argument', 'an id that is taken');
select t.call('setting_set', t.s('d1'), 'features.chat', 'false', null) \g /dev/null
select is(t.fails('chat_start', t.c('c3'), t.id('kc3')::text, t.id('kc3')::text, t.id('eo')::text, 'en', null, null), 'SD403 feature_off', 'the feature flag');
select t.call('setting_set', t.s('d1'), 'features.chat', 'true', null) \g /dev/null
select t.call('setting_set', t.s('d1'), 'chat.max_per_day', '1', null) \g /dev/null
select is(t.call('chat_close', t.c('c2'), t.id('kc2')::text, 'customer', null) ->> 'result', 'ok', 'a waiting chat is closed by the customer');
select is(t.fails('chat_start', t.c('c2'), t.id('k2b')::text, t.id('k2b')::text, t.id('e2b')::text, 'en', null, null), 'SD429 too_many_chats', 'a limit per day');
select is(t.chat('c2') ->> 'result', 'repeat', 'a repeat of the closed one is no new chat');
select is((select state from support.chat_queue where chat_id = t.id('kc2')), 'abandoned', 'its entry is abandoned');

-- state document
select is(t.call('queue_pick', t.s('a1'), t.id('ec1')::text, null) ->> 'result', 'picked', 'the agent takes it');
select t.post(t.c('c1'), 'c1', 'x1'), t.post(t.s('a1'), 'c1', 'x2'), t.post(t.s('a1'), 'c1', 'n1', 'note', 'note') \g /dev/null
select is(t.call('chat_state', t.c('c1'), t.id('kc1')::text) #- '{state,created_at}' #- '{state,assigned,since}' -> 'state',
    jsonb_build_object('id', t.id('kc1'), 'status', 'assigned', 'channel', 'chat', 'seq', 3, 'rev', 1, 'closed_at', null, 'close_reason', null,
        'customer', jsonb_build_object('id', t.id('c1'), 'language', 'en'), 'assigned', jsonb_build_object('id', t.id('a1'), 'name', 'Name a1'),
        'marks', (select jsonb_agg(jsonb_build_object('kind', k, 'id', t.id(n), 'delivered_seq', 0, 'read_seq', 0) order by k) from (values ('customer', 'c1'), ('staff', 'a1')) v (k, n)),
        'queue', null, 'call', null), 'what the customer sees');
select is(t.call('chat_state', t.s('a1'), t.id('kc1')::text) #> '{state,note_seq}', '1', 'staff see the number of notes');
select is(t.call('chat_state', t.s('a1'), t.id('kc1')::text) #> '{state,customer,name}', '"Customer 1"', 'and the name');
select matches(t.call('chat_state', t.c('c1'), t.id('kc1')::text) #>> '{state,created_at}', '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$', 'times are RFC 3339 with milliseconds');
select is(t.call('chat_state', t.c('c1'), t.id('kc1')::text) ->> 'note_seq', null, 'a customer gets no note_seq');
select is(t.call('chat_state', t.c('c2'), t.id('kc1')::text), null, 'another customer nothing');
select is(t.call('chat_state', t.s('a2'), t.id('kc1')::text), null, 'nor does a colleague');

-- marks
select is(t.call('chat_receipt', t.c('c1'), t.id('kc1')::text, '2', '1', '1') - 'customer_id' - 'staff_id',
    '{"result": "ok", "rev": 2, "delivered_seq": 2, "read_seq": 1, "note_read_seq": null}', 'delivered and read');
select is(t.call('chat_receipt', t.c('c1'), t.id('kc1')::text, '2', '1', null) - 'customer_id' - 'staff_id',
    '{"result": "same", "rev": 2, "delivered_seq": 2, "read_seq": 1, "note_read_seq": null}', 'the same again changes nothing');
select is(t.call('chat_receipt', t.c('c1'), t.id('kc1')::text, '1', '0', null) ->> 'result', 'same', 'marks do not fall');
select is(t.call('chat_receipt', t.c('c1'), t.id('kc1')::text, null, '99', null) - 'customer_id' - 'staff_id',
    '{"result": "ok", "rev": 3, "delivered_seq": 3, "read_seq": 3, "note_read_seq": null}', 'nor pass the last message');
select is((select note_read_seq from support.chat_participants where participant_id = t.id('c1')), 0::bigint, 'a customer has no mark on notes');
select is(t.call('chat_receipt', t.s('a1'), t.id('kc1')::text, '1', null, '1') ->> 'note_read_seq', '1', 'staff do');
select is(t.call('chat_receipt', t.s('s1'), t.id('kc1')::text, '2', '2', null) ->> 'result', 'same', 'who only looks on leaves no mark');
select is(t.fails('chat_receipt', t.s('a2'), t.id('kc1')::text, '1', '1', null), 'SD404 chat_not_found', 'who does not see it cannot');

-- tags
select is(t.call('chat_tag', t.s('a1'), t.id('kc1')::text, '{vip,cards,vip}', null, null) -> 'tags', '["cards", "vip"]', 'tags are a sorted set');
select is(t.call('chat_tag', t.s('a1'), t.id('kc1')::text, '{vip}', '{none}', null) ->> 'result', 'same', 'nothing new');
select is(t.call('chat_tag', t.s('a1'), t.id('kc1')::text, null, '{vip}', null) -> 'tags', '["cards"]', 'removed');
select is(t.fails('chat_tag', t.c('c1'), t.id('kc1')::text, '{x}', null, null), 'SD403 denied', 'customers do not tag');
select is(t.fails('chat_tag', t.s('a1'), t.id('kc1')::text, array[repeat('x', 41)]::text, null, null), 'SD400 bad_argument', 'at most 40 characters');
select is(t.fails('chat_tag', t.s('a1'), t.id('kc1')::text, array(select 't' || n from generate_series(1, 21) n)::text, null, null), 'SD400 bad_argument', 'at most 20');
select ok(not t.call('chat_state', t.c('c1'), t.id('kc1')::text) -> 'state' ? 'tags', 'tags are not for the customer');

-- reading, audited
select is(t.call('chat_read_open', t.s('s1'), t.id('kc1')::text, 'req') ->> 'result', 'ok', 'a supervisor opens the chat');
select is((select count(*)::int from support.support_activity_logs where action = 'chat.read' and actor_ref = t.id('s1')::text and subject_ref = t.id('kc1')::text
    and request_id = 'req'), 1, 'which is audited');
select is(t.fails('chat_read_open', t.s('a2'), t.id('kc1')::text, null), 'SD404 chat_not_found', 'not for a colleague');

-- requeue
select is(t.fails('chat_requeue', t.s('a2'), t.id('kc1')::text, t.id('r1')::text, 'x', null), 'SD404 chat_not_found', 'a colleague cannot give it back');
select is(t.fails('chat_requeue', t.c('c1'), t.id('kc1')::text, t.id('r1')::text, 'x', null), 'SD403 denied', 'nor the customer');
select is(t.call('chat_requeue', t.s('a1'), t.id('kc1')::text, t.id('r1')::text, 'x', null) - 'rev',
    jsonb_build_object('result', 'ok', 'entry_id', t.id('r1'), 'customer_id', t.id('c1'), 'staff_id', t.id('a1')), 'the agent can');
select is((select queued_at from support.chat_queue where id = t.id('r1')), (select queued_at from support.chat_queue where id = t.id('ec1')), 'it keeps its age');
select is((select declined_by from support.chat_queue where id = t.id('r1')), array[t.id('a1')], 'and does not come back to the one');
select is((select body || ' ' || (params ->> 'staff_name') from support.chat_messages where chat_id = t.id('kc1') and kind = 'system' order by seq desc limit 1), 'requeued Name a1', 'the chat tells who gave it back');
select is(t.call('chat_requeue', t.s('l1'), t.id('kc1')::text, t.id('r2')::text, 'x', null) ->> 'result', 'not_assigned', 'a waiting chat cannot be given back');
select is(t.call('queue_pick', t.s('a1'), t.id('r1')::text, null) ->> 'result', 'picked', 'by hand the agent may take it again');
select is(t.call('chat_requeue', t.s('l1'), t.id('kc1')::text, t.id('r3')::text, 'x', null) ->> 'result', 'ok', 'a lead may take it away');
select is((select declined_by from support.chat_queue where id = t.id('r3')), '{}', 'without barring the agent');
select t.call('queue_pick', t.s('a1'), t.id('r3')::text, null) \g /dev/null

-- close
select is(t.call('chat_close', t.s('a1'), t.id('kc1')::text, 'resolved', 'req') ->> 'result', 'ok', 'the agent closes');
select is(t.call('chat_close', t.s('a1'), t.id('kc1')::text, 'resolved', 'req') ->> 'result', 'closed', 'once');
select is(t.call('chat_close', t.c('c1'), t.id('kc1')::text, 'customer', 'req') ->> 'result', 'closed', 'the customer comes too late');
select is(t.fails('chat_close', t.c('c2'), t.id('kc1')::text, 'customer', 'req'), 'SD404 chat_not_found', 'another customer cannot');
select matches(t.fails('chat_close', t.c('c3'), (t.chat('c3') ->> 'chat_id'), 'because', 'req'), '^23514', 'a reason is a code');
select is(t.call('chat_close', t.s('a1'), t.id('kc3')::text, 'spam', 'req') ->> 'result', 'not_assigned', 'an agent does not close what waits');
select t.ready('a2') \g /dev/null
select is(jsonb_array_length(t.assign()), 1, 'it is offered');
select is(t.call('chat_close', t.s('s1'), t.id('kc3')::text, 'spam', 'req') ->> 'offer_staff_id', t.id('a2')::text, 'a supervisor closes it, and the offer is withdrawn');
select is((select state from support.offers where chat_id = t.id('kc3')), 'withdrawn', 'for good');
select is((select status from support.chat_sessions where id = t.id('kc3')), 'closed', 'closed');

-- lists
select is(jsonb_array_length(t.rows('chats_mine', t.c('c1'), 'false', null, '10')), 1, 'the customer''s closed chats');
select is(jsonb_array_length(t.rows('chats_mine', t.c('c1'), 'true', null, '10')), 0, 'and open ones');
select is(t.rows('chats_mine', t.c('c1'), null, null, '10') #> '{0,tags}', 'null', 'without tags');
select is(jsonb_array_length(t.rows('chats_mine', t.s('a1'), 'true', null, '10')), 0, 'the agent''s open chats');
select is(t.rows('chats_mine', t.s('a1'), 'false', null, '10') #>> '{0,customer_name}', 'Customer 1', 'and closed ones, with the name');
select t.call('setting_set', t.s('d1'), 'chat.max_per_day', '50', null) \g /dev/null
select t.chat('c4', 'c4' || n), t.call('chat_close', t.c('c4'), t.id('kc4' || n)::text, 'customer', null) from generate_series(1, 3) n \g /dev/null
create temporary table page as select t.rows('chats_mine', t.c('c4'), null, null, '2') as p;
select is(jsonb_array_length(p), 2, 'a page') from page;
select is(jsonb_array_length(t.rows('chats_mine', t.c('c4'), null, p #>> '{1,chat_id}', '2')), 1, 'the rest') from page;
select is(jsonb_array_length(t.rows('chats_of_customer', t.s('a1'), t.id('c1')::text, null, '10', null)), 1, 'earlier chats of a customer');
select is(jsonb_array_length(t.rows('chats_of_customer', t.s('a1'), t.id('c4')::text, null, '10', null)), 0, 'only what the agent may see');
select is(t.rows('chats_changed_since', 'system:monitor', array[t.id('kc1'), t.id('kc2')]::text, '{3,0}', '{1,0}', '{0,99}') -> 0 ->> 'chat_id', t.id('kc1')::text, 'chats that moved');
select is(jsonb_array_length(t.rows('chats_changed_since', 'system:monitor', array[t.id('kc1')]::text, array[(select last_seq from support.chat_sessions where id = t.id('kc1'))]::text, '{1}', '{99}')), 0, 'and those that did not');
select is(t.violations(), '', 'invariants');
select * from finish();
rollback;
