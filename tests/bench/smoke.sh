#!/bin/sh
# The benchmarks in small: figures come out, no packet and no message is lost. Ends in
# "N passed, N failed".
set -eu
cd "$(dirname "$0")/../.."
. tests/bench/build.sh
exec /usr/bin/python3 tests/bench/smoke.py
