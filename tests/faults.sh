#!/usr/bin/env bash
# The long fault run with one command: installs what it needs, builds, breaks things under load until there were so many kills over so
# many events, compares everything, and prints a table of what was lost, doubled or out of order. Also in OUT/faults.md and faults.json.
#   tests/faults.sh [--kills N] [--events N] [--rounds N] [--rate EVENTS_PER_S] [--seed N] [--out FOLDER] [-k WORD]...
# At first each scenario of tests/integration/test_faults.py, ROUNDS times what the short run does (2); then kill -9 at random until it is
# enough: 200 kills, 20000000 events. About half an hour on two cores. -k: only scenarios whose name has this word.
set -euo pipefail
usage() { sed -n '2,6p' "$0" | cut -c3-; }
caller=$PWD root=$(cd "$(dirname "$0")/.." && pwd)
kills=200 events=20000000 rounds=2 rate=25000 seed=$(date +%Y%m%d) out=$root/build/results words=()
while [ $# -gt 0 ]; do
    case "$1" in
        -h | --help) usage; exit 0 ;;
        --kills | --events | --rounds | --rate | --seed)
            [[ "${2:-}" =~ ^[1-9][0-9]*$ ]] || { echo "tests/faults.sh: $1 wants a number from 1 on" >&2; exit 64; }
            declare "${1#--}=$2" ;;
        --out | -k)
            [ -n "${2:-}" ] || { usage >&2; exit 64; }
            [ "$1" = -k ] && words+=(-k "$2") || out=$(cd "$caller" && mkdir -p "$2" && cd "$2" && pwd) ;;
        *) usage >&2; exit 64 ;;
    esac
    shift 2
done
cd "$root"
. config/packages.sh
. tests/support/prepare.sh
install_packages $BUILD_PACKAGES $TEST_PACKAGES $(need python3 python3) $(need redis-server redis-server) $(need java default-jre-headless) >&2
mkdir -p build
python_tools
kafka_jars
build() { cmake --preset dev && cmake --build --preset dev -j "$(nproc)" --target hotlead hotlead-feed; }
build >build/faults.build.log 2>&1 || { tail -n 60 build/faults.build.log >&2; exit 1; }
export HOTLEAD=$root/build/dev/hotlead HL_SEED=$seed HL_FAULT_ROUNDS=$rounds HL_FAULT_RATE=$rate HL_FAULT_EVENTS=$events HL_FAULT_KILLS=$kills HL_FAULT_REPORT=$out
exec build/venv/bin/python tests/support/runner.py tests/integration --pattern test_faults.py --junit "$out/faults.xml" "${words[@]}"
