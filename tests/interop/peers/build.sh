#!/usr/bin/env bash
# build.sh: brings the programs of others that the tests beside it talk to into build/peers, from the registries that
# have them; what is there already stays.
#
#   build.sh h2spec          out of its Go module: half a minute
#   build.sh jaeger          out of its Go module: several minutes, 2 GB of Go's caches; may be stopped and run again
#   build.sh jaeger-if-warm  only if Go's cache has nearly all of it already, which takes seconds
#
# Prints why when one cannot be had, and ends with 2.
set -uo pipefail
cd "$(dirname "$0")/../../.."
peers=$PWD/build/peers
jaeger=github.com/jaegertracing/jaeger@v1.76.0 # the last of this module path; cmd/jaeger is version 2 of the program
warm=100                                       # packages of 2,300 left to compile
mkdir -p "$peers"
# As this machine has it: another toolchain is not fetched behind anybody's back.
export GOTOOLCHAIN=local GOFLAGS=-buildvcs=false CGO_ENABLED=0

sorry() { echo "$*" && exit 2; }

# go_build FOLDER PACKAGE NAME: to build/peers/NAME; paths are left out of it, so that Go's cache serves every clone.
go_build() { (cd "$1" && go build -trimpath -ldflags="-s -w" "${@:4}" -o "$peers/$3" "$2"); }

jaeger_folder() { go mod download -json "$jaeger" 2>/dev/null | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p'; }

command -v go >/dev/null || sorry "Go is not installed"
case ${1:-} in
h2spec)
    [ -x "$peers/h2spec" ] && exit 0
    go_build tests/interop/peers/h2spec github.com/summerwind/h2spec/cmd/h2spec h2spec 2>"$peers/h2spec.log" ||
        sorry "it does not build: $(tail -n 1 "$peers/h2spec.log")"
    ;;
jaeger | jaeger-if-warm)
    [ -x "$peers/jaeger" ] && exit 0
    folder=$(jaeger_folder)
    [ -n "$folder" ] || sorry "its Go module cannot be fetched"
    if [ "$1" = jaeger-if-warm ]; then
        missing=$(go_build "$folder" ./cmd/jaeger jaeger -n 2>&1 | grep -c '/compile ')
        [ "$missing" -le $warm ] || sorry "not built yet, which takes minutes: run make test-interop once"
    else
        echo "building Jaeger from $jaeger: this takes minutes"
    fi
    go_build "$folder" ./cmd/jaeger jaeger 2>"$peers/jaeger.log" || sorry "it does not build: $(tail -n 1 "$peers/jaeger.log")"
    ;;
*) echo "usage: build.sh h2spec|jaeger|jaeger-if-warm" && exit 1 ;;
esac
