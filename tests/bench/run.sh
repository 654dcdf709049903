#!/bin/sh
# Benchmarks: tests/bench/run.sh relay|table|janus|answer|music|chat|idle [--json] [options]; --help after a name lists them.
# Builds the release daemon, floors and generators first. docs/performance.md says what is measured.
set -eu
cd "$(dirname "$0")/../.."
. tests/bench/build.sh
exec /usr/bin/python3 tests/bench/bench.py "$@"
