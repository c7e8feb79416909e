#!/usr/bin/env bash
# run.sh: seismesh with other people's programs at its ports: h2spec judges its HTTP/2, a real Jaeger takes the spans
# that it forwards, a real Prometheus scrapes it. What is not there is skipped, and said (see build.sh). The last line
# is "N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/../../.."
here=tests/interop/peers
. tests/interop/checks.sh

web/ui/install.sh tests/interop || say "FAIL the OpenTelemetry SDK cannot be installed"
peer h2spec 120 && check $here/h2spec build/peers/h2spec
peer jaeger-if-warm 60 && check $here/jaeger build/peers/jaeger
if prometheus=$(PATH=$PATH:$PWD/build/tools command -v prometheus); then
    check $here/prometheus "$prometheus"
else
    say "skip prometheus: NOT TESTED: it is in Debian's package prometheus, which packages.sh could not fetch"
fi
sum
