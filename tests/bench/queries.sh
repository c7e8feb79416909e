#!/usr/bin/env bash
# queries.sh: how long a full store takes to answer. Fills a server with W0 (every span stored, event time going on by
# --step-ms from round to round, so that the store spans hours), then asks over HTTP, in the same run: one hour of one
# edge, a trace by id, the service map; then starts it anew on what it stored. Prints a Markdown table.
#
#   tests/bench/queries.sh [--spans 10000000] [--step-ms 20000] [--build build/release] [--asks 300] [--keep DIR]
#
# --keep DIR: the data directory stays there. Ports 20710 to 20712 unless PORTS says where they begin.
set -uo pipefail
cd "$(dirname "$0")/../.."

spans=10000000 step=20000 build=build/release asks=300 keep=
while [ $# -gt 1 ]; do
    case $1 in
    --spans) spans=$2 ;;
    --step-ms) step=$2 ;;
    --build) build=$2 ;;
    --asks) asks=$2 ;;
    --keep) keep=$2 ;;
    *) echo "queries.sh: unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done
first=${PORTS:-20710}
http_port=$first grpc_port=$((first + 1)) web_port=$((first + 2))
work=$(mktemp -d)
data=${keep:-$work/data}
. tests/bench/daemon.sh
trap 'daemon_fini; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

start=$(($(date +%s) / 3600 * 3600 - spans / 20000 * step / 1000 - 60)) # all of it lies behind us
daemon_start "$data" || exit 1
before=$(daemon_ticks)
"$build/tests/bench/loadgen" --spans "$spans" --start "$start" --step-ms "$step" --out "$work/ledger.json" \
    --to "http://127.0.0.1:$http_port" && daemon_settle 300 || exit 1
ticks=$(($(daemon_ticks) - before))
peak=$(daemon_peak_mib)

# Asks each question so often, over one connection, and prints the row; the subject changes from ask to ask.
python3 - "$web_port" "$asks" "$work/ledger.json" >"$work/rows" <<'PYTHON'
import http.client, json, random, sys, time
port, asks = int(sys.argv[1]), int(sys.argv[2])
connection = http.client.HTTPConnection('127.0.0.1', port, timeout=60)
def ask(path):
    begun = time.perf_counter()
    connection.request('GET', '/api/v1' + path)
    answer = connection.getresponse()
    body = answer.read()
    took = (time.perf_counter() - begun) * 1000
    assert answer.status == 200, (answer.status, path, body[:300])
    return took, json.loads(body)
status = ask('/status')[1]
end = status['event_time_ms']
graph = ask(f'/graph?start={end - 3600000}&end={end}')[1]
edges = [e['id'] for e in graph['edges']]
traces = [t['trace_id'] for t in ask('/traces?limit=1000')[1]['traces']]
random.seed(1)
from urllib.parse import quote
questions = {
    'the last hour of one edge, 10 s': lambda: f'/series?edge={quote(random.choice(edges), safe="")}&start={end - 3600000}&end={end}&step=10',
    'the last hour of one edge, step auto': lambda: f'/series?edge={quote(random.choice(edges), safe="")}&start={end - 3600000}&end={end}',
    'a trace by id': lambda: f'/traces/{random.choice(traces)}',
    'the service map of the last hour': lambda: f'/graph?start={end - 3600000}&end={end}',
    'the service map of 15 minutes': lambda: f'/graph?start={end - 900000}&end={end}',
}
for name, path in questions.items():
    took = []
    for _ in range(asks):
        took.append(ask(path())[0])
    took.sort()
    print(f'| {name} | {took[len(took) // 2]:.1f} | {took[int(len(took) * 0.99)]:.1f} | {took[-1]:.1f} |')
print(f"| spans, traces, MiB in the store | {status['store']['spans']:,} | {status['store']['traces']:,} | {status['store']['bytes'] >> 20:,} |")
PYTHON
code=$?
after=$(awk '/^VmRSS/ {printf "%d", $2 / 1024}' "/proc/$daemon/status")
daemon_stop || code=1
size=$(du -sm "$data" | cut -f1)

# From exec to "ready".
begun=$(date +%s%N)
daemon_start "$data" || exit 1
ready=$((($(date +%s%N) - begun) / 1000000))
daemon_stop || code=1
[ -n "$keep" ] || rm -rf "$data"
echo
echo "| $spans spans stored, $asks asks each | p50 ms | p99 ms | max ms |"
echo "|---|---|---|---|"
cat "$work/rows"
echo
awk -v t="$ticks" -v hz="$(getconf CLK_TCK)" -v n="$spans" \
    'BEGIN {printf "fill: %.2f CPU-s per million spans; ", t / hz / n * 1e6}'
echo "peak $peak MiB resident, $after MiB behind the asks; $size MiB on disk; ready $ready ms after its start"
exit $code
