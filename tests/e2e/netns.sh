#!/bin/sh
# Runs a command in a network namespace of its own, from which nothing leaves the machine:
#   sh tests/e2e/netns.sh COMMAND...
# It has 127.0.0.1 and 10.77.0.1 (Firefox never sends to 127.0.0.1 and gathers nothing without a
# default route). Needs root, for a name space and a veth pair.
set -eu
if [ "${E2E_INSIDE:-}" != 1 ]; then
    E2E_INSIDE=1 exec unshare -n sh "$0" "$@"
fi
unset E2E_INSIDE
ip link set lo up
ip link add v0 type veth peer name v1
ip addr add 10.77.0.1/24 dev v0
ip link set v1 up
ip link set v0 up
ip route add default dev v0
exec "$@"
