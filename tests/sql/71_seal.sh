#!/bin/sh
# Sealing over several transactions, and re-applying the functions. Called by run.sh with a database name.
set -u
. "$SUPPORTD_SOURCE/tests/support/pg.sh"
db=$1
pg_create_db "$db" && sh "$SUPPORTD_SOURCE/tests/support/migrate.sh" "$(pg_url supportd_migrate "$db")" && pg_sql "$db" -f "$SUPPORTD_SOURCE/tests/sql/helpers.sql" >/dev/null || exit 1

n=0
is() { # have, want, what
    n=$((n + 1))
    if [ "$1" = "$2" ]; then echo "ok $n - $3"; else echo "not ok $n - $3: have $1, want $2"; fi
}
q() { pg_sql "$db" -At -c "$1" 2>&1; }
append() { # seal number, prev hash as SQL, count: seals all that is ready
    q "with r as (select * from jsonb_to_recordset(t.rows('audit_seal_next', 'system:sealer', '10000')) x (xid bigint, id bigint))
       select t.call('audit_seal_append', 'system:sealer', '$1', ($2)::text, min(f.xid)::text, min(f.id)::text, max(l.xid)::text, max(l.id)::text, '$3',
                     '\\x' || repeat('a$1', 32), '\\x' || repeat('bb', 64), 'k1') ->> 'result'
       from (select * from r order by xid, id limit 1) f, (select * from r order by xid desc, id desc limit 1) l"
}
next() { q "select jsonb_array_length(t.rows('audit_seal_next', 'system:sealer', '10000'))"; }

q 'select t.people()' >/dev/null
rows=$(q 'select count(*) from support.support_activity_logs')
is "$(next)" "$rows" 'all committed rows are ready'
# An older transaction holds back what came after it: it may still write a row that belongs before.
pg_sql "$db" -At -c "begin; select t.call('audit_denied', t.c('c1'), 'x.y', 'chat', null, null, null); select pg_sleep(3); commit" >/dev/null 2>&1 &
holder=$!
sleep 1
q "select t.chat('c1')" >/dev/null
is "$(next)" "$rows" 'rows after a running transaction wait for it'
wait "$holder"
is "$(next)" "$((rows + 2))" 'then all are ready'
is "$(append 1 "'\\x' || repeat('00', 32)" "$rows")" stale 'a seal that does not count every row is refused'
is "$(append 1 "'\\x' || repeat('00', 32)" $((rows + 2)))" ok 'the first seal'
is "$(append 1 "'\\x' || repeat('00', 32)" $((rows + 2)))" stale 'nothing is left for a second'
q "select t.chat('c2')" >/dev/null
is "$(append 2 "'\\x' || repeat('00', 32)" 1)" stale 'a seal follows the hash before'
is "$(append 2 "'\\x' || repeat('a1', 32)" 1)" ok 'the second seal'
is "$(q "select jsonb_array_length(t.rows('audit_seals', t.s('d1'), '0', '10'))")" 2 'an admin reads the seals'
is "$(q "select jsonb_array_length(t.rows('audit_verify_page', 'system:sealer', '0', '0', last_xid::text, last_id::text, '10000')) = row_count from support.audit_seals where seal_no = 1")" t 'and the rows of a seal'
is "$(q "select (select jsonb_agg(x) from jsonb_array_elements(t.rows('audit_verify_page', 'system:sealer', '0', '0', last_xid::text, last_id::text, '10000')) x)
   = (select jsonb_agg(jsonb_build_object('xid', l.xid::text::bigint, 'id', l.id, 'canonical', support.audit_canonical(l)) order by l.xid, l.id)
      from support.support_activity_logs l where (l.xid, l.id) <= (s.last_xid, s.last_id)) from support.audit_seals s where seal_no = 1")" t 'in sealing order'
for i in 1 2 3 4; do append 3 "'\\x' || repeat('a2', 32)" 1 >"$PG_DIR/seal$i" & done
wait
is "$(q 'select count(*) from support.audit_seals')" 2 'four sealers with nothing to seal make none'
q "select t.chat('c3')" >/dev/null
for i in 1 2 3 4; do append 3 "'\\x' || repeat('a2', 32)" 1 >"$PG_DIR/seal$i" & done
wait
is "$(cat "$PG_DIR"/seal[1-4] | grep -c '^ok')" 1 'of four at once one appends'

# The functions are applied again, as after a change; grants and owners hold.
before=$(q "select count(*), count(*) filter (where has_function_privilege('supportd_app', oid, 'execute')), count(*) filter (where proowner = 'support_policy'::regrole) from pg_proc where pronamespace = 'support'::regnamespace")
q "update support.schema_migrations set sha256 = repeat('0', 64) where number = 0" >/dev/null
sh "$SUPPORTD_SOURCE/tests/support/migrate.sh" "$(pg_url supportd_migrate "$db")"
is "$?" 0 'functions apply again over themselves'
is "$(q "select count(*), count(*) filter (where has_function_privilege('supportd_app', oid, 'execute')), count(*) filter (where proowner = 'support_policy'::regrole) from pg_proc where pronamespace = 'support'::regnamespace")" "$before" 'with the same grants and owners'
is "$(q "select has_schema_privilege('support_policy', 'support', 'create')")" f 'support_policy may create nothing'
sh "$SUPPORTD_SOURCE/tests/support/migrate.sh" "$(pg_url supportd_migrate "$db")"
is "$?" 0 'a second migration changes nothing'
q "update support.schema_migrations set sha256 = repeat('0', 64) where number = 1" >/dev/null
sh "$SUPPORTD_SOURCE/tests/support/migrate.sh" "$(pg_url supportd_migrate "$db")" 2>/dev/null
is "$?" 1 'a migration that was changed after it was applied is refused'
! echo "1..$n" | grep -q 'not ok'
