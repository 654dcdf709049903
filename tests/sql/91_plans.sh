#!/bin/sh
# Plans inside the functions: every function seven times in one connection as supportd_app under auto_explain, with 100,000 rows
# in each growing table, then again with the tables emptied and filled through other connections while plans are cached.
# No scan may read a growing table through. Called by run.sh with a database name.
set -u
. "$SUPPORTD_SOURCE/tests/support/pg.sh"
db=$1
here=$SUPPORTD_SOURCE/tests/sql
command -v python3 >/dev/null || { echo 'not ok 1 - python3 is missing'; exit 1; }
pg_create_db "$db" && sh "$SUPPORTD_SOURCE/tests/support/migrate.sh" "$(pg_url supportd_migrate "$db")" && pg_sql "$db" -f "$here/helpers.sql" >/dev/null || exit 1

pg_sql "$db" -f "$here/plans_fill.sql" >/dev/null && pg_sql "$db" -c 'select fill.people(); select fill.tables(100000)' -c 'analyze' >/dev/null || exit 1

round() { # settings as the role has them; the helpers switch to supportd_app
    cat <<SQL
\\set i $1
\\i $here/plans.sql
SQL
}
{
    cat <<'SQL'
load 'auto_explain';
set enable_seqscan = off; set plan_cache_mode = force_generic_plan; set jit = off;
set auto_explain.log_min_duration = 0; set auto_explain.log_analyze = on; set auto_explain.log_timing = off;
set auto_explain.log_nested_statements = on; set auto_explain.log_format = json; set auto_explain.log_level = notice;
set client_min_messages = notice;
SQL
    for i in 1 2 3 4 5 6 7; do round $i; done
    # The same connection goes on after other connections have emptied and filled the tables, without statistics.
    echo "\\! $PG_BIN/psql -X -q -h $PG_DIR/socket -p $PG_PORT -U postgres -d $db -c 'set client_min_messages = warning; select fill.again(100000)' >/dev/null"
    for i in 11 12; do round $i; done
} | PGOPTIONS= "$PG_BIN/psql" -X -q -At -v ON_ERROR_STOP=1 -h "$PG_DIR/socket" -p "$PG_PORT" -U postgres -d "$db" >"$PG_DIR/plans.out" 2>"$PG_DIR/plans.log"
status=$?
if [ "$status" = 0 ]; then echo 'ok 1 - every function runs nine times'; else echo "not ok 1 - every function runs nine times"; grep -A3 ERROR "$PG_DIR/plans.log" | head -5; fi
pg_sql "$db" -At -c "select p.proname from pg_proc p where p.pronamespace = 'support'::regnamespace and p.proconfig @> array['supportd.actor=']" >"$PG_DIR/functions"
python3 "$here/plans.py" "$PG_DIR/plans.log" "$PG_DIR/functions"
