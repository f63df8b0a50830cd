#!/usr/bin/env bash
# A Kafka of one node to try things out on: fetched from Maven Central, listens on 127.0.0.1:9092 (or the port given), data in build/kafka-data,
# ends with Ctrl-C. Not for anything that must not be lost.
#   config/kafka.sh [PORT]
set -euo pipefail
case "${1:-}" in
    -h | --help) sed -n '2,4p' "$0" | cut -c3-; exit 0 ;;
    *[!0-9]*) echo "config/kafka.sh: a port is wanted, not $1" >&2; exit 64 ;;
esac
here=$(cd "$(dirname "$0")/.." && pwd)
port=${1:-9092}
. "$here/config/packages.sh"
. "$here/tests/support/prepare.sh"
install_packages $(need java default-jre-headless) $(need mvn maven) $(need kcat kcat) $(need jq jq) $(need curl curl)
cd "$here" && mkdir -p build && kafka_jars
data=$here/build/kafka-data
mkdir -p "$data"
cat > "$data/server.properties" <<END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((port + 1))
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
controller.listener.names=CONTROLLER
log.dirs=$data/log
auto.create.topics.enable=false
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=300
END
kafka() { java -Xmx512m -Dorg.slf4j.simpleLogger.defaultLogLevel=error -Dlog4j2.level=ERROR -cp "$here/build/kafka/lib/*" "$@"; }
[ -e "$data/log/meta.properties" ] || kafka kafka.tools.StorageTool format --cluster-id aG90bGVhZC10cnktb3V0MQ --config "$data/server.properties" >/dev/null
echo "Kafka on 127.0.0.1:$port; Ctrl-C ends it"
cd "$data" # where it leaves its logs
exec java -Xmx512m -Dorg.slf4j.simpleLogger.defaultLogLevel=error -Dlog4j2.level=ERROR -cp "$here/build/kafka/lib/*" kafka.Kafka server.properties
