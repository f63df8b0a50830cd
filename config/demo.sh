#!/usr/bin/env bash
# The demo with one command: installs what it needs, builds hotlead and runs `hotlead demo` with the arguments given.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
. "$here/config/packages.sh"
install_packages $BUILD_PACKAGES $(need redis-server redis-server)
cmake -S "$here" -B "$here/build/demo" -G Ninja -DCMAKE_BUILD_TYPE=Release -DHL_TESTS=OFF -DHL_PERF=OFF >/dev/null
cmake --build "$here/build/demo" --target hotlead >"$here/build/demo/build.log" 2>&1 ||
    { tail -n 40 "$here/build/demo/build.log" >&2; exit 1; }
exec "$here/build/demo/hotlead" demo "$@"
