#!/bin/sh
# supportd on this machine, with a private PostgreSQL, demo staff and a demo bank:
#
#   sh config/demo.sh [--port N] [--dir DIR] [--reset] [--install-only] [--check]
#
#   --port N         http on 127.0.0.1:N (default 8080), https on N+1
#   --dir DIR        where all data lives (default .demo); a second start goes on with it
#   --reset          begin anew: removes what an earlier demo left in DIR
#   --install-only   only install the Debian packages that are missing
#   --check          start, wait until a chat message has gone from a customer's socket to an agent's,
#                    print the addresses, stop; exit status 0 if all of that worked
#
# Ctrl-C ends everything. PostgreSQL does not run as root: then it runs as the user postgres.
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
. config/install.sh

port=8080
dir=$root/.demo
reset=
install_only=
check=
daemon=
pg_started=

usage()
{
    sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

die()
{
    echo "demo: $*" >&2
    exit 1
}

while [ $# -gt 0 ]; do
    case $1 in
    --port | --dir) [ $# -ge 2 ] || usage ;;
    esac
    case $1 in
    --port) port=$2; shift ;;
    --dir) dir=$2; shift ;;
    --reset) reset=1 ;;
    --install-only) install_only=1 ;;
    --check) check=1 ;;
    *) usage ;;
    esac
    shift
done
case $port in '' | *[!0-9]*) usage ;; esac
[ "$port" -ge 1 ] && [ "$port" -le 65534 ] || die "--port: 1 to 65534"
case $dir in /*) ;; *) dir=$PWD/$dir ;; esac

# --- what must be there ---

supportd_install run || die "the packages could not be installed"
[ -z "$install_only" ] || exit 0

build()
{
    cmake --preset release && cmake --build build/release -j "$(nproc)"
}
mkdir -p build
build >build/demo-build.log 2>&1 || { tail -n 30 build/demo-build.log >&2; die "the build failed"; }
supportd=$root/build/release/supportd

# --- the directory ---

if [ -d "$dir" ] && [ -n "$(ls -A "$dir")" ] && [ ! -e "$dir/supportd-demo" ]; then
    die "$dir is not empty and no demo made it"
fi
if [ -e "$dir/demo.pid" ] && kill -0 "$(cat "$dir/demo.pid")" 2>/dev/null &&
    grep -q demo.sh "/proc/$(cat "$dir/demo.pid")/cmdline" 2>/dev/null; then
    die "a demo runs in $dir already (process $(cat "$dir/demo.pid"))"
fi

pg_user=postgres
pg_bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[ -n "$pg_bin" ] || die "PostgreSQL is not installed"

# Runs a command as the user that owns the database.
as_pg()
{
    if [ "$(id -u)" -eq 0 ]; then
        (cd / && exec setpriv --reuid="$pg_user" --regid="$(id -g "$pg_user")" --init-groups \
            env -u XDG_RUNTIME_DIR HOME=/ "$@")
    else
        (cd / && exec "$@")
    fi
}

pg_stop()
{
    as_pg "$pg_bin/pg_ctl" -D "$dir/pg" -w -m fast stop >/dev/null 2>&1
}

# What a demo that was killed has left running goes first: found by its process files alone.
if [ -e "$dir/daemon.pid" ]; then
    old=$(cat "$dir/daemon.pid")
    case $(readlink "/proc/$old/exe" 2>/dev/null) in
    "$supportd"*) kill "$old" 2>/dev/null || true ;;
    esac
    rm -f "$dir/daemon.pid"
fi
[ ! -e "$dir/pg/postmaster.pid" ] || pg_stop || rm -f "$dir/pg/postmaster.pid"
[ -z "$reset" ] || rm -rf "$dir"

mkdir -p "$dir" # with its parents, which PostgreSQL's user must be able to pass
chmod 755 "$dir"
umask 077
mkdir -p "$dir/secrets"
: >"$dir/supportd-demo"
echo $$ >"$dir/demo.pid"
run=$(mktemp -d "${TMPDIR:-/tmp}/supportd-demo-XXXXXX")

finish()
{
    status=$?
    trap '' INT TERM HUP
    if [ -n "$daemon" ]; then
        kill "$daemon" 2>/dev/null || true
        wait "$daemon" 2>/dev/null || true
        rm -f "$dir/daemon.pid"
    fi
    [ -z "$pg_started" ] || pg_stop || true
    rm -rf "$run"
    rm -f "$dir/demo.pid"
    trap - EXIT
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# secret NAME: prints the secret; makes it the first time.
secret()
{
    [ -s "$dir/secrets/$1" ] || openssl rand -hex 32 >"$dir/secrets/$1"
    cat "$dir/secrets/$1"
}

# --- PostgreSQL ---

if [ "$(id -u)" -eq 0 ]; then
    chown "$pg_user" "$run"
    as_pg test -x "$dir" || die "the user $pg_user cannot reach $dir: give another place with --dir"
fi
chmod 711 "$run"
if [ ! -f "$dir/pg/PG_VERSION" ]; then
    rm -rf "$dir/pg"
    mkdir "$dir/pg"
    secret superuser >"$run/password"
    [ "$(id -u)" -ne 0 ] || chown "$pg_user" "$dir/pg" "$run/password"
    as_pg "$pg_bin/initdb" -D "$dir/pg" -U postgres --pwfile="$run/password" -A scram-sha-256 -E UTF8 \
        --locale=C.UTF-8 >"$run/initdb.log" 2>&1 || { cat "$run/initdb.log" >&2; die "initdb failed"; }
    rm -f "$run/password"
fi
as_pg "$pg_bin/pg_ctl" -D "$dir/pg" -w -t 60 -l "$dir/pg/server.log" \
    -o "-k '$run' -c listen_addresses=''" start >"$run/start.log" 2>&1 ||
    { cat "$run/start.log" >&2; as_pg tail -n 20 "$dir/pg/server.log" >&2; die "PostgreSQL did not start"; }
pg_started=1

sql()
{
    PGPASSWORD=$(secret superuser) PGOPTIONS='-c client_min_messages=warning' \
        "$pg_bin/psql" -XqAt -v ON_ERROR_STOP=1 -h "$run" -U postgres "$@"
}
if [ "$(sql -d postgres -c "select count(*) from pg_database where datname = 'supportd'")" = 0 ]; then
    sql -d postgres -c "create database supportd encoding 'UTF8' template template0"
fi
# The passwords go by standard input: a command line can be read by everybody.
{
    printf "\\\\set app_password '%s'\n\\\\set migrate_password '%s'\n" "$(secret app)" "$(secret migrate)"
    cat sql/roles.sql
} | sql -d supportd >/dev/null || die "the roles could not be made"

# --- the daemon's files ---

url()
{
    printf 'postgresql://%s:%s@/supportd?host=%s\n' "$1" "$2" "$run"
}
url supportd_app "$(secret app)" >"$dir/secrets/database-url"
url supportd_migrate "$(secret migrate)" >"$dir/secrets/owner-url"
secret jwt >/dev/null
if [ ! -s "$dir/secrets/tls-cert.pem" ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj /CN=localhost \
        -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -keyout "$dir/secrets/tls-key.pem" \
        -out "$dir/secrets/tls-cert.pem" 2>/dev/null || die "the certificate could not be made"
fi
[ -s "$dir/secrets/audit-key.pem" ] || "$supportd" audit make-key "$dir/secrets/audit-key.pem"
# Recordings, at the agent's press, until somebody in this demo decides otherwise.
record=
if [ ! -s "$dir/secrets/recording-keys" ]; then
    "$supportd" recording make-key "$dir/secrets/recording-keys" >/dev/null || die "the key of recordings could not be made"
    record=1
fi
mkdir -p "$dir/recordings"
cat >"$dir/supportd.conf" <<CONF
# Written by config/demo.sh at each start.
listen: {
    http = ["127.0.0.1:$port"];
    https = ["127.0.0.1:$((port + 1))"];
    tls_cert_file = "$dir/secrets/tls-cert.pem";
    tls_key_file = "$dir/secrets/tls-key.pem";
};
web: { demo = true; };
auth: {
    jwt_secret_file = "$dir/secrets/jwt";
    issuer = "https://bank.example";
    audience = "support";
};
database: {
    url_file = "$dir/secrets/database-url";
    owner_url_file = "$dir/secrets/owner-url";
};
audit: { key_file = "$dir/secrets/audit-key.pem"; };
recording: {
    key_file = "$dir/secrets/recording-keys";
    dir = "$dir/recordings";
};
drain: { spread_ms = 0; call_limit_ms = "1s"; };
CONF
"$supportd" migrate --config "$dir/supportd.conf" >"$run/migrate.log" 2>&1 ||
    { cat "$run/migrate.log" >&2; die "the database could not be brought up to date"; }
[ -z "$record" ] ||
    sql -d supportd -c "update support.support_settings set value = '\"on_demand\"' where key = 'recording.policy'"

# --- demo staff: made once, with a password of their own ---

add_staff()
{
    if ! grep -qs "^$1@" "$dir/logins"; then
        password=$(openssl rand -hex 6)
        printf '%s\n' "$password" |
            "$supportd" add-staff --config "$dir/supportd.conf" --email "$1@bank.example" --name "$2" \
                --role "$3" >/dev/null || die "$1 could not be added"
        printf '%s@bank.example\t%s\t%s\n' "$1" "$password" "$3" >>"$dir/logins"
    fi
}
add_staff amina "Amina Otieno" agent
add_staff baraka "Baraka Mwangi" agent
add_staff salma "Salma Wekesa" supervisor
add_staff daniel "Daniel Kiptoo" admin

# --- run ---

"$supportd" run --config "$dir/supportd.conf" >>"$dir/daemon.log" 2>&1 &
daemon=$!
echo "$daemon" >"$dir/daemon.pid"
tries=0
until curl -fsS -o /dev/null "http://127.0.0.1:$port/readyz" 2>/dev/null; do
    tries=$((tries + 1))
    kill -0 "$daemon" 2>/dev/null && [ "$tries" -lt 300 ] ||
        { tail -n 10 "$dir/daemon.log" >&2; die "the daemon is not ready; $dir/daemon.log says why"; }
    sleep 0.1
done

[ -z "$check" ] || node config/demo_check.mjs "http://127.0.0.1:$port" "$dir/logins" ||
    die "no message came through; $dir/daemon.log may say why"
cat <<TEXT

  Customer page   http://127.0.0.1:$port/demo/
  Staff page      http://127.0.0.1:$port/staff/
  By TLS          https://127.0.0.1:$((port + 1))/demo/ and /staff/ (self-signed certificate)

TEXT
while IFS='	' read -r email password role; do
    printf '  %-22s %-14s %s\n' "$email" "$password" "$role"
done <"$dir/logins"
echo
[ -z "$check" ] || exit 0
echo "  Data: $dir    Log: $dir/daemon.log    Ctrl-C ends everything."
wait "$daemon" || die "the daemon ended; $dir/daemon.log says why"
