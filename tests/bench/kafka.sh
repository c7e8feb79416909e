#!/usr/bin/env bash
# kafka.sh: what it costs to take W0 out of Kafka: CPU-seconds per million spans of one process with everything, of one
# worker, and of three, with the view beside them, each over the same topic of four partitions into which the requests
# fell by chance. The view's ledger is compared behind each. Prints a Markdown table.
#
#   tests/bench/kafka.sh [--spans 4000000] [--build build/release] [--pairing SECONDS]... [--only all|1|3]...
#                        [--used 4]     so many partitions get requests: with 1 all halves of calls meet there, as they
#                                       do in every partition when the producers key by trace id
#
# The broker is a real one (tests/interop/broker.sh); where it cannot be had, this says so and ends with 2. Broker and
# nodes share the machine: the figure is CPU time, not the clock's. Ports 20750 to 20767 unless PORTS says otherwise.
set -uo pipefail
cd "$(dirname "$0")/../.."

spans=4000000 build=build/release pairing=() rows=() used=4
while [ $# -gt 1 ]; do
    case $1 in
    --spans) spans=$2 ;;
    --build) build=$2 ;;
    --pairing) pairing+=("$2") ;;
    --used) used=$2 ;;
    --only) rows+=("$2") ;;
    *) echo "kafka.sh: unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done
[ ${#pairing[@]} -gt 0 ] || pairing=(1)
[ ${#rows[@]} -gt 0 ] || rows=(all 1 3)
first=${PORTS:-20750}
broker_port=$((first + 16))
work=$(mktemp -d)
. tests/interop/broker.sh
nodes=()

end_nodes() {
    local pid
    for pid in "${nodes[@]}"; do kill "$pid" 2>/dev/null; done
    for pid in "${nodes[@]}"; do wait "$pid" 2>/dev/null; done
    nodes=()
}
trap 'end_nodes; broker_stop; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

broker_fetch || { echo "kafka.sh: $broker_why" >&2; exit 2; }
broker_format 4 && broker_start || { echo "kafka.sh: the broker does not start" >&2; exit 1; }
"$build/tests/bench/kafka_fill" --brokers "127.0.0.1:$broker_port" --topic otlp_spans --spans "$spans" \
    --partitions "$used" --out "$work/ledger.json" || exit 1

# start ROW NUMBER ROLE: a node without receivers; topics and group of its row.
start() {
    local row=$1 number=$2 role=$3
    "$build/seismesh" serve --role "$role" --data "$work/$row-$number" --spans.store false --journal.kind kafka \
        --kafka.brokers "127.0.0.1:$broker_port" --kafka.group "$row" --kafka.topic_rollups "$row-rollups" \
        --kafka.topic_state "$row-state" --listen.otlp_http "" --listen.otlp_grpc "" --cluster.pairing_seconds "$wait" \
        --listen.web "127.0.0.1:$((first + number))" >>"$work/$row-$number.log" 2>&1 &
    nodes+=($!)
}

# utime + stime of a process, in clock ticks.
ticks() { sed 's/.*) //' "/proc/$1/stat" | awk '{print $12 + $13}'; }

# settled ROW PORT...: everything read, nothing waiting anywhere, for some seconds.
settle() {
    local port calm=0 i
    for ((i = 0; i < 1200 && calm < 6; i++)); do
        sleep 0.5
        calm=$((calm + 1))
        for port in "$@"; do
            curl -s -m 5 "http://127.0.0.1:$port/api/v1/status" | python3 -c '
import json, sys
status = json.load(sys.stdin)
cluster, journal = status["cluster"] or {"settled": True}, status["journal"]
whole = journal["behind_bytes"] == 0 and status["checkpoint"]["position"] >= journal["end"] and journal["folded"] > 0
sys.exit(0 if whole and cluster["settled"] else 1)' 2>/dev/null || calm=0
        done
    done
    [ "$calm" = 6 ]
}

cpu() { awk -v t="$1" -v hz="$(getconf CLK_TCK)" -v n="$spans" 'BEGIN {printf "%.3f", t / hz / n * 1e6}'; }

# measure NAME WORKERS: 0 = one process with everything.
measure() {
    local name=$1 workers=$2 row="row-$1-${wait/./_}" i worker_ticks=0 view_ticks=0 ports=() verdict port
    if [ "$workers" = 0 ]; then
        start "$row" 0 all
    else
        start "$row" 0 view
        for ((i = 1; i <= workers; i++)); do start "$row" "$i" worker; done
    fi
    for ((i = 0; i < ${#nodes[@]}; i++)); do ports+=($((first + i))); done
    settle "${ports[@]}" || echo "$row did not settle" >&2
    for ((i = 0; i < ${#nodes[@]}; i++)); do
        if [ "$i" = 0 ] && [ "$workers" != 0 ]; then
            view_ticks=$(ticks "${nodes[0]}")
        else
            worker_ticks=$((worker_ticks + $(ticks "${nodes[$i]}")))
        fi
    done
    python3 tests/bench/ledger.py "$work/ledger.json" --api "http://127.0.0.1:$first" --no-spans >"$work/verdict"
    verdict=$(tail -n 1 "$work/verdict")
    [[ $verdict == *", 0 failed" ]] || { grep FAIL -A 3 "$work/verdict"; tail -n 3 "$work/$row"-*.log; }
    printf '| %s | %s | %s | %s | %s | %s |\n' "$name" "$wait" "$(cpu "$worker_ticks")" "$(cpu "$view_ticks")" \
        "$(awk -v t="$worker_ticks" -v hz="$(getconf CLK_TCK)" -v n="$spans" 'BEGIN {printf "%d", n / (t / hz)}')" \
        "$verdict" | tee -a "$work/table"
    end_nodes
    [[ $verdict == *", 0 failed" ]]
}

code=0
: >"$work/table"
for wait in "${pairing[@]}"; do
    for row in "${rows[@]}"; do
        case $row in
        all) measure all 0 || code=1 ;;
        1) measure one-worker 1 || code=1 ;;
        3) measure three-workers 3 || code=1 ;;
        *) echo "kafka.sh: no such row $row" >&2; exit 2 ;;
        esac
    done
done
echo
echo "| $spans spans from Kafka, 4 partitions | pairing_seconds | CPU-s per million spans: folding | view | spans/s per core | ledger |"
echo "|---|---|---|---|---|---|"
cat "$work/table"
exit $code
