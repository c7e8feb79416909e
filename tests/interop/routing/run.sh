#!/usr/bin/env bash
# run.sh: every routing action in every language, judged by the meshes' own schemas: CRDs out of released Go modules,
# Consul's own types, the App Mesh model of the AWS SDK, Google's discovery documents, Traefik's reference file.
#
#   tests/interop/routing/run.sh         $RENDER_ALL names the writer (default: built here)
#   ROUTING_CRDS="DIR..." …              folders with further CRDs, where a module proxy does not serve the modules of
#                                        Kuma (deployments/charts/kuma/crds of its sources), Linkerd
#                                        (charts/linkerd-crds/templates/policy) or consul-k8s
#                                        (control-plane/config/crd/bases); Consul's objects are judged by its own types
#                                        until then
#
# What is fetched is kept in build/routing. What cannot be had is skipped aloud. The last line is "N passed, N failed, N
# skipped".
set -uo pipefail
cd "$(dirname "$0")"
root=$(cd ../../.. && pwd)
cache=$root/build/routing
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
results=$work/results
: >"$results"
mkdir -p "$cache"
say() { echo "$*" | tee -a "$results"; }

sum() {
    local passed failed skipped
    passed=$(grep -c '^ok ' "$results")
    failed=$(grep -c '^FAIL ' "$results")
    skipped=$(grep -c '^skip ' "$results")
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ]
}

# MODULE VERSION PATH NAME: that folder or file of a released module, kept as $cache/NAME.
fetch() {
    local module=$1 version=$2 path=$3 to=$cache/$4-$2
    if [ ! -e "$to" ]; then
        command -v go >/dev/null || { say "skip $4: NOT VALIDATED: go is not installed, so $module cannot be fetched" >&2; return 1; }
        local dir
        GOMODCACHE=$work/gomod GOFLAGS=-modcacherw GOTOOLCHAIN=local timeout 240 go mod download -json "$module@$version" \
            >"$work/go.json" 2>"$work/go.log"
        dir=$(sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p' "$work/go.json")
        sed -n 's/^\t"Error": "\(.*\)",*$/\1/p' "$work/go.json" >>"$work/go.log"
        [ -n "$dir" ] && [ -e "$dir/$path" ] ||
            { say "skip $4: NOT VALIDATED: $module@$version cannot be fetched: $(tail -n 1 "$work/go.log")" >&2; return 1; }
        cp -r "$dir/$path" "$work/kept" && mv "$work/kept" "$to"
    fi
    echo "$to"
}

# Only the path, on the last line; what was skipped goes to the results.
place() { fetch "$@" | tail -n 1 | grep "^$cache/"; }

venv=$cache/venv
if ! cmp -s requirements.txt "$venv/installed"; then
    { python3 -m venv "$venv" && "$venv/bin/pip" install -q -r requirements.txt; } >"$work/venv.log" 2>&1 ||
        { say "skip all languages: NOT VALIDATED: the validator cannot be installed: $(tail -n 1 "$work/venv.log")"; sum; exit; }
    cp requirements.txt "$venv/installed"
fi
python=$venv/bin/python

render=${RENDER_ALL:-$root/build/release/tests/interop/routing/render_all}
if [ -z "${RENDER_ALL:-}" ]; then
    make -C "$root" --no-print-directory "${render#"$root"/}" >"$work/make.log" 2>&1 ||
        { say "FAIL render_all cannot be built: $(tail -n 3 "$work/make.log")"; sum; exit 1; }
fi
"$render" >"$work/rendered.jsonl" || { say "FAIL render_all ended with code $?"; sum; exit 1; }

crds=()
for row in "istio.io/api v1.30.8 kubernetes istio" \
    "sigs.k8s.io/gateway-api v1.6.1 config/crd/experimental gateway-api" \
    "github.com/servicemeshinterface/smi-sdk-go v0.5.0 crds smi" \
    "github.com/openservicemesh/osm v1.2.4 cmd/osm-bootstrap/crds osm" \
    "github.com/kumahq/kuma/v2 v2.14.3 deployments/charts/kuma/crds kuma" \
    "github.com/linkerd/linkerd2 version-2.20 charts/linkerd-crds/templates/policy linkerd" \
    "github.com/hashicorp/consul-k8s/control-plane a507b1d1e306 config/crd/bases consul-k8s" \
    "github.com/traefik/traefik/v3 v3.7.13 docs/content/reference/dynamic-configuration traefik"; do
    # shellcheck disable=SC2086 # the row is words
    found=$(place $row) && crds+=("$found")
done
more=()
traefik=$cache/traefik-v3.7.13/file.yaml
[ ! -f "$traefik" ] || more+=(--traefik-file "$traefik")
for folder in ${ROUTING_CRDS:-}; do crds+=("$folder"); done

# Consul's own decoder.
if [ ! -x "$cache/consul-check" ] || [ consul/main.go -nt "$cache/consul-check" ] || [ consul/go.mod -nt "$cache/consul-check" ]; then
    if command -v go >/dev/null && (cd consul && GOMODCACHE=$work/gomod GOTOOLCHAIN=local GOFLAGS="-mod=readonly -modcacherw" \
        timeout 400 go build -p 2 -o "$cache/consul-check" .) >"$work/consul.log" 2>&1; then
        :
    else
        echo "Consul's decoder cannot be built: $(tail -n 2 "$work/consul.log" 2>/dev/null || echo 'go is not installed')"
        rm -f "$cache/consul-check"
    fi
fi
[ ! -x "$cache/consul-check" ] || more+=(--consul "$cache/consul-check")

model=$("$python" -c 'import botocore, pathlib; print(pathlib.Path(botocore.__file__).parent / "data/appmesh/2019-01-25/service-2.json.gz")')
[ ! -f "$model" ] || more+=(--appmesh "$model")

# Google's discovery documents are in a package of which nothing else is needed.
google=google-api-python-client==2.202.0
if [ ! -f "$cache/networkservices.v1.json" ]; then
    "$venv/bin/pip" download -q --no-deps -d "$work" "$google" >"$work/google.log" 2>&1 && "$python" - "$work" "$cache" <<'EOF'
import pathlib, sys, zipfile
for wheel in pathlib.Path(sys.argv[1]).glob('google_api_python_client-*.whl'):
    for name in ('compute.v1.json', 'networkservices.v1.json'):
        data = zipfile.ZipFile(wheel).read('googleapiclient/discovery_cache/documents/' + name)
        (pathlib.Path(sys.argv[2]) / name).write_bytes(data)
EOF
fi
[ ! -f "$cache/networkservices.v1.json" ] || more+=(--google "$cache/networkservices.v1.json" "$cache/compute.v1.json")

timeout 120 "$python" validate.py "$work/rendered.jsonl" --crds "${crds[@]}" "${more[@]}" >"$work/said" 2>"$work/said.err" ||
    say "FAIL the validator ended badly: $(tail -n 3 "$work/said.err" | tr '\n' ' ')"
tee -a "$results" <"$work/said"
"$python" meshes.py "$work/said" | tee -a "$results"
if "$python" table.py "$work/rendered.jsonl" | diff - <(sed -n '/^| language/,/^$/{/^|/p}' "$root/docs/routing.md") >"$work/table.diff"; then
    say "ok   the table in docs/routing.md is what the languages write"
else
    say "FAIL the table in docs/routing.md is not what table.py prints: $(head -n 3 "$work/table.diff" | tr '\n' ' ')"
fi
sum
