#!/bin/sh
# Tests of the SQL alone: a private PostgreSQL, migrations, pgTAP files, concurrency, plans. Last line: N passed, N failed.
#
#   sh tests/sql/run.sh [FILE...]     files of this folder; default: all
set -u
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH= cd -- "$here/../.." && pwd)
SUPPORTD_SOURCE=$root
cd "$root" || exit 1
. tests/support/pg.sh

for tool in pg_prove psql setpriv; do
    command -v "$tool" >/dev/null || { echo "missing: $tool (libtap-parser-sourcehandler-pgtap-perl, postgresql-client)"; exit 1; }
done
dir=$(mktemp -d "${TMPDIR:-/tmp}/supportd-sql.XXXXXX")
trap 'pg_stop immediate; rm -rf "$dir"' EXIT INT TERM
# Durability is tested elsewhere; here it only costs time. auto_explain is loaded by the plan test alone.
PG_OPTIONS="-c fsync=off -c synchronous_commit=off -c full_page_writes=off ${PG_OPTIONS:-}"
pg_start "$dir" 54320 || exit 1

new_db() {
    pg_create_db "$1" && sh tests/support/migrate.sh "$(pg_url supportd_migrate "$1")" || exit 1
}

new_db sql_test
pg_sql sql_test -f tests/sql/helpers.sql >/dev/null || exit 1

passed=0
failed=0
count() { # output of pg_prove or of a script that prints "ok" and "not ok" lines
    p=$(grep -c '^ *ok ' "$1")
    f=$(grep -c '^ *not ok ' "$1")
    passed=$((passed + p))
    failed=$((failed + f))
}

if [ $# = 0 ]; then
    set -- "$here"/[0-9]*.sql "$here"/[0-9]*.sh
fi
for file in "$@"; do
    name=$(basename "$file")
    out=$dir/$name.out
    case $name in
    *.sql)
        PGOPTIONS='-c client_min_messages=warning' pg_prove -v --ext .sql -h "$PG_DIR/socket" -p "$PG_PORT" -U postgres -d sql_test "$file" >"$out" 2>&1
        ;;
    *.sh)
        (export PG_DIR PG_PORT PG_BIN PG_USER SUPPORTD_SOURCE; sh "$file" sql_"$(basename "$name" .sh | tr -c 'a-z0-9_\n' _)") >"$out" 2>&1
        ;;
    esac
    status=$?
    before=$failed
    count "$out"
    if [ "$status" != 0 ] && [ "$failed" = "$before" ]; then
        failed=$((failed + 1)) # died, or a wrong plan
    fi
    if [ "$status" != 0 ] || [ "$failed" != "$before" ]; then
        grep -v -e '^ *ok ' -e '^# seed ' "$out"
    fi
    grep '^# seed ' "$out"
    echo "$name: $(grep -c '^ *ok ' "$out") passed"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
