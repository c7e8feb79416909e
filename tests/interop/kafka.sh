#!/usr/bin/env bash
# kafka.sh: a real Apache Kafka broker as the journal. Everything that a loaded server acknowledges is counted exactly
# once, also when it is killed again and again (tests/bench/kill.py with `journal.kind: kafka`).
#
#   tests/interop/kafka.sh [--spans N] [--kills N]      $SEISMESH names the folder of the program (build/release)
#
# The broker comes from Maven (kafka-broker.xml), once, into build/interop. Where java or mvn is missing, or the jars
# cannot be fetched, it says so and is skipped. The last line is "N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/../.."

build=${SEISMESH:-build/release} spans=200000 kills=3
while [ $# -gt 1 ]; do
    case $1 in
    --spans) spans=$2 ;;
    --kills) kills=$2 ;;
    *) echo "kafka.sh: unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done
libs=$PWD/build/interop/kafka
work=$(mktemp -d)
broker=

finish() {
    [ -z "$broker" ] || { kill "$broker" 2>/dev/null; wait "$broker" 2>/dev/null; }
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

skip() {
    echo "skip kafka: $*"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}

command -v java >/dev/null || skip "no java here"
if [ ! -f "$libs/whole" ]; then
    command -v mvn >/dev/null || skip "no mvn here"
    timeout 300 mvn -q -f tests/interop/kafka-broker.xml dependency:copy-dependencies -DoutputDirectory="$libs" \
        >"$work/mvn.log" 2>&1 || { tail -n 3 "$work/mvn.log"; skip "Kafka's jars cannot be fetched"; }
    touch "$libs/whole"
fi

# One node that is broker and controller; topics are made when they are first named.
port=${KAFKA_PORT:-20790}
cat >"$work/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((port + 1))
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
log.dirs=$work/kafka
num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
message.max.bytes=10000000
PROPERTIES
java=(java -Xmx512m -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$libs/*")
"${java[@]}" kafka.tools.StorageTool format -t 5L6g3nShT-eMCtK--X86sw -c "$work/server.properties" >"$work/format.log" 2>&1 ||
    { tail -n 5 "$work/format.log"; echo "FAIL the broker's storage is formatted"; echo "0 passed, 1 failed, 0 skipped"; exit 1; }
"${java[@]}" kafka.Kafka "$work/server.properties" >"$work/broker.log" 2>&1 &
broker=$!
for ((i = 0; i < 600; i++)); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    kill -0 "$broker" 2>/dev/null || { tail -n 5 "$work/broker.log"; echo "FAIL the broker starts"; echo "0 passed, 1 failed, 0 skipped"; exit 1; }
    sleep 0.1
done

# With a name of its own a member that comes back gets its partitions at once. Without one the group would share them
# between it and those that it takes for alive, for as long as their session lasts: nothing would be lost, but "all is
# read" would be true of its own share only.
kafka() { # NAME: the flags that make it the journal, with topics and a group of their own
    printf -- '--flag=%s\n' --journal.kind kafka --kafka.brokers "127.0.0.1:$port" --kafka.group "$1" \
        --kafka.topic_spans "$1_spans" --kafka.topic_metrics "$1_metrics" --kafka.topic_logs "$1_logs" \
        --kafka.properties "session.timeout.ms=6000; group.instance.id=$1"
}
mapfile -t flags < <(kafka run1)
python3 tests/bench/kill.py --build "$build" --spans "$spans" --rate 40000 --kills "$kills" --only ledger \
    --port "${PORTS:-20780}" "${flags[@]}" | tee "$work/out"
line=$(tail -n 1 "$work/out")
[[ $line =~ ^[0-9]+\ passed,\ [0-9]+\ failed$ ]] || line="0 passed, 1 failed"
[[ $line == *", 0 failed" ]] || tail -n 20 "$work/broker.log"
echo "$line, 0 skipped"
[[ $line == *", 0 failed" ]]
