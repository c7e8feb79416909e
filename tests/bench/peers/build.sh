#!/usr/bin/env bash
# build.sh: brings the programs that seismesh is compared with into build/tools, by package managers only; what is there
# already stays.
#
#   build.sh collector        out of its Go modules by its own builder (collector.yaml): minutes, once
#   build.sh jaeger           version 2, out of its Go module (tests/interop/peers/build.sh): minutes, once
#   build.sh rotel            the agent in PyPI's wheel
#   build.sh victoriatraces   out of its Go module, when Go's proxy has it
#
# Prints why when one cannot be had, and ends with 2.
set -uo pipefail
cd "$(dirname "$0")/../../.."
tools=$PWD/build/tools
mkdir -p "$tools"
# As this machine has it: another toolchain is not fetched behind anybody's back.
export GOTOOLCHAIN=local GOFLAGS=-buildvcs=false CGO_ENABLED=0

sorry() { echo "$*" && exit 2; }
last() { grep -v '^[[:space:]]*$' "$1" | tail -n 1; }
need() { command -v "$1" >/dev/null || sorry "$1 is not installed"; }

case ${1:-} in
collector)
    [ -x "$tools/otelcol" ] && exit 0
    need go
    version=$(awk '$1 == "version:" {print $2}' tests/bench/peers/collector.yaml)
    source=$tools/otelcol-source log=$tools/otelcol.log
    sed "s|^dist:|dist:\n  output_path: $source|" tests/bench/peers/collector.yaml >"$tools/otelcol.yaml"
    GOBIN=$tools go install -trimpath "go.opentelemetry.io/collector/cmd/builder@v$version" 2>"$log" &&
        "$tools/builder" --config "$tools/otelcol.yaml" --ldflags="-s -w" >>"$log" 2>&1 &&
        mv "$source/otelcol" "$tools/otelcol" || sorry "it does not build: $(last "$log")"
    ;;
jaeger)
    [ -x build/peers/jaeger ] || why=$(tests/interop/peers/build.sh jaeger) || sorry "${why##*$'\n'}"
    ;;
rotel)
    [ -x "$tools/rotel-agent" ] && exit 0
    need pip3
    wheel=$(mktemp -d)
    trap 'rm -rf "$wheel"' EXIT
    pip3 download --quiet --no-deps --pre --dest "$wheel" rotel==0.0.1a15 2>"$tools/rotel.log" ||
        sorry "PyPI has no wheel for this Python: $(last "$tools/rotel.log")"
    python3 -m zipfile -e "$wheel"/rotel-*.whl "$wheel/out" && install -m 755 "$wheel/out/rotel/rotel-agent" "$tools/" ||
        sorry "the wheel holds no agent"
    ;;
victoriatraces)
    [ -x "$tools/victoria-traces" ] && exit 0
    need go
    module=github.com/VictoriaMetrics/VictoriaTraces@v0.7.0 log=$tools/victoriatraces.log
    folder=$(GOPROXY=$(go env GOPROXY | cut -d, -f1) go mod download -json $module 2>"$log" | tee -a "$log" |
        sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
    [ -n "$folder" ] || sorry "Go's module proxy does not serve $module"
    (cd "$folder" && go build -trimpath -ldflags="-s -w" -o "$tools/victoria-traces" ./app/victoria-traces) 2>"$log" ||
        sorry "it does not build: $(last "$log")"
    ;;
*) echo "usage: build.sh collector|jaeger|rotel|victoriatraces" && exit 1 ;;
esac
