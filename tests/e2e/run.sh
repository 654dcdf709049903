#!/bin/sh
# The end-to-end tests: sh tests/e2e/run.sh [PART]..., parts: aiortc life parties recording survival networks ipv6 browsers reload pairs calls demo
#
# Needs build/release/supportd and the packages of `config/install.sh test`. All that talks runs in
# network namespaces of its own. Nothing is tried twice. Ends in "N passed, N failed"; pictures of the
# main states are left in build/test-output/e2e.
set -u
cd "$(dirname "$0")/../.." || exit 1
out=build/test-output/e2e
mkdir -p "$out"
rm -f "$out"/*.png "$out"/*.log
passed=0
failed=0

# count PASSED FAILED: adds a part's numbers; a part without any is a failure.
count()
{
    if [ -z "$1" ] || [ -z "$2" ] || [ $(($1 + $2)) -eq 0 ]; then
        failed=$((failed + 1))
    else
        passed=$((passed + $1))
        failed=$((failed + $2))
    fi
}

# part NAME COMMAND...: runs it, shows its output, counts by its last "N passed, N failed".
part()
{
    name=$1
    shift
    "$@" >"$out/$name.log" 2>&1
    cat "$out/$name.log"
    line=$(grep -Eo '^[0-9]+ passed, [0-9]+ failed$' "$out/$name.log" | tail -n 1)
    p=${line%% passed*}
    f=${line##*passed, }
    count "$p" "${f% failed}"
}

# nodes NAME FILE: the same for a program of node:test.
nodes()
{
    sh tests/e2e/netns.sh timeout 600 node --experimental-websocket --test-reporter=tap "tests/e2e/$2" >"$out/$1.log" 2>&1
    cat "$out/$1.log"
    count "$(sed -n 's/^# pass //p' "$out/$1.log")" "$(sed -n 's/^# fail //p' "$out/$1.log")"
}

for what in ${*:-aiortc life parties recording survival networks ipv6 browsers reload pairs calls demo}; do
    case $what in
    aiortc) part aiortc sh tests/e2e/netns.sh timeout 300 /usr/bin/python3 tests/e2e/test_aiortc.py ;;
    life) part life sh tests/e2e/netns.sh timeout 300 /usr/bin/python3 tests/e2e/test_call_life.py ;;
    parties) part parties sh tests/e2e/netns.sh timeout 300 /usr/bin/python3 tests/e2e/test_parties.py ;;
    recording) part recording sh tests/e2e/netns.sh timeout 300 /usr/bin/python3 tests/e2e/test_recording.py ;;
    survival) part survival sh tests/e2e/netns.sh timeout 400 /usr/bin/python3 tests/e2e/test_survival.py ;;
    networks) part networks sh tests/e2e/netns.sh timeout 300 /usr/bin/python3 tests/e2e/test_networks.py ;;
    ipv6) E2E_FAMILY=6 part ipv6 sh tests/e2e/netns.sh timeout 300 /usr/bin/python3 tests/e2e/test_ipv6.py ;;
    browsers) nodes browsers test_browsers.mjs ;;
    pairs) nodes pairs test_pairs.mjs ;;
    reload) nodes reload test_browser_survival.mjs ;;
    calls) nodes calls test_calls.mjs ;;
    demo) part demo sh tests/e2e/netns.sh timeout 300 sh tests/e2e/test_demo.sh ;;
    *)
        echo "usage: sh tests/e2e/run.sh [aiortc|life|parties|recording|survival|networks|ipv6|browsers|reload|pairs|calls|demo]..." >&2
        exit 2
        ;;
    esac
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
