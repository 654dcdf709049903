-- Recordings: policy, start, pause, card data, stop, end, who hears them, what a lost process leaves.
begin;
select plan(114);
select t.people() \g /dev/null
create function pg_temp.rec(p_actor text, p_want text, p_id text, p_call text default 'vc1', p_process text default 'p1', p_at text default '0') returns text language sql as
$$ select coalesce(r ->> 'result', '') || ' ' || coalesce(r ->> 'state', '')
   from t.call('recording_set', p_actor, t.id(p_call)::text, p_want, t.id(p_id)::text, t.id(p_process)::text, 'k1', '202611/' || t.id(p_id), p_at, 'req') r $$;
create function pg_temp.recfails(p_actor text, p_want text) returns text language sql as
$$ select t.fails('recording_set', p_actor, t.id('vc1')::text, p_want, t.id('r9')::text, t.id('p1')::text, 'k1', '202611/' || t.id('r9'), '0', null) $$;
create function pg_temp.policy(p_value text) returns text language sql as
$$ select t.call('setting_set', t.s('d1'), 'recording.policy', to_jsonb(p_value)::text, null) ->> 'result' $$;

select t.ready('a1') \g /dev/null
select t.callup('c1') \g /dev/null
select t.call('queue_pick', t.s('a1'), t.id('vec1')::text, null) \g /dev/null
select is((select state from support.voice_calls where id = t.id('vc1')), 'active', 'a call');
select is(t.fails('setting_set', t.s('d1'), 'recording.policy', '"some"', null), 'SD400 bad_argument', 'no such policy');
select is((select value #>> '{}' from support.support_settings where key = 'recording.policy'), 'off', 'off by default');
select is(pg_temp.recfails(t.s('a1'), 'on'), 'SD403 feature_off', 'nothing is recorded then');
select is(pg_temp.rec('system:media', 'auto', 'r0'), 'same off', 'nor by the daemon');
select is(pg_temp.rec(t.s('a1'), 'off', 'r0'), 'same off', 'off it is');

select is(pg_temp.policy('on_demand'), 'ok', 'on demand');
select is(pg_temp.rec('system:media', 'auto', 'r0'), 'same off', 'the daemon waits for the agent');
select is(pg_temp.recfails(a, 'on'), e, w) from (values (t.s('s1'), 'SD403 denied', 'a supervisor is no party of the call'), (t.s('a2'), 'SD404 call_not_found', 'nor is a colleague'),
    (t.c('c1'), 'SD403 denied', 'the customer does not decide'), (t.c('c2'), 'SD404 call_not_found', 'another customer'), ('system:router', 'SD404 call_not_found', 'the router'),
    (t.s('a1'), 'ok', 'the agent')) v (a, e, w);
select is(pg_temp.recfails(t.s('a1'), x), 'SD403 denied', 'agents do not ask for ' || x) from unnest(array['auto', 'card', 'resume', 'loud']) x;
select is(pg_temp.rec(t.s('a1'), 'on', 'r1', p_process => 'p2'), 'elsewhere off', 'in the process that has the media');
select is(pg_temp.rec(t.s('a1'), 'paused', 'r1'), 'not_allowed off', 'nothing to pause');
select is(pg_temp.rec(t.s('a1'), 'on', 'r1'), 'ok on', 'on');
select is(pg_temp.rec(t.s('a1'), 'on', 'r2'), 'same on', 'once');
select results_eq(format('select state, staff_id, customer_id, started_by, key_id from support.call_recordings where id = %L', t.id('r1')),
    format('values (%L, %L::uuid, %L::uuid, %L, %L)', 'on', t.id('a1'), t.id('c1'), t.s('a1'), 'k1'), 'the row');
select is((select keep_until - started_at from support.call_recordings where id = t.id('r1')), interval '90 days', 'and how long it is kept');
select is(t.call('call_state', t.c('c1'), t.id('vc1')::text) #>> '{state,recording}', 'on', 'the customer is told');

select is(pg_temp.rec(t.s('a1'), 'paused', 'r2', p_at => '1500'), 'ok paused', 'pause');
select is(pg_temp.rec('system:media', 'card', 'r2', p_at => '1600'), 'same paused', 'paused is paused');
select is(pg_temp.rec('system:media', 'resume', 'r2', p_at => '1700'), 'same paused', 'what the agent paused does not end by itself');
select is(pg_temp.rec(t.s('a1'), 'on', 'r2', p_at => '2500'), 'ok on', 'resume');
select t.call('setting_set', t.s('d1'), 'recording.resume_s', '30', null) \g /dev/null
select is(t.call('recording_set', 'system:media', t.id('vc1')::text, 'card', null, t.id('p1')::text, null, null, '4000', null) - '{chat_id,customer_id,staff_id}'::text[],
    jsonb_build_object('result', 'ok', 'recording_id', t.id('r1'), 'state', 'paused', 'resume_ms', 30000, 'elapsed_us', 0, 'from_us', 0), 'card data in the chat');
select is(pg_temp.rec('system:media', 'resume', 'r2', p_at => '5000'), 'ok on', 'ends by itself');
select is(pg_temp.rec('system:media', 'card', 'r2', p_at => '6000'), 'ok paused', 'again');
select is(pg_temp.rec(t.s('a1'), 'off', 'r2', p_at => '7000'), 'ok off', 'stop');
select is((select pauses from support.call_recordings where id = t.id('r1')), '[{"from_ms": 1500, "to_ms": 2500, "reason": "agent"}, {"from_ms": 4000, "to_ms": 5000, "reason": "card"},
    {"from_ms": 6000, "to_ms": 7000, "reason": "card"}]'::jsonb, 'the pauses');
select is(t.call('recording_finish', 'system:media', t.id('r1')::text, '8000', '4711', 'true', '20') ->> 'result', 'ok', 'all is on the disk');
select is(t.call('recording_finish', 'system:media', t.id('r1')::text, '8000', '4711', 'true', '20') ->> 'result', 'same', 'once');
select is(t.fails('recording_finish', t.s('x1'), t.id('r1')::text, '8000', '1', 'true', '20'), 'SD403 denied', 'the media side says so');
select results_eq(format('select state, duration_ms, bytes, incomplete, gap_ms from support.call_recordings where id = %L', t.id('r1')), $$values ('ended', 8000::bigint, 4711::bigint, true, 20::bigint)$$, 'ended');
select is((select string_agg(action || coalesce(' ' || reason, ''), ', ' order by id) from support.support_activity_logs where subject_kind = 'recording'),
    'recording.start, recording.pause, recording.resume, recording.pause card_data, recording.resume, recording.pause card_data, recording.stop, recording.finish incomplete', 'the trail');

-- under the policy all
select is(pg_temp.policy('all'), 'ok', 'all');
select is(pg_temp.rec('system:media', 'auto', 'r3'), 'ok on', 'from the answer on');
select is(pg_temp.recfails(t.s('a1'), 'off'), 'SD403 feature_off', 'the agent does not stop it');
select is(pg_temp.rec(t.s('a1'), 'paused', 'r3', p_at => '100'), 'ok paused', 'but pauses');
select t.call('call_transition', t.c('c1'), t.id('vc1')::text, 'active', 'ended', 'hangup', null, null) \g /dev/null
select is(t.call('call_state', t.c('c1'), t.id('vc1')::text) #>> '{state,recording}', 'off', 'an ended call is not recorded');
select is(pg_temp.rec(t.s('a1'), 'on', 'r4'), 'not_allowed off', 'nor can be');
select is(t.call('recording_finish', 'system:media', t.id('r3')::text, '900', '10', 'false', '0') ->> 'result', 'ok', 'its end');
select is((select pauses from support.call_recordings where id = t.id('r3')), '[{"from_ms": 100, "to_ms": 900, "reason": "agent"}]'::jsonb, 'ends the pause');

-- who hears them
update support.call_recordings set team_id = t.id('A') where id = t.id('r1');
update support.call_recordings set team_id = t.id('B') where id = t.id('r3');
select is(jsonb_array_length(t.rows('recordings_list', a, null, null, null, null, '10')), n, w) from (values (t.s('a1'), 0, 'an agent hears nothing'), (t.s('l1'), 1, 'a team lead the team''s'),
    (t.s('s1'), 2, 'a supervisor all'), (t.s('x1'), 2, 'an admin too'), (t.c('c1'), 0, 'a customer none'), ('system:admin', 2, 'the command line')) v (a, n, w);
select t.call('setting_set', t.s('d1'), 'recording.agents_may_play', 'true', null) \g /dev/null
select is(jsonb_array_length(t.rows('recordings_list', a, null, null, null, null, '10')), n, w) from (values (t.s('a1'), 2, 'unless the setting allows'), (t.s('a2'), 0, 'and then the own ones')) v (a, n, w);
select is(t.rows('recordings_list', t.s('s1'), c::text, s::text, u::text, null, '10') #>> '{0,recording,id}', e, w)
from (values (t.id('vc1'), null::uuid, null::uuid, t.id('r3')::text, 'by call'), (null, t.id('a1'), null, t.id('r3')::text, 'by agent'), (null, null, t.id('c1'), t.id('r3')::text, 'by customer'),
    (t.id('vc1'), t.id('a2'), null, null, 'by both')) v (c, s, u, e, w);
select is(t.call('recording_play', t.s('a2'), t.id('r1')::text, '0', null), null, 'who may not hear');
select is(t.call('recording_play', t.s('s1'), t.id('r1')::text, '1', 'req') - '{path,recording}'::text[], '{"state": "ended", "tracks": 2}'::jsonb, 'who may');
select is((select count(*)::int from support.support_activity_logs where action = 'recording.play' and actor_ref = t.id('s1')::text and detail = '{"track": 1}'), 1, 'is written down');
select is(t.call('recording_get', t.c('c1'), t.id('r1')::text), null, 'the customer gets none');

-- a process that is lost
update support.call_recordings set state = 'on', ended_at = null where id = t.id('r3');
update support.processes set state = 'dead' where id = t.id('p1');
select is(t.call('recordings_of_dead_process', 'system:monitor') ->> 'marked', '1', 'what a lost process left');
select results_eq(format('select state, incomplete, ended_at is not null from support.call_recordings where id = %L', t.id('r3')), $$values ('broken', true, true)$$, 'is broken');
select is(t.fails('recordings_of_dead_process', t.s('x1')), 'SD403 denied', 'the monitor says so');

-- who is heard on which track
select is((select parties from support.call_recordings where id = t.id('r3')), jsonb_build_array(jsonb_build_object('track', 1, 'staff_id', t.id('a1'), 'role', 'agent', 'from_ms', 0)), 'the agent who began');
select is(t.call('recording_party', 'system:media', t.id('r3')::text, '2', t.id('s1')::text, 'barge', '500') ->> 'result', 'ok', 'somebody else is heard');
select is(t.call('recording_party', 'system:media', t.id('r3')::text, '2', t.id('s1')::text, 'barge', '500') ->> 'result', 'same', 'once');
select is(t.call('recording_party', 'system:media', t.id('r3')::text, '1', t.id('a2')::text, 'agent', '700') ->> 'result', 'ok', 'and later another agent');
select is(t.fails('recording_party', a, t.id('r3')::text, '3', t.id('s1')::text, r, '900'), e, 'not ' || r || ' by ' || left(a, 6))
from (values (t.s('x1'), 'agent', 'SD403 denied'), ('system:media', 'whisper', 'SD400 bad_argument')) v (a, r, e);
select is(t.rows('recording_get', t.s('s1'), t.id('r3')::text) #> '{0,recording,parties}', jsonb_build_array(
    jsonb_build_object('track', 1, 'role', 'agent', 'from_ms', 0, 'staff', jsonb_build_object('id', t.id('a1'), 'name', support.staff_name(t.id('a1')))),
    jsonb_build_object('track', 2, 'role', 'barge', 'from_ms', 500, 'staff', jsonb_build_object('id', t.id('s1'), 'name', support.staff_name(t.id('s1')))),
    jsonb_build_object('track', 1, 'role', 'agent', 'from_ms', 700, 'staff', jsonb_build_object('id', t.id('a2'), 'name', support.staff_name(t.id('a2'))))), 'all of them by name');
select is((select tracks::int from support.call_recordings where id = t.id('r3')), 3, 'three files');
select is(t.rows('recordings_list', t.s('s1'), c::text, s::text, u::text, null, '10') #>> '{0,recording,id}', t.id('r3')::text, w)
from (values (null, t.id('a2'), null, 'found by who came later'), (null, t.id('s1'), null, 'by who barged in'), (t.id('vc1'), t.id('a2'), null, 'in the call'),
    (null, t.id('a2'), t.id('c1'), 'of the customer')) v (c, s, u, w);
select is(jsonb_array_length(t.rows('recordings_list', t.s('s1'), null, s::text, null, null, '10')), n, w)
from (values (t.id('a2'), 1, 'not where another alone is heard'), (t.id('a1'), 2, 'and by who began'), (t.id('l1'), 0, 'not by who is not heard')) v (s, n, w);
select is(t.call('recording_get', t.s('a2'), t.id('r3')::text) #>> '{recording,id}', t.id('r3')::text, 'who came later may hear it');
select t.call('setting_set', t.s('d1'), 'recording.agents_may_play', 'false', null) \g /dev/null
select is(t.call('recording_get', a, t.id('r3')::text), null, 'if the setting says so') from unnest(array[t.s('a1'), t.s('a2')]) a;
select t.call('setting_set', t.s('d1'), 'recording.agents_may_play', 'true', null) \g /dev/null
-- more people than can be found by
select is((select string_agg(distinct t.call('recording_party', 'system:media', t.id('r3')::text, '2', t.id('many' || n)::text, 'barge', (1000 + n)::text) ->> 'result', ' ') from generate_series(1, 62) n), 'ok', 'up to the bound');
select is(t.call('recording_party', 'system:media', t.id('r3')::text, '2', t.id(p)::text, r, '2000') ->> 'result', 'ok', w)
from (values ('many63', 'barge', 'one more does not fail the recording'), ('a2', 'agent', 'nor one who is back')) v (p, r, w);
select is((select others from support.call_recordings where id = t.id('r3')), array[t.id('s1'), t.id('a2')] || array(select t.id('many' || n) from generate_series(1, 62) n),
    'found by the first 64, once each');
select is((select jsonb_agg(e -> 'staff_id') from support.call_recordings r, jsonb_array_elements(r.parties) e where r.id = t.id('r3') and e ->> 'from_ms' = '2000'),
    jsonb_build_array(t.id('many63'), t.id('a2')), 'and who is heard when stays whole');
select is((select string_agg(distinct t.call('recording_party', 'system:media', t.id('r3')::text, '3', t.id('s1')::text, 'consult', n::text) ->> 'result', ' ') from generate_series(1000000, 1000299) n), 'ok',
    'nor do many stretches fail it');
select results_eq(format('select jsonb_array_length(parties), parties #>> ''{0,from_ms}'', parties #>> ''{-1,from_ms}'', tracks::int from support.call_recordings where id = %L', t.id('r3')),
    $$values (200, '0', '1000132', 4)$$, 'of which the first are kept');

-- retention: the row first, files by whoever has them, the row again
create function pg_temp.due(p_place text) returns text language sql as
$$ select coalesce(string_agg(r ->> 'path', ' ' order by r ->> 'path'), '') from jsonb_array_elements(t.rows('recordings_due', 'system:retention', t.id(p_place)::text, '10')) r $$;
select is(t.call('recordings_place', 'system:monitor', t.id('p1')::text, t.id('here')::text) ->> 'result', 'ok', 'a process says where its recordings are');
select is(t.fails(f, a, t.id('p1')::text, x), 'SD403 denied', f || ' is not for ' || left(a, 8)) from (values ('recordings_place', 'system:media', t.id('here')::text), ('recordings_due', t.s('x1'), '10'),
    ('recordings_due', 'system:media', '10')) v (f, a, x);
select is(t.fails(f, t.s('x1'), t.id('r1')::text), 'SD403 denied', f || ' neither') from unnest(array['recording_erased', 'recordings_next_due']) f;
select is(pg_temp.due('here'), '', 'nothing is due');
select is((t.call('recordings_next_due', 'system:retention', t.id('here')::text) ->> 'deadline')::timestamptz, (select min(keep_until) from support.call_recordings), 'until then');
update support.call_recordings set keep_until = support.now() - interval '1 ms' where id = t.id('r1');
select is(pg_temp.due('there'), '', 'another place has no files of it');
select results_eq(format('select state, path is not null from support.call_recordings where id = %L', t.id('r1')), $$values ('deleting', true)$$, 'but the row is closed');
select is(t.call('recording_play', t.s('s1'), t.id('r1')::text, '1', 'req'), null, 'nobody hears it any more');
select is(t.call('recording_get', t.s('s1'), t.id('r1')::text), null, 'or sees it');
select is(jsonb_array_length(t.rows('recordings_list', 'system:admin', null, null, null, null, '10')), 1, 'or finds it');
select is(t.call('recording_finish', 'system:media', t.id('r1')::text, '1', '1', 'false', '0') ->> 'result', 'same', 'a late end does not bring it back');
select is(pg_temp.due('here'), '202611/' || t.id('r1'), 'the place that has the files removes them');
select is(pg_temp.due('here'), '', 'one at a time');
select is((t.call('recordings_next_due', 'system:retention', t.id('here')::text) ->> 'deadline')::timestamptz, (select erase_at from support.call_recordings where id = t.id('r1')), 'again in a minute, if they stay');
select is((t.call('recordings_next_due', 'system:retention', t.id('there')::text) ->> 'deadline')::timestamptz, (select keep_until from support.call_recordings where id = t.id('r3')), 'which is not the concern of others');
select is(t.call('recording_erased', 'system:retention', t.id('r3')::text) ->> 'result', 'same', 'only what is being deleted can be gone');
select is(t.call('recording_erased', 'system:retention', t.id('r1')::text) ->> 'result', 'ok', 'gone');
select is(t.call('recording_erased', 'system:retention', t.id('r1')::text) ->> 'result', 'same', 'once');
select results_eq(format('select state, path, key_id, bytes, deleted_at is not null from support.call_recordings where id = %L', t.id('r1')), $$values ('deleted', null::text, null::text, 0::bigint, true)$$, 'no reference is left');
select is((select string_agg(action || ' ' || reason || ' ' || actor_ref, ', ' order by id) from support.support_activity_logs where subject_ref = t.id('r1')::text and reason = 'retention'),
    'recording.delete retention retention, recording.erased retention retention', 'the trail of it');
select * from finish();
rollback;
