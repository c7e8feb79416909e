#!/usr/bin/env bash
# run.sh [PROGRAM]: what the command line says and does, checked against the built program (default
# build/release/seismesh). Prints a line per test; the last line is "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")/../.."
program=${1:-build/release/seismesh}
passed=0 failed=0
for file in commands answers; do
    said=$(python3 "tests/cli/$file.py" "$program" || true)
    sed '$d' <<<"$said"
    read -r good _ bad _ <<<"$(tail -n 1 <<<"$said" | tr -d ,)"
    passed=$((passed + ${good:-0})) failed=$((failed + ${bad:-1}))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
