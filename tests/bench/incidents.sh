#!/bin/bash
# Replays recorded incidents through `seismesh backtest`, fixed thresholds, robust z-scores and cumulative sums, and
# scores them all.
#
#   tests/bench/incidents.sh DATA [SEISMESH]     DATA (or $SEISMESH_BENCHMARKS): the folder that holds incidents-dev/ and
#                                                score_incidents.py; SEISMESH: the program (build/release/seismesh)
#
# First every window by itself: what was read must be what the truth counts (windows.py). Then each stream of truth.json
# is one run, in time order, with its gaps. Without the data it says so and exits 0.
set -euo pipefail
cd "$(dirname "$0")/../.."
data=${1:-${SEISMESH_BENCHMARKS:-}}
program=${2:-build/release/seismesh}
if [ -z "$data" ] || [ ! -f "$data/incidents-dev/truth.json" ]; then
    echo "SKIPPED: no recorded incidents; give the folder that holds incidents-dev/ as the first argument" >&2
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 tests/bench/windows.py "$data/incidents-dev" "$program"
python3 - "$data/incidents-dev" "$program" "$work" <<'PYTHON'
import json, os, subprocess, sys, time
folder, program, work = sys.argv[1:]
with open(os.path.join(folder, 'truth.json')) as handle:
    truth = json.load(handle)
files = {w['id']: w['files'] for w in truth['incidents'] + truth['normal']}
found, began = [], time.time()
for stream in truth['streams']:
    paths = [os.path.join(folder, f) for w in stream['windows'] for f in files[w].values()]
    out = os.path.join(work, 'stream.json')
    subprocess.run([program, 'backtest', *paths, '--config', 'datasets/incidents.yaml', '--out', out], check=True)
    with open(out) as handle:
        for d in json.load(handle):
            if d.get('incident') is not None:
                d['incident'] = f"{stream['id']}:{d['incident']}"
            found.append(d)
with open(os.path.join(work, 'seismesh.json'), 'w') as handle:
    json.dump(found, handle)
print(f'backtest: {time.time() - began:.1f} s for {len(truth["streams"])} streams')
PYTHON
python3 tests/bench/baseline_threshold.py "$data/incidents-dev/truth.json" "$data/incidents-dev" "$work/thresholds.json"
python3 tests/bench/baseline_robust_z.py "$data/incidents-dev/truth.json" "$data/incidents-dev" "$work/robust_z.json"
python3 tests/bench/baseline_cusum.py "$data/incidents-dev/truth.json" "$data/incidents-dev" "$work/cusum.json"

for who in seismesh thresholds robust_z cusum; do
    echo
    echo "== $who"
    score() { python3 "$data/score_incidents.py" "$data/incidents-dev/truth.json" "$work/$who.json" "$@"; }
    score | grep -v 'missed or misnamed'
    for system in online-boutique train-ticket petshop; do
        echo "-- $system"
        score --select system=$system | grep -E '^(all|normal)'
    done
    echo '-- online-boutique, spans complete'
    score --select system=online-boutique --select traces=complete | grep -E '^all'
    echo '-- train-ticket, resource and network faults'
    score --select system=train-ticket --select 'fault.type=cpu_contention|network_delay' | grep -E '^all'
    for effect in latency error; do
        for traffic in low-traffic high-traffic temporal-traffic1 temporal-traffic2; do
            echo "-- petshop, $traffic, $effect"
            score --select "stream=petshop-$traffic" --select "effect.expected=$effect" | grep -E '^all'
        done
    done
done
