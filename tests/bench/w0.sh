#!/usr/bin/env bash
# w0.sh: the workload W0 against a server pinned to core 0, generator on core 1: CPU per million spans, memory, rate,
# acknowledgement latency, with the ledger compared behind it. Prints a Markdown table; refuses nothing, shows all.
#
#   tests/bench/w0.sh [--spans 10000000] [--build build/release] [--only ROW]...
#
# Rows: sink (the generator against a server that does nothing: what generator and kernel can do at most), http, grpc
# (rollups and edges, no span storage, acknowledged when written), http-spans (every span stored, too), http-disk
# (spans stored, acknowledged when on disk). Ports 20710 to 20713 unless PORTS says where they begin.
set -uo pipefail
cd "$(dirname "$0")/../.."

spans=10000000 build=build/release rows=()
while [ $# -gt 1 ]; do
    case $1 in
    --spans) spans=$2 ;;
    --build) build=$2 ;;
    --only) rows+=("$2") ;;
    *) echo "w0.sh: unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done
[ ${#rows[@]} -gt 0 ] || rows=(sink http grpc http-spans http-disk)
first=${PORTS:-20710}
http_port=$first grpc_port=$((first + 1)) web_port=$((first + 2))
work=$(mktemp -d)
: >"$work/table"
. tests/bench/daemon.sh
sink=
trap 'daemon_fini; [ -z "$sink" ] || kill "$sink"; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

generate() { taskset -c 1 "$build/tests/bench/loadgen" --spans "$spans" --out "$work/ledger.json" --to "$1"; }

# Fields of the ledger, for the table.
field() { python3 -c 'import json,sys; l = json.load(open(sys.argv[1])); print(eval(sys.argv[2], {"l": l}))' "$work/ledger.json" "$1"; }

print_row() {
    printf '| %s | %s | %s | %s | %s | %s |\n' "$1" "$(field '"{spans_per_s:,.0f}".format(**l)')" "$2" "$3" \
        "$(field '"{p50:.2f} / {p99:.2f}".format(**l["ack_ms"])')" "$4" >>"$work/table"
}

cpu_per_million() { awk -v t="$1" -v hz="$(getconf CLK_TCK)" -v n="$spans" 'BEGIN {printf "%.2f", t / hz / n * 1e6}'; }

run_sink() {
    taskset -c 0 "$build/tests/bench/sink" $((first + 3)) &
    sink=$! daemon=$!
    sleep 0.3
    generate "http://127.0.0.1:$((first + 3))"
    print_row sink "$(cpu_per_million "$(daemon_ticks)")" "$(daemon_peak_mib)" "-"
    daemon=
    kill "$sink"
    wait "$sink" 2>/dev/null
    sink=
}

# measure ROW URL [FLAG VALUE]...
measure() {
    local row=$1 url=$2 verdict before options=()
    shift 2
    daemon_prefix="taskset -c 0"
    daemon_start "$work/$row" "$@" || return 1
    before=$(daemon_ticks)
    generate "$url" && daemon_settle 120
    local ticks=$(($(daemon_ticks) - before)) peak
    peak=$(daemon_peak_mib)
    [[ " $* " != *" --spans.store false "* ]] || options=(--no-spans)
    python3 tests/bench/ledger.py "$work/ledger.json" --api "http://127.0.0.1:$web_port" "${options[@]}" |
        tee "$work/verdict"
    verdict=$(tail -n 1 "$work/verdict")
    daemon_stop
    print_row "$row" "$(cpu_per_million "$ticks")" "$peak" "$verdict, $(du -sm "$work/$row" | cut -f1) MiB on disk"
    rm -rf "${work:?}/$row"
    [[ $verdict == *", 0 failed" ]]
}

code=0
for row in "${rows[@]}"; do
    echo "== $row"
    case $row in
    sink) run_sink ;;
    http) measure http "http://127.0.0.1:$http_port" --spans.store false --durability process ;;
    grpc) measure grpc "grpc://127.0.0.1:$grpc_port" --spans.store false --durability process ;;
    http-spans) measure http-spans "http://127.0.0.1:$http_port" --spans.store true --durability process ;;
    http-disk) measure http-disk "http://127.0.0.1:$http_port" --spans.store true --durability disk ;;
    *) echo "w0.sh: no such row $row" >&2; exit 2 ;;
    esac || code=1
done
echo
echo "| W0, $spans spans, 8 connections | spans/s | server CPU-s per million spans | peak MiB | ack p50 / p99 ms | ledger |"
echo "|---|---|---|---|---|---|"
cat "$work/table"
exit $code
