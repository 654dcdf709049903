-- Consultation and supervision: who may, what it changes, what ends it, what is left of it.
begin;
select plan(110);
select t.people() \g /dev/null

-- Calls the customer and lets the agent have the call: v<customer>, k v<customer>.
create function t.talks(p_customer text, p_staff text) returns text language plpgsql as $$
declare
    v_offer jsonb;
begin
    perform t.ready(p_staff);
    perform t.callup(p_customer);
    v_offer := t.assign() -> 0;
    if v_offer ->> 'staff_id' is distinct from t.id(p_staff)::text then
        raise exception 'fixture: not offered to %', p_staff;
    end if;
    return t.accept(p_staff, v_offer) ->> 'result';
end $$;
create function t.party(p_staff text) returns text language sql as $$
    select string_agg(concat_ws(' ', r.role, r.state, r.talk, r.reason), ', ' order by r.created_at) from support.call_parties r where r.staff_id = t.id(p_staff) $$;
create function t.consult(p_agent text, p_customer text, p_staff text, p_name text) returns text language sql as $$
    select t.call('consult_ask', t.s(p_agent), t.id('v' || p_customer)::text, t.id(p_name)::text, t.id(p_staff)::text, 'req') ->> 'result' $$;
create function t.supervise(p_staff text, p_customer text, p_mode text, p_name text) returns text language sql as $$
    select t.call('call_supervise', t.s(p_staff), t.id('v' || p_customer)::text, t.id(p_name)::text, p_mode, 'req') ->> 'result' $$;
create function t.parties(p_actor text, p_customer text) returns text language sql as $$
    select string_agg(concat_ws(' ', x ->> 'role', x ->> 'state', x ->> 'talk', x #>> '{staff,name}'), ', ')
    from jsonb_array_elements(t.call('call_state', p_actor, t.id('v' || p_customer)::text) #> '{state,parties}') x $$;
create function t.trail(p_customer text) returns text language sql as $$
    select string_agg(concat_ws(' ', a.action, a.outcome, a.reason), ', ' order by a.id) from support.support_activity_logs a
    where a.subject_kind = 'call' and a.subject_ref = t.id('v' || p_customer)::text and a.action ~ 'consult|supervise' $$;

select is(t.talks('c1', 'a1'), 'accepted', 'c1 talks with a1 of team A');

-- a consultation
select is(t.consult('a1', 'c1', 'a3', 'q1'), 'unavailable', 'a3 is not available');
select is(t.consult('a1', 'c1', 'a1', 'q1'), 'unavailable', 'nobody consults oneself');
select t.ready('a3') \g /dev/null
select is(t.fails('consult_ask', t.s('a2'), t.id('vc1')::text, t.id('q1')::text, t.id('a3')::text, null), 'SD404 call_not_found', 'an agent of another team knows nothing of the call');
select is(t.consult('s1', 'c1', 'a3', 'q1'), 'not_allowed', 'who only sees the call does not ask');
select is(t.fails('consult_ask', t.c('c1'), t.id('vc1')::text, t.id('q1')::text, t.id('a3')::text, null), 'SD403 denied', 'nor does a customer');
select is(t.call('call_state', t.s('a3'), t.id('vc1')::text), null, 'a3 does not see the call yet');
select is(t.fails('signal_put', t.s('l1'), t.id('vc1')::text, t.id('p1')::text, 'offer', '{}'), 'SD403 denied', 'who only sees the call does not signal');
select is(t.consult('a1', 'c1', 'a3', 'q1'), 'ok', 'a1 asks a3');
select is(t.consult('a1', 'c1', 'a3', 'q2'), 'repeat', 'again');
select t.ready('a2') \g /dev/null
select is(t.consult('a1', 'c1', 'a2', 'q2'), 'not_allowed', 'one colleague at a time');
select is(t.parties(t.s('a1'), 'c1'), 'consult asked colleague Name a3', 'the agent sees it');
select is(t.parties(t.c('c1'), 'c1'), null, 'the customer does not');
select is(t.call('call_state', t.c('c1'), t.id('vc1')::text) #> '{state,on_hold}', 'true', 'but hears music');
select is(t.call('parties_mine', t.s('a3'), null) - 'expires_at' - 'remaining_ms', jsonb_build_object('call_id', t.id('vc1'), 'chat_id', t.id('kvc1'), 'role', 'consult',
    'state', 'asked', 'reason', null, 'customer_id', t.id('c1'), 'customer_name', 'Customer 1', 'from_id', t.id('a1'), 'from_name', 'Name a1'), 'a3 is told whose call');
select is(t.fails('signal_put', t.s('a3'), t.id('vc1')::text, t.id('p1')::text, 'offer', '{}'), 'ok', 'and connects');
select is(t.call('chat_state', t.s('a3'), t.id('kvc1')::text) #>> '{state,status}', 'assigned', 'and may look into the chat');
select t.callup('c2') \g /dev/null
select is(t.assign() #>> '{0,staff_id}', t.id('a2')::text, 'who is consulted gets no call');
select is(t.call('consult_talk', t.s('a1'), t.id('vc1')::text, 'all', null) ->> 'result', 'not_allowed', 'nobody is there to talk with all');
select is(t.call('consult_talk', t.s('a1'), t.id('vc1')::text, 'customer', null) ->> 'result', 'ok', 'back to the customer meanwhile');
select is(t.call('call_state', t.c('c1'), t.id('vc1')::text) #> '{state,on_hold}', 'false', 'who hears the agent again');
select is(t.call('consult_complete', t.s('a1'), t.id('vc1')::text, t.id('f1')::text, null) ->> 'result', 'gone', 'not to somebody who has not answered');
select is(t.fails('consult_accept', t.s('a2'), t.id('vc1')::text, null), 'SD404 call_not_found', 'nobody else answers');
select is(t.call('consult_accept', t.s('s1'), t.id('vc1')::text, null) ->> 'result', 'gone', 'not even who sees the call');
select is(t.call('consult_accept', t.s('a3'), t.id('vc1')::text, null) ->> 'result', 'ok', 'a3 answers');
select is(t.call('consult_accept', t.s('a3'), t.id('vc1')::text, null) ->> 'result', 'repeat', 'again');
select is(t.call('consult_talk', t.s('a3'), t.id('vc1')::text, 'all', null) ->> 'result', 'not_allowed', 'the colleague does not switch');
select is(t.fails('consult_talk', t.s('a1'), t.id('vc1')::text, 'nobody', null), 'SD400 bad_argument', 'with nobody is nothing');
select is(t.call('consult_talk', t.s('a1'), t.id('vc1')::text, 'all', null) ->> 'result', 'ok', 'all three');
select is(t.violations(), '', 'invariants');
select is(t.call('consult_complete', t.s('a3'), t.id('vc1')::text, t.id('f1')::text, null) ->> 'result', 'not_allowed', 'the colleague does not take it by himself');
select is(t.call('consult_complete', t.s('a1'), t.id('vc1')::text, t.id('f1')::text, null) - 'rev', jsonb_build_object('result', 'ok', 'customer_id', t.id('c1'),
    'staff_id', t.id('a3'), 'chat_id', t.id('kvc1')), 'a1 hands over');
select results_eq(format('select k.state, k.staff_id, k.weight, c.status, c.assigned_staff_id from support.voice_calls k join support.chat_sessions c on c.id = k.chat_id where k.id = %L', t.id('vc1')),
    format('values (%L, %L::uuid, 4, %L, %L::uuid)', 'active', t.id('a3'), 'assigned', t.id('a3')), 'same call, same chat, with a3 now');
select results_eq(format('select staff_id, end_how from support.call_parts where call_id = %L order by n', t.id('vc1')),
    format('values (%L::uuid, %L), (%L, null)', t.id('a1'), 'transfer', t.id('a3')), 'who had it when');
select is(t.party('a3'), 'consult closed all completed', 'the consultation is over');
select is((select wrap_until is not null from support.staff_presence where staff_id = t.id('a1')), (select (value #>> '{}')::int > 0 from support.support_settings where key = 'queue.wrap_up_s'), 'a1 wraps up');
select is(t.call('call_state', t.s('a1'), t.id('vc1')::text), null, 'and does not see the call any more');
select is(t.violations(), '', 'invariants');
select is(t.trail('c1'), 'call.consult_start denied unavailable, call.consult_start denied unavailable, call.consult_start denied not_allowed, call.consult_start done, '
    || 'call.consult_start denied not_allowed, call.consult_talk done customer, call.consult_complete denied gone, call.consult_open done, call.consult_talk done all, '
    || 'call.consult_complete denied not_allowed, call.consult_end done completed', 'the trail has all of it');

-- declined, missed, returned
select t.call('presence_set', t.s('a1'), 'available', null, null) \g /dev/null
select t.pass('1 hour') \g /dev/null
select is(t.consult('a3', 'c1', 'a1', 'q3'), 'ok', 'a3 asks a1');
select is(t.call('consult_end', t.s('a1'), t.id('vc1')::text, null) ->> 'result', 'ok', 'who declines');
select is(t.fails('consult_end', t.s('a1'), t.id('vc1')::text, null), 'SD404 call_not_found', 'and does not see the call any more');
select is(t.call('call_state', t.c('c1'), t.id('vc1')::text) #> '{state,on_hold}', 'false', 'the customer talks with the agent again');
select is(t.consult('a3', 'c1', 'a1', 'q4'), 'ok', 'once more');
select is(t.call('party_drop', 'system:media', t.id('q4')::text, 'missed') ->> 'result', 'none', 'not missed before its time');
select t.pass('31 s') \g /dev/null
select is(t.call('consult_accept', t.s('a1'), t.id('vc1')::text, null) ->> 'result', 'gone', 'too late');
select is(t.call('party_drop', 'system:media', t.id('q4')::text, 'missed') - 'customer_id', jsonb_build_object('result', 'ok', 'staff_id', t.id('a1'), 'agent_id', t.id('a3')), 'missed');
select is(t.fails('party_drop', t.s('s1'), t.id('q4')::text, 'left'), 'SD403 denied', 'only the media side drops');
select is(t.consult('a3', 'c1', 'a1', 'q5'), 'ok', 'and again');
select t.call('consult_accept', t.s('a1'), t.id('vc1')::text, null) \g /dev/null
select is(t.call('consult_end', t.s('a3'), t.id('vc1')::text, null) ->> 'result', 'ok', 'taken back');
select is(t.call('consult_end', t.s('a3'), t.id('vc1')::text, null) ->> 'result', 'none', 'there is none left');
select is(t.party('a1'), 'consult closed colleague declined, consult closed colleague missed, consult closed colleague returned', 'what became of them');

-- the music of a consultation is hold, here in whole minutes
create function t.held(p_customer text) returns text language sql as $$
    select concat_ws(' ', (k.hold_ms - current_setting('t.before')::bigint) / 60000, case when k.music_at is not null then 'music' end)
    from support.voice_calls k where k.id = t.id('v' || p_customer) $$;
select set_config('t.before', hold_ms::text, true) from support.voice_calls where id = t.id('vc1') \g /dev/null
select is(t.held('c1'), '0', 'no music yet');
select t.consult('a3', 'c1', 'a1', 'm1'), t.pass('20 s') \g /dev/null
select is(t.held('c1'), '0 music', 'the customer hears it while the colleague is asked');
select t.call('consult_accept', t.s('a1'), t.id('vc1')::text, null), t.pass('3 min'), t.call('consult_talk', t.s('a3'), t.id('vc1')::text, 'customer', null) \g /dev/null
select is(t.held('c1'), '3', 'it counts when the agent is back');
select t.pass('7 min'), t.call('consult_talk', t.s('a3'), t.id('vc1')::text, 'all', null) \g /dev/null
select is(t.held('c1'), '3', 'all three: none');
select t.call('consult_talk', t.s('a3'), t.id('vc1')::text, 'colleague', null), t.pass('4 min') \g /dev/null
select is(t.call('call_transition', t.s('a3'), t.id('vc1')::text, 'active', 'held', null, null, null) ->> 'result', 'ok', 'held besides');
select is(t.held('c1'), '7', 'it is the hold that counts now');
select t.pass('1 min') \g /dev/null
select is(t.call('call_transition', t.s('a3'), t.id('vc1')::text, 'held', 'active', null, null, null) ->> 'result', 'ok', 'and on');
select is(t.held('c1'), '8 music', 'back in the consultation');
select t.pass('2 min') \g /dev/null
select is(t.call('consult_end', t.s('a1'), t.id('vc1')::text, null) ->> 'result', 'ok', 'the colleague leaves, who may not change the call itself');
select is(t.held('c1'), '10', 'it has ended with him');
select is((select (t.call('call_state', t.c('c1'), t.id('vc1')::text) #>> '{state,hold_ms}')::bigint - current_setting('t.before')::bigint) / 60000, 10::bigint, 'the customer is told the same');
select is(t.violations(), '', 'invariants');

-- supervision: a3 has no team, so the call is moved to an agent of team A
select is(t.consult('a3', 'c1', 'a1', 'q6'), 'ok', 'a1 again');
select t.call('consult_accept', t.s('a1'), t.id('vc1')::text, null), t.call('consult_complete', t.s('a3'), t.id('vc1')::text, t.id('f2')::text, null) \g /dev/null
select is(t.fails('call_supervise', t.s('a1'), t.id('vc1')::text, t.id('w0')::text, 'listen', null), 'SD403 denied', 'an agent supervises nobody');
select is(t.fails('call_supervise', t.c('c1'), t.id('vc1')::text, t.id('w0')::text, 'listen', null), 'SD403 denied', 'a customer neither');
select is(t.fails('call_supervise', t.s('l1'), t.id('vc1')::text, t.id('w0')::text, 'shout', null), 'SD400 bad_argument', 'three modes');
select is(t.fails('calls_live', t.s('a1'), '50'), 'SD403 denied', 'nor sees which calls are on');
select is(t.fails('calls_live', t.c('c1'), '50'), 'SD403 denied', 'nor does a customer');
select is((select count(*)::int from jsonb_array_elements(t.rows('calls_live', t.s('l1'), '50')) r
           where r ->> 'call_id' = t.id('vc1')::text and r ->> 'customer_name' = 'Customer 1' and r ->> 'state' in ('active', 'held')), 1, 'the team lead sees the call');
select is((select count(*)::int from jsonb_array_elements(t.rows('calls_live', t.s('s1'), '50')) r where r ->> 'call_id' = t.id('vc1')::text), 1, 'a supervisor sees all');
select is(t.supervise('l1', 'c1', 'listen', 'w1'), 'ok', 'the team lead listens');
select is(t.supervise('l1', 'c1', 'listen', 'w2'), 'same', 'again');
select is(t.parties(t.s('a1'), 'c1'), 'listen open Name l1', 'the agent is shown it');
select is(t.call('call_samples', 'system:media', array[t.id('vc1'), t.id('vc1'), t.id('w1'), t.id('none')]::text, '{1767225601501000,2,20000,-30,0,50,1,1,2,900,50,120,410,49,0,0,0,800,0,-32768,430,1767225601501000,2,20000,-30,0,50,1,1,2,900,50,120,410,49,0,0,0,800,0,-32768,430}') ->> 'inserted', '2', 'quality of a part, none of one that is gone');
select is(t.call('call_client_put', 'system:media', array[t.id('vc1'), t.id('vc1'), t.id('w1'), t.id('none')]::text, '{1767225602001000,2,5000,250,-1,0,240000,2400,480,250,3000,60000,40000,-20,-127,1767225602001000,2,5000,250,-1,0,240000,2400,480,250,3000,60000,40000,-20,-127}', '{relay,relay}') ->> 'inserted', '1', 'and what its browser tells');
select is((select string_agg(concat_ws(' ', r ->> 'leg', r ->> 'direction', r ->> 'lost'), ', ') from jsonb_array_elements(t.rows('call_quality', t.s('a1'), t.id('vc1')::text, null, null, null, '9')) r),
    'listen out 0, listen in 1', 'by its role');
select is((select string_agg(r ->> 'leg', ', ') from jsonb_array_elements(t.rows('call_client', t.s('a1'), t.id('vc1')::text, null, null, '9')) r), 'listen', 'both');
select is(jsonb_array_length(t.rows('call_quality', t.c('c1'), t.id('vc1')::text, null, null, null, '9')) + jsonb_array_length(t.rows('call_client', t.c('c1'), t.id('vc1')::text, null, null, '9')), 0, 'not for the customer');
select is(t.fails('signal_put', t.s('l1'), t.id('vc1')::text, t.id('p1')::text, 'offer', '{}'), 'ok', 'who supervises connects');
select is(t.supervise('l1', 'c1', 'whisper', 'w3'), 'switched', 'whispers');
select is(t.party('l1'), 'listen closed switched, whisper open', 'one row per mode');
select is(t.supervise('s1', 'c1', 'barge', 'w4'), 'ok', 'a supervisor barges in');
select is(t.supervise('d1', 'c1', 'listen', 'w5'), 'limit', 'four are enough');
select t.call('setting_set', t.s('d1'), 'supervision.private', 'true', null) \g /dev/null
select is(t.parties(t.s('a1'), 'c1'), 'barge open Name s1', 'in private who whispers is not shown to the agent');
select is(t.parties(t.s('s1'), 'c1'), 'whisper open Name l1, barge open Name s1', 'but to who supervises');
select is(t.as(t.s('a1'), 'select count(*)::text from support.call_parties where role = ''whisper'''), '0', 'not by the table either');
select is(jsonb_array_length(t.rows('call_quality', t.s('a1'), t.id('vc1')::text, null, null, null, '9')) + jsonb_array_length(t.rows('call_client', t.s('a1'), t.id('vc1')::text, null, null, '9')), 0, 'nor by its quality');
select is(jsonb_array_length(t.rows('call_quality', t.s('s1'), t.id('vc1')::text, null, null, null, '9')) + jsonb_array_length(t.rows('call_client', t.s('s1'), t.id('vc1')::text, null, null, '9')), 3, 'which who supervises sees');
select t.call('setting_set', t.s('d1'), 'supervision.private', 'false', null) \g /dev/null
select is(t.as(t.c('c1'), 'select count(*)::text from support.call_parties'), '0', 'a customer sees no part');
select is(t.tries(t.s('a1'), 'update support.call_parties set talk = talk where role = ''barge'''), '0', 'the agent changes nothing of it');
select is(t.tries(t.s('a1'), format('insert into support.call_parties (id, call_id, chat_id, customer_id, staff_id, role, state, created_at, opened_at) values (%L, %L, %L, %L, %L, ''listen'', ''open'', now(), now())',
    t.id('w9'), t.id('vc1'), t.id('kvc1'), t.id('c1'), t.id('a1'))), '42501', 'nor makes himself a supervisor');
select is(t.violations(), '', 'invariants');
select is(t.call('supervise_end', t.s('s1'), t.id('vc1')::text, null) ->> 'result', 'ok', 'the supervisor goes');
select is(t.call('supervise_end', t.s('s1'), t.id('vc1')::text, null) ->> 'result', 'none', 'once');
select is(t.supervise('d1', 'c1', 'listen', 'w6'), 'ok', 'now there is room');
select is(t.call('party_drop', 'system:media', t.id('w6')::text, 'media_lost') ->> 'result', 'ok', 'whose leg is gone is out');
select is((select state from support.voice_calls where id = t.id('vc1')), 'active', 'the call goes on');

-- the lead of another team
select t.call('staff_create', 'system:admin', t.id('l2')::text, 'l2@bank.test', 'Name l2', 'team_lead', t.id('B')::text, 'bank', 'sub-l2', '$argon2id$v=19$m=65536,t=3,p=1$c2FsdA$aGFzaA', 'fixture') \g /dev/null
select is(t.fails('call_supervise', t.s('l2'), t.id('vc1')::text, t.id('w7')::text, 'listen', null), 'SD404 call_not_found', 'the lead of another team does not see it');
select is((select count(*)::int from jsonb_array_elements(t.rows('calls_live', t.s('l2'), '50')) r where r ->> 'call_id' = t.id('vc1')::text), 0, 'the lead of another team does not');

-- what ends it
select t.ready('a3') \g /dev/null
select is(t.consult('a1', 'c1', 'a3', 'q7'), 'ok', 'a consultation beside');
select t.call('call_transition', t.c('c1'), t.id('vc1')::text, 'active', 'ended', 'customer_hangup', null, null) \g /dev/null
select is((select string_agg(r.role || ' ' || r.reason, ', ' order by r.created_at) from support.call_parties r where r.call_id = t.id('vc1') and r.reason = 'call_ended'),
    'whisper call_ended, consult call_ended', 'the customer hangs up: all are out');
select is((select count(*)::int from support.support_activity_logs where action in ('call.consult_end', 'call.supervise_end') and reason = 'call_ended'), 2, 'with a row each');
select t.pass('1 hour'), t.call('presence_set', t.s('a3'), 'away', null, null) \g /dev/null
select is(t.talks('c3', 'a1'), 'accepted', 'another call');
select is(t.supervise('s1', 'c3', 'barge', 'w8'), 'ok', 'supervised');
select is(t.supervise('l1', 'c3', 'listen', 'wa'), 'ok', 'by two');
select t.call('staff_deactivate', t.s('d1'), t.id('l1')::text, 'req') \g /dev/null
select is((select concat_ws(' ', r.state, r.reason) from support.call_parties r where r.id = t.id('wa')), 'closed left', 'one of them is removed');
select t.call('staff_deactivate', t.s('d1'), t.id('a1')::text, 'req') \g /dev/null
select is((select concat_ws(' ', r.state, r.reason) from support.call_parties r where r.id = t.id('w8')), 'closed requeued', 'the agent is gone: supervision too');
select is(t.violations(), '', 'invariants');
select * from finish();
rollback;
