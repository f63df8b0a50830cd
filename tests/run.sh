#!/usr/bin/env bash
# All tests with one command: installs what they need, builds, runs every suite, and ends with "N passed, N failed, N skipped".
#   tests/run.sh                         everything
#   tests/run.sh --quick                 without the suites that need a real broker
#   tests/run.sh --on RELEASE [--quick]  the same in a fresh Debian, whatever runs here: bookworm (12) or trixie (13); as root
#   tests/run.sh --packages              instead of these: the package and the image in fresh Debian 12 and 13; as root, a quarter of an hour
set -uo pipefail
usage() { sed -n '2,6p' "$0" | cut -c3-; exit "$1"; }
quick="" packages="" release=""
while [ $# -gt 0 ]; do
    case "$1" in
        --quick) quick=1 ;;
        --packages) packages=1 ;;
        --on) release=${2:-}; shift; [[ $release =~ ^(bookworm|trixie)$ ]] || usage 64 ;;
        --help) usage 0 ;;
        *) usage 64 ;;
    esac
    shift
done
[ -z "$packages" ] || [ -z "$quick$release" ] || usage 64
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" || exit 1
. config/packages.sh
. tests/support/prepare.sh
results=$root/build/results
rm -rf "$results" && mkdir -p "$results"
if [ -n "$release" ]; then
    install_packages $(need debootstrap debootstrap) $(need python3 python3) && exec python3 tests/support/roots.py "$release" "bash tests/run.sh${quick:+ --quick}"
    exit 1
fi
jobs=$(nproc)
export HL_PYTHON=$root/build/venv/bin/python   # for tests of CTest that are written in Python

# suite NAME COMMAND...: run it; a command that fails without writing its own results counts as one failed test.
suite() {
    local name=$1 began=$SECONDS status
    shift
    echo "== $name"
    "$@"
    status=$?
    echo "== $name: $([ $status = 0 ] && echo ok || echo "FAILED, status $status"), $((SECONDS - began)) s"
    if [ $status != 0 ] && [ ! -s "$results/$name.xml" ]; then
        printf '<testsuite name="%s" tests="1"><testcase name="%s"><failure>status %s</failure></testcase></testsuite>\n' \
            "$name" "$name" "$status" > "$results/$name.xml"
    fi
    return $status
}

install() {
    local needed="$BUILD_PACKAGES $PACKAGE_PACKAGES $TEST_PACKAGES $(need systemd-analyze systemd) $(need python3 python3) $(need redis-server redis-server) $(kubectl_renders || need go golang-go)"
    [ -n "$quick" ] || needed="$needed $(need javac default-jdk-headless) $(need jq jq) $(need curl curl)"
    [ -z "$packages" ] || needed="$needed $(need debootstrap debootstrap) $(need buildah buildah) $(need strace strace)"
    install_packages $needed
}

build() {
    cmake --preset "$1" >"build/$1.configure.log" 2>&1 || { cat "build/$1.configure.log"; return 1; }
    cmake --build --preset "$1" -j "$jobs" >"build/$1.build.log" 2>&1 || { tail -n 60 "build/$1.build.log"; return 1; }
}

# Sanitizers need the usual layout of memory, which a kernel with much randomness of addresses does not give.
steady=""
setarch "$(uname -m)" -R true 2>/dev/null && steady="setarch $(uname -m) -R"

tests() { # preset, extra arguments of ctest
    local preset=$1
    shift
    $steady ctest --test-dir "build/$preset" -j "$jobs" --output-on-failure --no-tests=error \
        --output-junit "$results/ctest-$preset.xml" "$@"
}

# Fetched or built while other suites run, and waited for where it is needed.
declare -A begun
begin() { "$1" >"build/$1.log" 2>&1 & begun[$1]=$!; }
await() { wait "${begun[$1]}" || { cat "build/$1.log"; return 1; }; }

python_suite() { # folder, name, lanes
    build/venv/bin/python tests/support/runner.py "$1" --junit "$results/$2.xml" --lanes "${3:-1}"
}

suite install install || exit 1
suite python-tools python_tools
if [ -n "$packages" ]; then
    suite kafka-jars kafka_jars && suite build-dev build dev && suite packages python_suite tests/packages packages
    exec python3 tests/support/sum_junit.py "$results" --seconds "$SECONDS"
fi
begin kustomize
[ -n "$quick" ] || begin kafka_jars
suite build-dev build dev && suite ctest-dev tests dev -LE 'integration|bench'
suite build-asan build asan && suite ctest-asan tests asan -LE 'integration|bench'
suite build-tsan build tsan && suite ctest-tsan tests tsan -L '^(unit|prop|stress)$'
suite reference python_suite tests/support reference
suite perf python_suite tests/perf perf
suite kustomize await kustomize && suite deploy python_suite tests/deploy deploy 2
if [ -z "$quick" ]; then
    suite kafka-jars await kafka_jars && suite integration python_suite tests/integration integration 3
    [ -s "$results/faults.md" ] && cat "$results/faults.md"
fi
exec python3 tests/support/sum_junit.py "$results" --seconds "$SECONDS"
