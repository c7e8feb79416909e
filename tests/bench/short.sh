#!/usr/bin/env bash
# short.sh: the ledger and crash tests in the length that `make test` can afford; `make torture` runs them long.
# BUILD names the folder of the binaries (build/release), PORTS where the ports begin (20710).
set -uo pipefail
cd "$(dirname "$0")/../.."

build=${BUILD:-build/release} first=${PORTS:-20710}
http_port=$first grpc_port=$((first + 1)) web_port=$((first + 2))
work=$(mktemp -d)
. tests/bench/daemon.sh
trap 'daemon_fini; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
passed=0 failed=0

make --no-print-directory BUILD="$build" "$build/seismesh" bench-tools || { echo "the build failed"; exit 1; }

# Adds up the last line of what was run.
add() {
    local line
    line=$(tail -n 1 "$work/out")
    if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then
        passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
    else
        echo "FAIL no sum"
        failed=$((failed + 1))
    fi
}

# ledger URL: a run with a fresh server, everything durable and every span kept.
ledger() {
    echo "== ledger over ${1%%:*}"
    if daemon_start "$work/${1%%:*}" && "$build/tests/bench/loadgen" --spans 400000 --to "$1" --out "$work/ledger.json"; then
        python3 tests/bench/ledger.py "$work/ledger.json" --api "http://127.0.0.1:$web_port" | tee "$work/out"
        add
    else
        echo "FAIL no ledger" && failed=$((failed + 1))
    fi
    daemon_stop || { echo "FAIL no clean stop" && failed=$((failed + 1)); }
    [ $failed = 0 ] || tail -n 20 "$work/daemon.log"
}

ledger "http://127.0.0.1:$http_port"
ledger "grpc://127.0.0.1:$grpc_port"
echo "== kills"
python3 tests/bench/kill.py --build "$build" --spans 200000 --rate 40000 --kills 3 --port "$first" | tee "$work/out"
add
echo "$passed passed, $failed failed"
[ $failed = 0 ]
