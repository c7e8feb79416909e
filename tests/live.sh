#!/usr/bin/env bash
# live.sh: what `make run` does, watched: the demo starts on an empty folder, says what it does, shows an incident and
# stops cleanly; a second start keeps the data and is up within a second; a busy port is one sentence; and the page of
# the running program passes the browser's checks. Then the simulated shop beside it: its incident is found, the
# suggestion is accepted, obeyed and taken back. The last line is "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/.."

program=${BUILD:-build/release}/seismesh first=${PORTS:-20760}
export SEISMESH_LISTEN_OTLP_HTTP=127.0.0.1:$first SEISMESH_LISTEN_OTLP_GRPC=127.0.0.1:$((first + 1))
export SEISMESH_LISTEN_WEB=127.0.0.1:$((first + 2))
url=http://$SEISMESH_LISTEN_WEB
work=$(mktemp -d)
export SEISMESH_DATA=$work/data
export DEMO=recorded
demo=
trap '[ -z "$demo" ] || kill -KILL -- "-$demo" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
passed=0 failed=0

claim() { # NAME COMMAND...
    local name=$1
    shift
    if "$@"; then passed=$((passed + 1)) && echo "ok   $name"; else failed=$((failed + 1)) && echo "FAIL $name"; fi
}

# Starts the demo as a terminal would, in a process group of its own, and waits for the address. Sets `took_ms`.
start() {
    local began
    began=$(date +%s%3N)
    set -m
    datasets/demo.sh "$program" >"$work/out" 2>&1 &
    demo=$!
    set +m
    until grep -q "$url/\$" "$work/out" && grep -q '^the page' "$work/out"; do
        kill -0 "$demo" 2>/dev/null || return 1
        [ $(($(date +%s%3N) - began)) -lt 120000 ] || return 1
        sleep 0.02
    done
    took_ms=$(($(date +%s%3N) - began))
    echo "     up after $took_ms ms"
}

interrupt() {
    kill -INT -- "-$demo"
    wait "$demo"
    local code=$?
    demo=
    [ $code = 0 ] && grep -q '^stopped' "$work/out"
}

says() { grep -q "$1" "$work/out"; }
answers() { curl -fsS --compressed "$url$1" | grep -i "$2" >/dev/null; }
same_incident() { [ -n "$incident" ] && [ "$(curl -fsS "$url/api/v1/incidents?limit=1" | head -c 60)" = "$incident" ]; }
quick() { [ "$took_ms" -lt 1000 ]; }
refuses_busy_port() {
    local said code
    said=$(datasets/demo.sh "$program" 2>&1)
    code=$?
    echo "     $said"
    [ $code = 2 ] && [ "$(wc -l <<<"$said")" = 1 ] && grep -q "is taken" <<<"$said"
}
# Waits until the demo has said it.
comes() {
    local i
    for ((i = 0; i < 1200; i++)); do
        says "$1" && return 0
        sleep 0.1
    done
    return 1
}
changed_suggestion() { # newest open one that is about payments
    curl -fsS "$url/api/v1/suggestions?state=open&limit=5" | grep -o '"id":[0-9]*,"incident":[0-9]*,"state":"open","kind":"roll_back_version"' |
        head -n 1 | grep -o '[0-9]*' | head -n 1
}
decides() { "$program" suggestions "$1" "$suggestion" --server "$url" >"$work/decided" 2>&1; }
passes_in_browser() {
    SEISMESH_URL=$url node tests/browser/run.mjs 2>&1 | tee "$work/browser" | sed 's/^/     /'
    grep -qE '^[1-9][0-9]* passed, 0 failed' "$work/browser"
}

claim "the demo comes up on an empty folder" start
claim "it names the recording that it replays" says '^no data yet: replaying'
claim "it names an incident of the slow service" says '^incident: .*adservice'
claim "it names a suggestion" says '^suggestion: '
claim "the page comes" answers / '<!doctype html'
claim "the API has the suggestion" answers /api/v1/suggestions '"title"'
incident=$(curl -fsS "$url/api/v1/incidents?limit=1" | head -c 60)
claim "a second one says in one sentence that the port is taken" refuses_busy_port
web/ui/install.sh tests/browser && claim "the page passes the browser's checks" passes_in_browser
claim "Ctrl-C stops it, with exit code 0" interrupt
claim "it comes up again" start
claim "within a second" quick
claim "with the same incident" same_incident
claim "and stops again" interrupt

rm -rf "$SEISMESH_DATA"
export DEMO=1 DEMO_OPTIONS='--speed 10' DEMO_AGO=3h # ten times as fast, the shop begins an hour ago
claim "the simulated shop comes up beside the recording" start
claim "the page says that its data are a demo's" answers /api/v1/status '"notice":"demo data'
claim "the shop's incident is found" comes 'incident: money/payments'
claim "two meshes are in the graph" answers /api/v1/graph '"linkerd"'
claim "a change is suggested" comes 'suggestion: Send all traffic of payments to v1'
suggestion=$(changed_suggestion)
claim "it can be accepted" decides accept
claim "and is done to the simulated mesh" comes 'applied to the simulated mesh: versions of payments have new weights'
claim "it can be taken back" decides reopen
claim "and is undone" comes 'routing to payments is as it was in the beginning'
claim "the recorded incident is still there" answers '/api/v1/incidents?limit=50&start=-4h' adservice
claim "Ctrl-C stops both, with exit code 0" interrupt
export DEMO=0 SEISMESH_DATA=$work/bare
claim "DEMO=0 is a bare daemon" start
claim "without data" answers /api/v1/status '"event_time_ms":null'
claim "that stops, too" interrupt
[ $failed = 0 ] || tail -n 20 "$work/out"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
