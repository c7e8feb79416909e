#!/usr/bin/env bash
# run.sh: real OpenTelemetry SDKs send traces, metrics and logs to a running seismesh, over each protocol they have; the
# HTTP API then has to show what they sent. JavaScript always; Python, Java and Go where their tools are.
#
#   tests/interop/run.sh                 $SEISMESH names the program (default build/release/seismesh)
#   INTEROP_ONLY="javascript go" …       only these languages
#
# Prints "ok …", "FAIL …" and "skip …" lines; the last line is "N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
program=${SEISMESH:-$root/build/release/seismesh}
[ "${program#/}" != "$program" ] || program=$root/$program
cache=$root/build/interop
languages=${INTEROP_ONLY:-javascript python java go}
spans=40
mkdir -p "$cache"
work=$(mktemp -d)
results=$work/results
: >"$results"

say() { echo "$*" | tee -a "$results"; }

finish() {
    [ -z "${server:-}" ] || { kill "$server" 2>/dev/null && wait "$server" 2>/dev/null; }
    rm -rf "$work"
}
trap finish EXIT

sum() {
    local passed failed skipped
    passed=$(grep -c '^ok ' "$results")
    failed=$(grep -c '^FAIL ' "$results")
    skipped=$(grep -c '^skip ' "$results")
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ]
}

# --- the program under test ---

free_ports() {
    node -e '
        const net = require("net");
        const servers = Array.from({ length: 3 }, () => net.createServer().listen(0, "127.0.0.1"));
        Promise.all(servers.map((s) => new Promise((ready) => s.once("listening", ready)))).then(() => {
            console.log(servers.map((s) => s.address().port).join(" "));
            servers.forEach((s) => s.close());
        });'
}

start_server() {
    read -r grpc_port http_port web_port < <(free_ports)
    "$program" serve --data "$work/data" --listen.otlp_grpc "127.0.0.1:$grpc_port" \
        --listen.otlp_http "127.0.0.1:$http_port" --listen.web "127.0.0.1:$web_port" >"$work/server.log" 2>&1 &
    server=$!
    for _ in $(seq 100); do
        curl -fs --noproxy '*' "http://127.0.0.1:$web_port/readyz" >/dev/null 2>&1 && return 0
        kill -0 "$server" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

counter() { curl -fs --noproxy '*' "http://127.0.0.1:$web_port/metrics" | awk -v name="$1" '$1 == name { print $2 }'; }

# --- the senders: prepare_X says whether it can be used here, X sends ---

# npm 9.2, which Debian 12 has, installs everything and then may end with an error of its own: the result counts.
prepare_javascript() {
    [ -d node_modules/@opentelemetry/exporter-trace-otlp-grpc ] && [ node_modules -nt package-lock.json ] && return 0
    npm ci --no-audit --no-fund --ignore-scripts >"$work/npm.log" 2>&1
    touch node_modules 2>/dev/null
    [ -d node_modules/@opentelemetry/exporter-trace-otlp-grpc ] || { tail -n 5 "$work/npm.log"; return 1; }
}
javascript() { node send.mjs "$@"; }

prepare_python() {
    local venv=$cache/venv
    cmp -s requirements.txt "$venv/installed" && return 0
    python3 -m venv "$venv" >"$work/venv.log" 2>&1 || { echo "python3 -m venv does not work here"; return 2; }
    "$venv/bin/pip" install -q -r requirements.txt >>"$work/venv.log" 2>&1 ||
        { tail -n 3 "$work/venv.log"; echo "the packages cannot be installed"; return 2; }
    cp requirements.txt "$venv/installed"
}
python() { "$cache/venv/bin/python" send.py "$@"; }

prepare_java() {
    { command -v java && command -v mvn; } >/dev/null || { echo "java or mvn is not installed"; return 2; }
    local out=$cache/java
    [ -f "$out/interop-1.jar" ] && [ "$out/interop-1.jar" -nt java/pom.xml ] &&
        [ "$out/interop-1.jar" -nt java/src/main/java/Send.java ] && return 0
    timeout 400 mvn -B -q -f java/pom.xml -Dinterop.output="$out" package </dev/null >"$work/mvn.log" 2>&1 ||
        { grep -m 3 ERROR "$work/mvn.log"; echo "mvn package failed (no Java 17, or no network)"; return 2; }
}
java_classes() { echo "$cache/java/interop-1.jar:$cache/java/dependency/*"; }
java() { command java -cp "$(java_classes)" Send "$@"; }

# A toolchain older than go.mod asks for cannot be used, and is not replaced behind anybody's back.
prepare_go() {
    command -v go >/dev/null || { echo "go is not installed"; return 2; }
    (cd go && GOTOOLCHAIN=local GOFLAGS=-mod=readonly timeout 600 go build -p 2 -o "$cache/go-send" .) >"$work/go.log" 2>&1 ||
        { tail -n 3 "$work/go.log"; echo "go build failed (older than go.mod asks for, or no network)"; return 2; }
}
go_send() { "$cache/go-send" "$@"; }

protocols_of() {
    case $1 in
    javascript) echo grpc http/protobuf http/json ;;
    *) echo grpc http/protobuf ;;
    esac
}

# One language over one protocol, once plain and once compressed.
try() {
    local language=$1 protocol=$2 compression=$3 port=$http_port sender=$1
    local label="$language $protocol $compression" service="interop-$language-${protocol#http/}-$compression"
    [ "$protocol" != grpc ] || port=$grpc_port
    [ "$language" != go ] || sender=go_send
    local logs_before logs_after
    logs_before=$(counter 'seismesh_accepted_items_total{signal="logs"}')
    if "$sender" "$protocol" "127.0.0.1:$port" "$service" $spans "$compression" >"$work/sender.log" 2>&1; then
        say "ok   $label: every export is acknowledged"
    else
        say "FAIL $label: exports failed: $(tail -n 2 "$work/sender.log" | tr '\n' ' ')"
        return
    fi
    logs_after=$(counter 'seismesh_accepted_items_total{signal="logs"}')
    if [ "$((${logs_after:-0} - ${logs_before:-0}))" = 1 ]; then
        say "ok   $label: the log record is accepted and counted"
    else
        say "FAIL $label: accepted log records went from ${logs_before:-none} to ${logs_after:-none}"
    fi
    echo "$service|$label" >>"$work/sent"
}

[ -x "$program" ] || { say "FAIL there is no program $program: run make first, or set SEISMESH"; sum; exit 1; }
export NO_PROXY="127.0.0.1,localhost${NO_PROXY:+,$NO_PROXY}" no_proxy="127.0.0.1,localhost${no_proxy:+,$no_proxy}"

usable=()
for language in $languages; do
    why=$("prepare_$language")
    case $? in
    0) usable+=("$language") ;;
    2) say "skip $language: NOT TESTED: $(echo "$why" | tr '\n' ' ')" ;;
    *) say "FAIL $language: cannot be prepared: $(echo "$why" | tr '\n' ' ')" ;;
    esac
done

start_server || { say "FAIL the program does not start: $(tail -n 3 "$work/server.log" | tr '\n' ' ')"; sum; exit 1; }
: >"$work/sent"
for language in "${usable[@]}"; do
    for protocol in $(protocols_of "$language"); do
        try "$language" "$protocol" none
        try "$language" "$protocol" gzip
    done
done

# All are looked for at the same time, since each may have to wait for a checkpoint.
checks=()
while IFS='|' read -r service label; do
    node check.mjs "http://127.0.0.1:$web_port" "$service" $spans "$label" >"$work/check-$service" 2>&1 &
    checks+=($!)
done <"$work/sent"
[ ${#checks[@]} = 0 ] || wait "${checks[@]}"
for file in "$work"/check-*; do
    [ -e "$file" ] || continue
    grep -qE '^(ok|FAIL) ' "$file" || say "FAIL $(basename "$file") did not come to a result: $(tail -n 1 "$file")"
    tee -a "$results" <"$file"
done

# A stop with these senders' connections behind it is clean.
kill "$server"
wait "$server"
status=$?
server=
if [ $status = 0 ]; then say "ok   the program stops cleanly"; else say "FAIL the program stopped with code $status"; fi
sum
