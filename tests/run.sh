#!/bin/sh
# The test command: sh tests/run.sh [unit|sql|api|e2e|fuzz|mutate|full|all]
#
# all (default): everything but mutate and full. full: all with the whole counts, writes
# docs/evidence/*.json. Installs what is missing. Each suite ends in "N passed, N failed"; so does
# this command, with the sums. A suite that prints no such line counts as one failure. The seeds of its
# random tests are shown whether it passes or not.
set -u
cd "$(dirname "$0")/.." || exit 1
. config/install.sh

what=${1:-all}
passed=0
failed=0
out=build/test-output
mkdir -p "$out"

# suite NAME COMMAND...: runs it, shows the output, adds its counts.
suite()
{
    name=$1
    shift
    echo "== $name"
    started=$(date +%s)
    "$@" >"$out/$name.log" 2>&1
    code=$?
    counts=$(grep -Eo '^[0-9]+ passed, [0-9]+ failed$' "$out/$name.log" | tail -n 1)
    p=${counts%% passed*}
    f=${counts##*passed, }
    f=${f% failed}
    if [ -z "$counts" ]; then
        p=0
        f=1
    elif [ "$code" -ne 0 ] && [ "$f" -eq 0 ]; then
        f=1
    fi
    # Without what passed, so that the text of every failure is seen.
    [ "$f" -eq 0 ] || grep -v '^ok ' "$out/$name.log" | tail -n 120
    grep -Ehio '\<seed:? [0-9]+' "$out/$name.log" | sort -u | paste -sd, | sed 's/^./   &/'
    echo "-- $name: $p passed, $f failed ($(($(date +%s) - started)) s)"
    passed=$((passed + p))
    failed=$((failed + f))
}

# build PRESET: configures and builds; any warning is an error.
build()
{
    cmake --preset "$1" >"$out/build-$1.log" 2>&1 &&
        cmake --build "build/$1" -j "$(nproc)" >>"$out/build-$1.log" 2>&1
    code=$?
    [ $code -eq 0 ] || grep -E 'error|warning|FAILED|Error' -A 5 "$out/build-$1.log" | head -n 60
    [ $code -eq 0 ] && echo "1 passed, 0 failed" || echo "0 passed, 1 failed"
}

# Sums the Check programs of one ctest label set.
unit()
{
    ctest --test-dir build/debug -LE db -j "$(nproc)" -V >"$out/ctest.log" 2>&1
    grep -Eo '[a-z ]*\<seed:? [0-9]+' "$out/ctest.log"
    python3 tests/style/sum_check.py "$out/ctest.log"
}

# waited PID LOG: the outcome of a suite that runs beside the others.
waited()
{
    wait "$1"
    code=$?
    cat "$2"
    return $code
}

suites_unit()
{
    suite style python3 tests/style/check.py
    suite build-debug build debug
    suite unit unit
    suite build-clang build clang
}

suites_sql()
{
    suite sql sh tests/sql/run.sh
    suite db sh tests/db/run.sh
}

suites_api()
{
    suite build-release build release
    suite api sh tests/api/run.sh
    suite bench sh tests/bench/smoke.sh
}

suites_e2e()
{
    suite build-release build release
    suite e2e sh tests/e2e/run.sh
    suite wire sh tests/wire/run.sh
}

supportd_install test || { echo "0 passed, 1 failed"; exit 1; }
case $what in
unit)
    suites_unit
    suite web sh tests/web/run.sh
    ;;
sql) suite build-debug build debug; suites_sql ;;
api) suites_api ;;
e2e) suites_e2e ;;
fuzz) suite fuzz sh tests/fuzz/run.sh ;;
mutate) suite mutate sh tests/mutate/run.sh ;;
all | full)
    [ "$what" = full ] && export SUPPORTD_TEST_FULL=1
    suites_unit
    # The pages, which have a daemon of their own, beside the database.
    sh tests/web/run.sh >"$out/web-run.log" 2>&1 &
    web=$!
    suites_sql
    # The fuzzers take what the interface tests, which mostly wait, leave of the machine.
    chrt --idle 0 sh tests/fuzz/run.sh >"$out/fuzz-run.log" 2>&1 &
    fuzz=$!
    suites_api
    suite web waited "$web" "$out/web-run.log"
    suite e2e sh tests/e2e/run.sh
    suite fuzz waited "$fuzz" "$out/fuzz-run.log"
    suite wire sh tests/wire/run.sh
    ;;
*)
    echo "usage: sh tests/run.sh [unit|sql|api|e2e|fuzz|mutate|full|all]" >&2
    exit 2
    ;;
esac
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
