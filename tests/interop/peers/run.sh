#!/usr/bin/env bash
# run.sh: seismesh with other people's programs at its ports: h2spec judges its HTTP/2, a real Jaeger takes the spans
# that it forwards, a real Prometheus scrapes it. What is not there is skipped, and said (see build.sh). The last line
# is "N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/../../.."
here=tests/interop/peers
results=$(mktemp)
trap 'rm -f "$results"' EXIT
export NO_PROXY="127.0.0.1,localhost${NO_PROXY:+,$NO_PROXY}" no_proxy="127.0.0.1,localhost${no_proxy:+,$no_proxy}"

say() { echo "$*" | tee -a "$results"; }

# check NAME PROGRAM: runs NAME.mjs; one that does not come to its end is a failure.
check() {
    timeout 300 node "$here/$1.mjs" "$2" 2>&1 | tee -a "$results"
    local status=${PIPESTATUS[0]}
    [ "$status" = 0 ] || [ "$status" = 1 ] || say "FAIL $1: ended with $status"
    [ "$status" != 1 ] || grep -q "^FAIL $1" "$results" || say "FAIL $1: ended with 1 and no word of why"
}

web/ui/install.sh tests/interop || say "FAIL the OpenTelemetry SDK cannot be installed"
if why=$(timeout 120 $here/build.sh h2spec); then check h2spec build/peers/h2spec; else say "skip h2spec: NOT TESTED: $why"; fi
if why=$(timeout 60 $here/build.sh jaeger-if-warm); then check jaeger build/peers/jaeger; else say "skip jaeger: NOT TESTED: $why"; fi
if prometheus=$(PATH=$PATH:$PWD/build/tools command -v prometheus); then
    check prometheus "$prometheus"
else
    say "skip prometheus: NOT TESTED: it is in Debian's package prometheus, which packages.sh could not fetch"
fi
failed=$(grep -c '^FAIL ' "$results")
echo "$(grep -c '^ok ' "$results") passed, $failed failed, $(grep -c '^skip ' "$results") skipped"
[ "$failed" = 0 ]
