#!/bin/sh
# Benchmarks: tests/bench/run.sh relay|chat|idle [--json] [options]; --help after a name lists them.
# Builds the release daemon, floors and generators first. docs/performance.md says what is measured.
set -eu
cd "$(dirname "$0")/../.."
build=${BENCH_BUILD:-build/release}
log=$build/bench-build.log
mkdir -p "$build"
{
    [ -f "$build/build.ninja" ] || cmake --preset release
    cmake --build "$build" -j "$(nproc)" --target supportd bench
} >"$log" 2>&1 || { tail -n 30 "$log" >&2; exit 1; }
exec /usr/bin/python3 tests/bench/bench.py "$@"
