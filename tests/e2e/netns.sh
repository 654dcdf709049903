#!/bin/sh
# Runs a command in a network namespace of its own, from which nothing leaves the machine:
#   sh tests/e2e/netns.sh COMMAND...
# It has 127.0.0.1 and 10.77.0.1 (Firefox never sends to 127.0.0.1 and gathers nothing without a
# default route); with E2E_FAMILY=6 only ::1 and fd77::1, and no IPv4 at all. turn.bank.test is the
# name of its address. Needs root, for name spaces and a veth pair.
set -eu
if [ "${E2E_INSIDE:-}" != 1 ]; then
    E2E_INSIDE=1 exec unshare -nm sh "$0" "$@"
fi
unset E2E_INSIDE
ip link set lo up
ip link add v0 type veth peer name v1
ip link set v1 up
ip link set v0 up
if [ "${E2E_FAMILY:-4}" = 6 ]; then
    export E2E_ADDRESS=fd77::1 SUPPORTD_TEST_HOST=::1
    ip addr del 127.0.0.1/8 dev lo
    ip addr add fd77::1/64 dev v0 nodad
    ip -6 route add default dev v0
else
    ip addr add 10.77.0.1/24 dev v0
    ip route add default dev v0
fi
hosts=$(mktemp)
printf '127.0.0.1 localhost\n::1 localhost\n%s turn.bank.test\n' "${E2E_ADDRESS:-10.77.0.1}" >"$hosts"
mount --bind "$hosts" /etc/hosts
rm "$hosts"
exec "$@"
