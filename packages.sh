#!/usr/bin/env bash
# packages.sh: installs what seismesh needs from Debian 12 (bookworm), and nothing that is there already.
#
#   ./packages.sh run     what building and running takes
#   ./packages.sh test    the same, and what the tests take
#   ./packages.sh list run|test    only prints the names
#
# `make run` and `make test` call it. It needs root or sudo only when something is missing, and the network only then.
set -euo pipefail
cd "$(dirname "$0")"

# Compiler, code generator, libraries; Node.js bundles the page at build time.
run_packages=(gcc libc6-dev make pkg-config protobuf-c-compiler libprotobuf-c-dev libmicrohttpd-dev libnghttp2-dev
    libsqlite3-dev zlib1g-dev libzstd-dev libcurl4-gnutls-dev libjansson-dev libyaml-dev libxxhash-dev librdkafka-dev nodejs npm)

# clang: fuzzing and the second opinion on warnings. chromium: the page. nghttp2-client (h2load, nghttp): HTTP/2 from
# another hand. python3 with its parts: ledger comparison, OpenAPI check, OpenTelemetry's own SDK in a venv.
test_packages=(clang clang-format libclang-rt-14-dev chromium python3 python3-jsonschema python3-yaml python3-venv curl
    nghttp2-client sqlite3 procps)

# A Node.js of 18 or newer from elsewhere is as good as the packaged one, and so is its npm.
provided() {
    case $1 in
    nodejs) node -e 'process.exit(process.versions.node.split(".")[0] >= 18 ? 0 : 1)' 2>/dev/null ;;
    npm) command -v npm >/dev/null ;;
    *) return 1 ;;
    esac
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "packages.sh: needs root to install: run this as root: apt-get install $*" >&2
        exit 2
    fi
}

wanted=()
case "${1:-} ${2:-}" in
"run ") wanted=("${run_packages[@]}") ;;
"test ") wanted=("${run_packages[@]}" "${test_packages[@]}") ;;
"list run") printf '%s\n' "${run_packages[@]}" && exit ;;
"list test") printf '%s\n' "${run_packages[@]}" "${test_packages[@]}" && exit ;;
*) echo "usage: ./packages.sh run|test, ./packages.sh list run|test" >&2 && exit 2 ;;
esac

# One question for all of them: `make run` asks at every start, and is to be up within a second.
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null | sed -n 's/^installed //p' || true)
# promtool judges /metrics, Prometheus scrapes it. The package would start one here, so only the two programs are taken
# out of it.
take_prometheus() {
    local folder program found=0
    for program in prometheus promtool; do
        [ ! -x build/tools/$program ] && ! command -v $program >/dev/null || found=$((found + 1))
    done
    [ $found -lt 2 ] || return 0
    echo "packages.sh: fetching prometheus and promtool out of Debian's package (which is not installed)"
    folder=$(mktemp -d)
    chmod 755 "$folder" # apt fetches as a user of its own
    if (cd "$folder" && apt-get download prometheus >/dev/null 2>&1 && dpkg-deb -x prometheus_*.deb .); then
        mkdir -p build/tools && cp "$folder/usr/bin/prometheus" "$folder/usr/bin/promtool" build/tools/
    else
        echo "packages.sh: they could not be fetched: the tests that need them will be skipped" >&2
    fi
    rm -rf "$folder"
}

missing=()
for package in "${wanted[@]}"; do
    grep -qxF "$package" <<<"$installed" || provided "$package" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || { [ "$1" != test ] || take_prometheus; exit 0; }

if ! command -v apt-get >/dev/null; then
    echo "packages.sh: this is not a Debian system; install the like of: ${missing[*]}" >&2
    exit 2
fi
echo "packages.sh: installing ${#missing[@]} packages from Debian: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install_missing() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1
}
# The package lists may be absent or name files that are gone: fetch them, but only when the first try says so.
if ! install_missing; then
    echo "packages.sh: fetching Debian's package lists"
    as_root apt-get update >"$log" 2>&1 || { tail -n 20 "$log" >&2; echo "packages.sh: apt-get update failed" >&2; exit 1; }
    install_missing || { tail -n 20 "$log" >&2; echo "packages.sh: apt-get install failed" >&2; exit 1; }
fi
echo "packages.sh: installed"
[ "$1" != test ] || take_prometheus
