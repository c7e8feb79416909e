#!/usr/bin/env bash
# run.sh: real proxies send to seismesh what it claims to read: Envoys named as meshes name them, Traefik, and an
# OpenTelemetry Collector that scrapes; and a suggestion is carried out on a real Traefik. What is not there is skipped,
# and said (see ../peers/build.sh). The last line is "N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/../../.."
here=tests/interop/proxies
. tests/interop/checks.sh

peer envoy 120 && check $here/envoy build/peers/envoy
if peer traefik-if-warm 120; then
    check $here/traefik build/peers/traefik
    if [ -n "${INTEROP_LONG:-}" ]; then
        limit_s=1200 check $here/loop build/peers/traefik
    else
        say "skip loop: NOT TESTED: it takes about six minutes, and runs with make test-interop (INTEROP_LONG=1)"
    fi
fi
peer otelcol-if-warm 120 && [ -x build/peers/envoy ] && check $here/collector build/peers/otelcol build/peers/envoy
sum
