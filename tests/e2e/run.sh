#!/bin/sh
# The end-to-end tests: sh tests/e2e/run.sh [PART]..., parts: aiortc life parties recording survival networks ipv6 long roaming browsers reload pairs calls consult consultfox player music demo
#
# Needs build/release/supportd (long builds its generator beside it) and the packages of `config/install.sh test`. All that talks runs in
# network namespaces of its own. Nothing is tried twice. Three lanes run side by side, as most of the time
# goes by in listening: light peers in one, real browsers in another, and what is short in a third. Ends in "N passed, N failed";
# pictures of the main states are left in build/test-output/e2e.
set -u
cd "$(dirname "$0")/../.." || exit 1
out=build/test-output/e2e
mkdir -p "$out"
rm -f "$out"/*.png "$out"/*.log "$out"/*.count

# part NAME SECONDS COMMAND...: in a namespace; keeps its output, and its last "N passed, N failed".
part()
{
    name=$1
    started=$(date +%s)
    shift
    sh tests/e2e/netns.sh timeout "$@" >"$out/$name.log" 2>&1
    echo "# $(($(date +%s) - started)) s" >>"$out/$name.log"
    grep -Eo '^[0-9]+ passed, [0-9]+ failed$' "$out/$name.log" | tail -n 1 >"$out/$name.count"
}

# nodes NAME FILE: the same for a program of node:test.
nodes()
{
    part "$1" 600 node --experimental-websocket --test-reporter=tap "tests/e2e/$2"
    sed -n 's/^# pass //p' "$out/$1.log" | tail -n 1 >"$out/$1.count"
    sed -n 's/^# fail /passed, /p' "$out/$1.log" | tail -n 1 >>"$out/$1.count"
}

run()
{
    case $1 in
    aiortc) part aiortc 300 /usr/bin/python3 tests/e2e/test_aiortc.py ;;
    life) part life 300 /usr/bin/python3 tests/e2e/test_call_life.py ;;
    parties) part parties 300 /usr/bin/python3 tests/e2e/test_parties.py ;;
    recording) part recording 300 /usr/bin/python3 tests/e2e/test_recording.py ;;
    survival) part survival 400 /usr/bin/python3 tests/e2e/test_survival.py ;;
    networks) part networks 300 /usr/bin/python3 tests/e2e/test_networks.py ;;
    long)
        cmake --build build/release -j "$(nproc)" --target long_call >"$out/long-build.log" 2>&1
        part long 300 /usr/bin/python3 tests/e2e/test_long_call.py
        ;;
    ipv6) E2E_FAMILY=6 part ipv6 300 /usr/bin/python3 tests/e2e/test_ipv6.py ;;
    roaming) nodes roaming test_roaming.mjs ;;
    browsers) nodes browsers test_browsers.mjs ;;
    pairs) nodes pairs test_pairs.mjs ;;
    reload) nodes reload test_browser_survival.mjs ;;
    calls) nodes calls test_calls.mjs ;;
    music) nodes music test_music.mjs ;;
    player) nodes player test_player.mjs ;;
    consult) nodes consult test_consult.mjs ;;
    consultfox) nodes consultfox test_consult_firefox.mjs ;;
    demo) part demo 300 sh tests/e2e/test_demo.sh ;;
    esac
}

# lane NAME...: those of them that are asked for, one after the other.
lane()
{
    for name in "$@"; do
        case " $parts " in *" $name "*) run "$name" ;; esac
    done
}

all="aiortc life parties recording survival networks ipv6 long roaming browsers reload pairs calls consult consultfox player music demo"
parts=${*:-$all}
for name in $parts; do
    case " $all " in
    *" $name "*) ;;
    *)
        echo "usage: sh tests/e2e/run.sh [PART]..., parts: $all" >&2
        exit 2
        ;;
    esac
done
lane aiortc life parties recording survival roaming &
lane consultfox music networks player long ipv6 demo &
# Last the one that holds a page to 3 s: the short third lane is through by then.
lane browsers pairs calls consult reload
wait

# counted NAME: sets p and f of a part; one without any counts is a failure.
counted()
{
    counts=$(tr '\n' ' ' <"$out/$1.count")
    p=${counts%% *}
    f=${counts#*passed, }
    f=${f%% *}
    [ "$((${p:-0} + ${f:-0}))" -gt 0 ] || f=1
    p=${p:-0}
    f=${f:-0}
}

passed=0
failed=0
wrong=
for name in $parts; do
    counted "$name"
    echo "== $name: $p passed, $f failed"
    cat "$out/$name.log"
    passed=$((passed + p))
    failed=$((failed + f))
    [ "$f" -eq 0 ] || wrong="$wrong $name"
done
for name in $wrong; do # last, where one looks first
    echo "== wrong in $name"
    grep -E -A 30 '^(not ok|FAIL|ERROR)' "$out/$name.log" || tail -n 40 "$out/$name.log"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
