#!/bin/sh
# Each libFuzzer target with its corpus for a bounded time (20 s; SUPPORTD_FUZZ_SECONDS changes it),
# two at a time. A target passes when it ends without a finding. Last line: N passed, N failed.
set -u
cd "$(dirname "$0")/../.." || exit 1
seconds=${SUPPORTD_FUZZ_SECONDS:-20}
seed=${SUPPORTD_TEST_SEED:-1}
[ "${SUPPORTD_TEST_FULL:-0}" = 1 ] && seconds=${SUPPORTD_FUZZ_SECONDS:-120}
out=build/test-output/fuzz
mkdir -p "$out"
cmake --preset fuzz >"$out/build.log" 2>&1 && cmake --build build/fuzz -j "$(nproc)" >>"$out/build.log" 2>&1 || {
    tail -n 40 "$out/build.log"
    echo "0 passed, 1 failed"
    exit 1
}

# one TARGET: new inputs go to a scratch folder, the committed corpus stays as it is.
one()
{
    name=$(basename "$1")
    scratch=$out/$name.new
    rm -rf "$scratch"
    mkdir -p "$scratch" "$out/$name.found"
    corpus=tests/fuzz/corpus/$name
    "$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -seed="$seed" \
        -artifact_prefix="$out/$name.found/" "$scratch" $([ -d "$corpus" ] && echo "$corpus") \
        >"$out/$name.log" 2>&1
    echo $? >"$out/$name.code"
}

targets=$(find build/fuzz -maxdepth 2 -type f -name 'fuzz_*' -perm -u+x | sort)
set -- $targets
while [ $# -gt 0 ]; do
    one "$1" &
    first=$!
    shift
    if [ $# -gt 0 ]; then
        one "$1"
        shift
    fi
    wait "$first"
done

passed=0
failed=0
for target in $targets; do
    name=$(basename "$target")
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$out/$name.log")
    if [ "$(cat "$out/$name.code")" = 0 ] && [ -n "$runs" ]; then
        passed=$((passed + 1))
        echo "$name: $runs runs"
    else
        failed=$((failed + 1))
        echo "$name: FAILED"
        tail -n 30 "$out/$name.log"
    fi
done
[ $((passed + failed)) -gt 0 ] || failed=1
if [ "${SUPPORTD_TEST_FULL:-0}" = 1 ]; then
    mkdir -p docs/evidence
    {
        printf '{\n "test": "fuzz",\n "commit": "%s",\n "seed": %s,\n "date": "%s",\n' \
            "$(git rev-parse HEAD)" "$seed" "$(date -u +%F)"
        printf ' "counts": {\n  "targets": %s,\n  "seconds_each": %s\n },\n "figures": {\n  "failed": %s' \
            $((passed + failed)) "$seconds" "$failed"
        for target in $targets; do
            name=$(basename "$target")
            runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$out/$name.log")
            printf ',\n  "%s_runs": %s' "$name" "${runs:-0}"
        done
        printf '\n }\n}\n'
    } >docs/evidence/fuzz.json
fi
echo "seed $seed, $seconds s each"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
