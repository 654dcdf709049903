-- Row level security, writing past the functions: own rows, rows of others, rows that pretend. A number is rows changed.
begin;
select plan(80);
select t.people() \g /dev/null
select t.served('c1', 'a1') \g /dev/null
select t.post(t.c('c1'), 'c1', 'x1'), t.post(t.s('a1'), 'c1', 'x2') \g /dev/null
select t.chat('c2') \g /dev/null
select t.ready('a2') \g /dev/null
select t.assign() \g /dev/null
select t.callup('c3') \g /dev/null
select t.call('staff_session_create', 'system:auth', t.id('a1')::text, '\x' || repeat('01', 32), '\x' || repeat('02', 32), null) \g /dev/null

create function pg_temp.message(p_customer text, p_sender text, p_kind text, p_sender_kind text) returns text language sql as $$
    select format('insert into support.chat_messages (chat_id, id, seq, note_seq, kind, customer_id, sender_kind, sender_id, client_id, body, created_at)
        values (%L, %L, %s, %s, %L, %L, %L, %L, %L, ''x'', now())', t.id('k' || p_customer), t.id('new'), case p_kind when 'note' then 'null' else '90' end,
        case p_kind when 'note' then '90' else 'null' end, p_kind, t.id(p_customer), p_sender_kind, t.id(p_sender), t.id('new')) $$;

create temporary table tries (actor text, query text, expected text, what text);
insert into tries values
    (t.c('c1'), pg_temp.message('c1', 'c1', 'message', 'customer'), '1', 'a customer writes into the own chat'),
    (t.c('c2'), pg_temp.message('c1', 'c2', 'message', 'customer'), '42501', 'not into the chat of another'),
    (t.c('c2'), pg_temp.message('c1', 'c1', 'message', 'customer'), '42501', 'not in the name of another'),
    (t.c('c1'), pg_temp.message('c1', 'a1', 'message', 'staff'), '42501', 'not as staff'),
    (t.c('c1'), pg_temp.message('c1', 'c1', 'note', 'customer'), '23514', 'not a note'),
    (t.s('a1'), pg_temp.message('c1', 'a1', 'note', 'staff'), '1', 'the agent writes a note'),
    (t.s('a2'), pg_temp.message('c1', 'a2', 'message', 'staff'), '42501', 'an agent who does not see the chat does not'),
    (t.s('l1'), pg_temp.message('c1', 'l1', 'note', 'staff'), '1', 'the lead of the agent does'),
    (t.s('s1'), pg_temp.message('c1', 'a1', 'message', 'staff'), '42501', 'a supervisor not in the name of the agent'),
    (t.s('z1'), pg_temp.message('c1', 'z1', 'message', 'staff'), '42501', 'deactivated staff do not'),
    ('', pg_temp.message('c1', 'c1', 'message', 'customer'), '42501', 'nobody does not'),
    ('system:router', pg_temp.message('c1', 'c1', 'message', 'customer'), '42501', 'the system not in the name of a customer'),
    (t.c('c1'), format($$update support.chat_messages set body = 'y' where chat_id = %L$$, t.id('kc1')), '42501', 'a text is not changed without a rev'),
    (t.c('c1'), format($$update support.chat_messages set body = 'y', remask_rev = 9 where chat_id = %L$$, t.id('kc1')), '1', 'masking in place: the own messages only'),
    (t.c('c2'), format($$update support.chat_messages set body = 'y', remask_rev = 9 where chat_id = %L$$, t.id('kc1')), '0', 'not those of another'),
    (t.s('s1'), format($$update support.chat_messages set body = 'y', remask_rev = 9 where chat_id = %L$$, t.id('kc1')), '0', 'a supervisor none'),
    (t.s('x1'), $$update support.chat_messages set seq = 5$$, '42501', 'nobody changes a seq'),
    (t.s('x1'), $$delete from support.chat_messages$$, '42501', 'nobody deletes messages'),
    (t.c('c1'), $$update support.chat_sessions set tags = '{x}'$$, '1', 'a customer changes the own chat'),
    (t.c('c1'), format($$update support.chat_sessions set tags = '{x}' where id = %L$$, t.id('kc2')), '0', 'not another'),
    (t.c('c1'), format($$update support.chat_sessions set customer_id = %L$$, t.id('c2')), '42501', 'nobody moves a chat to another customer'),
    (t.s('a1'), format($$update support.chat_sessions set tags = '{x}' where id = %L$$, t.id('kc1')), '1', 'an agent changes the chat served'),
    (t.s('a1'), format($$update support.chat_sessions set assigned_staff_id = %L where id = %L$$, t.id('a3'), t.id('kc1')), '42501', 'but does not hand it on past the functions'),
    (t.s('a3'), format($$update support.chat_sessions set tags = '{x}' where id = %L$$, t.id('kc1')), '0', 'a colleague does not'),
    (t.s('a1'), $$delete from support.chat_sessions$$, '42501', 'nobody deletes chats'),
    (t.c('c1'), $$update support.chat_participants set read_seq = 0$$, '42501', 'a customer does not move the marks of staff'),
    (t.c('c1'), format($$update support.chat_participants set delivered_seq = 1 where participant_id = %L$$, t.id('c1')), '1', 'but the own'),
    (t.s('a1'), $$update support.chat_participants set delivered_seq = 1$$, '1', 'an agent the own'),
    (t.s('a1'), format($$insert into support.chat_participants (chat_id, kind, participant_id, customer_id, joined_at) values (%L, 'staff', %L, %L, now())$$,
        t.id('kc1'), t.id('a2'), t.id('c1')), '42501', 'nobody joins for another'),
    (t.s('a2'), $$update support.offers set state = 'accepted', closed_at = now()$$, '1', 'an agent answers the own offer'),
    (t.s('a1'), $$update support.offers set state = 'accepted', closed_at = now()$$, '42501', 'not that of a colleague'),
    (t.c('c2'), $$update support.offers set state = 'accepted', closed_at = now()$$, '42501', 'a customer accepts nothing'),
    (t.c('c2'), $$update support.offers set state = 'withdrawn', closed_at = now()$$, '1', 'but withdraws by leaving'),
    (t.c('c1'), $$update support.offers set state = 'withdrawn', closed_at = now()$$, '0', 'not what was made for another'),
    (t.s('a1'), $$insert into support.offers (id, kind, entry_id, chat_id, customer_id, staff_id, weight, created_at, expires_at, why)
        select gen_random_uuid(), 'chat', q.id, q.chat_id, q.customer_id, $$ || quote_literal(t.id('a2')) || $$, 1, now(), now(), '{}' from support.chat_queue q limit 1$$,
        '42501', 'an agent makes no offer to another'),
    (t.c('c2'), $$update support.chat_queue set priority = 1$$, '1', 'a customer''s entry is the own (the functions set no priority)'),
    (t.c('c1'), format($$update support.chat_queue set priority = 1 where customer_id = %L$$, t.id('c2')), '0', 'never that of another'),
    (t.c('c1'), format($$update support.staff_presence set wrap_until = now() where staff_id = %L$$, t.id('a1')), '0', 'a customer touches no presence without a call'),
    (t.s('a1'), $$update support.staff_presence set chosen = 'away'$$, '1', 'an agent sets the own status'),
    (t.s('s1'), format($$update support.staff_presence set chosen = 'away' where staff_id = %L$$, t.id('a1')), '0', 'a supervisor not that of an agent'),
    (t.s('a1'), $$update support.support_staff set role = 'admin'$$, '42501', 'nobody promotes oneself'),
    (t.s('a1'), $$update support.support_staff set display_name = 'x'$$, '1', 'the own row otherwise'),
    (t.s('s1'), format($$update support.support_staff set role = 'agent' where id = %L$$, t.id('l1')), '0', 'a supervisor sets no role'),
    (t.s('d1'), format($$update support.support_staff set role = 'supervisor' where id = %L$$, t.id('a1')), '1', 'an admin does'),
    (t.s('d1'), format($$update support.support_staff set role = 'admin' where id = %L$$, t.id('a1')), '42501', 'but grants no admin'),
    (t.s('d1'), format($$update support.support_staff set role = 'agent' where id = %L$$, t.id('x1')), '0', 'nor takes it'),
    (t.s('x1'), format($$update support.support_staff set role = 'admin' where id = %L$$, t.id('a1')), '1', 'a super_admin does'),
    (t.c('c1'), $$update support.support_staff set display_name = 'x'$$, '0', 'a customer changes no staff'),
    (t.s('a1'), $$update support.staff_accounts set failed_count = 0$$, '1', 'the own account'),
    (t.s('a1'), format($$update support.staff_accounts set failed_count = 0 where staff_id = %L$$, t.id('a2')), '0', 'not that of a colleague'),
    (t.s('a2'), $$delete from support.staff_sessions$$, '0', 'sessions of others stay'),
    (t.s('a1'), $$delete from support.staff_sessions$$, '1', 'one ends the own'),
    (t.s('a1'), format($$insert into support.staff_sessions (token_hash, csrf_hash, staff_id, expires_at) values ('\x%s', '\x%s', %L, now())$$,
        repeat('09', 32), repeat('09', 32), t.id('a1')), '42501', 'nobody makes a session but the login'),
    (t.c('c1'), $$update support.customers set name = 'x'$$, '0', 'a customer changes nothing of the token'),
    ('system:auth', $$update support.customers set name = 'x'$$, '9', 'the login does'),
    (t.s('a1'), $$update support.customers set name = 'x'$$, '0', 'staff do not'),
    (t.s('s1'), $$update support.support_settings set value = '5' where key = 'queue.capacity'$$, '0', 'a supervisor sets nothing'),
    (t.s('d1'), $$update support.support_settings set value = '5' where key = 'queue.capacity'$$, '1', 'an admin does'),
    (t.c('c3'), $$update support.voice_calls set hold_ms = 1$$, '1', 'a customer''s call is the own'),
    (t.c('c1'), $$update support.voice_calls set hold_ms = 1$$, '0', 'not that of another'),
    (t.s('s1'), $$insert into support.teams (id, name) values (gen_random_uuid(), 'New')$$, '1', 'a supervisor makes teams'),
    (t.s('l1'), $$insert into support.teams (id, name) values (gen_random_uuid(), 'New')$$, '42501', 'a lead does not'),
    (t.c('c3'), format($$insert into support.webrtc_signaling (to_process, call_id, customer_id, sender, kind, payload) values (%L, %L, %L, %L, 'x', '{}')$$,
        t.id('p1'), t.id('vc3'), t.id('c3'), t.c('c3')), '1', 'the caller signals'),
    (t.c('c1'), format($$insert into support.webrtc_signaling (to_process, call_id, customer_id, sender, kind, payload) values (%L, %L, %L, %L, 'x', '{}')$$,
        t.id('p1'), t.id('vc3'), t.id('c3'), t.c('c1')), '42501', 'not into the call of another'),
    (t.c('c3'), format($$insert into support.webrtc_signaling (to_process, call_id, customer_id, sender, kind, payload) values (%L, %L, %L, %L, 'x', '{}')$$,
        t.id('p1'), t.id('vc3'), t.id('c3'), t.s('a1')), '42501', 'nor as somebody else'),
    (t.c('c3'), $$insert into support.call_quality_samples (call_id, leg, direction, at, customer_id, packets, lost, recovered, jitter_us)
        select id, 'customer', 'in', now(), customer_id, 1, 1, 1, 1 from support.voice_calls$$, '42501', 'nobody makes figures but the media side'),
    (t.c('c3'), $$insert into support.call_client_stats (call_id, leg, at, customer_id, interval_ms, received, lost)
        select id, 'customer', now(), customer_id, 1, 1, 1 from support.voice_calls$$, '42501', 'nor reports'),
    ('system:media', $$insert into support.call_client_stats (call_id, leg, at, customer_id, interval_ms, received, lost)
        select id, 'customer', now(), customer_id, 1, 1, 1 from support.voice_calls$$, '1', 'it does'),
    (t.s('a1'), format($$insert into support.support_activity_logs (actor_kind, actor_ref, action, subject_kind) values ('staff', %L, 'chat.read', 'chat')$$, t.id('a1')), '1',
        'the trail takes a row of the actor'),
    (t.s('a1'), format($$insert into support.support_activity_logs (actor_kind, actor_ref, action, subject_kind) values ('staff', %L, 'chat.read', 'chat')$$, t.id('a2')), '42501',
        'none in the name of another'),
    (t.c('c1'), format($$insert into support.support_activity_logs (actor_kind, actor_ref, action, subject_kind) values ('staff', %L, 'chat.read', 'chat')$$, t.id('a2')), '42501',
        'a customer none as staff'),
    (t.s('x1'), $$insert into support.audit_seals (seal_no, prev_hash, first_xid, first_id, last_xid, last_id, row_count, hash, signature, key_id)
        values (1, '\x00', '1', 1, '1', 1, 1, '\x00', '\x00', 'k')$$, '42501', 'only the sealer seals'),
    ('system:monitor', $$update support.processes set state = 'dead'$$, '1', 'the monitor declares a process dead'),
    ('system:router', $$update support.processes set state = 'dead'$$, '0', 'the router does not'),
    (t.s('a1'), $$insert into support.presence_leases (process_id, connection_id, subject_kind, subject_id) select id, 999, 'staff', gen_random_uuid() from support.processes$$,
        '42501', 'nobody claims a connection but the monitor');
select is(t.tries(actor, query), expected, what) from tries;
select is(t.tries(t.s('x1'), 'truncate support.chat_messages'), '42501', 'nobody truncates');
select is(t.tries(t.s('x1'), 'update support.clock set shift = ''1 hour'''), '42501', 'nobody moves the clock');
select is(t.tries(t.s('x1'), 'select * from support.chat_messages_default'), '42501', 'nobody reads a partition by its name');
select is(t.tries(t.s('x1'), 'alter table support.chat_messages disable row level security'), '42501', 'the daemon''s role changes no table');
select is(t.tries(t.s('x1'), 'set local row_security = off; select count(*) from support.chat_sessions'), '42501', 'and cannot pass by the policies');
select * from finish();
rollback;
