#!/bin/sh
# The pool against bare libpq: sh tests/bench/pg.sh [rows a run]. Builds the release preset's
# benchmark, starts a private PostgreSQL, prints a table.
set -eu
cd "$(dirname "$0")/../.."
SUPPORTD_SOURCE=$(pwd)
. tests/support/pg.sh
cmake --preset release >/dev/null
cmake --build build/release --target bench_pg >/dev/null
dir=$(mktemp -d /tmp/supportd-bench-XXXXXX)
trap 'pg_stop immediate; rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM
pg_start "$dir" "$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
pg_create_db supportd >/dev/null
pg_sql supportd -c "create schema bench; grant usage on schema bench to supportd_app;
    create table bench.items (id uuid primary key, n bigint, body text);
    grant select, insert on bench.items to supportd_app"
build/release/bench_pg "$(pg_url supportd_app supportd)" "${1:-20000}"
