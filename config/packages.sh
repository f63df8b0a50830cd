# Debian packages that hotlead needs, for the scripts that install them (Debian 12 and 13). To be sourced.

BUILD_PACKAGES="build-essential cmake ninja-build pkg-config librdkafka-dev libavro-dev libjansson-dev libhiredis-dev
    libmicrohttpd-dev libcurl4-openssl-dev libpcre2-dev libyaml-dev libxxhash-dev libjemalloc-dev zlib1g-dev"
PACKAGE_PACKAGES="file python3" # to build the Debian package
TEST_PACKAGES="ca-certificates chromium libcmocka-dev kcat lintian maven openssl prometheus python3-venv spin"

# install_packages PACKAGE...: those that are missing, and nothing when all are there.
install_packages() {
    local missing="" name
    for name in "$@"; do
        dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q '^install ok installed$' || missing="$missing $name"
    done
    [ -z "$missing" ] && return 0
    echo "installing:$missing"
    # A server that comes with a package must not start by itself: an executable that forbids it, unless there is one already.
    local policy=/usr/sbin/policy-rc.d made=""
    [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' > $policy && chmod +x $policy && made=1; }
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update && apt-get -qq install -y --no-install-recommends $missing >/dev/null # hundreds of lines; errors still show
    local result=$?
    [ -n "$made" ] && rm -f $policy
    return $result
}

# need COMMAND PACKAGE: the package, unless the command is there from elsewhere. Prints nothing when it is.
need() {
    command -v "$1" >/dev/null 2>&1 || echo "$2"
}
