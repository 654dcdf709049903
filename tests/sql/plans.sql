-- One round of every function, for 91_plans.sh: as supportd_app through the helpers of the schema t. :i is the round.
select t.id('w' || :'i') as w, t.id('k' || :'i') as k, t.id('e' || :'i') as e, t.id('v' || :'i') as v, 'r' || :'i' as r,
       'customer:' || t.id('c' || (1 + :i % 9)) as c, t.id('c' || (1 + :i % 9)) as cid, t.s('a1') as a, t.s('s1') as s, t.s('d1') as d, t.id('p1') as p \gset

select t.call('customer_upsert', 'system:auth', :'w', 'bank', 'plan-' || :'i', 'N', null, 'en', null);
select t.call('customer_upsert', 'system:auth', :'w', 'bank', 'plan-' || :'i', 'M', null, 'en', null);
select t.call('customer_get', :'c', :'cid', null), t.call('customer_get', :'a', :'cid', null), t.call('customer_get', :'s', :'cid', null);
select t.call('staff_by_subject', 'system:auth', 'bank', 'sub-a1'), t.call('staff_get', 'system:auth', t.id('a1')::text);
select t.call('staff_login_lookup', 'system:auth', 'a1@bank.test'), t.call('staff_login_result', 'system:auth', t.id('a1')::text, 'true', null);
select t.call('staff_session_create', 'system:auth', t.id('a1')::text, '\x' || encode(sha256((:'r')::bytea), 'hex'), '\x' || encode(sha256('x'), 'hex'), null);
select t.call('staff_session_lookup', 'system:auth', '\x' || encode(sha256((:'r')::bytea), 'hex'));
select t.call('staff_session_delete', 'system:auth', '\x' || encode(sha256((:'r')::bytea), 'hex'), null), t.call('staff_sessions_purge', 'system:auth');
select t.call('staff_create', :'d', t.id('new' || :'i')::text, 'new' || :'i' || '@bank.test', 'New', 'agent', null, 'bank', 'new' || :'i', null, null);
select t.call('staff_set_role', :'d', t.id('new' || :'i')::text, 'team_lead', null), t.call('staff_set_password', :'d', t.id('new' || :'i')::text, '$argon2id$x', null);
select t.call('staff_deactivate', :'d', t.id('new' || :'i')::text, null), t.call('staff_me', :'a'), t.rows('staff_list', :'s');

select t.call('chat_start', :'c', :'k', :'k', :'e', 'en', null, null);
select t.call('chat_start', :'c', :'w', :'w', :'w', 'en', null, null);
select t.call('presence_set', :'a', 'away', null, null), t.call('presence_set', :'a', 'available', null, null), t.call('presence_set_auto_answer', :'a', (:i % 2 = 0)::text, null);
select t.call('wrap_extend', :'a', '1000', null), t.call('wrap_end', :'a', null), t.call('staff_set_skills', :'d', t.id('a1')::text, '{cards}', null);
select t.rows('queue_pictures', 'system:router', array[t.id('s1'), t.id('a1'), substr(:'a', 7)::uuid]::text, '50');
select t.rows('queue_list', :'a', '20'), t.rows('queue_positions', 'system:router', null), t.call('queue_next_deadline', 'system:router');
select t.rows('queue_assign', 'system:router', '5');
select t.rows('offers_mine', :'a');
select t.call('offer_decline', :'a', id::text, null) from support.offers where state = 'pending';
select t.call('queue_pick', :'a', :'e', null);
select t.call('message_post', :'c', :'k', support.uuid7()::text, :'w', 'message', 'x', '{}', null) ->> 'id' as m \gset
select t.call('message_post', :'c', :'k', support.uuid7()::text, :'w', 'message', 'x', '{}', null);
select t.call('message_post', :'a', :'k', support.uuid7()::text, :'w', 'message', 'x', '{}', null);
select t.call('message_post', :'a', :'k', support.uuid7()::text, :'e', 'note', 'x', '{}', null);
select t.call('message_join', :'c', :'k', support.uuid7()::text, :'e', 'message', 'x', '{}', null, array[:'m']::text, '{*}');
select t.call('chat_receipt', :'c', :'k', '2', '1', null), t.call('chat_receipt', :'a', :'k', '2', '1', '1');
select t.call('chat_tag', :'a', :'k', '{x}', null, null), t.call('chat_read_open', :'a', :'k', null);
select t.call('chat_state', :'c', :'k'), t.call('chat_state', :'a', :'k');
select t.rows('chat_history', who, :'k', null, null, '50'), t.rows('chat_history', who, :'k', '1', null, '50'), t.rows('chat_remasked', who, :'k', '0')
from unnest(array[:'c', :'a', :'s']) who;
select t.rows('chat_notes', :'a', :'k', null, null, '50'), t.rows('chat_notes', :'a', :'k', '0', null, '50');
select t.rows('chats_mine', :'c', o, null, '20'), t.rows('chats_mine', :'a', o, null, '20') from unnest(array['true', 'false', null]) o;
select t.rows('chats_of_customer', :'a', :'cid', null, '20', null), t.rows('chats_of_customer', :'s', :'cid', null, '20', null);
select t.rows('chats_changed_since', 'system:monitor', array[:'k', t.id('k1')]::text, '{0,0}', '{0,0}', '{0,0}');
select t.rows('queue_routing', :'a', :'k');

select t.call('process_register', 'system:monitor', t.id('px' || :'i')::text, 'h', '1', 'v'), t.call('process_heartbeat', 'system:monitor', :'p');
select t.call('lease_add', 'system:monitor', t.id('px' || :'i')::text, '1', :'a'), t.call('lease_add', 'system:monitor', t.id('px' || :'i')::text, '2', :'c');
select t.rows('connected', 'system:monitor', array[:'a', :'c', t.s('z1')]::text);
select t.call('lease_remove', 'system:monitor', t.id('px' || :'i')::text, '1'), t.call('lease_remove', 'system:monitor', t.id('px' || :'i')::text, '2');
select t.rows('process_leave', 'system:monitor', t.id('px' || :'i')::text), t.rows('leases_expire', 'system:monitor');

select t.call('call_start', :'c', :'v', :'v', :'k', :'v', :'v', :'p', null);
select t.rows('queue_assign', 'system:router', '5');
select t.call('call_away', 'system:media', :'v', :'p', 'true'), t.call('call_away', 'system:media', :'v', :'p', 'false');
select t.call('offer_auto_answer', :'a', :'v', null, :'p'), t.rows('call_deadlines', 'system:router');
select t.call('offer_accept', :'a', id::text, null) from support.offers where state = 'pending';
select t.call('presence_set', t.s('a2'), 'available', null, null), t.call('consult_ask', :'a', :'v', :'w', t.id('a2')::text, null);
select t.call('consult_accept', coalesce((select 'staff:' || r.staff_id from support.call_parties r where r.call_id = :'v'), :'s'), :'v', null);
select t.call('consult_talk', :'a', :'v', 'all', null), t.call('consult_complete', :'a', :'v', :'w', null);
select t.call('consult_end', :'s', :'v', null), t.call('presence_set', t.s('a2'), 'away', null, null);
update support.voice_calls set staff_id = t.id('a1') where id = :'v';
update support.chat_sessions set assigned_staff_id = t.id('a1') where id = (select chat_id from support.voice_calls where id = :'v');
select t.call('call_supervise', :'s', :'v', :'e', 'listen', null), t.call('call_supervise', :'s', :'v', :'v', 'barge', null);
select t.rows('call_parties_live', 'system:media', :'v'), t.rows('parties_mine', :'s', :'v'), t.rows('parties_mine', :'s', null), t.call('call_state', :'a', :'v');
select t.call('supervise_end', :'s', :'v', null), t.call('party_drop', 'system:media', :'v', 'left');
select t.call('transfer_targets', :'a'), t.call('call_transfer', :'a', :'v', :'w', 'team', null, t.id('B')::text, null, 'note', null);
select t.call('callback_ring', :'a', :'v', null), t.call('callback_answer', :'c', :'v', 'true', null), t.call('call_callback', :'c', :'v', null);
select t.call('call_transition', :'a', :'v', 'active', 'held', null, null, null), t.call('call_transition', :'a', :'v', 'held', 'active', null, null, null);
select t.call('call_state', :'c', :'v'), t.call('call_state', :'a', :'v');
select t.rows('calls_mine', :'c', o, null, '20'), t.rows('calls_mine', :'a', o, null, '20') from unnest(array['true', 'false', null]) o;
select t.call('call_summary', 'system:media', :'v', '{"customer": {"in": {"mos": 4}}}');
select t.call('call_samples', 'system:media', array[:'v']::text, '{1767225601500000,0,20000,-30,0,50,1,1,2,900,50,120,410,49,0,0,0,800,0,-32768,430}');
select t.rows('call_quality', :'c', :'v', b, 'customer', 'out', '10'), t.rows('call_quality', :'a', :'v', b, 'customer', 'out', '10') from unnest(array[null, '2026-01-01Z']) b;
select t.call('call_client_put', 'system:media', array[:'v']::text, '{1767225602000000,0,5000,250,-1,0,240000,2400,480,250,3000,60000,40000,-20,-127}', '{relay}');
select t.rows('call_client', :'c', :'v', b, b, '10'), t.rows('call_client', :'a', :'v', b, b, '10') from unnest(array[null, '2026-01-01Z']) b;
select t.call('signal_put', :'c', :'v', :'p', 'x', '{}'), t.call('signal_put', :'a', :'v', :'p', 'x', '{}');
select t.rows('signal_take', 'system:media', :'p', '10'), t.call('signal_purge', 'system:retention');
select t.call('setting_set', :'d', 'recording.policy', '"all"', null);
select t.call('recording_set', 'system:media', :'v', 'auto', :'v', :'p', 'k', '202611/' || :'v', '0', null), t.call('recording_set', 'system:media', :'v', 'card', :'v', :'p', 'k', 'x', '1', null),
    t.call('recording_set', 'system:media', :'v', 'resume', :'v', :'p', 'k', 'x', '2', null), t.call('recording_set', :'a', :'v', 'paused', :'v', :'p', 'k', 'x', '3', null);
select t.rows('recordings_list', who, k, s, u, null, '20') from unnest(array[:'s', 'system:admin']) who, (values (:'v', null, null), (null, t.id('a1')::text, null), (null, null, :'cid'), (null, null, null)) f (k, s, u);
select t.rows('recording_get', :'s', :'v'), t.rows('recording_play', :'s', :'v', '0', null), t.call('recording_finish', 'system:media', :'v', '1', '1', 'false', '0');
select t.call('recording_party', 'system:media', :'v', '2', t.id('a1')::text, 'barge', '5');
select t.call('recordings_of_dead_process', 'system:monitor');
select t.call('recordings_place', 'system:monitor', :'p', :'p'), t.rows('recordings_due', 'system:retention', :'p', '10'), t.call('recordings_next_due', 'system:retention', :'p'),
    t.call('recording_erased', 'system:retention', :'v');
select t.rows('calls_of_dead_process', 'system:monitor');
select t.call('call_transition', :'c', :'v', 'active', 'ended', 'hangup', null, null);
select t.call('call_rate', :'c', :'v', '5', 'fine', null), t.rows('calls_missed', :'a', null, '20', null), t.rows('calls_missed', :'s', null, '20', null);
select t.rows('calls_live', :'s', '20');
select t.rows('offers_expire', 'system:router'), t.rows('queue_timeouts', 'system:router'), t.rows('grace_expire', 'system:router');
select t.call('chat_requeue', :'a', :'k', support.uuid7()::text, null, null);
select t.call('chat_close', :'c', :'k', 'customer', null);

select t.rows('setting_get_all', :'c'), t.call('setting_set', :'d', 'queue.step_s', (100 + :i)::text, null);
select t.call('audit_denied', :'c', 'x.y', 'chat', :'k', null, null), t.rows('audit_list', :'d', null, '20');
select t.rows('audit_seal_next', 'system:sealer', '10'), t.rows('audit_seals', 'system:sealer', '0', '10'), t.rows('audit_verify_page', 'system:sealer', '0', '0', '5', '5', '10');
select t.call('audit_seal_append', 'system:sealer', '1', '\x' || repeat('00', 32), '0', '0', '5', '5', '10', '\x' || repeat('00', 32), '\x' || repeat('00', 64), 'k');
select t.rows('partitions_ensure', 'system:retention', '2');
