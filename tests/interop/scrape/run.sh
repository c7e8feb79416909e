#!/usr/bin/env bash
# run.sh: scraping against others. Prometheus' own client for Python judges how pages are read (oracle.py); a running
# seismesh scrapes real endpoints, pages in the shape of the meshes, targets that misbehave, and is killed meanwhile
# (scraping.py); it finds pods through a made API server with faults (kubernetes.py).
#
#   tests/interop/scrape/run.sh        $SEISMESH names the program (default build/release/seismesh)
#
# Prints "ok …", "FAIL …" and "skip …" lines; the last line is "N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/../../.."
here=tests/interop/scrape
build=build/release
export SEISMESH=${SEISMESH:-$build/seismesh} PYTHONUNBUFFERED=1
export NO_PROXY="127.0.0.1,localhost${NO_PROXY:+,$NO_PROXY}" no_proxy="127.0.0.1,localhost${no_proxy:+,$no_proxy}"
venv=build/interop/scrape-venv
work=$(mktemp -d)
prometheus_process=
trap '[ -z "$prometheus_process" ] || kill "$prometheus_process"; rm -rf "$work"' EXIT
results=$work/results
: >"$results"
say() { echo "$*" | tee -a "$results"; }

# check NAME COMMAND…: what it prints counts; one that ends badly without having said why is a failure.
check() {
    local name=$1 status before
    shift
    before=$(grep -c '^FAIL ' "$results")
    timeout 300 "$@" 2>&1 | tee -a "$results"
    status=${PIPESTATUS[0]}
    [ "$status" = 0 ] || [ "$(grep -c '^FAIL ' "$results")" -gt "$before" ] || say "FAIL $name ended with $status"
}

install() {
    cmp -s $here/requirements.txt "$venv/installed" && return 0
    python3 -m venv "$venv" >"$work/log" 2>&1 && "$venv/bin/pip" install -q -r $here/requirements.txt >>"$work/log" 2>&1 &&
        cp $here/requirements.txt "$venv/installed"
}

# Pages of a real Prometheus, in both formats, for the oracle.
take_pages() {
    local port
    port=$("$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    echo 'global: {}' >"$work/prometheus.yml"
    "$1" --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" --web.listen-address="127.0.0.1:$port" 2>"$work/log" &
    prometheus_process=$!
    for _ in $(seq 100); do
        curl -fs "http://127.0.0.1:$port/metrics" -o "$work/prometheus.txt" && break
        sleep 0.1
    done
    curl -fs -H 'Accept: application/openmetrics-text' "http://127.0.0.1:$port/metrics" -o "$work/prometheus.om"
    kill "$prometheus_process"
    prometheus_process=
}

if ! install; then
    say "skip scraping: NOT TESTED: $(cat $here/requirements.txt | tail -n 1) cannot be installed: $(tail -n 1 "$work/log")"
elif ! make --no-print-directory $build/tests/interop/scrape/read_page >"$work/log" 2>&1; then
    say "FAIL read_page cannot be built: $(tail -n 3 "$work/log")"
else
    prometheus=$(PATH=$PATH:$PWD/build/tools command -v prometheus) || prometheus=
    [ -z "$prometheus" ] || take_pages "$prometheus"
    check oracle "$venv/bin/python" $here/oracle.py $build/tests/interop/scrape/read_page $(ls "$work"/prometheus.{txt,om} 2>/dev/null)
    check scraping "$venv/bin/python" $here/scraping.py $prometheus
    check kubernetes "$venv/bin/python" $here/kubernetes.py
fi
failed=$(grep -c '^FAIL ' "$results")
echo "$(grep -c '^ok ' "$results") passed, $failed failed, $(grep -c '^skip ' "$results") skipped"
[ "$failed" = 0 ]
