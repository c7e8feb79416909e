#!/usr/bin/env bash
# kafka.sh: a real Apache Kafka broker as the journal. Everything that a loaded server acknowledges is counted exactly
# once, also when it is killed again and again (tests/bench/kill.py with `journal.kind: kafka`); and so it is by three
# workers and a view, whoever of them, or the broker, is killed, frozen, late or gone (tests/bench/cluster.py).
#
#   tests/interop/kafka.sh [--spans N] [--kills N] [--blows N] [--seed N]
#
# $SEISMESH names the folder of the program (build/release). The long form of the cluster's: --blows 100 (20 minutes).
# The broker comes from Maven (broker.sh). Where java or mvn is missing, or the jars cannot be fetched, it says so and is
# skipped. The last line is "N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/../.."

build=${SEISMESH:-build/release} spans=200000 kills=3 blows=6 seed=()
while [ $# -gt 1 ]; do
    case $1 in
    --spans) spans=$2 ;;
    --kills) kills=$2 ;;
    --blows) blows=$2 ;;
    --seed) seed=(--seed "$2") ;;
    *) echo "kafka.sh: unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done
work=$(mktemp -d)
broker_port=${KAFKA_PORT:-20790}
passed=0 failed=0
. tests/interop/broker.sh

finish() {
    broker_stop
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# Adds up the last line of what was run.
add() {
    local line
    line=$(tail -n 1 "$work/out")
    [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]] || { failed=$((failed + 1)); return; }
    passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
}

broker_fetch || { echo "skip kafka: $broker_why"; echo "0 passed, 0 failed, 1 skipped"; exit 0; }
broker_format 4 && broker_start || { echo "FAIL the broker starts"; echo "0 passed, 1 failed, 0 skipped"; exit 1; }

# With a name of its own a member that comes back gets its partitions at once. Without one the group would share them
# between it and those that it takes for alive, for as long as their session lasts: nothing would be lost, but "all is
# read" would be true of its own share only.
kafka() { # NAME: the flags that make it the journal, with topics and a group of their own
    printf -- '--flag=%s\n' --journal.kind kafka --kafka.brokers "127.0.0.1:$broker_port" --kafka.group "$1" \
        --kafka.topic_spans "$1_spans" --kafka.topic_metrics "$1_metrics" --kafka.topic_logs "$1_logs" \
        --kafka.properties "session.timeout.ms=6000; group.instance.id=$1"
}
mapfile -t flags < <(kafka run1)
python3 tests/bench/kill.py --build "$build" --spans "$spans" --rate 40000 --kills "$kills" --only ledger \
    --port "${PORTS:-20780}" "${flags[@]}" | tee "$work/out"
add

# cluster.py starts and kills the broker itself, on the same storage.
broker_stop
python3 tests/bench/cluster.py --properties "$work/server.properties" --libs "$broker_libs" --build "$build" \
    --broker-port "$broker_port" --port "${CLUSTER_PORTS:-20700}" --spans $((blows * 40000)) --rate 5000 \
    --blows "$blows" "${seed[@]}" | tee "$work/out"
add
[ "$failed" = 0 ] || tail -n 20 "$work/broker.log"
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
