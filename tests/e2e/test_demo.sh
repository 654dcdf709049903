#!/bin/sh
# config/demo.sh as a newcomer runs it: --install-only, --check twice (the data is kept), --reset, Ctrl-C, refusals.
# Ends in "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d "${TMPDIR:-/tmp}/supportd-demo-test-XXXXXX") || exit 1
chmod 755 "$dir"
port=18470
passed=0
failed=0
demo=
trap '[ -z "$demo" ] || kill "$demo" 2>/dev/null; rm -rf "$dir"' EXIT

# verdict NAME: by the status of the command before.
verdict()
{
    if [ $? -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok - $1"
    else
        failed=$((failed + 1))
        echo "not ok - $1"
        tail -n 20 "$dir"/*.txt
    fi
}

check()
{
    timeout 200 sh config/demo.sh --dir "$dir/demo" --port "$port" "$@" --check >"$dir/out.txt" 2>"$dir/err.txt"
}

# Nothing of the demo is left: no process file, no socket, nobody on its port.
all_stopped()
{
    [ ! -e "$dir/demo/demo.pid" ] && [ ! -e "$dir/demo/daemon.pid" ] && [ ! -e "$dir/demo/pg/postmaster.pid" ] &&
        ! curl -s -o /dev/null "http://127.0.0.1:$port/healthz"
}

sh config/demo.sh --dir "$dir/demo" --port "$port" --install-only >"$dir/out.txt" 2>"$dir/err.txt" && [ ! -e "$dir/demo" ]
verdict "--install-only installs and starts nothing"
check && grep -q 'earlier conversations: 0$' "$dir/out.txt"
verdict "a message goes from a customer's socket to an agent's"
grep -q "http://127.0.0.1:$port/demo/" "$dir/out.txt" && grep -q "https://127.0.0.1:$((port + 1))/" "$dir/out.txt"
verdict "the addresses are printed"
[ "$(grep -cE '^  (amina|baraka|salma|daniel)@bank\.example +[0-9a-f]{12} +(agent|supervisor|admin)$' "$dir/out.txt")" -eq 4 ]
verdict "four logins are printed"
cp "$dir/demo/logins" "$dir/logins"
all_stopped
verdict "everything is stopped after --check"

check && grep -q 'earlier conversations: 1$' "$dir/out.txt" && cmp -s "$dir/logins" "$dir/demo/logins"
verdict "a second start keeps data and logins"

sh config/demo.sh --dir "$dir/demo" --port "$port" >"$dir/run.txt" 2>&1 &
demo=$!
tries=0
until grep -q 'Ctrl-C ends' "$dir/run.txt" || [ "$tries" -ge 300 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
[ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/staff/")" = 200 ] &&
    [ "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$dir/demo/secrets/tls-cert.pem" \
        "https://127.0.0.1:$((port + 1))/demo/")" = 200 ]
verdict "the pages are served by http and by https"
[ "$(curl -s -L -o /dev/null -w '%{url_effective}' "http://127.0.0.1:$port/")" = "http://127.0.0.1:$port/demo/" ]
verdict "the root leads to the bank's page"
cookies=$dir/cookies.txt
login=$(sed -n 's/^\(daniel@bank\.example\)	\([0-9a-f]*\)	.*/{"email":"\1","password":"\2"}/p' "$dir/demo/logins")
curl -s -c "$cookies" -o /dev/null -H 'Content-Type: application/json' -H "Origin: http://127.0.0.1:$port" -d "$login" \
    "http://127.0.0.1:$port/api/support/session" &&
    curl -s -b "$cookies" "http://127.0.0.1:$port/api/support/settings" | grep -q '"on_demand"'
verdict "calls may be recorded"
! check && grep -q 'a demo runs in' "$dir/err.txt"
verdict "a second demo in the same directory is refused"
kill -TERM "$demo"
wait "$demo"
[ $? -eq 143 ] && all_stopped
verdict "a signal ends everything"
demo=

check --reset && grep -q 'earlier conversations: 0$' "$dir/out.txt" && ! cmp -s "$dir/logins" "$dir/demo/logins"
verdict "--reset begins anew"

mkdir "$dir/other"
: >"$dir/other/file"
! sh config/demo.sh --dir "$dir/other" --port "$port" --reset --check >"$dir/out.txt" 2>"$dir/err.txt" &&
    [ -e "$dir/other/file" ] && grep -q 'no demo made it' "$dir/err.txt"
verdict "a directory that is not a demo's is left alone"
! sh config/demo.sh --port none >"$dir/out.txt" 2>"$dir/err.txt" && grep -q 'sh config/demo.sh' "$dir/err.txt"
verdict "wrong options are answered with the usage"
[ -z "$(find "$dir/demo/secrets" -type f -perm /077)" ] && [ -z "$(find "$dir/demo" -maxdepth 1 -name logins -perm /077)" ]
verdict "secrets are readable by their owner alone"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
