#!/usr/bin/env bash
# run.sh [PROGRAM]: what the command line says and does, checked against the built program (default
# build/release/seismesh). Prints a line per test; the last line is "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")/../.."
exec python3 tests/cli/commands.py "${1:-build/release/seismesh}"
