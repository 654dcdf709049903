#!/bin/sh
# Many at once: repeats, double starts, assignment by several daemons, and a random day of a small support desk after which
# every invariant holds and nobody has deadlocked. Called by run.sh with a database name; SEED repeats a run.
set -u
. "$SUPPORTD_SOURCE/tests/support/pg.sh"
db=$1
seed=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
steps=${STEPS:-250}
echo "# seed $seed, 8 clients of $steps steps"
pg_create_db "$db" && sh "$SUPPORTD_SOURCE/tests/support/migrate.sh" "$(pg_url supportd_migrate "$db")" && pg_sql "$db" -f "$SUPPORTD_SOURCE/tests/sql/helpers.sql" >/dev/null || exit 1

n=0
is() {
    n=$((n + 1))
    if [ "$1" = "$2" ]; then echo "ok $n - $3"; else echo "not ok $n - $3: have $1, want $2"; fi
}
q() { pg_sql "$db" -At -c "$1" 2>&1; }
bench() { # clients, transactions, files: output in $out
    c=$1 t=$2
    shift 2
    "$PG_BIN/pgbench" -n -M prepared -h "$PG_DIR/socket" -p "$PG_PORT" -U postgres -c "$c" -j 2 -t "$t" --random-seed="$seed" --max-tries=20 \
        --failures-detailed "$@" "$db" >"$out" 2>&1 || { cat "$out"; return 1; }
}
out=$PG_DIR/bench.out
q 'select t.people()' >/dev/null
q "update support.support_settings set value = '600' where key = 'process.lease_s'" >/dev/null

# one message sent 160 times by 8 connections
q "select t.chat('c1')" >/dev/null
cat >"$PG_DIR/same.sql" <<'SQL'
insert into public.answers select (t.post(t.c('c1'), 'c1', 'same') - 'repeated')::text;
SQL
q 'create table public.answers (a text)' >/dev/null
q "create function public.assign3() returns jsonb language sql as \$\$ select t.rows('queue_assign', 'system:router', '3') \$\$" >/dev/null
bench 8 20 -f "$PG_DIR/same.sql"
is "$(q 'select count(*), count(distinct a) from public.answers')" '160|1' '160 repeats of one message get one answer'
is "$(q "select count(*) from support.chat_messages")" 1 'and make one row'

# many messages into one chat
cat >"$PG_DIR/many.sql" <<'SQL'
select t.post(t.c('c1'), 'c1', gen_random_uuid()::text);
SQL
bench 8 50 -f "$PG_DIR/many.sql"
is "$(q "select count(*), max(seq), t.violations() from support.chat_messages")" '401|401|' '400 messages of 8 connections have seq without gaps'

# a double click, eightfold, for each of 5 customers
cat >"$PG_DIR/start.sql" <<'SQL'
\set i random(2, 6)
select t.chat('c' || :i, gen_random_uuid()::text);
SQL
bench 8 20 -f "$PG_DIR/start.sql"
is "$(q "select count(*), (select count(*) from support.chat_queue where closed_at is null) from support.chat_sessions")" '6|6' 'starting 160 times gives one chat per customer'

# 200 customers, 8 routers, agents with room for 12
q "do \$\$ begin
       for i in 100 .. 299 loop
           perform t.call('customer_upsert', 'system:auth', t.id('c' || i)::text, 'bank', 'cust-' || i, 'Customer', null, 'en', null);
           perform t.chat('c' || i);
       end loop;
       perform t.ready('a1'), t.ready('a2'), t.ready('a3');
   end \$\$" >/dev/null
cat >"$PG_DIR/assign.sql" <<'SQL'
select public.assign3();
SQL
bench 8 10 -f "$PG_DIR/assign.sql"
is "$(q "select count(*), count(distinct entry_id), t.violations() from support.offers where state = 'pending'")" '12|12|' '8 routers offer to capacity, each entry once'
is "$(q "select count(*) from support.offers o join support.chat_queue q on q.id = o.entry_id
         where exists (select 1 from support.chat_queue w where w.state = 'waiting' and w.queued_at < q.queued_at)")" 0 'and in order'

# a random day
pg_sql "$db" >/dev/null <<'SQL'
create function t.step(p_op int, p_a int, p_b int) returns text language plpgsql as $$
declare
    v_customer text := 'c' || (100 + p_a % 40);
    v_staff text := (array['a1', 'a2', 'a3', 'l1', 's1'])[1 + p_b % 5];
    v_chat uuid := (select id from support.chat_sessions where customer_id = t.id(v_customer) order by id desc limit 1);
    v_call support.voice_calls;
begin
    select * into v_call from support.voice_calls where customer_id = t.id(v_customer) and ended_at is null;
    case p_op % 20
    when 0 then return t.call('chat_start', t.c(v_customer), support.uuid7()::text, gen_random_uuid()::text, support.uuid7()::text, 'en', null, null);
    when 1, 2 then return t.call('message_post', t.c(v_customer), v_chat::text, support.uuid7()::text, gen_random_uuid()::text, 'message', 'x', '{}', null);
    when 3 then return t.call('message_post', t.s(v_staff), c.id::text, support.uuid7()::text, gen_random_uuid()::text, 'message', 'x', '{}', null)
                       from support.chat_sessions c where c.assigned_staff_id = t.id(v_staff) and c.status = 'assigned' order by random() limit 1;
    when 4 then return t.call('chat_close', t.c(v_customer), v_chat::text, 'customer', null);
    when 5 then return t.call('chat_close', t.s(v_staff), c.id::text, 'resolved', null)
                       from support.chat_sessions c where c.assigned_staff_id = t.id(v_staff) and c.status = 'assigned' order by random() limit 1;
    when 6, 7, 8 then return t.rows('queue_assign', 'system:router', '5');
    when 9, 10, 11 then return t.call('offer_accept', 'staff:' || o.staff_id, o.id::text, null) from support.offers o where o.state = 'pending' order by random() limit 1;
    when 12 then return t.call('offer_decline', 'staff:' || o.staff_id, o.id::text, null) from support.offers o where o.state = 'pending' order by random() limit 1;
    when 13 then return t.call('presence_set', t.s(v_staff), case when p_a % 4 = 0 then 'away' else 'available' end, null, null);
    when 14 then return t.call('call_start', t.c(v_customer), support.uuid7()::text, gen_random_uuid()::text, null, support.uuid7()::text, support.uuid7()::text, t.id('p1')::text, null);
    when 15 then return t.call('call_transition', case when p_b % 2 = 0 then t.c(v_customer) else 'system:media' end, v_call.id::text, v_call.state, 'ended', 'hangup', null, null);
    when 16 then return t.call('queue_pick', t.s(v_staff), q.id::text, null) from support.chat_queue q where q.closed_at is null order by random() limit 1;
    when 17 then return t.call('chat_requeue', t.s(v_staff), c.id::text, support.uuid7()::text, null, null)
                        from support.chat_sessions c where c.assigned_staff_id = t.id(v_staff) and c.status = 'assigned' order by random() limit 1;
    when 18 then return t.call('chat_receipt', t.c(v_customer), v_chat::text, p_a::text, p_b::text, null);
    else
        case p_b % 6
        when 0 then return t.rows('offers_expire', 'system:router');
        when 1 then return t.rows('queue_timeouts', 'system:router');
        when 2 then return t.call('lease_remove', 'system:monitor', t.id('p1')::text, (101 + p_a % 3)::text);
        when 3 then return t.call('lease_add', 'system:monitor', t.id('p1')::text, (101 + p_a % 3)::text, t.s((array['a1', 'a2', 'a3'])[1 + p_a % 3]));
        when 4 then return t.rows('grace_expire', 'system:router');
        else return t.call('process_heartbeat', 'system:monitor', t.id('p1')::text);
        end case;
    end case;
exception when sqlstate 'SD404' or sqlstate 'SD429' then
    return sqlstate;
end $$;
update support.support_settings set value = '1' where key in ('queue.offer_s', 'queue.ring_s', 'queue.grace_s', 'queue.timeout_s', 'queue.step_s', 'queue.wrap_up_s');
update support.support_settings set value = '10000' where key = 'chat.max_per_day';
SQL
cat >"$PG_DIR/step.sql" <<'SQL'
\set op random(0, 19)
\set a random(0, 1000)
\set b random(0, 1000)
select t.step(:op::int, :a::int, :b::int);
SQL
# a batch as the daemon sends it: one transaction, chats ascending
cat >"$PG_DIR/batch.sql" <<'SQL'
begin;
select t.call('message_post', 'customer:' || c.customer_id, c.id::text, support.uuid7()::text, gen_random_uuid()::text, 'message', 'x', '{}', null)
from (select s.* from support.chat_sessions s where s.status <> 'closed' order by s.id limit 12) c;
end;
SQL
bench 8 "$steps" -f "$PG_DIR/step.sql"@9 -f "$PG_DIR/batch.sql"@1
is "$?" 0 'a random day ends without an error'
grep -E 'ERROR|aborted' "$out" | sort | uniq -c | head -5
grep -E 'transactions actually|retried|tps' "$out" | sed 's/^/# /'
is "$(grep -c deadlock "$PG_DIR/log")" 0 'nobody deadlocked'
is "$(q 'select t.violations()')" '' 'every invariant holds'
is "$(q "select count(*) > 20 from support.support_activity_logs where action in ('chat.assign', 'call.assign')")" t 'work was assigned'
is "$(q "select string_agg(distinct state, ',' order by state) from support.voice_calls" | tr -d '\n' | grep -c ended)" 1 'calls were made'
# what is open at the end comes to an end: nothing is stuck
q "update support.support_settings set value = '600' where key in ('queue.offer_s', 'queue.ring_s')" >/dev/null
q "do \$\$ begin
     for i in 1 .. 400 loop
       perform t.call('call_transition', 'system:media', k.id::text, k.state, 'ended', 'drain', null, null) from support.voice_calls k where k.ended_at is null;
       perform t.call('lease_add', 'system:monitor', t.id('p1')::text, '999', t.s('x1')), t.ready('x1'), t.later('2 s'), t.rows('offers_expire', 'system:router');
       perform t.assign();
       perform t.call('offer_accept', 'staff:' || o.staff_id, o.id::text, null) from support.offers o where o.state = 'pending';
       perform t.call('chat_close', 'staff:' || c.assigned_staff_id, c.id::text, 'resolved', null) from support.chat_sessions c where c.status = 'assigned' and c.call_id is null;
       exit when not exists (select 1 from support.chat_sessions where status <> 'closed');
     end loop; end \$\$" | sed 's/^/# /'
q "select 'open: ' || c.status || ', ' || coalesce(k.state, 'no call') || ', ' || coalesce(q::text, '') from support.chat_sessions c left join support.voice_calls k on k.id = c.call_id
   left join support.chat_queue q on q.id = c.entry_id where c.status <> 'closed'" | sed 's/^/# /'
is "$(q "select count(*) from support.chat_sessions where status <> 'closed'")" 0 'and every customer is served in the end'
is "$(q 'select t.violations()')" '' 'with all invariants'
