-- Assignment: order, capacity, strategy, teams, answers, misses, timeouts, positions.
begin;
select plan(84);
select t.people() \g /dev/null

select is(t.rows('queue_assign', 'system:router', '10'), '[]', 'nothing waits, nobody is there');
select t.chat('c' || n), t.pass('1 s') from generate_series(1, 6) n \g /dev/null
select is(t.rows('queue_assign', 'system:router', '10'), '[]', 'nobody is available');

-- order and capacity
select t.ready('a1') \g /dev/null
select is(jsonb_array_length(t.rows('queue_assign', 'system:router', '1')), 1, 'at most as many as asked for');
select is((select chat_id from support.offers), t.id('kc1'), 'the oldest first');
select is((select array_agg(r ->> 'chat_id' order by n) from jsonb_array_elements(t.assign()) with ordinality x (r, n)), array[t.id('kc2'), t.id('kc3'), t.id('kc4')]::text[], 'up to the capacity of 4, in order');
select is(t.assign(), '[]', 'not one more');
select is(t.call('staff_me', t.s('a1')) ->> 'load', '4', 'pending offers are load');
select is(t.violations(), '', 'invariants');
select is(t.call('offer_accept', t.s('a1'), id::text, null) ->> 'result', 'accepted', 'accept ' || row_number() over (order by id)) from support.offers where chat_id in (t.id('kc1'), t.id('kc2'));
select is(t.assign(), '[]', 'accepting makes no room');
select is(t.call('offer_decline', t.s('a1'), id::text, null) - 'rev', jsonb_build_object('result', 'declined', 'kind', 'chat', 'entry_id', t.id('ec3'), 'chat_id', t.id('kc3'), 'call_id', null, 'customer_id', t.id('c3')),
    'decline') from support.offers where chat_id = t.id('kc3');
select is(t.call('offer_decline', t.s('a1'), id::text, null) ->> 'result', 'declined', 'again') from support.offers where chat_id = t.id('kc3');
select is(t.rows('queue_assign', 'system:router', '10') #>> '{0,chat_id}', t.id('kc5')::text, 'the decliner is not asked again: the next one comes');
select is((select state from support.chat_queue where id = t.id('ec3')), 'waiting', 'who was declined waits');
select t.ready('a2') \g /dev/null
select is((select string_agg(r ->> 'chat_id', ',' order by n) from jsonb_array_elements(t.assign()) with ordinality x (r, n)), t.id('kc3') || ',' || t.id('kc6'), 'first in line for the next agent');
select is((select jsonb_path_query_array(why, '$.candidates[*].excluded') from support.offers where chat_id = t.id('kc3') and staff_id = t.id('a2')) @> '["declined"]', true, 'with the reason why not the first');
select is(t.fails('offer_accept', t.s('a1'), id::text, null), 'SD404 offer_not_found', 'nobody answers the offer of another') from support.offers where chat_id = t.id('kc6');
select is(t.fails('offer_decline', t.s('a1'), t.id('none')::text, null), 'SD404 offer_not_found', 'nor one that is not there');
select is(jsonb_array_length(t.rows('offers_mine', t.s('a2'))), 2, 'my offers');
select is(t.rows('offers_mine', t.s('a2')) #>> '{0,customer_name}', 'Customer 3', 'with the name');
select is(t.violations(), '', 'invariants');

-- misses
select is(t.rows('offers_expire', 'system:router'), '[]', 'nothing is late yet');
select is((t.call('queue_next_deadline', 'system:router') ->> 'deadline')::timestamptz, (select min(expires_at) from support.offers where state = 'pending'), 'the deadline of an offer is the next');
select t.pass('20 s') \g /dev/null
create temporary table missed as select t.rows('offers_expire', 'system:router') as r;
select is(jsonb_array_length(r), 4, 'all are late') from missed;
select is((select misses from support.staff_presence where staff_id = t.id('a2')), 2, 'two misses');
select is(t.call('offer_accept', t.s('a2'), id::text, null) ->> 'result', 'gone', 'too late') from support.offers where chat_id = t.id('kc6');
select is((select count(*)::int from support.offers where state = 'missed'), 4, 'missed');
select is(t.violations(), '', 'invariants');
select t.call('presence_set', t.s('a1'), 'away', null, null) \g /dev/null
select is(jsonb_array_length(t.assign()), 4, 'who missed is asked again when there is nobody else');
select t.pass('20 s') \g /dev/null
select is((select count(*)::int from jsonb_array_elements(t.rows('offers_expire', 'system:router')) r where (r ->> 'paused')::boolean), 1, 'the third miss pauses the agent');
select is((select chosen || ' ' || reason from support.staff_presence where staff_id = t.id('a2')), 'away missed_offers', 'with the reason');
select is(t.assign(), '[]', 'he is offered nothing');
select is(t.ready('a2'), 'ok', 'until he returns');
select is(jsonb_array_length(t.assign()), 4, 'then again');
select is(t.accept('a2', jsonb_build_object('offer_id', id)) ->> 'result', 'accepted', 'accepts all') from support.offers where state = 'pending' order by id;
select is((select misses from support.staff_presence where staff_id = t.id('a2')), 0, 'which clears the misses');
select is(t.violations(), '', 'invariants');

-- least busy, then longest idle
select t.call('chat_close', t.s('a2'), t.id('kc' || n)::text, 'resolved', null) from generate_series(3, 6) n \g /dev/null
select t.ready('a1'), t.ready('a3') \g /dev/null
select t.chat('c7'), t.pass('1 s') \g /dev/null
select is(t.rows('queue_assign', 'system:router', '1') #>> '{0,staff_id}', t.id('a3')::text, 'never worked comes before just worked, both before the busy one');
select t.chat('c8'), t.pass('1 s') \g /dev/null
select is(t.rows('queue_assign', 'system:router', '1') #>> '{0,staff_id}', t.id('a2')::text, 'then the least busy');
select is((select string_agg(c ->> 'load', ',' order by c ->> 'staff_id') from support.offers o, jsonb_array_elements(o.why -> 'candidates') c where o.chat_id = t.id('kc8')),
    (select string_agg(l, ',' order by t.id(n)::text) from (values ('a1', '2'), ('a2', '0'), ('a3', '1')) v (n, l)), 'why is stored');
select is(jsonb_array_length(t.rows('queue_routing', t.s('s1'), t.id('kc8')::text)), 1, 'and shown to those who see the chat');
select is(t.fails('queue_routing', t.c('c8'), t.id('kc8')::text), 'SD403 denied', 'not to the customer');
select is(t.rows('queue_routing', t.s('a3'), t.id('kc1')::text), '[]', 'nor to a colleague');
select is(t.call('offer_accept', t.s(n), id::text, null) ->> 'result', 'accepted', n || ' accepts') from (values ('a3', t.id('kc7')), ('a2', t.id('kc8'))) v (n, k) join support.offers o on o.chat_id = v.k and o.state = 'pending';

-- teams and priority
select t.chat('c9') \g /dev/null
update support.chat_queue set team_id = t.id('B') where chat_id = t.id('kc9');
update support.chat_sessions set team_id = t.id('B') where id = t.id('kc9');
select t.chat('c3', 'c3b'), t.pass('1 s') \g /dev/null
update support.chat_queue set priority = 5 where chat_id = t.id('kc3b');
select is((select string_agg((r ->> 'chat_id') || ' ' || (r ->> 'staff_id'), ',' order by n) from jsonb_array_elements(t.assign()) with ordinality x (r, n)),
    format('%s %s,%s %s', t.id('kc3b'), t.id('a3'), t.id('kc9'), t.id('a2')), 'higher priority first; a team''s chat only to that team');
select t.call('offer_decline', t.s('a2'), id::text, null) from support.offers where state = 'pending' and chat_id = t.id('kc9') \g /dev/null
select is(t.assign(), '[]', 'no other team gets it');

-- timeouts
select t.pass('260 s') \g /dev/null
select is(t.rows('queue_timeouts', 'system:router'), '[]', 'not before 300 s');
select t.pass('45 s') \g /dev/null
select t.rows('offers_expire', 'system:router') \g /dev/null
create temporary table late as select t.rows('queue_timeouts', 'system:router') as r;
select is((select string_agg((x ->> 'chat_id') || ' ' || (x ->> 'step'), ',' order by x ->> 'chat_id') from late, jsonb_array_elements(r) x),
    (select string_agg(t.id(k) || ' 1', ',' order by t.id(k)::text) from unnest(array['kc9', 'kc3b']) k), 'who waited 300 s takes the first step');
select results_eq(format('select escalation, priority, team_id from support.chat_queue where chat_id = %L and closed_at is null', t.id('kc9')), $$values (1, 10, null::uuid)$$, 'higher, and for every team');
select is((select rev > 0 from support.chat_sessions where id = t.id('kc9')), true, 'the customer is told by rev');
select is(t.call('chat_state', t.c('c9'), t.id('kc9')::text) #> '{state,queue,escalation}', '1', 'and state');
select is((select declined_by from support.chat_queue where chat_id = t.id('kc9') and closed_at is null), '{}', 'who declined it may be asked again');
select is(t.rows('queue_timeouts', 'system:router'), '[]', 'once');
select t.pass('121 s'), t.rows('offers_expire', 'system:router'), t.rows('queue_timeouts', 'system:router'), t.pass('121 s'), t.rows('offers_expire', 'system:router'), t.rows('queue_timeouts', 'system:router'), t.pass('500 s') \g /dev/null
select results_eq(format('select escalation, escalate_at from support.chat_queue where chat_id = %L and closed_at is null', t.id('kc9')), $$values (3, null::timestamptz)$$, 'three steps in all');
select is(t.rows('queue_timeouts', 'system:router'), '[]', 'no more');
select is((select array_agg(distinct n::text) from (select count(*) as n from support.chat_messages where body = 'queue_timeout' group by chat_id) m), '{1}', 'the customer is told once');
select is(t.violations(), '', 'invariants');

-- positions
select is((select string_agg((r ->> 'position') || ' ' || (r ->> 'chat_id'), ',' order by n) from jsonb_array_elements(t.rows('queue_positions', 'system:router', null)) with ordinality x (r, n)),
    format('1 %s,2 %s', t.id('kc3b'), t.id('kc9')), 'positions in order');
select is(jsonb_array_length(t.rows('queue_positions', 'system:router', array[t.id('ec9')]::text)), 1, 'of some');
select is(t.rows('queue_positions', 'system:router', array[t.id('ec9')]::text) #> '{0,position}', '2', 'with the same number');
select ok((select (r ->> 'wait_low_ms')::bigint between 1 and (r ->> 'wait_high_ms')::bigint from jsonb_array_elements(t.rows('queue_positions', 'system:router', null)) r limit 1), 'and a range of waiting');
select is(t.fails('queue_positions', t.c('c9'), null), 'SD403 denied', 'the whole queue is not for customers');
select is(jsonb_array_length(t.rows('queue_list', t.s('a1'), '10')), 2, 'staff see who waits');
select is(t.fails('queue_list', t.c('c9'), '10'), 'SD403 denied', 'customers do not');
create temporary table bound as select q.id, q.team_id from support.chat_queue q where q.closed_at is null order by q.id limit 1;
update support.chat_queue q set team_id = t.id('B') from bound b where b.id = q.id;
create temporary table pictures as select t.rows('queue_pictures', 'system:router', (select array_agg(id) from support.support_staff)::text, '50') as r;
select is((select jsonb_agg(x - 'viewers' order by n) from pictures, jsonb_array_elements(r) with ordinality e (x, n) where x -> 'viewers' ? s.id::text and x ->> 'entry_id' is not null),
    nullif(t.rows('queue_list', 'staff:' || s.id, '50'), '[]'), 'each sees in the shared picture what is theirs to see: ' || s.display_name)
from support.support_staff s where s.active order by s.id;
select is((select count(distinct x -> 'viewers') < count(distinct v) from pictures, jsonb_array_elements(r) x, jsonb_array_elements_text(x -> 'viewers') v), true, 'which is read once for several');
select is(t.fails('queue_pictures', t.s('a1'), '{}', '10'), 'SD403 denied', 'not for staff themselves');
update support.chat_queue q set team_id = b.team_id from bound b where b.id = q.id;

-- picking by hand
select is(t.fails('queue_pick', t.s('a1'), t.id('none')::text, null), 'SD404 entry_not_found', 'nothing to pick');
select is(t.call('queue_pick', t.s('a1'), t.id('ec1')::text, null) ->> 'result', 'gone', 'gone');
select t.ready('a3') \g /dev/null
select t.assign() \g /dev/null
create temporary table picked as select t.call('queue_pick', t.s('a1'), t.id('ec9')::text, null) as r;
select is((select r ->> 'offer_staff_id' from picked), (select staff_id::text from support.offers where chat_id = t.id('kc9') and state = 'withdrawn' order by id desc limit 1),
    'a pick withdraws the offer to a colleague');
select is(t.accept(n, jsonb_build_object('offer_id', o.id)) ->> 'result', 'accepted', 'the rest') from support.offers o join unnest(array['a1', 'a2', 'a3']) n on t.id(n) = o.staff_id where o.state = 'pending';
update support.support_staff set capacity = (select support.staff_load(t.id('a1'))) where id = t.id('a1');
select t.chat('c4', 'c4b') \g /dev/null
select is(t.call('queue_pick', t.s('a1'), t.id('ec4b')::text, null) ->> 'result', 'over_capacity', 'by hand neither over capacity');
select is(t.violations(), '', 'invariants');
select * from finish();
rollback;
