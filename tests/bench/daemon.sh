# daemon.sh: a seismesh of one's own, for the scripts of this folder: sourced, not run.
# Set before: build (folder of the binaries), work (a scratch folder), http_port, grpc_port, web_port.

daemon=

# daemon_start DATA [FLAG VALUE]... : starts it and waits until it is ready. daemon_prefix, when set, is put before.
daemon_start() {
    local data=$1
    shift
    ${daemon_prefix:-} "$build/seismesh" serve --data "$data" --listen.otlp_http "127.0.0.1:$http_port" \
        --listen.otlp_grpc "127.0.0.1:$grpc_port" --listen.web "127.0.0.1:$web_port" "$@" >>"$work/daemon.log" 2>&1 &
    daemon=$!
    local i
    for ((i = 0; i < 1200; i++)); do
        [ "$(curl -s -m 5 "http://127.0.0.1:$web_port/readyz")" != ready ] || return 0
        kill -0 "$daemon" 2>/dev/null || break
        sleep 0.05
    done
    echo "seismesh did not get ready:" >&2
    tail -n 20 "$work/daemon.log" >&2
    return 1
}

# Stops it as a person would; fails when it ends with anything but 0.
daemon_stop() {
    local code=0
    kill -TERM "$daemon" && wait "$daemon" || code=$?
    daemon=
    [ "$code" = 0 ] || echo "seismesh ended with code $code, see $work/daemon.log" >&2
    return "$code"
}

# Ends it as a crash would.
daemon_kill() {
    kill -KILL "$daemon"
    wait "$daemon" 2>/dev/null
    daemon=
}

daemon_fini() { [ -z "$daemon" ] || daemon_kill 2>/dev/null; }

# utime + stime of the daemon, in clock ticks; the command's name may hold spaces, so count from the last ")".
daemon_ticks() { sed 's/.*) //' "/proc/$daemon/stat" | awk '{print $12 + $13}'; }
daemon_peak_mib() { awk '/^VmHWM/ {printf "%d", $2 / 1024}' "/proc/$daemon/status"; }

# Waits until all that was journaled is folded and in a checkpoint; at most so many seconds.
daemon_settle() {
    local tries=$(($1 * 10)) i
    for ((i = 0; i < tries; i++)); do
        curl -s -m 5 "http://127.0.0.1:$web_port/api/v1/status" | python3 -c '
import json, sys
status = json.load(sys.stdin)
done = status["journal"]["behind_bytes"] == 0 and status["checkpoint"]["position"] >= status["journal"]["end"]
sys.exit(0 if done else 1)' 2>/dev/null && return 0
        sleep 0.1
    done
    echo "seismesh did not settle within $1 s" >&2
    return 1
}
