#!/bin/sh
# A private PostgreSQL for tests: sourced by shell scripts, no output but on errors.
#
#   . tests/support/pg.sh
#   pg_start DIR [PORT]     makes DIR (cluster in DIR/data, socket in DIR/socket, log in DIR/log) or starts it again
#   pg_create_db NAME       creates database NAME and runs sql/roles.sql in it
#   pg_url ROLE NAME        prints a connection URL for ROLE
#   pg_sql NAME [ARG...]    psql as superuser in database NAME
#   pg_pid                  prints the postmaster's process id
#   pg_stop [fast|immediate]
#
# PostgreSQL refuses to run as root: then it runs as PG_USER (default postgres). PG_LISTEN=1 also listens on 127.0.0.1:PORT.
# PG_OPTIONS adds "-c name=value" settings. Settings that durability stands on are PostgreSQL's own.

PG_ROOT=${PG_ROOT:-$(CDPATH= cd -- "${SUPPORTD_SOURCE:-.}" && pwd)}
PG_USER=${PG_USER:-postgres}

pg_bindir() {
    if command -v pg_config >/dev/null 2>&1 && [ -x "$(pg_config --bindir)/initdb" ]; then
        pg_config --bindir
    else
        ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1
    fi
}

pg_as() {
    if [ "$(id -u)" = 0 ]; then
        (cd / && exec setpriv --reuid="$PG_USER" --regid="$(id -g "$PG_USER")" --init-groups \
            env -u XDG_RUNTIME_DIR HOME="$PG_DIR" "$@")
    else
        (cd / && exec "$@")
    fi
}

pg_start() {
    PG_DIR=$1
    PG_PORT=${2:-5432}
    PG_BIN=$(pg_bindir)
    export PG_DIR PG_PORT PG_BIN
    mkdir -p "$PG_DIR/socket" || return 1
    chmod 755 "$PG_DIR" "$PG_DIR/socket"
    if [ "$(id -u)" = 0 ]; then
        chown "$PG_USER" "$PG_DIR" "$PG_DIR/socket" || return 1
    fi
    if [ ! -f "$PG_DIR/data/PG_VERSION" ]; then
        pg_as "$PG_BIN/initdb" -D "$PG_DIR/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 \
            >"$PG_DIR/initdb.log" 2>&1 || { cat "$PG_DIR/initdb.log" >&2; return 1; }
    fi
    pg_listen=
    [ "${PG_LISTEN:-0}" = 1 ] && pg_listen=127.0.0.1
    pg_as "$PG_BIN/pg_ctl" -D "$PG_DIR/data" -w -t 60 -l "$PG_DIR/log" \
        -o "-p $PG_PORT -k $PG_DIR/socket -c listen_addresses='$pg_listen' ${PG_OPTIONS:-}" start >"$PG_DIR/start.log" 2>&1 ||
        { cat "$PG_DIR/start.log" "$PG_DIR/log" >&2; return 1; }
}

pg_sql() {
    pg_db=$1
    shift
    PGOPTIONS='-c client_min_messages=warning' "$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1 \
        -h "$PG_DIR/socket" -p "$PG_PORT" -U postgres -d "$pg_db" "$@"
}

pg_create_db() {
    pg_sql postgres -c "create database \"$1\" encoding 'UTF8' template template0" &&
        pg_sql "$1" -f "$PG_ROOT/sql/roles.sql"
}

pg_url() {
    printf 'postgresql://%s@/%s?host=%s&port=%s\n' "$1" "$2" "$PG_DIR/socket" "$PG_PORT"
}

pg_pid() {
    head -1 "$PG_DIR/data/postmaster.pid"
}

pg_stop() {
    [ -n "${PG_DIR:-}" ] && [ -f "$PG_DIR/data/postmaster.pid" ] || return 0
    pg_as "$PG_BIN/pg_ctl" -D "$PG_DIR/data" -w -m "${1:-fast}" stop >/dev/null 2>&1
}
