# Sourced by config/demo.sh and tests/run.sh: installs the Debian packages that are missing.
#   supportd_install run|test
# run: to build and start; test: also browsers, peers and test tools. Needs root (or sudo) only when
# something is missing.

SUPPORTD_RUN_PACKAGES="ca-certificates cmake ninja-build gcc libc6-dev pkg-config
 libwebsockets-dev libwebsockets-evlib-uv libuv1-dev libpq-dev libjansson-dev libssl-dev
 libsrtp2-dev libnice-dev libopus-dev libcurl4-openssl-dev libcjose-dev libargon2-dev libpcre2-dev
 libconfig-dev libogg-dev libmagic-dev libsystemd-dev postgresql postgresql-client openssl curl
 iproute2"
SUPPORTD_TEST_PACKAGES="check clang clang-format clang-tidy libclang-rt-14-dev universal-ctags
 postgresql-15-pgtap libtap-parser-sourcehandler-pgtap-perl chromium firefox-esr python3
 python3-aiortc python3-aiohttp python3-websockets python3-numpy python3-yaml python3-jsonschema
 python3-psycopg2 pulseaudio opus-tools ffmpeg sox gdb procps coturn"

supportd_node_ok()
{
    command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 &&
        [ "$(node -p 'parseInt(process.versions.node)')" -ge 18 ]
}

supportd_install()
{
    wanted=$SUPPORTD_RUN_PACKAGES
    [ "$1" = test ] && wanted="$wanted $SUPPORTD_TEST_PACKAGES"
    supportd_node_ok || wanted="$wanted nodejs npm"
    missing=
    for package in $wanted; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
            missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    echo "installing:$missing" >&2
    as_root=
    [ "$(id -u)" -eq 0 ] || as_root=sudo
    # Debian starts a cluster of its own on installing postgresql; ours is private, so keep it off.
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        $as_root mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' |
            $as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    $as_root apt-get update -qq || return 1
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o Dpkg::Options::=--force-confold $missing >/dev/null || return 1
}
