#!/bin/sh
# What migrations write into rows that were there before them. Called by run.sh with a database name.
set -u
. "$SUPPORTD_SOURCE/tests/support/pg.sh"
db=$1
migrate() { sh "$SUPPORTD_SOURCE/tests/support/migrate.sh" "$(pg_url supportd_migrate "$db")"; }
pg_create_db "$db" && migrate && pg_sql "$db" -f "$SUPPORTD_SOURCE/tests/sql/helpers.sql" >/dev/null || exit 1

n=0
is() { # have, want, what
    n=$((n + 1))
    if [ "$1" = "$2" ]; then echo "ok $n - $3"; else echo "not ok $n - $3: have $1, want $2"; fi
}
q() { pg_sql "$db" -At -c "$1" 2>&1; }
others() { q "select coalesce(string_agg(support.staff_name(o), ' ' order by o = t.id('a2') desc), '-') from support.call_recordings r left join unnest(r.others) o on true where r.id = t.id('$1')"; }
name() { q "select support.staff_name(t.id('$1'))"; }

q "select t.people()" >/dev/null
q "select t.ready('a1'), t.callup('c1')" >/dev/null
q "select t.call('queue_pick', t.s('a1'), t.id('vec1')::text, null), t.call('setting_set', t.s('d1'), 'recording.policy', '\"on_demand\"', null)" >/dev/null
for r in r1 r2 r3; do
    q "select t.call('recording_set', t.s('a1'), t.id('vc1')::text, w, t.id('$r')::text, t.id('p1')::text, 'k1', '202611/' || t.id('$r'), '0', null) from unnest(array['on', 'off']) w" >/dev/null
done
# r1 as it was before parties, r2 before others; r3 is as it is.
q "update support.call_recordings set parties = '[]' where id = t.id('r1')"
q "update support.call_recordings r set parties = r.parties || (select jsonb_agg(jsonb_build_object('track', 2, 'staff_id', t.id(p), 'role', 'barge', 'from_ms', 9)) from unnest(array['a2', 's1', 'a2', 'a1']) p)
   where r.id = t.id('r2')"
q 'delete from support.schema_migrations where number = 19' >/dev/null
migrate
is "$?" 0 'applied where there are recordings'
is "$(q "select parties::text from support.call_recordings where id = t.id('r1')")" "$(q "select parties::text from support.call_recordings where id = t.id('r3')")" 'who began is a party'
is "$(others r1)" - 'and there is no other'
is "$(others r2)" "$(name a2) $(name s1)" 'others who are heard, once each'
is "$(others r3)" - 'nobody else where nobody came'
is "$(q "select relforcerowsecurity from pg_class where oid = 'support.call_recordings'::regclass")" t 'the owner is bound again'
