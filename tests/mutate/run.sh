#!/bin/sh
# Breaks the product on purpose, one place at a time, and demands that a test notices:
#
#   sh tests/mutate/run.sh [-k PATTERN] [--list]     PATTERN: in a mutation's name
#
# Works on copies of the tracked files under build/mutate, as many at a time as there are cores. First
# every test that is used must pass on the unbroken copy; then each mutation of
# tests/mutate/mutations.py must make its test fail. A mutation whose text is not found exactly once,
# that does not build, or whose test fails without it counts as failed. Ends in "N passed, N failed"
# (passed: noticed).
cd "$(dirname "$0")/../.." || exit 1
exec "${SUPPORTD_PYTHON:-/usr/bin/python3}" tests/mutate/run.py "$@"
