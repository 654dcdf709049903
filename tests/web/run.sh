#!/bin/sh
# Tests of the browser side alone: types, lint, units, build, size gates, and the built pages in
# Chromium against a stand-in for the daemon. Ends in "N passed, N failed".
# SCREENS=DIR keeps pictures of every state.
set -u
cd "$(dirname "$0")/../.." || exit 1
web=src/web
bin=$web/node_modules
passed=0
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# one NAME COMMAND...: one test that passes when the command does.
one()
{
    name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
        echo "ok: $name"
    else
        failed=$((failed + 1))
        echo "not ok: $name"
        cat "$work/log"
    fi
}

# many NAME COMMAND...: adds the counts that node's test runner prints.
many()
{
    name=$1
    shift
    "$@" >"$work/log" 2>&1
    code=$?
    p=$(sed -n 's/^# pass \([0-9]*\)$/\1/p' "$work/log" | tail -n 1)
    f=$(sed -n 's/^# fail \([0-9]*\)$/\1/p' "$work/log" | tail -n 1)
    c=$(sed -n 's/^# cancelled \([0-9]*\)$/\1/p' "$work/log" | tail -n 1)
    f=$((${f:-0} + ${c:-0}))
    if [ "${p:-0}" -eq 0 ] || { [ "$code" -ne 0 ] && [ "$f" -eq 0 ]; }; then
        f=$((f + 1))
    fi
    passed=$((passed + ${p:-0}))
    failed=$((failed + f))
    echo "$name: ${p:-0} passed, $f failed"
    [ "$f" -eq 0 ] || grep -v '^ *duration_ms' "$work/log"
}

if [ ! -f "$bin/.package-lock.json" ] || [ $web/package-lock.json -nt "$bin/.package-lock.json" ]; then
    (cd $web && npm ci --no-progress --loglevel=error) || { echo "0 passed, 1 failed"; exit 1; }
fi

one "lock file names no registry" sh -c "! grep -q '\"resolved\"' $web/package-lock.json"
one "types of the pages" "$bin/.bin/tsc" -p $web
one "types of the unit tests" "$bin/.bin/tsc" -p tests/web/unit
one "lint of the pages" sh -c "cd $web && node_modules/@biomejs/cli-linux-x64/biome check --error-on-warnings ."
one "lint of the tests" "$bin/@biomejs/cli-linux-x64/biome" check --error-on-warnings --config-path=$web tests/web
one "unit tests build" node tests/web/unit/build.mjs "$work/unit"
many "unit" node --test --test-reporter=tap "$work/unit"
one "build" node $web/build.mjs "$work/out" "$work/assets.c"
many "sizes" node tests/web/sizes.mjs
for pages in pages calls; do
    many "$pages" node --test --test-reporter=tap tests/web/$pages.test.mjs
    grep -E '^(ok|not ok)' "$work/log"
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
