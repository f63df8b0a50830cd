#!/usr/bin/env bash
# Benchmarks with one command: installs what they need, builds, measures, prints a table in Markdown.
#   perf/run.sh system [--rounds N] [--json FILE] [--events N] [--contacts N] [--seed N] [--interval TIME] [--curve]      the whole program beside raw consume
#   perf/run.sh scale [--rounds N] [--json FILE] [--events N] [--contacts N]      many contacts, a skew, one hot contact; memory of a contact
#   perf/run.sh micro [--rounds N] [--json FILE] [--events N]      scale of rules; needs no server
#   perf/run.sh simulate [--rounds N] [--json FILE] [--events N] [--contacts N] [--before BINARY]      rate of simulate; 3.3 GB in TMPDIR
#   perf/run.sh restore [--rounds N] [--json FILE] [--contacts N] [--before BINARY]      start with state to restore: 10 M contacts take 15 GB
#   perf/run.sh pipeline [--rounds N] [--json FILE] [--events N] [--contacts N] [--workers N] [--before BINARY]      the engine without a network
#   perf/run.sh latency [--rounds N] [--json FILE] [--rate N] [--seconds N]      event appended to transition readable
#   perf/run.sh processes [--rounds N] [--json FILE] [--events N] [--contacts N]      four workers in one process, in two and in four
#   perf/run.sh page [--rounds N] [--json FILE] [--events N] [--contacts N] [--pages N]      scoring while the page is open, and while it is not
#   perf/run.sh peers [--rounds N] [--json FILE] [--events N] [--streams-events N] [--contacts N] [--seed N] [--keep FILE]      Flink, Kafka Streams
#   perf/run.sh all [--brief] [--rounds N] [--only PART] [--from FILE]      all of it: the table of targets, figures and verdicts, into perf/results; hours, half of one with --brief
set -euo pipefail
usage() { sed -n '2,13p' "$0" | cut -c3-; }
what=${1:-}
case "$what" in
    system | scale | micro | simulate | restore | pipeline | latency | processes | page | peers | all) shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 64 ;;
esac
caller=$PWD root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. config/packages.sh
. tests/support/prepare.sh

build() {
    cmake -S . -B build/perf -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS_RELEASE="-O3 -g -DNDEBUG" -DHL_TESTS=OFF -DHL_TRAINED=ON &&
        cmake --build build/perf -j "$(nproc)" --target hotlead hotlead-load hotlead-consume hotlead-transaction hotlead-match hotlead-events hotlead-pipeline
}

build_peers() { # build/peers: their jars
    mvn -q -B -f perf/peers/pom.xml -Dpeers.build="$root/build/peers" package
}

if [ "$what" = micro ] || [ "$what" = simulate ] || [ "$what" = pipeline ]; then
    install_packages $BUILD_PACKAGES $(need python3 python3) >&2
    python=python3
else
    install_packages $BUILD_PACKAGES $TEST_PACKAGES $(need python3 python3) $(need redis-server redis-server) \
        $(need java default-jre-headless) $([ "$what" = peers ] || [ "$what" = all ] && need javac default-jdk-headless) >&2
    python_tools
    kafka_jars
    python=$root/build/venv/bin/python
fi
mkdir -p build/perf
build >build/perf/build.log 2>&1 || { tail -n 40 build/perf/build.log >&2; exit 1; }
if [ "$what" = peers ] || [ "$what" = all ]; then build_peers >build/perf/peers.log 2>&1 || { tail -n 40 build/perf/peers.log >&2; exit 1; }; fi
cd "$caller"
exec "$python" "$root/perf/$what.py" "$@"
