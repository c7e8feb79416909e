#!/bin/bash
# Runs `seismesh detect` over files of the Numenta Anomaly Benchmark and scores it beside published detectors.
#
#   tests/bench/nab.sh DATA [SEISMESH]     DATA (or $SEISMESH_BENCHMARKS): the folder that holds nab-dev/ and
#                                          score_nab.py; SEISMESH: the program (build/release/seismesh)
#
# nab-dev/ has labels.json ({file: [[window start, window end], ...]}), the files, and a README.md whose table of
# published scores on the same files is printed. Below it: the spread over halves of the files, because one number on 57
# windows says little, and the time per point. Without the data it says so and exits 0.
set -euo pipefail
cd "$(dirname "$0")/../.."
data=${1:-${SEISMESH_BENCHMARKS:-}}
program=${2:-build/release/seismesh}
if [ -z "$data" ] || [ ! -f "$data/nab-dev/labels.json" ]; then
    echo "SKIPPED: no benchmark files; give the folder that holds nab-dev/ as the first argument" >&2
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 - "$data" "$program" "$work" <<'PYTHON'
import json, os, random, resource, statistics, subprocess, sys
data, program, work = sys.argv[1:]
folder = os.path.join(data, 'nab-dev')
sys.path.insert(0, data)
sys.dont_write_bytecode = True
import score_nab

with open(os.path.join(folder, 'labels.json')) as handle:
    labels = json.load(handle)
judged, rows = {}, 0
for name in sorted(labels):
    out = os.path.join(work, name)
    os.makedirs(os.path.dirname(out), exist_ok=True)
    with open(os.path.join(folder, name), 'rb') as series, open(out, 'wb') as scores:
        subprocess.run([program, 'detect'], stdin=series, stdout=scores, check=True)
    scored = score_nab.read_scores(out)
    judged[name] = score_nab.judge(name, scored, labels[name])
    rows += len(scored)
spent = resource.getrusage(resource.RUSAGE_CHILDREN)

def score(names):
    points = [point for name in names for point in judged[name]]
    windows = sum(len(labels[name]) for name in names)
    return [score_nab.best(points, weights, windows) for weights in score_nab.PROFILES.values()]

with open(os.path.join(folder, 'README.md')) as handle:
    print(''.join(line for line in handle if line.startswith('|')), end='')
print('| **seismesh** | ' + ' | '.join(f'{value:.2f}' for value, _ in score(sorted(labels))) + ' |')
print('\nthresholds: ' + ', '.join(f'{threshold:.3f}' for _, threshold in score(sorted(labels))))

chance, halves = random.Random(1), []
for _ in range(50):
    half = []
    for kind in sorted({name.split('/')[0] for name in labels}):
        of_kind = [name for name in sorted(labels) if name.startswith(kind + '/')]
        half += chance.sample(of_kind, (len(of_kind) + chance.randrange(2)) // 2)
    halves.append([value for value, _ in score(half)])
print('random halves of each folder, mean and deviation: ' +
      ', '.join(f'{statistics.mean(c):.1f} ± {statistics.pstdev(c):.1f}' for c in zip(*halves)))
print(f'{rows} points, {(spent.ru_utime + spent.ru_stime) / rows * 1e6:.2f} µs of CPU a point, reading and writing included')
PYTHON
