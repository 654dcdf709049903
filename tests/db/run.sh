#!/bin/sh
# The C tests against a real PostgreSQL: sh tests/db/run.sh [ctest -R pattern]
#
# Starts a private server, runs the programs of label db in build/debug against it, stops it, prints
# "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1
SUPPORTD_SOURCE=$(pwd)
. tests/support/pg.sh
dir=$(mktemp -d /tmp/supportd-db-XXXXXX) || exit 1
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
trap 'pg_stop immediate; rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM

export PG_LISTEN=1
if ! { pg_start "$dir" "$port" && pg_create_db supportd >/dev/null; }; then
    echo "0 passed, 1 failed"
    exit 1
fi
SUP_TEST_DATABASE_URL=$(pg_url supportd_app supportd)
SUP_TEST_OWNER_URL=$(pg_url supportd_migrate supportd)
SUP_TEST_SUPER_URL=$(pg_url postgres supportd)
SUP_TEST_TCP_URL="postgresql://supportd_app@localhost:$port/supportd"
# A crash of the server and its restart, as the tests call it.
SUP_TEST_PG_CRASH="cd '$SUPPORTD_SOURCE' && PG_LISTEN=1 && . tests/support/pg.sh && PG_DIR='$dir' PG_BIN=$PG_BIN && pg_stop immediate && pg_start '$dir' $port"
export SUP_TEST_DATABASE_URL SUP_TEST_OWNER_URL SUP_TEST_SUPER_URL SUP_TEST_TCP_URL SUP_TEST_PG_CRASH

mkdir -p build/test-output
ctest --test-dir build/debug -L db ${1:+-R "$1"} -V >build/test-output/db-ctest.log 2>&1
python3 tests/style/sum_check.py build/test-output/db-ctest.log
