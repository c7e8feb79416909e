#!/usr/bin/env bash
# live.sh: what `make run` does, watched: the demo starts on an empty folder, says what it does, shows an incident and
# stops cleanly; a second start keeps the data and is up within a second; a busy port is one sentence; and the page of
# the running program passes the browser's checks. The last line is "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/.."

program=${BUILD:-build/release}/seismesh first=${PORTS:-20760}
export SEISMESH_LISTEN_OTLP_HTTP=127.0.0.1:$first SEISMESH_LISTEN_OTLP_GRPC=127.0.0.1:$((first + 1))
export SEISMESH_LISTEN_WEB=127.0.0.1:$((first + 2))
url=http://$SEISMESH_LISTEN_WEB
work=$(mktemp -d)
export SEISMESH_DATA=$work/data
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
answers() { curl -fsS --compressed "$url$1" | grep -qi "$2"; }
same_incident() { [ -n "$incident" ] && [ "$(curl -fsS "$url/api/v1/incidents?limit=1" | head -c 60)" = "$incident" ]; }
quick() { [ "$took_ms" -lt 1000 ]; }
refuses_busy_port() {
    local said code
    said=$(datasets/demo.sh "$program" 2>&1)
    code=$?
    echo "     $said"
    [ $code = 2 ] && [ "$(wc -l <<<"$said")" = 1 ] && grep -q "is taken" <<<"$said"
}
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
[ $failed = 0 ] || tail -n 20 "$work/out"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
