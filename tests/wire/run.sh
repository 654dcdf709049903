#!/bin/sh
# Calls over the seeded link (tests/support/wire): sh tests/wire/run.sh [NAME...] of test_NAME.py
#
# Builds the release daemon, the link and its peers. Each file runs in a network namespace of its own
# (needs root). Full counts with SUPPORTD_TEST_FULL=1. Ends in "N passed, N failed".
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
passed=0
failed=0
for name in ${*:-verdicts browsers counts prediction breaks}; do
    log=$build/wire-$name.log
    unshare -n sh -c 'ip link set lo up && exec timeout 3600 /usr/bin/python3 "$0"' "tests/wire/test_$name.py" >"$log" 2>&1
    cat "$log"
    p=$(grep -cE '(^| )ok$' "$log")
    f=$(grep -cE '^(FAIL|ERROR): ' "$log")
    [ $((p + f)) -gt 0 ] || f=1
    passed=$((passed + p))
    failed=$((failed + f))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
