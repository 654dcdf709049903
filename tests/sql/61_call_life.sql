-- The life of a call: every request in every state, hold, transfer, callback, kept places, wrap-up, missed offers, rating, missed calls.
begin;
select plan(196);
select t.people() \g /dev/null
select t.call('staff_set_skills', t.s('d1'), t.id('a3')::text, '{cards,loans}', null) \g /dev/null

-- What a request gives, undone.
create function pg_temp.result_of(p_function text, variadic p_args text[]) returns text language plpgsql as $$
declare
    v_row jsonb;
begin
    begin
        v_row := t.call(p_function, variadic p_args);
        raise exception using errcode = 'TT000';
    exception when others then
        return case sqlstate when 'TT000' then v_row ->> 'result' else sqlerrm end;
    end;
end $$;
create function pg_temp.request(p_what text, p_call uuid, p_state text) returns text language sql as $$
    select case p_what
        when 'hold' then pg_temp.result_of('call_transition', t.s('a1'), p_call::text, p_state, 'held', null, null, null)
        when 'resume' then pg_temp.result_of('call_transition', t.s('a1'), p_call::text, p_state, 'active', null, null, null)
        when 'transfer' then pg_temp.result_of('call_transfer', t.s('a1'), p_call::text, t.id('fx')::text, 'staff', t.id('a2')::text, null, null, null, null)
        when 'callback' then pg_temp.result_of('call_callback', t.c('c1'), p_call::text, null)
        when 'ring' then pg_temp.result_of('callback_ring', t.s('a1'), p_call::text, null)
        when 'answer' then pg_temp.result_of('callback_answer', t.c('c1'), p_call::text, 'true', null)
        when 'decline' then pg_temp.result_of('callback_answer', t.c('c1'), p_call::text, 'false', null)
        when 'end by customer' then pg_temp.result_of('call_transition', t.c('c1'), p_call::text, p_state, 'ended', null, null, null)
        when 'end by agent' then pg_temp.result_of('call_transition', t.s('a1'), p_call::text, p_state, 'ended', null, null, null)
        when 'rating' then pg_temp.result_of('call_rate', t.c('c1'), p_call::text, '4', null, null) end $$;
create temporary table requests (state text, what text, expected text);
insert into requests
select s.state, w.what, s.expected[w.n] from (values
    ('queued',  array['not_allowed', 'not_allowed', 'not_allowed', 'ok', 'not_allowed', 'not_allowed', 'not_allowed', 'ok', 'not_allowed', 'not_allowed']),
    ('ringing', array['not_allowed', 'not_allowed', 'not_allowed', 'ok', 'not_allowed', 'not_allowed', 'not_allowed', 'ok', 'not_allowed', 'not_allowed']),
    ('active',  array['ok', 'not_allowed', 'ok', 'not_allowed', 'not_allowed', 'same', 'not_allowed', 'ok', 'ok', 'not_allowed']),
    ('held',    array['not_allowed', 'ok', 'ok', 'not_allowed', 'not_allowed', 'not_allowed', 'not_allowed', 'ok', 'ok', 'not_allowed']),
    ('calling', array['not_allowed', 'not_allowed', 'not_allowed', 'not_allowed', 'not_allowed', 'ok', 'ok', 'ok', 'ok', 'not_allowed']),
    ('ended',   array['not_allowed', 'not_allowed', 'not_allowed', 'not_allowed', 'not_allowed', 'not_allowed', 'not_allowed', 'not_allowed', 'not_allowed', 'ok'])) s (state, expected)
cross join unnest(array['hold', 'resume', 'transfer', 'callback', 'ring', 'answer', 'decline', 'end by customer', 'end by agent', 'rating']) with ordinality w (what, n);
create function pg_temp.all_requests(p_state text) returns setof text language sql as $$
    select is((select state from support.voice_calls where id = t.id('vc1')), p_state, 'the call is ' || p_state)
    union all
    select is(pg_temp.request(r.what, t.id('vc1'), p_state), r.expected, format('%s: %s', p_state, r.what)) from requests r where r.state = p_state
    union all select is(t.violations(), '', p_state || ': invariants') $$;

select t.call('setting_set', t.s('d1'), 'queue.wrap_up_s', '0', null), t.ready('a2') \g /dev/null
select t.call('presence_set', t.s('a2'), 'away', null, null) \g /dev/null
select t.callup('c1') \g /dev/null
select t.ready('a2') \g /dev/null
select pg_temp.all_requests('queued');
select t.call('presence_set', t.s('a2'), 'away', null, null), t.ready('a1') \g /dev/null
create temporary table o as select t.assign() -> 0 as r;
select t.ready('a2') \g /dev/null
select pg_temp.all_requests('ringing');
select t.accept('a1', r) from o \g /dev/null
select pg_temp.all_requests('active');
select t.call('call_transition', t.s('a1'), t.id('vc1')::text, 'active', 'held', null, null, null) \g /dev/null
select pg_temp.all_requests('held');
select t.call('call_transition', t.c('c1'), t.id('vc1')::text, 'held', 'ended', 'customer_hangup', null, null) \g /dev/null
select pg_temp.all_requests('ended');
select is((select array_agg(end_how || ' ' || staff_id) from support.call_parts where call_id = t.id('vc1')), array['ended ' || t.id('a1')], 'who had it is kept');
select is(t.tries('system:media', format($$update support.voice_calls set state = 'active', ended_at = null, end_reason = null where id = %L$$, t.id('vc1'))), 'SD409', 'no way past the table');

-- rating
select is(t.call('call_state', t.c('c1'), t.id('vc1')::text) #> '{state,rate_until}' <> 'null', true, 'may be rated');
select is(t.call('call_rate', t.c('c1'), t.id('vc1')::text, '4', 'good', null) ->> 'result', 'ok', 'rated');
select is(t.call('call_rate', t.c('c1'), t.id('vc1')::text, '4', 'good', null) ->> 'result', 'same', 'the same again');
select is(t.call('call_rate', t.c('c1'), t.id('vc1')::text, '5', 'good', null) ->> 'result', 'already', 'once');
select is(t.call('call_state', t.s('a1'), t.id('vc1')::text) #> '{state,rating}', '{"score": 4, "comment": "good"}', 'the agent sees it');
select is(t.fails('call_rate', t.c('c2'), t.id('vc1')::text, '4', null, null), 'SD404 call_not_found', 'nobody else rates');
select is(t.fails('call_rate', t.s('a1'), t.id('vc1')::text, '4', null, null), 'SD403 denied', 'no staff');
select is(t.fails('call_rate', t.c('c1'), t.id('vc1')::text, '6', null, null), 'SD400 bad_argument', 'one to five');

-- transfer to a colleague, who declines; back to the sender, who takes it
create function pg_temp.served(p_customer text, p_staff text) returns void language plpgsql as $$
begin
    perform t.callup(p_customer);
    if t.call('queue_pick', t.s(p_staff), t.id('ve' || p_customer)::text, null) ->> 'result' <> 'picked' then
        raise exception 'fixture';
    end if;
end $$;
create function pg_temp.transfer(p_customer text, p_from text, p_kind text, p_to text, p_name text) returns text language sql as $$
    select t.call('call_transfer', t.s(p_from), t.id('v' || p_customer)::text, t.id(p_name)::text, p_kind, case p_kind when 'staff' then t.id(p_to)::text end,
                  case p_kind when 'team' then t.id(p_to)::text end, case p_kind when 'skill' then p_to end, 'a note', null) ->> 'result' $$;
create function pg_temp.phase(p_customer text) returns text language sql as $$ select phase from support.call_queue where call_id = t.id('v' || p_customer) and closed_at is null $$;
create function pg_temp.rings() returns text language sql as $$ select string_agg(t.s(n), ',' order by n) from unnest(array['a1', 'a2', 'a3', 's1']) n
    where exists (select 1 from support.offers o where o.state = 'pending' and o.staff_id = t.id(n)) $$;
create function pg_temp.answer(p_function text, p_staff text) returns text language sql as $$
    select t.call(p_function, t.s(p_staff), o.id::text, null) ->> 'result' from support.offers o where o.state = 'pending' and o.staff_id = t.id(p_staff) $$;
select pg_temp.served('c2', 'a1') \g /dev/null
select t.pass('3 s') \g /dev/null
select is(t.call('transfer_targets', t.s('a1')) #>> '{targets,staff,0,name}', 'Name a2', 'whom one may ask');
select is(t.call('transfer_targets', t.s('a1')) #> '{targets,skills}', '[{"name": "cards", "available": 0}, {"name": "loans", "available": 0}]', 'skills');
select is(pg_temp.transfer('c2', 'a1', 'staff', 'a3', 'f0'), 'unavailable', 'not somebody who is away');
select is(pg_temp.transfer('c2', 'a1', 'staff', 'a1', 'f0'), 'unavailable', 'nor oneself');
select is(pg_temp.transfer('c2', 'a1', 'skill', 'cards', 'f0'), 'unavailable', 'nor a skill that nobody has');
select is(t.fails('call_transfer', t.s('a2'), t.id('vc2')::text, t.id('f0')::text, 'staff', t.id('a2')::text, null, null, null, null), 'SD404 call_not_found', 'a colleague does not hand it on');
select is(pg_temp.result_of('call_transfer', t.s('s1'), t.id('vc2')::text, t.id('f0')::text, 'staff', t.id('a2')::text, null, null, null, null), 'not_allowed', 'nor a supervisor who only sees it');
select is(pg_temp.transfer('c2', 'a1', 'staff', 'a2', 'f2'), 'ok', 'handed on');
select is(pg_temp.transfer('c2', 'a1', 'staff', 'a2', 'f2'), 'repeat', 'once');
select results_eq(format('select k.state, c.status, c.assigned_staff_id from support.voice_calls k join support.chat_sessions c on c.id = k.chat_id where k.id = %L', t.id('vc2')),
    $$values ('queued', 'open', null::uuid)$$, 'the call waits, with its chat');
select is(t.violations(), '', 'invariants');
update support.staff_presence set wrap_until = support.now() + interval '5 s' where staff_id = t.id('a2');
select t.ready('a3'), t.assign() \g /dev/null
select is(pg_temp.rings(), null, 'a free colleague is not asked instead of one who is not');
update support.staff_presence set wrap_until = null where staff_id = t.id('a2');
select t.assign() \g /dev/null
select is(pg_temp.rings(), t.s('a2'), 'it rings at the colleague alone');
select is(t.rows('offers_mine', t.s('a2')) #>> '{0,transfer_note}', 'a note', 'with the note');
select is(t.call('call_state', t.s('a2'), t.id('vc2')::text) #>> '{state,transfer,state}', 'offered', 'staff see the transfer');
select is(t.call('call_state', t.c('c2'), t.id('vc2')::text) #>> '{state,transfer}', null, 'the customer does not see the note''s row');
select is(pg_temp.answer('offer_decline', 'a2'), 'declined', 'he declines');
select is(pg_temp.phase('c2'), 'returning', 'it goes back');
select t.assign() \g /dev/null
select is(pg_temp.rings(), t.s('a1'), 'it rings at the sender');
select is(t.rows('offers_mine', t.s('a1')) #>> '{0,transfer_back}', 'true', 'as one that comes back');
select is(pg_temp.answer('offer_accept', 'a1'), 'accepted', 'who takes it');
select is((select array_agg(n || ' ' || coalesce(end_how, 'now') order by n) from support.call_parts where call_id = t.id('vc2')), array['1 transfer', '2 now'], 'two stretches');
select is((select assigned_staff_id from support.chat_sessions where id = t.id('kvc2')), t.id('a1'), 'with the chat');
select is(t.violations(), '', 'invariants');

-- the sender does not take it either: before all others, for anybody
select is(pg_temp.transfer('c2', 'a1', 'staff', 'a2', 'f3'), 'ok', 'once more');
select t.assign() \g /dev/null
select t.pass('21 s'), t.rows('offers_expire', 'system:router') \g /dev/null
select is(pg_temp.phase('c2'), 'returning', 'missed: it goes back');
select t.assign() \g /dev/null
select is(pg_temp.rings(), t.s('a1'), 'to the sender');
select t.call('presence_set', t.s('a1'), 'away', null, null) \g /dev/null
select is(pg_temp.phase('c2'), 'queued', 'who goes: anybody''s turn');
select t.call('presence_set', t.s('a2'), 'away', null, null), t.call('presence_set', t.s('a3'), 'away', null, null) \g /dev/null
select t.callup('c3') \g /dev/null
update support.call_queue set queued_at = queued_at - interval '1 day' where call_id = t.id('vc3');
select t.ready('a3'), t.assign() \g /dev/null
select is((select call_id from support.offers where state = 'pending'), t.id('vc2'), 'before an older call');
select is(pg_temp.answer('offer_accept', 'a3'), 'accepted', 'somebody takes it');
select is((select staff_id from support.voice_calls where id = t.id('vc2')), t.id('a3'), 'the same call');
select is(t.violations(), '', 'invariants');

-- to a team and to a skill: one after another until the time is over
select t.ready('a2'), t.ready('a1'), t.call('call_transition', t.c('c3'), t.id('vc3')::text, 'queued', 'ended', 'abandoned', null, null) \g /dev/null
select is(pg_temp.transfer('c2', 'a3', 'team', 'B', 'f4'), 'ok', 'to a team');
select t.assign() \g /dev/null
select is(pg_temp.rings(), t.s('a2'), 'its member is asked');
select is(pg_temp.result_of('queue_pick', t.s('a1'), e.id::text, null), 'entry_not_found', 'another team does not pick it') from support.call_queue e where e.call_id = t.id('vc2') and e.closed_at is null;
select is(pg_temp.answer('offer_decline', 'a2'), 'declined', 'declines');
select is(pg_temp.phase('c2'), 'offered', 'the team has it still');
select is(t.call('queue_next_deadline', 'system:router') ->> 'deadline' <= to_jsonb(e.phase_until) #>> '{}', true, 'a deadline of the router') from support.call_queue e where e.call_id = t.id('vc2') and e.closed_at is null;
select t.pass('31 s') \g /dev/null
select is(t.rows('call_deadlines', 'system:router') #>> '{0,what}', 'returning', 'time is over: back');
select is(t.rows('call_deadlines', 'system:router'), '[]', 'once');
select t.call('presence_set', t.s('a1'), 'away', null, null), t.assign() \g /dev/null
select is(pg_temp.rings(), t.s('a3'), 'to the sender');
select is(pg_temp.answer('offer_accept', 'a3'), 'accepted', 'who takes it');
select t.call('staff_set_skills', t.s('d1'), t.id('a2')::text, '{loans}', null), t.ready('a1') \g /dev/null
select is(pg_temp.transfer('c2', 'a3', 'skill', 'loans', 'f5'), 'ok', 'to a skill');
select t.assign() \g /dev/null
select is(pg_temp.rings(), t.s('a2'), 'who has it is asked, though he declined an earlier hand-over');
select is(pg_temp.answer('offer_accept', 'a2'), 'accepted', 'and takes it');
select is(t.violations(), '', 'invariants');
select is(t.fails('staff_set_skills', t.s('s1'), t.id('a2')::text, '{x}', null), 'SD403 denied', 'skills are set by admins');
select is(t.fails('staff_set_skills', t.s('d1'), t.id('a2')::text, '{"X y"}', null), 'SD400 bad_argument', 'by name');
select t.call('call_transition', t.s('a2'), t.id('vc2')::text, 'active', 'ended', 'agent_hangup', null, null) \g /dev/null

-- wrap-up
select t.call('setting_set', t.s('d1'), 'queue.wrap_up_s', '10', null), t.call('setting_set', t.s('d1'), 'queue.wrap_up_max_s', '60', null) \g /dev/null
select is(t.call('wrap_extend', t.s('a1'), '5000', null) ->> 'result', 'none', 'nothing to extend');
select pg_temp.served('c4', 'a1'), t.call('call_transition', t.c('c4'), t.id('vc4')::text, 'active', 'ended', 'customer_hangup', null, null) \g /dev/null
select is(t.call('wrap_extend', t.s('a1'), '5000', null) ->> 'result', 'ok', 'longer');
select is((select wrap_until - wrap_from from support.staff_presence where staff_id = t.id('a1')), interval '15 s', 'by that much');
select is(t.call('wrap_extend', t.s('a1'), '600000', null) ->> 'result', 'ok', 'up to the limit');
select is((select wrap_until - wrap_from from support.staff_presence where staff_id = t.id('a1')), interval '60 s', 'of the setting');
select is(t.call('wrap_extend', t.s('a1'), '1000', null) ->> 'result', 'limit', 'not beyond');
select is(t.fails('wrap_extend', t.s('a1'), '0', null), 'SD400 bad_argument', 'a sensible time');
select t.call('presence_set', t.s(n), 'away', null, null) from unnest(array['a2', 'a3']) n \g /dev/null
select t.callup('c5') \g /dev/null
select t.pass('20 s') \g /dev/null
select is(t.assign(), '[]', 'nothing is offered in it');
select is(t.call('wrap_end', t.s('a1'), null) ->> 'result', 'ok', 'ended early');
select is(t.call('wrap_end', t.s('a1'), null) ->> 'result', 'same', 'once');
select is(t.assign() #>> '{0,call_id}', t.id('vc5')::text, 'work again');

-- auto-answer
select is(t.call('offer_auto_answer', t.s('a1'), t.id('vc5')::text, null) ->> 'result', 'off', 'not without having chosen it');
select t.call('presence_set_auto_answer', t.s('a1'), 'true', null) \g /dev/null
select is(t.call('offer_auto_answer', t.s('a2'), t.id('vc5')::text, null) ->> 'result', 'off', 'not for a colleague');
select is(t.call('offer_auto_answer', t.s('a1'), t.id('vc5')::text, null) ->> 'result', 'accepted', 'taken without a click');
select is(t.call('offer_auto_answer', t.s('a1'), t.id('vc5')::text, null) ->> 'result', 'off', 'once');
select t.call('presence_set_auto_answer', t.s('a1'), 'false', null), t.call('setting_set', t.s('d1'), 'queue.wrap_up_s', '0', null) \g /dev/null
select t.call('call_transition', t.c('c5'), t.id('vc5')::text, 'active', 'ended', 'customer_hangup', null, null) \g /dev/null

-- callback
select t.call('presence_set', t.s('a1'), 'away', null, null), t.callup('c6'), t.pass('5 s') \g /dev/null
create temporary table place as select queued_at, id from support.call_queue where call_id = t.id('vc6');
select is(t.call('call_callback', t.c('c6'), t.id('vc6')::text, null) ->> 'result', 'ok', 'call me back');
select is(t.call('call_callback', t.c('c6'), t.id('vc6')::text, null) ->> 'result', 'same', 'once');
select results_eq(format('select queued_at, id from support.call_queue where call_id = %L and closed_at is null', t.id('vc6')), 'select * from place', 'the place is kept');
select is(t.call('call_away', 'system:media', t.id('vc6')::text, t.id('p1')::text, 'true') ->> 'result', 'same', 'the page may go');
select is(t.rows('queue_list', t.s('a1'), '10') #>> '{0,kind}', 'callback', 'staff see what it is');
select t.ready('a1'), t.assign() \g /dev/null
select is(t.rows('offers_mine', t.s('a1')) #>> '{0,kind}', 'callback', 'offered as callback');
select is((select t.call('offer_accept', t.s('a1'), o.id::text, null, t.id('p1')::text) ->> 'calling' from support.offers o where o.state = 'pending'), 'true', 'accepted: the customer is called');
select is(pg_temp.result_of('callback_ring', t.s('a1'), t.id('vc6')::text, null), 'not_allowed', 'it rings already');
select is(t.call('call_state', t.c('c6'), t.id('vc6')::text) #>> '{state,callback,attempts}', '1', 'first attempt');
select is(t.violations(), '', 'invariants');
select t.pass('31 s') \g /dev/null
select is(t.rows('call_deadlines', 'system:router') #>> '{0,what}', 'no_answer', 'nobody answers');
select is(t.call('call_state', t.s('a1'), t.id('vc6')::text) #>> '{state,callback,outcome}', 'no_answer', 'the agent sees it');
select is(t.call('callback_answer', t.c('c6'), t.id('vc6')::text, 'true', null) ->> 'result', 'not_allowed', 'too late');
select t.call('lease_remove', 'system:monitor', t.id('p1')::text, '6') \g /dev/null
select is(t.call('callback_ring', t.s('a1'), t.id('vc6')::text, null) ->> 'result', 'ok', 'again');
select is(t.call('call_state', t.s('a1'), t.id('vc6')::text) #>> '{state,callback,outcome}', 'not_reachable', 'the page is closed');
select t.call('lease_add', 'system:monitor', t.id('p1')::text, '6', t.c('c6')) \g /dev/null
select is(t.call('callback_ring', t.s('a1'), t.id('vc6')::text, null) ->> 'result', 'ok', 'again');
select is(t.call('callback_answer', t.c('c6'), t.id('vc6')::text, 'true', null) ->> 'state', 'active', 'the customer takes it');
select is(t.violations(), '', 'invariants');
select is(t.call('call_transition', t.c('c6'), t.id('vc6')::text, 'active', 'ended', 'customer_hangup', null, null) ->> 'result', 'ok', 'ends as any call');

-- every request while the customer is called; attempts are counted
select t.call('presence_set', t.s('a1'), 'away', null, null) \g /dev/null
select t.call('setting_set', t.s('d1'), 'call.callback_attempts', '1', null) \g /dev/null
select t.call('call_start', t.c('c1'), t.id('w1')::text, t.id('w1')::text, null, t.id('kw1')::text, t.id('ew1')::text, t.id('p1')::text, null) \g /dev/null
select t.call('call_callback', t.c('c1'), t.id('w1')::text, null) \g /dev/null
select is(t.call('queue_pick', t.s('a1'), t.id('ew1')::text, null, t.id('p1')::text) ->> 'calling', 'true', 'picked: called at once');
select is(pg_temp.request(r.what, t.id('w1'), 'calling'), r.expected, 'calling: ' || r.what) from requests r where r.state = 'calling';
select t.pass('31 s'), t.rows('call_deadlines', 'system:router') \g /dev/null
select is(t.call('callback_ring', t.s('a1'), t.id('w1')::text, null) ->> 'result', 'attempts_used', 'no more attempts');
select is(t.call('call_transition', t.s('a1'), t.id('w1')::text, 'calling', 'ended', 'agent_hangup', null, null) ->> 'result', 'ok', 'closed by the agent');
select is((select end_reason from support.voice_calls where id = t.id('w1')), 'callback_failed', 'which is no abandon');
select t.call('call_start', t.c('c1'), t.id('w2')::text, t.id('w2')::text, null, t.id('kw2')::text, t.id('ew2')::text, t.id('p1')::text, null), t.call('call_callback', t.c('c1'), t.id('w2')::text, null) \g /dev/null
select t.call('call_transition', t.c('c1'), t.id('w2')::text, 'queued', 'ended', 'abandoned', null, null) \g /dev/null
select results_eq(format('select k.end_reason, q.state from support.voice_calls k join support.call_queue q on q.call_id = k.id where k.id = %L', t.id('w2')),
    $$values ('callback_cancelled', 'withdrawn')$$, 'nor is one that the customer takes back');
select t.call('setting_set', t.s('d1'), 'features.callback', 'false', null) \g /dev/null
select t.callup('c7') \g /dev/null
select is(t.fails('call_callback', t.c('c7'), t.id('vc7')::text, null), 'SD403 feature_off', 'the feature flag');
select is(t.fails('call_callback', t.c('c8'), t.id('vc7')::text, null), 'SD404 call_not_found', 'not for the call of another');
select t.call('setting_set', t.s('d1'), 'features.callback', 'true', null) \g /dev/null

-- a caller who drops out keeps the place
create temporary table place7 as select queued_at, id from support.call_queue where call_id = t.id('vc7');
select is(t.fails('call_away', t.s('a1'), t.id('vc7')::text, t.id('p1')::text, 'true'), 'SD403 denied', 'the media side tells');
select is(t.call('call_away', 'system:media', t.id('vc7')::text, t.id('p2')::text, 'true') ->> 'result', 'same', 'of the process that owns it');
select is(t.call('call_away', 'system:media', t.id('vc7')::text, t.id('p1')::text, 'true') ->> 'result', 'ok', 'gone');
select t.ready('a1') \g /dev/null
select is(t.assign(), '[]', 'not offered meanwhile');
select is(pg_temp.result_of('queue_pick', t.s('a1'), (select id::text from place7), null), 'gone', 'nor picked');
select t.pass('50 s') \g /dev/null
select is(t.rows('call_deadlines', 'system:router'), '[]', 'not yet');
select is(t.call('call_away', 'system:media', t.id('vc7')::text, t.id('p1')::text, 'false') ->> 'result', 'ok', 'back');
select t.pass('50 s') \g /dev/null
select is(t.rows('call_deadlines', 'system:router'), '[]', 'and stays');
select results_eq(format('select queued_at, id from support.call_queue where call_id = %L and closed_at is null', t.id('vc7')), 'select * from place7', 'same entry, same age');
select t.call('call_away', 'system:media', t.id('vc7')::text, t.id('p1')::text, 'true'), t.pass('61 s') \g /dev/null
select is(t.rows('call_deadlines', 'system:router') #>> '{0,what}', 'abandoned', 'too long');
select is((select end_reason from support.voice_calls where id = t.id('vc7')), 'abandoned', 'abandoned');

-- nor does the place go with the process
select t.call('presence_set', t.s('a1'), 'away', null, null) \g /dev/null
select t.callup('c8') \g /dev/null
create temporary table place8 as select queued_at, id from support.call_queue where call_id = t.id('vc8');
select t.ready('a1'), t.assign() \g /dev/null
select t.call('process_register', 'system:monitor', t.id('p5')::text, 'h', '5', 'v'), t.call('lease_add', 'system:monitor', t.id('p5')::text, '1', t.s('a1')) \g /dev/null
select t.rows('process_leave', 'system:monitor', t.id('p1')::text) \g /dev/null
select is((t.rows('calls_of_dead_process', 'system:monitor') -> 0) ->> 'ended', 'false', 'kept');
select is(t.rows('calls_of_dead_process', 'system:monitor'), '[]', 'once');
select is(t.violations(), '', 'invariants');
select is(t.call('call_start', t.c('c8'), t.id('new')::text, t.id('new')::text, null, t.id('new')::text, t.id('new')::text, t.id('p5')::text, null) - 'rev' - 'staff_id' - 'chat_created',
    jsonb_build_object('result', 'existing', 'call_id', t.id('vc8'), 'chat_id', t.id('kvc8'), 'entry_id', (select id from place8), 'state', 'queued', 'owner_process', t.id('p5'),
    'offer_id', null, 'offer_staff_id', null), 'a new start takes it up elsewhere');
select is(t.call('call_away', 'system:media', t.id('vc8')::text, t.id('p5')::text, 'false') ->> 'result', 'ok', 'the new leg is there');
select results_eq(format('select queued_at, id from support.call_queue where call_id = %L and closed_at is null', t.id('vc8')), 'select * from place8', 'same entry, same age');
select t.assign() \g /dev/null
select is(pg_temp.answer('offer_accept', 'a1'), 'accepted', 'and is served');

-- who misses too many is asked for nothing more
select t.call('setting_set', t.s('d1'), 'queue.max_misses', '1', null), t.call('setting_set', t.s('d1'), 'queue.offer_s', '5', null) \g /dev/null
select t.call('lease_add', 'system:monitor', t.id('p5')::text, '2', t.s('a2')), t.ready('a2') \g /dev/null
select t.chat('c9') \g /dev/null
select t.assign() \g /dev/null
select t.later('3 s'), t.call('process_heartbeat', 'system:monitor', t.id('p5')::text), t.chat('c1', 'k91') \g /dev/null
select t.assign() \g /dev/null
select is((select count(*)::int from support.offers where state = 'pending' and staff_id = t.id('a2')), 2, 'two offers ring');
select t.later('3 s'), t.call('process_heartbeat', 'system:monitor', t.id('p5')::text) \g /dev/null
select is((select jsonb_agg(jsonb_build_array(r ->> 'outcome', r ->> 'paused')) from jsonb_array_elements(t.rows('offers_expire', 'system:router')) r), '[["missed", "true"], ["withdrawn", "true"]]', 'one is missed, the other goes back with it');
select is(pg_temp.rings(), null, 'nothing rings any more');
select is(t.violations(), '', 'invariants');

-- missed calls
select is((select jsonb_agg(r ->> 'end_reason' order by r ->> 'call_id' desc) from jsonb_array_elements(t.rows('calls_missed', t.s('s1'), null, '50', null)) r) @> '["abandoned", "callback_failed"]', true, 'what nobody answered');
select is((select count(*)::int from jsonb_array_elements(t.rows('calls_missed', t.s('a3'), null, '50', null)) r where r ->> 'call_id' in (t.id('vc1')::text, t.id('vc2')::text)), 0, 'not what was answered');
select is((select r ->> 'customer_name' from jsonb_array_elements(t.rows('calls_missed', t.s('a3'), null, '50', null)) r where r ->> 'call_id' = t.id('vc7')::text), 'Customer 7', 'with the name');
update support.chat_sessions set team_id = t.id('B') where id = t.id('kvc7');
select is((select count(*)::int from jsonb_array_elements(t.rows('calls_missed', t.s('a1'), null, '50', null)) r where r ->> 'call_id' = t.id('vc7')::text), 0, 'not of another team');
select is(t.fails('calls_missed', t.c('c1'), null, '50', null), 'SD403 denied', 'for staff');
select * from finish();
rollback;
