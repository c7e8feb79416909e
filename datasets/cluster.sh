#!/usr/bin/env bash
# cluster.sh: what `make run-cluster` runs once the program is built: a Kafka broker, three workers and a view on this
# machine, and a simulated shop whose traffic goes to the workers' receivers. Prints the page's address; Ctrl-C stops all.
#
#   datasets/cluster.sh [PROGRAM]      PROGRAM defaults to build/release/seismesh
#
# Everything is kept in ./seismesh-cluster (CLUSTER_DATA); ports: the page 7117, workers' pages 7121 to 7123, OTLP/HTTP
# 4318, 4328, 4338, OTLP/gRPC 4317, 4327, 4337, the broker 9092 and 9093. CLUSTER_SHIFT=N adds N to all of them.
set -uo pipefail
cd "$(dirname "$0")/.."

program=${1:-build/release/seismesh}
shift_by=${CLUSTER_SHIFT:-0}
work=$(realpath -m "${CLUSTER_DATA:-./seismesh-cluster}")
broker_port=$((9092 + shift_by))
page=127.0.0.1:$((7117 + shift_by))
scenario=tests/scenarios/bad-version-errors-shop-payments.yaml
pids=()
. tests/interop/broker.sh

say() { printf '%s\n' "$*"; }
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# The traffic first, then those who take it, the broker last.
stop() {
    local i
    trap '' INT TERM HUP
    say "stopping: keeping the states of all partitions"
    for ((i = ${#pids[@]} - 1; i >= 0; i--)); do kill -TERM "${pids[i]}" 2>/dev/null; done
    for ((i = ${#pids[@]} - 1; i >= 0; i--)); do wait "${pids[i]}" 2>/dev/null; done
    broker_stop
    say "stopped; the data is kept in $work"
    exit "${1:-0}"
}

# node NAME ROLE WEB-PORT HTTP-PORT GRPC-PORT
node() {
    "$program" serve --role "$2" --data "$work/$1" --journal.kind kafka --kafka.brokers "127.0.0.1:$broker_port" \
        --listen.web "127.0.0.1:$3" --listen.otlp_http "${4:+127.0.0.1:$4}" --listen.otlp_grpc "${5:+127.0.0.1:$5}" \
        >>"$work/$1.log" 2>&1 &
    pids+=($!)
}

# Until a node says that it is ready, or has ended.
wait_ready() {
    local i
    for ((i = 0; i < 600; i++)); do
        (
            exec 3<>"/dev/tcp/127.0.0.1/$2" || exit 1
            printf 'GET /readyz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&3
            grep -q '^ready' <&3
        ) 2>/dev/null && return 0
        kill -0 "${pids[-1]}" 2>/dev/null || break
        sleep 0.1
    done
    say "$1 does not get ready; see $work/$1.log:" >&2
    tail -n 3 "$work/$1.log" >&2
    stop 1
}

mkdir -p "$work"
broker_fetch || { say "make run-cluster needs Apache Kafka: $broker_why" >&2; exit 2; }
for port in "$broker_port" $((broker_port + 1)) "${page##*:}" $((7121 + shift_by)) $((4318 + shift_by)); do
    listens "$port" && { say "port $port is taken by another program; CLUSTER_SHIFT=1000 make run-cluster takes others" >&2; exit 2; }
done
trap 'stop' INT TERM HUP
say "starting a Kafka broker, three workers and a view, data and logs in $work"
[ -d "$work/kafka" ] || broker_format 4 || exit 1
broker_start || { say "the broker does not start; see $work/broker.log" >&2; exit 1; }
node view view "${page##*:}"
wait_ready view "${page##*:}"
for n in 1 2 3; do
    node "worker$n" worker $((7120 + n + shift_by)) $((4308 + 10 * n + shift_by)) $((4307 + 10 * n + shift_by))
    wait_ready "worker$n" $((7120 + n + shift_by))
done
"$program" simulate "$scenario" --to "http://127.0.0.1:$((4318 + shift_by))" >"$work/simulate.log" 2>&1 &
pids+=($!)
say "a simulated shop sends to worker 1; the view shows each 10 s when all partitions are past it"
say "page and API over the whole mesh: http://$page/   (Ctrl-C stops all)"
wait "${pids[-1]}"
say "the simulation has ended; the page stays until Ctrl-C"
while :; do sleep 3600 & wait $!; done
