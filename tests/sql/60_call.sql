-- Calls: start, ringing, answer, hold, end; capacity; the chat of a call; transitions; quality; signaling.
begin;
select plan(127);
select t.people() \g /dev/null

-- start
select is(t.fails('call_start', t.c('c1'), t.id('v')::text, t.id('v')::text, null, t.id('kv')::text, t.id('ve')::text, t.id('nowhere')::text, null), 'SD404 process_not_found', 'the process must be there');
select is(t.callup('c1') - 'rev', jsonb_build_object('result', 'ok', 'call_id', t.id('vc1'), 'chat_id', t.id('kvc1'), 'entry_id', t.id('vec1'), 'state', 'queued', 'staff_id', null,
    'owner_process', t.id('p1'), 'chat_created', true, 'offer_id', null, 'offer_staff_id', null), 'a call opens a voice chat');
select is(t.callup('c1') ->> 'result', 'repeat', 'again');
select is(t.call('call_start', t.c('c1'), t.id('v2')::text, t.id('v2')::text, null, t.id('kv2')::text, t.id('ve2')::text, t.id('p1')::text, null) ->> 'result', 'existing', 'one live call');
select results_eq(format('select channel, status, weight from support.chat_sessions where id = %L', t.id('kvc1')), $$values ('voice', 'open', 0)$$, 'which counts as no chat and does not wait itself');
select is(t.call('chat_state', t.c('c1'), t.id('kvc1')::text) #>> '{state,call,state}', 'queued', 'the state document has the call');
select is(t.fails('call_start', t.c('c2'), t.id('v3')::text, t.id('v3')::text, t.id('kvc1')::text, null, t.id('ve3')::text, t.id('p1')::text, null), 'SD404 chat_not_found', 'not in the chat of another');
select t.call('setting_set', t.s('d1'), 'features.calls', 'false', null) \g /dev/null
select is(t.fails('call_start', t.c('c2'), t.id('v3')::text, t.id('v3')::text, null, t.id('kv3')::text, t.id('ve3')::text, t.id('p1')::text, null), 'SD403 feature_off', 'the feature flag');
select t.call('setting_set', t.s('d1'), 'features.calls', 'true', null) \g /dev/null

-- a call takes all of an agent; one with a chat is not asked
select t.served('c2', 'a2') \g /dev/null
select t.ready('a2') \g /dev/null
select is(t.assign(), '[]', 'an agent with a chat has no room for a call');
select t.chat('c3') \g /dev/null
select is(t.assign(), '[]', 'and is kept free for it: a later chat does not overtake the caller');
select t.ready('a1') \g /dev/null
create temporary table o as select t.assign() as r;
select is((select string_agg((x ->> 'kind') || ' ' || (x ->> 'staff_id'), ',' order by n) from o, jsonb_array_elements(r) with ordinality y (x, n)),
    format('call %s,chat %s', t.id('a1'), t.id('a2')), 'the free agent gets the call, the other one the chat');
select is((select state from support.voice_calls where id = t.id('vc1')), 'ringing', 'it rings');
select is(t.fails('signal_put', t.s('a1'), t.id('vc1')::text, t.id('p1')::text, 'offer', '{}'), 'ok', 'where it rings one signals');
select is(t.fails('signal_put', t.s('s1'), t.id('vc1')::text, t.id('p1')::text, 'offer', '{}'), 'SD403 denied', 'who only sees the call does not');
select is(t.violations(), '', 'invariants');
select is(t.call('chat_history', t.s('a1'), t.id('kvc1')::text, null, null, '5') ->> 'body', 'call_started', 'the agent may look into the chat');
select is(t.call('chat_state', t.s('a1'), t.id('kvc1')::text) #>> '{state,status}', 'open', 'while it rings');
select is(t.call('offer_decline', t.s('a1'), r #>> '{0,offer_id}', null) ->> 'result', 'declined', 'declined') from o;
select is((select state from support.voice_calls where id = t.id('vc1')), 'queued', 'it waits again');
select is(t.assign(), '[]', 'and does not ring again at the one who declined');
select t.ready('a3') \g /dev/null
create temporary table o2 as select t.assign() -> 0 as r;
select is(r ->> 'staff_id', t.id('a3')::text, 'the next one') from o2;
select is(t.call('offer_accept', t.s('a3'), r ->> 'offer_id', null) - 'rev', jsonb_build_object('result', 'accepted', 'kind', 'call', 'entry_id', t.id('vec1'), 'chat_id', t.id('kvc1'),
    'call_id', t.id('vc1'), 'customer_id', t.id('c1'), 'staff_name', 'Name a3', 'owner_process', t.id('p1'), 'calling', false), 'answers') from o2;
select results_eq(format('select k.state, k.weight, c.status, c.assigned_staff_id from support.voice_calls k join support.chat_sessions c on c.id = k.chat_id where k.id = %L', t.id('vc1')),
    format('values (%L, 4, %L, %L::uuid)', 'active', 'assigned', t.id('a3')), 'active, with the chat, all capacity');
select t.accept('a2', r -> 1) from o \g /dev/null
select t.chat('c4'), t.call('presence_set', t.s('a1'), 'away', null, null), t.call('presence_set', t.s('a2'), 'away', null, null) \g /dev/null
select is(t.assign(), '[]', 'who speaks is offered nothing');
select is(t.call('staff_me', t.s('a3')) ->> 'load', '4', 'load 4');
select is(t.post(t.c('c1'), 'vc1', 'm1') ->> 'result', 'ok', 'the caller writes');
select is((select weight from support.chat_sessions where id = t.id('kvc1')), 1, 'now it counts as a chat');
select is(t.call('staff_me', t.s('a3')) ->> 'load', '4', 'within the call');
select is(t.violations(), '', 'invariants');

-- transitions
select is(t.call('call_transition', a, t.id('vc1')::text, x, n, null, null, null) ->> 'result', e, w)
from (values (t.c('c1'), 'active', 'held', 'not_allowed', 'a customer does not hold'), (t.s('a3'), 'held', 'active', 'stale', 'stale'), (t.s('a3'), 'active', 'ringing', 'not_allowed', 'no way back to ringing'),
    (t.s('a3'), 'active', 'queued', 'not_allowed', 'nor to the queue by hand'), (t.s('s1'), 'active', 'held', 'not_allowed', 'a supervisor does not hold for the agent'),
    (t.s('a3'), 'active', null, 'not_allowed', 'no state'), (t.s('a3'), 'active', 'held', 'ok', 'hold'), (t.s('a3'), 'active', 'held', 'stale', 'hold again')) v (a, x, n, e, w);
select t.pass('10 s') \g /dev/null
select is(t.call('call_transition', t.s('a3'), t.id('vc1')::text, 'held', 'active', null, null, null) ->> 'state', 'active', 'resume');
select is((select hold_ms between 10000 and 11000 from support.voice_calls where id = t.id('vc1')), true, 'time on hold');
select is(t.fails('call_transition', t.c('c2'), t.id('vc1')::text, 'active', 'ended', null, null, null), 'SD404 call_not_found', 'another customer');
select is(t.fails('call_transition', t.s('a1'), t.id('vc1')::text, 'active', 'ended', null, null, null), 'SD404 call_not_found', 'a colleague');
select is(t.fails('call_transition', 'system:router', t.id('vc1')::text, 'active', 'ended', null, null, null), 'SD404 call_not_found', 'the router');
select is(t.call('chat_close', t.s('a3'), t.id('kvc1')::text, 'resolved', null) ->> 'result', 'call_live', 'a chat is not closed under its call');
select is(t.call('chat_requeue', t.s('a3'), t.id('kvc1')::text, t.id('rq')::text, null, null) ->> 'result', 'call_live', 'nor given back');
select is(t.call('call_transition', t.c('c1'), t.id('vc1')::text, 'active', 'ended', 'hangup', '{"leg": "customer"}', 'req') ->> 'chat_status', 'assigned', 'the customer hangs up; who has written keeps the agent');
select is(t.call('call_transition', t.c('c1'), t.id('vc1')::text, 'active', 'ended', 'hangup', null, null) ->> 'result', 'stale', 'once');
select is((select array_agg(body order by seq) from support.chat_messages where chat_id = t.id('kvc1') and kind = 'system'), '{call_started,call_answered,call_ended}', 'the chat tells of its call');
select is((select params - 'duration_ms' || jsonb_build_object('whole', (params -> 'duration_ms')::bigint between 10000 and 100000) from support.chat_messages where chat_id = t.id('kvc1') and body = 'call_ended'),
    jsonb_build_object('call_id', t.id('vc1'), 'reason', 'hangup', 'whole', true), 'with its duration');
select is(t.call('call_transition', t.c('c1'), t.id('vc1')::text, 'ended', 'active', null, null, null) ->> 'result', 'not_allowed', 'an ended call stays ended');
select is((select count(*)::int from support.support_activity_logs where action = 'call.transition' and detail = '{"from": "active", "to": "ended", "fields": {"leg": "customer"}}' and request_id = 'req'), 1, 'audited');
select is((select count(*)::int from support.support_activity_logs where action = 'call.transition' and outcome = 'denied'), 6, 'refused ones too');
select ok((t.call('staff_me', t.s('a3')) ->> 'wrap_until') is not null, 'wrap-up begins');
select is(t.assign(), '[]', 'nothing is offered in it');
select t.pass('11 s') \g /dev/null
select is(t.rows('queue_assign', 'system:router', '1') #>> '{0,chat_id}', t.id('kc4')::text, 'after it, work again');
select is(t.violations(), '', 'invariants');
select is(t.call('call_state', t.c('c1'), t.id('vc1')::text) #>> '{state,end_reason}', 'hangup', 'the call as the customer sees it');
select is(t.call('call_state', t.c('c2'), t.id('vc1')::text), null, 'and nobody else');
select is(jsonb_array_length(t.rows('calls_mine', t.c('c1'), 'false', null, '5')), 1, 'my calls');
select is(t.rows('calls_mine', t.s('a3'), 'false', null, '5') #>> '{0,customer_name}', 'Customer 1', 'of the agent');
select is(jsonb_array_length(t.rows('calls_mine', t.s('a3'), 'true', null, '5')), 0, 'none live');

-- a call in a served chat rings at its agent, whatever else he has in hand
select t.call('presence_set', t.s('a3'), 'away', null, null), t.ready('a2'), t.ready('a1') \g /dev/null
select is(t.call('staff_me', t.s('a2')) ->> 'load', '2', 'a2 has two chats');
select is(t.callup('c2', 'c2') ->> 'staff_id', t.id('a2')::text, 'the customer of one calls');
select t.assign() \g /dev/null
select is((select staff_id from support.offers where call_id = t.id('vc2')), t.id('a2'), 'it rings there, not at the free colleague');
select is((select weight from support.offers where call_id = t.id('vc2')), 2, 'taking what is left');
select is(t.accept('a2', jsonb_build_object('offer_id', id)) ->> 'result', 'accepted', 'answered') from support.offers where call_id = t.id('vc2');
select is(t.call('staff_me', t.s('a2')) ->> 'load', '4', 'full');
select is(t.violations(), '', 'invariants');
select is(t.call('call_transition', t.s('a2'), t.id('vc2')::text, 'active', 'ended', 'hangup', null, null) ->> 'chat_status', 'assigned', 'the agent hangs up');
select is(t.call('staff_me', t.s('a2')) ->> 'load', '2', 'two chats are left');

-- a waiting chat gives its place to the call and gets it back
select t.call('presence_set', t.s(n), 'away', null, null) from unnest(array['a1', 'a2', 'a3']) n \g /dev/null
select t.chat('c5') \g /dev/null
select t.pass('5 s') \g /dev/null
select is(t.callup('c5', 'c5') ->> 'result', 'ok', 'a customer who waits calls');
select results_eq(format('select status, entry_id, call_id from support.chat_sessions where id = %L', t.id('kc5')), format('values (%L, null::uuid, %L::uuid)', 'open', t.id('vc5')), 'the chat waits no more');
select is((select k.queued_at = c.created_at from support.call_queue k join support.chat_sessions c on c.id = k.chat_id where k.call_id = t.id('vc5')), true, 'the call has its age');
select is(t.violations(), '', 'invariants');
select is(t.call('call_transition', t.c('c5'), t.id('vc5')::text, 'queued', 'ended', 'hangup', null, null) ->> 'chat_status', 'queued', 'the caller hangs up: the chat waits');
select is((select q.queued_at = c.created_at from support.chat_queue q join support.chat_sessions c on c.id = q.chat_id where c.id = t.id('kc5') and q.closed_at is null), true, 'at its age');
select is(t.violations(), '', 'invariants');

-- a caller who never writes leaves no open chat
select t.callup('c6') \g /dev/null
select is(t.call('call_transition', t.c('c6'), t.id('vc6')::text, 'queued', 'ended', 'hangup', null, null) ->> 'chat_status', 'closed', 'the voice chat ends with the call');
select is((select array_agg(body order by seq) from support.chat_messages where chat_id = t.id('kvc6')), '{call_started,call_missed,closed}', 'and says so');
select is((select state from support.call_queue where call_id = t.id('vc6')), 'abandoned', 'abandoned');
select is(t.post(t.c('c6'), 'vc6', 'late') ->> 'result', 'closed', 'closed');
create function t.lost(p_reason text) returns text language plpgsql as $$
begin
    perform t.call('call_start', t.c('c6'), t.id('vm' || p_reason)::text, t.id('vmkey' || p_reason)::text, null, t.id('kvm' || p_reason)::text,
                   t.id('vme' || p_reason)::text, t.id('p1')::text, 'req'),
            t.call('call_transition', 'system:media', t.id('vm' || p_reason)::text, 'queued', 'ended', p_reason, null, null);
    return (select q.state || ' ' || k.end_reason from support.voice_calls k join support.call_queue q on q.call_id = k.id where k.id = t.id('vm' || p_reason));
end $$;
select is(t.lost('media_lost'), 'abandoned media_lost', 'a caller whose sound never came has left the queue');
select is(t.lost('drained'), 'withdrawn drained', 'who is sent away by the daemon has not');
select is(t.violations(), '', 'invariants');

-- ringing ends when the caller hangs up
select t.ready('a1'), t.callup('c7') \g /dev/null
select t.call('setting_set', t.s('d1'), 'queue.wrap_up_s', '0', null) \g /dev/null
select t.call('presence_set', t.s('a3'), 'away', null, null) \g /dev/null
create temporary table o7 as select t.assign() as r;
select is((select state from support.offers where call_id = t.id('vc7')), null, 'the older chat comes first') where exists (select 1 from support.offers where chat_id = t.id('kc5') and state = 'pending');
select t.call('queue_pick', t.s('s1'), q.id::text, null) from support.chat_queue q where closed_at is null \g /dev/null
select t.assign() \g /dev/null
select is((select state from support.voice_calls where id = t.id('vc7')), 'ringing', 'it rings');
select is(t.call('call_transition', t.c('c7'), t.id('vc7')::text, 'ringing', 'ended', 'hangup', null, null) ->> 'offer_staff_id', t.id('a1')::text, 'the ringing stops');
select is(t.violations(), '', 'invariants');

-- dead processes
select t.callup('c8') \g /dev/null
select t.assign() \g /dev/null
select is(t.accept('a1', jsonb_build_object('offer_id', id)) ->> 'result', 'accepted', 'a call is answered') from support.offers where call_id = t.id('vc8');
select is(t.rows('calls_of_dead_process', 'system:monitor'), '[]', 'its process lives');
select t.later('60 s'), t.rows('leases_expire', 'system:monitor') \g /dev/null
select is((t.rows('calls_of_dead_process', 'system:monitor') -> 0) - 'rev', jsonb_build_object('call_id', t.id('vc8'), 'chat_id', t.id('kvc8'), 'customer_id', t.id('c8'), 'staff_id', t.id('a1'), 'offer_id', null, 'offer_staff_id', null, 'ended', true), 'its process died');
select is((select end_reason from support.voice_calls where id = t.id('vc8')), 'process_lost', 'with the reason');
select is(t.violations(), '', 'invariants');

-- agent lost in a call
select t.call('process_register', 'system:monitor', t.id('p7')::text, 'h', '7', 'v') \g /dev/null
select t.call('lease_add', 'system:monitor', t.id('p7')::text, '1', t.s('a1')), t.ready('a1') \g /dev/null
select is(t.call('call_start', t.c('c9'), t.id('vc9')::text, t.id('vc9')::text, null, t.id('kvc9')::text, t.id('vec9')::text, t.id('p7')::text, null) ->> 'result', 'ok', 'a call');
select t.assign() \g /dev/null
select is(t.accept('a1', jsonb_build_object('offer_id', id)) ->> 'result', 'accepted', 'is answered') from support.offers where call_id = t.id('vc9');
select t.call('lease_remove', 'system:monitor', t.id('p7')::text, '1') \g /dev/null
select t.later('61 s'), t.call('process_heartbeat', 'system:monitor', t.id('p7')::text) \g /dev/null
select is((select r ->> 'kind' from jsonb_array_elements(t.rows('grace_expire', 'system:router')) r where r ->> 'call_id' = t.id('vc9')::text), 'call', 'the agent does not return');
select results_eq(format('select state from support.voice_calls where id = %L', t.id('vc9')), $$values ('queued')$$, 'the call waits again');
select is(t.violations(), '', 'invariants');

-- quality
select is(t.call('call_samples', 'system:media', array[t.id('vc9'), t.id('vc9'), t.id('none')]::text,
    '{1767225601500000,0,20000,-30,0,50,1,1,2,900,50,120,410,49,0,0,0,800,0,-32768,430,1767225601900000,1,-32768,-32768,4,50,0,0,0,100,0,100,-32768,50,0,0,0,100,-32768,-32768,-32768,1767225601500000,0,20000,-30,0,50,1,1,2,900,50,120,410,49,0,0,0,800,0,-32768,430}') ->> 'inserted', '4', 'samples: two directions a row, none of a call that is gone');
select is(t.call('call_samples', 'system:media', array[t.id('vc9')]::text, '{1767225601500000,0,20000,-30,0,50,1,1,2,900,50,120,410,49,0,0,0,800,0,-32768,430}') ->> 'inserted', '0', 'sent again they are skipped');
select is(t.fails('call_samples', 'system:media', array[t.id('vc9')]::text, '{1,2,3}'), 'SD400 bad_argument', 'rows of one width');
select is(t.fails('call_samples', t.s('a1'), '{}', '{}'), 'SD403 denied', 'only the media side');
select is((select jsonb_agg(jsonb_build_array(r ->> 'leg', r ->> 'direction', r ->> 'lost', r ->> 'rtt_us', r ->> 'residual_loss', r ->> 'burst_ratio', r ->> 'mos', r ->> 'level_db', r ->> 'flags'))
           from jsonb_array_elements(t.rows('call_quality', t.s('s1'), t.id('vc9')::text, null, null, null, '9')) r),
    '[["agent", "out", "0", null, null, null, null, null, "4"], ["agent", "in", "0", null, "0", "1", null, null, "4"],
      ["customer", "out", "0", "20000", "0", null, "4.3", null, "0"], ["customer", "in", "1", "20000", "0.5", "1.2", "4.1", "-30", "0"]]', 'newest first, with what is known');
select is((select jsonb_agg(jsonb_build_array(r ->> 'leg', r ->> 'direction'))
           from jsonb_array_elements(t.rows('call_quality', t.s('s1'), t.id('vc9')::text, '2026-01-01 00:00:01.9Z', 'agent', 'out', '2')) r),
    '[["agent", "in"], ["customer", "out"]]', 'the next page');
select is((select jsonb_agg(jsonb_build_array(r ->> 'leg', r ->> 'direction')) from jsonb_array_elements(t.rows('call_quality', t.c('c9'), t.id('vc9')::text, null, null, null, '9')) r),
    '[["customer", "out"], ["customer", "in"]]', 'the caller reads those of the own leg');
select is(t.rows('call_quality', t.c('c8'), t.id('vc9')::text, null, null, null, '9'), '[]', 'nobody else');
select is(t.call('call_client_put', 'system:media', array[t.id('vc9'), t.id('vc9'), t.id('none')]::text, '{1767225602000000,0,5000,250,-1,0,240000,2400,480,250,3000,60000,40000,-20,-127,1767225607000000,1,5000,250,2,-32768,-32768,-32768,-32768,-32768,-32768,-32768,-32768,-32768,-32768,1767225602000000,0,5000,250,-1,0,240000,2400,480,250,3000,60000,40000,-20,-127}', '{relay,"",host}') ->> 'inserted', '2', 'reports of the clients');
select is(t.call('call_client_put', 'system:media', array[t.id('vc9')]::text, '{1767225602000000,0,5000,250,-1,0,240000,2400,480,250,3000,60000,40000,-20,-127}', '{relay}') ->> 'inserted', '0', 'once');
select is(t.fails('call_client_put', 'system:media', array[t.id('vc9')]::text, '{1}', '{relay}'), 'SD400 bad_argument', 'of one width');
select is(t.fails('call_client_put', 'system:media', array[t.id('vc9')]::text, '{1767225602000000,0,5000,250,-1,0,240000,2400,480,250,3000,60000,40000,-20,-127}', '{}'), 'SD400 bad_argument', 'each with a path');
select is(t.fails('call_client_put', t.c('c9'), '{}', '{}', '{}'), 'SD403 denied', 'by the media side');
select is((select r - 'at' from jsonb_array_elements(t.rows('call_client', t.c('c9'), t.id('vc9')::text, null, null, '9')) r),
    '{"leg": "customer", "interval_ms": 5000, "received": 250, "lost": -1, "discarded": 0, "samples": 240000, "concealed": 2400, "silent_concealed": 480, "sent": 250,
      "jitter_us": 3000, "buffer_us": 60000, "rtt_us": 40000, "level_db": -20, "mic_db": -127, "path": "relay"}', 'as it was sent');
select is((select jsonb_agg(r ->> 'leg') from jsonb_array_elements(t.rows('call_client', t.s('s1'), t.id('vc9')::text, null, null, '9')) r), '["agent", "customer"]', 'staff see both');
select is((select jsonb_agg(r ->> 'leg') from jsonb_array_elements(t.rows('call_client', t.s('s1'), t.id('vc9')::text, '2026-01-01 00:00:02Z', '2026-01-01 00:00:07Z', '9')) r),
    '["customer"]', 'from the first time on, before the second');
select is(t.rows('call_client', t.c('c8'), t.id('vc9')::text, null, null, '9'), '[]', 'others none');
select is(t.call('call_summary', 'system:media', t.id('vc9')::text, '{"customer": {"in": {"mos": 3.5, "lost": 2}, "out": {"mos": 4.2}}, "agent": {"in": {"mos": 4.4}}}') ->> 'result', 'ok', 'a summary');
select is((select mos_low from support.voice_calls where id = t.id('vc9')), 3.5::real, 'with the least score');
select is(t.fails('call_summary', 'system:media', t.id('vc9')::text, '[]'), 'SD400 bad_argument', 'an object');

-- signaling
select is((t.call('signal_put', t.c('c9'), t.id('vc9')::text, t.id('p7')::text, 'candidate', '{"a": 1}') ->> 'id')::bigint > 0, true, 'the caller signals');
select is((t.call('signal_put', t.c('c9'), t.id('vc9')::text, t.id('p7')::text, 'candidate', '{"a": 2}') ->> 'id')::bigint > 0, true, 'twice');
select is(t.fails('signal_put', t.c('c8'), t.id('vc9')::text, t.id('p7')::text, 'candidate', '{}'), 'SD404 call_not_found', 'not into another call');
select is(t.fails('signal_put', t.c('c9'), t.id('vc9')::text, t.id('p1')::text, 'candidate', '{}'), 'SD404 process_not_found', 'not to a dead process');
select is(t.fails('signal_put', t.c('c8'), t.id('vc8')::text, t.id('p7')::text, 'candidate', '{}'), 'SD404 call_not_found', 'not into an ended one');
select is((select string_agg(r #>> '{payload,a}', ',' order by n) from jsonb_array_elements(t.rows('signal_take', 'system:media', t.id('p7')::text, '10')) with ordinality x (r, n)), '1,2', 'taken in order');
select is(t.rows('signal_take', 'system:media', t.id('p7')::text, '10'), '[]', 'once');
select is(t.fails('signal_take', t.c('c9'), t.id('p7')::text, '10'), 'SD403 denied', 'by the media side');
select t.call('signal_put', t.c('c9'), t.id('vc9')::text, t.id('p7')::text, 'candidate', '{}') \g /dev/null
select is(t.call('signal_purge', 'system:retention') ->> 'purged', '0', 'nothing is old');
select t.later('601 s') \g /dev/null
select is(t.call('signal_purge', 'system:retention') ->> 'purged', '1', 'after ten minutes it goes');
select * from finish();
rollback;
