-- Messages: numbers without gaps, repeats, who may write, masking in place, history.
begin;
select plan(59);
select t.people() \g /dev/null
select t.served('c1', 'a1') \g /dev/null

select is(t.post(t.c('c1'), 'c1', 'x1') - 'created_at', jsonb_build_object('result', 'ok', 'id', t.id('mx1' || t.c('c1')), 'seq', 2, 'note_seq', null, 'repeated', false, 'rev', 1,
    'customer_id', t.id('c1'), 'staff_id', t.id('a1'), 'entry_id', null), 'a message');
select is(t.call('message_post', t.c('c1'), t.id('kc1')::text, t.id('elsewhere')::text, t.id('x1')::text, 'message', 'other text', '{}', null) - 'created_at',
    jsonb_build_object('result', 'ok', 'id', t.id('mx1' || t.c('c1')), 'seq', 2, 'note_seq', null, 'repeated', true, 'rev', 1,
    'customer_id', t.id('c1'), 'staff_id', t.id('a1'), 'entry_id', null), 'a repeat has the first answer');
select is((select count(*)::int from support.chat_messages where chat_id = t.id('kc1') and kind = 'message'), 1, 'and no second row');
select is((select body from support.chat_messages where chat_id = t.id('kc1') and seq = 2), 'hello', 'the first text stands');
select is(t.post(t.s('a1'), 'c1', 'x1') ->> 'seq', '3', 'client ids of two senders do not meet, and no seq is burnt');
select is(t.post(t.s('a1'), 'c1', 'n1', 'a note', 'note') ->> 'note_seq', '1', 'notes count apart');
select is(t.post(t.s('a1'), 'c1', 'n2', 'a note', 'note') ->> 'seq', null, 'and have no seq');
select is(t.post(t.c('c1'), 'c1', 'x2') ->> 'seq', '4', 'messages go on');
select is((select array_agg(seq order by seq) from support.chat_messages where chat_id = t.id('kc1') and seq is not null), '{1,2,3,4}', 'no gap');
select is((select first_response_at = (select created_at from support.chat_messages where seq = 3) from support.chat_sessions where id = t.id('kc1')), true, 'first response of staff: no system message is one');

select is(t.fails('message_post', a, t.id('kc1')::text, t.id('f')::text, t.id('f')::text, k, b, '{}', null), e, w)
from (values (t.c('c2'), 'message', 'x', 'SD404 chat_not_found', 'another customer'), (t.s('a2'), 'message', 'x', 'SD404 chat_not_found', 'a colleague'),
    (t.c('c1'), 'note', 'x', 'SD403 denied', 'a note by the customer'), (t.c('c1'), 'system', 'x', 'SD403 denied', 'a system message by the customer'),
    (t.s('a1'), 'system', 'x', 'SD403 denied', 'by staff'), (t.c('c1'), null, 'x', 'SD403 denied', 'no kind'), (t.c('c1'), 'shout', 'x', 'SD403 denied', 'no such kind'),
    ('system:router', 'message', 'x', 'SD403 denied', 'a message by the system'), ('system:router', 'system', 'x', 'SD403 denied', 'a system message from outside'),
    (t.c('c1'), 'message', '', '23514 row_check', 'an empty text'), (t.c('c1'), 'message', repeat('x', 20001), '23514 row_check', 'a text too long')) v (a, k, b, e, w);
select is((select last_seq from support.chat_sessions where id = t.id('kc1')), 4::bigint, 'refusals burn no seq');
select is(t.post(t.s('s1'), 'c1', 's1') ->> 'result', 'not_assigned', 'a supervisor does not write into an agent''s chat');
select is(t.post(t.s('s1'), 'c1', 's2', 'look', 'note') ->> 'note_seq', '3', 'but leaves a note');
select is((select jsonb_build_object('seq', seq, 'body', body, 'params', params, 'kind', kind, 'sender', sender_kind) from support.chat_messages where chat_id = t.id('kc1') and seq = 1),
    jsonb_build_object('seq', 1, 'body', 'assigned', 'params', jsonb_build_object('staff_id', t.id('a1'), 'staff_name', 'Name a1'), 'kind', 'system', 'sender', 'system'), 'a system message with the name as it was');

select is(t.chat('c2') ->> 'result', 'ok', 'a chat that waits');
select is(t.post(t.c('c2'), 'c2', 'w1') ->> 'seq', '1', 'takes messages of the customer');
select is(t.post(t.s('a1'), 'c2', 'w2') ->> 'result', 'not_assigned', 'none of an agent who has not taken it');

-- a number that was split: the earlier part is masked with the message that completes it
create function pg_temp.joined(p_actor text, p_client text, p_earlier text, p_text text default '**** 1111') returns text[] language sql as $$
    select array[p_actor, t.id('kc1')::text, t.id('m' || p_client)::text, t.id(p_client)::text, 'message', '**** 2222', '{card}', 'req', array[t.id(p_earlier)]::text, array[p_text]::text] $$;
select is(t.call('message_join', variadic pg_temp.joined(t.c('c1'), 'j1', 'mx1' || t.c('c1'))) - 'created_at' - 'id' - 'customer_id' - 'staff_id',
    '{"result": "ok", "seq": 5, "note_seq": null, "repeated": false, "rev": 2, "entry_id": null}', 'both in one');
select results_eq(format($$select body, categories, remask_rev from support.chat_messages where chat_id = %L and seq = 2$$, t.id('kc1')),
    $$values ('**** 1111', '{card}'::text[], 2::bigint)$$, 'in place');
select is(t.call('message_join', variadic pg_temp.joined(t.c('c1'), 'j1', 'mx1' || t.c('c1'))) ->> 'repeated', 'true', 'a repeat is one');
select is(t.call('message_join', variadic pg_temp.joined(t.s('a1'), 'j2', 'mx1' || t.c('c1'), 'x')) ->> 'result', 'ok', 'by somebody else');
select is((select body from support.chat_messages where chat_id = t.id('kc1') and seq = 2), '**** 1111', 'nothing is masked of what is not theirs');
select is(t.fails('message_join', variadic pg_temp.joined(t.c('c2'), 'j3', 'mx1' || t.c('c1'))), 'SD404 chat_not_found', 'not by another customer');
select is(t.fails('message_join', variadic pg_temp.joined('system:router', 'j3', 'mx1' || t.c('c1'))), 'SD400 bad_argument', 'not by the system');
select is(t.fails('message_join', variadic pg_temp.joined(t.c('c1'), 'j4', 'mx1' || t.c('c1'), '')), '23514 row_check', 'when the earlier part cannot be masked');
select is((select count(*)::int from support.chat_messages where chat_id = t.id('kc1') and client_id = t.id('j4')), 0, 'the message is not stored either');
select is((select jsonb_agg(detail order by id) -> 0 from support.support_activity_logs where action = 'message.remask'),
    jsonb_build_object('message', t.id('mx1' || t.c('c1')), 'seq', 2, 'note_seq', null, 'masked', '["card"]'::jsonb), 'audited, without text');
select is(t.rows('chat_remasked', t.c('c1'), t.id('kc1')::text, '1') #>> '{0,body}', '**** 1111', 'found by rev');
select is(jsonb_array_length(t.rows('chat_remasked', t.c('c1'), t.id('kc1')::text, '3')), 0, 'once known, no more');

-- history
select is((select array_agg((r ->> 'seq')::int order by n) from jsonb_array_elements(t.rows('chat_history', t.c('c1'), t.id('kc1')::text, null, null, '2')) with ordinality h (r, n)), '{5,6}', 'the last two, ascending');
select is((select array_agg((r ->> 'seq')::int order by n) from jsonb_array_elements(t.rows('chat_history', t.c('c1'), t.id('kc1')::text, '1', null, '2')) with ordinality h (r, n)), '{2,3}', 'the first two after 1');
select is((select array_agg((r ->> 'seq')::int order by n) from jsonb_array_elements(t.rows('chat_history', t.c('c1'), t.id('kc1')::text, null, '3', '9')) with ordinality h (r, n)), '{1,2}', 'before 3');
select is(t.rows('chat_history', t.c('c1'), t.id('kc1')::text, '0', null, '1') #>> '{0,params,staff_name}', 'Name a1', 'system messages with what they speak of');
select is((select array_agg((r ->> 'seq')::int order by n) from jsonb_array_elements(t.rows('chat_history', t.c('c1'), t.id('kc1')::text, '1', '4', '9')) with ordinality h (r, n)), '{2,3}', 'between');
select is(t.rows('chat_history', t.c('c1'), t.id('kc1')::text, '2', null, '1') #>> '{0,sender_name}', 'Name a1', 'with the name of the sender');
select is(jsonb_array_length(t.rows('chat_history', t.c('c2'), t.id('kc1')::text, null, null, '9')), 0, 'not for another customer');
select is(jsonb_array_length(t.rows('chat_history', t.s('a2'), t.id('kc1')::text, null, null, '9')), 0, 'not for a colleague');
select is(jsonb_array_length(t.rows('chat_notes', t.s('a1'), t.id('kc1')::text, null, null, '9')), 3, 'notes for staff');
select is((select array_agg((r ->> 'note_seq')::int order by n) from jsonb_array_elements(t.rows('chat_notes', t.s('a1'), t.id('kc1')::text, '1', null, '1')) with ordinality h (r, n)), '{2}', 'paged alike');
select is(t.fails('chat_notes', t.c('c1'), t.id('kc1')::text, null, null, '9'), 'SD403 denied', 'never for the customer');

-- closed
select t.call('chat_close', t.s('a1'), t.id('kc1')::text, 'resolved', null) \g /dev/null
select is(t.post(t.c('c1'), 'c1', 'late') ->> 'result', 'closed', 'a closed chat takes no message');
select is(t.post(t.c('c1'), 'c1', 'x2') ->> 'repeated', 'true', 'but answers a repeat');
select is(t.post(t.s('a1'), 'c1', 'n9', 'after all', 'note') ->> 'note_seq', '4', 'and takes notes');

-- audit
select is((select count(*)::int from support.support_activity_logs where action = 'message.post' and subject_ref = t.id('kc1')::text), 5, 'one row per message');
select is((select count(*)::int from support.support_activity_logs where action = 'note.post'), 4, 'and per note');
select is((select count(*)::int from support.support_activity_logs where action = 'message.post' and actor_kind = 'customer' and actor_ref = support.customer_ref(t.id('c1'))), 3, 'customers by reference');
select is((select count(*)::int from support.support_activity_logs l where l::text like '%hello%' or l::text like '%Customer 1%' or l::text like '%' || t.id('c1') || '%'), 0, 'neither text nor name nor customer id');
select is(t.violations(), '', 'invariants');
select * from finish();
rollback;
