#!/usr/bin/env bash
# demo.sh: what `make run` runs once the program is built: starts seismesh with its data in ./seismesh-data, replays a
# recorded incident into it when it has no data yet, prints the address, and lets a simulated shop live beside it, whose
# canary goes bad. Ctrl-C stops all.
#
#   datasets/demo.sh [PROGRAM]      PROGRAM defaults to build/release/seismesh
#
# DEMO=0: a bare daemon, for your own telemetry; DEMO=recorded: only the recorded incident. DEMO_OPTIONS are passed on to
# `seismesh demo` (--speed 10, --seed 3).
#
# SEISMESH_DATA, SEISMESH_LISTEN_WEB, SEISMESH_LISTEN_OTLP_HTTP and SEISMESH_LISTEN_OTLP_GRPC move it elsewhere, as they
# do for seismesh itself. Needs nothing but bash: HTTP is spoken over /dev/tcp.
set -uo pipefail
cd "$(dirname "$0")/.."

program=${1:-build/release/seismesh}
recording=datasets/boutique-slow-adservice
export SEISMESH_DATA=${SEISMESH_DATA:-./seismesh-data}
export SEISMESH_LISTEN_WEB=${SEISMESH_LISTEN_WEB:-127.0.0.1:7117}
export SEISMESH_LISTEN_OTLP_HTTP=${SEISMESH_LISTEN_OTLP_HTTP:-127.0.0.1:4318}
export SEISMESH_LISTEN_OTLP_GRPC=${SEISMESH_LISTEN_OTLP_GRPC:-127.0.0.1:4317}
demo=${DEMO:-1}
server= shop=

case $demo in 0 | 1 | recorded) ;; *) printf '%s\n' "DEMO is 0, 1 or recorded, not '$demo'" >&2 && exit 2 ;; esac
[ "$demo" != 1 ] || export SEISMESH_WEB_NOTICE=${SEISMESH_WEB_NOTICE-"demo data: Accept changes the simulated mesh"}

say() { printf '%s\n' "$*"; }

# True when somebody listens at HOST:PORT.
listens() { (exec 3<>"/dev/tcp/${1%:*}/${1##*:}") 2>/dev/null; }

# Prints the body of GET PATH, or nothing. HTTP/1.0, so that no body comes in chunks.
get() {
    (
        exec 3<>"/dev/tcp/${SEISMESH_LISTEN_WEB%:*}/${SEISMESH_LISTEN_WEB##*:}" || exit 1
        printf 'GET %s HTTP/1.0\r\nHost: %s\r\n\r\n' "$1" "$SEISMESH_LISTEN_WEB" >&3
        sed '1,/^\r*$/d' <&3
    ) 2>/dev/null
}

# The last word, with what seismesh ended with.
finish() {
    trap '' INT TERM HUP
    if [ "$1" = 0 ]; then say "stopped; the data is kept in $SEISMESH_DATA"; else say "seismesh ended with code $1"; fi
    exit "$1"
}

# Ctrl-C reaches seismesh, too: it may be gone before we are asked to end it.
stop() {
    trap '' INT TERM HUP
    [ -n "$server" ] || exit 130
    say "stopping: writing what is not on disk yet"
    [ -z "$shop" ] || { kill -TERM "$shop" 2>/dev/null && wait "$shop"; }
    kill -TERM "$server" 2>/dev/null
    wait "$server"
    finish $?
}

# Waits until CONDITION (a command) holds, at most SECONDS; fails when the server has ended by itself.
wait_until() {
    local tries=$(($1 * 20)) i
    shift
    for ((i = 0; i < tries; i++)); do
        "$@" && return 0
        kill -0 "$server" 2>/dev/null || { wait "$server"; exit $?; }
        sleep 0.05
    done
    return 1
}

ready() { [ "$(get /readyz)" = ready ]; }
incident_open() { get '/api/v1/incidents?limit=1' | grep -q '"title"'; }
first_text() { get "$1" | grep -o "\"$2\":\"[^\"]*\"" | head -n 1 | sed 's/^[^:]*:"//; s/"$//'; }

for address in "SEISMESH_LISTEN_WEB $SEISMESH_LISTEN_WEB" "SEISMESH_LISTEN_OTLP_HTTP $SEISMESH_LISTEN_OTLP_HTTP" \
    "SEISMESH_LISTEN_OTLP_GRPC $SEISMESH_LISTEN_OTLP_GRPC"; do
    if listens "${address#* }"; then
        say "${address#* } is taken by another program, perhaps a seismesh that still runs: stop that one," \
            "or choose another port: ${address%% *}=127.0.0.1:PORT make run" >&2
        exit 2
    fi
done

trap stop INT TERM HUP
say "starting seismesh, data in $SEISMESH_DATA"
"$program" serve --config datasets/incidents.yaml &
server=$!
wait_until 60 ready || { say "seismesh does not get ready; see its messages above" >&2; stop; }

if [ "$demo" != 0 ] && get /api/v1/status | grep -q '"event_time_ms":null'; then
    say "no data yet: replaying a recorded incident ($recording: a shop of ten services, seven minutes of 2022)"
    if "$program" replay "$recording/traces.jsonl.gz" "$recording/metrics.jsonl.gz" \
        --to "http://$SEISMESH_LISTEN_OTLP_HTTP" --speed max; then
        say "replayed; looking for what went wrong"
        wait_until 60 incident_open || say "no incident was found in it" >&2
    else
        say "the replay failed; seismesh goes on without the recording" >&2
    fi
fi
if [ "$demo" != 0 ] && incident_open; then
    say "incident:   $(first_text '/api/v1/incidents?limit=1' title)"
    suggestion=$(first_text '/api/v1/suggestions?limit=1' title)
    [ -z "$suggestion" ] || say "suggestion: $suggestion"
fi
say "the page, until Ctrl-C: http://$SEISMESH_LISTEN_WEB/"
if [ "$demo" = 1 ]; then
    # It reads what is typed: a job in the background would get nothing. Its end (after an hour) is not the server's.
    # shellcheck disable=SC2086 # options are words
    "$program" demo --to "http://$SEISMESH_LISTEN_OTLP_HTTP" --server "http://$SEISMESH_LISTEN_WEB" ${DEMO_OPTIONS:-} <&0 &
    shop=$!
fi
wait "$server"
finish $?
