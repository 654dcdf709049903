-- Row level security, reading: each table, each role, with own rows and those of others.
begin;
select plan(292);
select t.people() \g /dev/null

-- kc1: c1 served by a1 (team A), with messages and a note; c1 also calls, a1 answers. kc2: c2 waits for everybody. kc3: c3 waits for team B.
-- kc4: c4 served by a2, closed. kc5: c5 calls and waits (voice chat). kc6: c6 served by a3 with team A on the chat.
select t.served('c1', 'a1') \g /dev/null
select t.post(t.c('c1'), 'c1', 'x1'), t.post(t.s('a1'), 'c1', 'x2'), t.post(t.s('a1'), 'c1', 'x3', 'a note', 'note') \g /dev/null
select t.callup('c1', 'c1') \g /dev/null
select t.call('queue_pick', t.s('a1'), t.id('vec1')::text, null) \g /dev/null
select t.chat('c2'), t.chat('c3') \g /dev/null
select t.post(t.c('c2'), 'c2', 'x4') \g /dev/null
update support.chat_queue set team_id = t.id('B') where chat_id = t.id('kc3');
update support.chat_sessions set team_id = t.id('B') where id = t.id('kc3');
select t.served('c4', 'a2') \g /dev/null
select t.post(t.s('a2'), 'c4', 'x5') \g /dev/null
select t.call('chat_close', t.s('a2'), t.id('kc4')::text, 'resolved', null) \g /dev/null
select t.callup('c5') \g /dev/null
select t.served('c6', 'a3') \g /dev/null
update support.chat_sessions set team_id = t.id('A') where id = t.id('kc6');
select t.call('call_samples', 'system:media', array[t.id('vc1'), t.id('vc1')]::text, array[(extract(epoch from support.now()) * 1000000)::bigint,0,200,-30,0,50,0,0,0,100,0,100,420,50,0,0,0,100,0,-32768,420,
    (extract(epoch from support.now()) * 1000000)::bigint,1,200,-30,0,50,0,0,0,100,0,100,420,50,0,0,0,100,0,-32768,420]::text) \g /dev/null
select t.call('call_client_put', 'system:media', array[t.id('vc1'), t.id('vc1')]::text, '{1,0,5000,1,0,0,0,0,0,0,0,0,0,-1,-1,1,1,5000,1,0,0,0,0,0,0,0,0,0,-1,-1}', '{host,relay}') \g /dev/null
select t.call('setting_set', t.s('d1'), 'recording.policy', '"on_demand"', null) \g /dev/null
select t.call('recording_set', t.s('a1'), t.id('vc1')::text, 'on', t.id('r1')::text, t.id('p1')::text, 'k1', '202611/' || t.id('r1'), '0', null) \g /dev/null
select t.call('signal_put', t.c('c1'), t.id('vc1')::text, t.id('p1')::text, 'candidate', '{}') \g /dev/null
select t.call('staff_session_create', 'system:auth', t.id('a1')::text, '\x' || repeat('01', 32), '\x' || repeat('02', 32), null) \g /dev/null
select t.call('staff_session_create', 'system:auth', t.id('a2')::text, '\x' || repeat('03', 32), '\x' || repeat('04', 32), null) \g /dev/null

insert into support.call_transfers (id, call_id, chat_id, customer_id, from_staff_id, kind, to_staff_id, note, created_at)
select t.id('f1'), k.id, k.chat_id, k.customer_id, k.staff_id, 'staff', t.id('a2'), 'not for customers', now() from support.voice_calls k where k.id = t.id('vc1');

insert into support.call_parties (id, call_id, chat_id, customer_id, staff_id, role, state, created_at, opened_at, closed_at, reason)
select t.id('w1'), k.id, k.chat_id, k.customer_id, t.id('s1'), 'listen', 'closed', now(), now(), now(), 'left' from support.voice_calls k where k.id = t.id('vc1');
select t.call('call_samples', 'system:media', array[t.id('vc1'), t.id('w1')]::text, array[(extract(epoch from support.now()) * 1000000)::bigint,2,200,-30,0,50,0,0,0,100,0,100,420,50,0,0,0,100,0,-32768,420]::text) \g /dev/null
select t.call('call_client_put', 'system:media', array[t.id('vc1'), t.id('w1')]::text, '{1,2,5000,1,0,0,0,0,0,0,0,0,0,-1,-1}', '{host}') \g /dev/null

create temporary table who (n int, name text, actor text);
insert into who values (1, 'customer', t.c('c1')), (2, 'other customer', t.c('c4')), (3, 'agent', t.s('a1')), (4, 'agent of team B', t.s('a2')),
    (5, 'team_lead', t.s('l1')), (6, 'supervisor', t.s('s1')), (7, 'admin', t.s('d1')), (8, 'super_admin', t.s('x1')), (9, 'deactivated', t.s('z1')),
    (10, 'nobody', '');
-- seen[n]: rows that who n sees
create temporary table seen (tbl text, expected int[]);
insert into seen values
    --                        cust other agent B lead super admin sadmin off nobody
    ('chat_sessions',        '{1,1,3,4,4,6,6,6,0,0}'),
    ('chat_messages',        '{5,3,8,5,9,12,12,12,0,0}'),
    ('chat_participants',    '{2,2,4,5,6,9,9,9,0,0}'),
    ('chat_queue',           '{1,1,4,5,4,5,5,5,0,0}'),
    ('call_queue',           '{1,0,2,2,2,2,2,2,0,0}'),
    ('voice_calls',          '{1,0,2,1,2,2,2,2,0,0}'),
    ('call_quality_samples', '{2,0,6,0,6,6,6,6,0,0}'),
    ('call_client_stats',    '{1,0,3,0,3,3,3,3,0,0}'),
    ('call_recordings',      '{0,0,1,0,1,1,1,1,0,0}'),
    ('webrtc_signaling',     '{0,0,0,0,0,0,0,0,0,0}'),
    ('customers',            '{1,1,3,4,4,9,9,9,0,0}'),
    ('customer_salts',       '{0,0,0,0,0,0,0,0,0,0}'),
    ('support_staff',        '{0,0,8,8,8,8,8,8,0,0}'),
    ('staff_accounts',       '{0,0,1,1,1,1,8,8,0,0}'),
    ('staff_sessions',       '{0,0,1,1,0,0,2,2,0,0}'),
    ('staff_presence',       '{1,0,8,8,8,8,8,8,0,0}'),
    ('presence_leases',      '{0,0,16,16,16,16,16,16,16,0}'),
    ('processes',            '{1,1,1,1,1,1,1,1,1,0}'),
    ('teams',                '{0,0,2,2,2,2,2,2,0,0}'),
    ('offers',               '{0,0,0,0,0,0,0,0,0,0}'),
    ('audit_seals',          '{0,0,0,0,0,0,0,0,0,0}'),
    ('call_parts',           '{1,0,1,0,1,1,1,1,0,0}'),
    ('call_parties',         '{0,0,1,0,1,1,1,1,0,0}'),
    ('call_transfers',       '{0,0,1,0,1,1,1,1,0,0}'),
    ('call_transitions',     '{17,17,17,17,17,17,17,17,17,17}');
insert into seen select 'support_settings', array_fill(count(*)::int, array[9]) || 0 from support.support_settings;
select is(t.as(w.actor, 'select count(*) from support.' || s.tbl), s.expected[w.n]::text, format('%s: %s sees %s', s.tbl, w.name, s.expected[w.n]))
from seen s cross join who w order by s.tbl, w.n;

-- The trail: admins, and the sealer.
select is(t.as(w.actor, 'select count(*) > 0 from support.support_activity_logs'), case when w.n in (7, 8) then 'true' else 'false' end, 'support_activity_logs: ' || w.name)
from who w order by w.n;
select is(t.as('system:sealer', 'select count(*) > 0 from support.support_activity_logs'), 'true', 'the sealer reads the trail');

-- Which rows, not only how many.
select is(t.as(t.c('c1'), $$select count(*) from support.chat_messages where kind = 'note'$$), '0', 'a customer sees no note');
select is(t.as(t.s('a1'), $$select count(*) from support.chat_messages where kind = 'note'$$), '1', 'the agent does');
select is(t.as(t.s('a1'), format('select count(*) from support.chat_sessions where id = %L', t.id('kc4'))), '0', 'an agent does not see a colleague''s chat');
select is(t.as(t.s('a2'), format('select count(*) from support.chat_sessions where id = %L', t.id('kc4'))), '1', 'who served it still does when it is closed');
select is(t.as(t.s('a1'), format('select count(*) from support.chat_sessions where id = %L', t.id('kc3'))), '0', 'nor what waits for another team');
select is(t.as(t.s('l1'), format('select count(*) from support.chat_sessions where id = %L', t.id('kc6'))), '1', 'a lead sees a chat of the team in a colleague''s hands');
select is(t.as(t.s('a1'), format('select count(*) from support.chat_sessions where id = %L', t.id('kc6'))), '0', 'an agent of the team does not');
select is(t.as(t.c('c2'), format('select count(*) from support.chat_sessions where customer_id <> %L', t.id('c2'))), '0', 'a customer never sees a row of another');
select is(t.as(a, 'select count(*) from support.chat_sessions'), e, 'chat_sessions: ' || a)
from (values ('system:router', '6'), ('system:monitor', '6'), ('system:media', '6'), ('system:auth', '0'), ('system:outbox', '0'), ('system:retention', '0'),
      ('system:sealer', '0'), ('system:admin', '6')) v (a, e);
select is(t.as('system:' || a, 'select count(*) from support.chat_messages'), '0', 'no part of the system reads messages of people: ' || a)
from unnest(array['router', 'monitor', 'media', 'auth', 'sealer']) a;
select * from finish();
rollback;
