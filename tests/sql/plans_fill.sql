-- Rows in bulk for 91_plans.sh, past triggers and foreign keys.
create schema fill;
create function fill.people() returns void language plpgsql as $$
begin
    perform t.people();
    update support.support_settings set value = '600' where key = 'process.lease_s';
    update support.support_settings set value = '1000' where key = 'chat.max_per_day';
end $$;
create function fill.old(n int) returns uuid language sql immutable as $$ select ('01800000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;

-- n closed chats, n / 180 of each of the acting customers, n / 3 of each agent, with a message, a note's mark, a queue entry, an offer and a call each
create function fill.tables(n int) returns void language plpgsql as $$
begin
    set local session_replication_role = replica;
    insert into support.customers (id, issuer, subject) select fill.old(i), 'old', i::text from generate_series(1, n) i;
    insert into support.customer_salts (customer_id, salt, ref) select fill.old(i), decode(repeat('00', 32), 'hex'), encode(sha256(i::text::bytea), 'hex') from generate_series(1, n) i;
    insert into support.chat_sessions (id, customer_id, client_key, channel, status, weight, assigned_staff_id, assigned_at, last_seq, audit_ref, created_at, closed_at, close_reason)
    select fill.old(i), case when i > n / 20 then fill.old(1 + i % (n / 10)) else t.id('c' || (1 + i % 9)) end, fill.old(i), 'chat', 'closed', 1, t.id('a' || (1 + i % 3)), now(), 1, 'x', now() - interval '2 days', now(), 'other'
    from generate_series(1, n) i;
    insert into support.chat_messages (chat_id, id, seq, kind, customer_id, sender_kind, sender_id, client_id, body, created_at)
    select c.id, c.id, 1, 'message', c.customer_id, 'customer', c.customer_id, c.id, 'old', now() from support.chat_sessions c where c.id < '01900000-0000-7000-8000-000000000000';
    insert into support.chat_participants (chat_id, kind, participant_id, customer_id, joined_at) select c.id, 'customer', c.customer_id, c.customer_id, now() from support.chat_sessions c where c.id < '01900000-0000-7000-8000-000000000000';
    insert into support.chat_queue (id, chat_id, customer_id, queued_at, state, staff_id, closed_at) select c.id, c.id, c.customer_id, now(), 'assigned', c.assigned_staff_id, now() - interval '2 h' from support.chat_sessions c where c.id < '01900000-0000-7000-8000-000000000000';
    insert into support.voice_calls (id, chat_id, customer_id, client_key, state, end_reason, owner_process, staff_id, created_at, queued_at, ended_at)
    select c.id, c.id, c.customer_id, c.id, 'ended', 'x', t.id('p1'), c.assigned_staff_id, now(), now(), now() from support.chat_sessions c where c.id < '01900000-0000-7000-8000-000000000000';
    insert into support.call_queue (id, call_id, chat_id, customer_id, queued_at, state, staff_id, closed_at) select c.id, c.id, c.id, c.customer_id, now(), 'assigned', c.assigned_staff_id, now() - interval '2 h' from support.chat_sessions c where c.id < '01900000-0000-7000-8000-000000000000';
    insert into support.offers (id, kind, entry_id, chat_id, customer_id, staff_id, weight, state, created_at, expires_at, closed_at, why) select c.id, 'chat', c.id, c.id, c.customer_id, c.assigned_staff_id, 1, 'accepted', now(), now(), now(), '{}' from support.chat_sessions c where c.id < '01900000-0000-7000-8000-000000000000';
    insert into support.call_quality_samples (call_id, leg, direction, at, customer_id, packets, lost, recovered, jitter_us) select k.id, 'customer', 'in', now(), k.customer_id, 1, 1, 1, 1 from support.voice_calls k where k.id < '01900000-0000-7000-8000-000000000000';
    insert into support.call_recordings (id, call_id, customer_id, staff_id, owner_process, state, started_by, started_at, ended_at, key_id, path, keep_until) select k.id, k.id, k.customer_id, k.staff_id, k.owner_process, 'ended', 'system:media', now(), now(), 'k', '202611/' || k.id, now() from support.voice_calls k where k.id < '01900000-0000-7000-8000-000000000000' and k.staff_id is not null;
    insert into support.call_client_stats (call_id, leg, at, customer_id, interval_ms, received, lost) select k.id, 'customer', now(), k.customer_id, 1, 1, 1 from support.voice_calls k where k.id < '01900000-0000-7000-8000-000000000000';
    insert into support.webrtc_signaling (to_process, call_id, customer_id, sender, kind, payload) select t.id('p2'), k.id, k.customer_id, 'system:media', 'x', '{}' from support.voice_calls k where k.id < '01900000-0000-7000-8000-000000000000';
    insert into support.staff_sessions (token_hash, csrf_hash, staff_id, expires_at) select sha256(i::text::bytea), sha256('x'), t.id('a2'), now() + interval '30 days' from generate_series(1, n) i;
    insert into support.presence_leases (process_id, connection_id, subject_kind, subject_id) select t.id('p2'), i, 'customer', fill.old(i) from generate_series(1, n) i;
    insert into support.support_activity_logs (at, xid, actor_kind, actor_ref, action, subject_kind) select now(), (3 + i / 200)::text::xid8, 'system', 'retention', 'x.y', 'x' from generate_series(1, n) i;
    insert into support.audit_seals (seal_no, prev_hash, first_xid, first_id, last_xid, last_id, row_count, hash, signature, key_id)
    select i, sha256(i::text::bytea), '1', 1, '3', 1, 1, sha256(i::text::bytea), decode(repeat('00', 64), 'hex'), 'k' from generate_series(1, n) i;
end $$;

create function fill.again(n int) returns void language plpgsql as $$
begin
    set local session_replication_role = replica;
    alter table support.support_activity_logs disable trigger append_only;
    alter table support.audit_seals disable trigger append_only;
    truncate support.chat_messages, support.chat_participants, support.chat_queue, support.voice_calls, support.call_queue, support.offers, support.call_quality_samples, support.call_client_stats, support.call_recordings,
        support.webrtc_signaling, support.staff_sessions, support.presence_leases, support.support_activity_logs, support.audit_seals, support.chat_sessions cascade;
    delete from support.customers where issuer = 'old';
    delete from support.customer_salts where customer_id not in (select id from support.customers);
    perform fill.tables(n);
    alter table support.support_activity_logs enable always trigger append_only;
    alter table support.audit_seals enable always trigger append_only;
    insert into support.presence_leases (process_id, connection_id, subject_kind, subject_id) values (t.id('p1'), 1, 'staff', t.id('a1'));
end $$;
