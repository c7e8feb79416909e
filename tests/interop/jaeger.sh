#!/usr/bin/env bash
# jaeger.sh [PROGRAM]: spans sent to seismesh with forward.otlp_url set are found in a real Jaeger, all of them, with their
# services. Jaeger is built once from its Go module and kept in ~/.cache/seismesh-interop; without Go, or where it cannot
# be fetched, the test says so and is skipped (exit status 77).
set -uo pipefail
program=${1:-build/release/seismesh}
version=v1.62.0
cache=${XDG_CACHE_HOME:-$HOME/.cache}/seismesh-interop
jaeger=$cache/jaeger-$version
work=$(mktemp -d)
pids=()

skip() {
    echo "SKIPPED: $*"
    exit 77
}

finish() {
    local pid
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
    rm -rf "$work"
}
trap finish EXIT

build_jaeger() {
    command -v go >/dev/null || skip "no Go toolchain to build Jaeger with"
    local folder
    folder=$(go mod download -json "github.com/jaegertracing/jaeger@$version" 2>/dev/null |
        sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
    [ -n "$folder" ] || skip "Jaeger's Go module cannot be fetched"
    # `go install` refuses modules with replace lines, so it is built from a writable copy.
    echo "building Jaeger $version, once; this takes minutes"
    cp -r "$folder" "$work/source" && chmod -R u+w "$work/source"
    mkdir -p "$cache"
    (cd "$work/source" && CGO_ENABLED=0 nice go build -p 2 -o "$jaeger.new" ./cmd/all-in-one) >"$work/build.log" 2>&1 || {
        tail -5 "$work/build.log"
        skip "Jaeger does not build here"
    }
    mv "$jaeger.new" "$jaeger"
}

# free_port: a TCP port that nobody listens on.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# wait_for URL: until it answers, at most 30 s.
wait_for() {
    local i
    for i in $(seq 300); do
        curl -fs --noproxy '*' -o /dev/null "$1" && return 0
        sleep 0.1
    done
    echo "FAIL: $1 does not answer"
    return 1
}

[ -x "$jaeger" ] || build_jaeger
[ -x "$program" ] || skip "$program is not built"

query=$(free_port) otlp=$(free_port) otlp_grpc=$(free_port) admin=$(free_port)
SPAN_STORAGE_TYPE=memory "$jaeger" --query.http-server.host-port="127.0.0.1:$query" \
    --query.grpc-server.host-port="127.0.0.1:$(free_port)" --admin.http.host-port="127.0.0.1:$admin" \
    --collector.otlp.enabled=true --collector.otlp.http.host-port="127.0.0.1:$otlp" \
    --collector.otlp.grpc.host-port="127.0.0.1:$otlp_grpc" --collector.http-server.host-port="127.0.0.1:$(free_port)" \
    --collector.grpc-server.host-port="127.0.0.1:$(free_port)" --http-server.host-port="127.0.0.1:$(free_port)" \
    --processor.jaeger-compact.server-host-port="127.0.0.1:$(free_port)" \
    --processor.jaeger-binary.server-host-port="127.0.0.1:$(free_port)" \
    --processor.zipkin-compact.server-host-port="127.0.0.1:$(free_port)" >"$work/jaeger.log" 2>&1 &
pids+=($!)
http=$(free_port) web=$(free_port)
"$program" serve --data "$work/data" --listen.otlp_http "127.0.0.1:$http" --listen.otlp_grpc "" \
    --listen.web "127.0.0.1:$web" --forward.otlp_url "http://127.0.0.1:$otlp/v1/traces" >"$work/seismesh.log" 2>&1 &
pids+=($!)
wait_for "http://127.0.0.1:$query/api/services" || { tail -3 "$work/jaeger.log"; exit 1; }
wait_for "http://127.0.0.1:$web/readyz" || { tail -3 "$work/seismesh.log"; exit 1; }

python3 "$(dirname "$0")/jaeger_check.py" "http://127.0.0.1:$http" "http://127.0.0.1:$query" "http://127.0.0.1:$web"
