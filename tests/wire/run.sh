#!/bin/sh
# Calls over the seeded link (tests/support/wire): sh tests/wire/run.sh [NAME...] of test_NAME.py;
# NAME+NAME runs both at once
#
# Builds the release daemon, the link and its peers. Each file runs in a network namespace of its own
# (needs root). Full counts with SUPPORTD_TEST_FULL=1; SUPPORTD_TEST_SEED repeats a run. Ends in "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1
build=build/release
mkdir -p "$build"
{
    [ -f "$build/build.ninja" ] || cmake --preset release
    cmake --build "$build" -j "$(nproc)" --target supportd wire_tools
} >"$build/wire-build.log" 2>&1 || {
    tail -n 30 "$build/wire-build.log" >&2
    echo "0 passed, 1 failed"
    exit 1
}
export SUPPORTD_TEST_SEED="${SUPPORTD_TEST_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}"
passed=0
failed=0
one() {
    unshare -n sh -c 'ip link set lo up && exec timeout 3600 /usr/bin/python3 "$0"' "tests/wire/test_$1.py" >"$build/wire-$1.log" 2>&1
}
# What is joined by a plus runs side by side: few calls, and counts that time cannot spoil.
names=
for group in ${*:-verdicts browsers prediction counts+breaks+firefox+aiortc}; do
    group=$(echo "$group" | tr + ' ')
    for name in $group; do
        one "$name" &
    done
    wait
    names="$names $group"
done
for name in $names; do
    log=$build/wire-$name.log
    cat "$log"
    p=$(grep -cE '(^| )ok$' "$log")
    f=$(grep -cE '^(FAIL|ERROR): ' "$log")
    [ $((p + f)) -gt 0 ] || f=1
    passed=$((passed + p))
    failed=$((failed + f))
done
echo "seed $SUPPORTD_TEST_SEED"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
