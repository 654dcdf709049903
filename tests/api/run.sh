#!/bin/sh
# The API tests, all against one private stack: sh tests/api/run.sh [NAME...]
#
# NAME: a file (chat), or a part of test names (-k of unittest is `run.py -k`). SUPPORTD_TEST_FULL=1 runs the
# full counts and writes docs/evidence; SUPPORTD_TEST_SEED repeats a run. Ends in "N passed, N failed".
cd "$(dirname "$0")/../.." || exit 1
exec "${SUPPORTD_PYTHON:-/usr/bin/python3}" -W ignore::DeprecationWarning tests/api/run.py "$@"
