#!/usr/bin/env bash
# fresh-machine.sh: proves the README's two commands on a machine that has nothing. Makes a Debian 12 root with
# debootstrap in which only git and make are installed, clones the committed HEAD into it, runs `make run` (waits for the
# page, looks at it and at the API, presses Ctrl-C, starts again) and `make test`, and says how long each took.
#
#   tests/fresh-machine.sh [--no-test] [--keep]        as root; --no-test leaves `make test` out, --keep keeps the root
#
# Everything runs in mount and process namespaces of its own: however this ends, the kernel takes the mounts and the
# processes away with them. Certificate authorities, apt's proxy and npm's registry settings of this machine are taken
# along, so that it works behind a proxy too. Packages are cached in ${XDG_CACHE_HOME:-~/.cache}/seismesh-fresh: the
# second run shows what an already warm machine does. The network is shared: 4317, 4318 and 7117 have to be free.
set -euo pipefail
cd "$(dirname "$0")/.."

mirror=${MIRROR:-http://deb.debian.org}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/seismesh-fresh
page=http://127.0.0.1:7117
with_tests=yes keep=no
for option in "$@"; do
    case $option in
    --no-test) with_tests=no ;;
    --keep) keep=yes ;;
    *) echo "usage: tests/fresh-machine.sh [--no-test] [--keep]" >&2; exit 2 ;;
    esac
done

fail() { echo "fresh-machine: $*" >&2; exit 1; }
say() { printf '[%s] %s\n' "$(date +%H:%M:%S)" "$*"; }
now_ms() { date +%s%3N; }
seconds() { printf '%d.%d s' $(($1 / 1000)) $(($1 % 1000 / 100)); }

# Outside: a folder that goes away in the end, and inside it the namespaces.
if [ -z "${FRESH_ROOT:-}" ]; then
    [ "$(id -u)" = 0 ] || fail "needs root (debootstrap, chroot)"
    for port in 4317 4318 7117; do
        ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || fail "port $port is taken here, and the network is shared"
    done
    for tool in debootstrap unshare git curl tar; do
        command -v "$tool" >/dev/null || fail "needs $tool: apt-get install debootstrap util-linux git curl tar"
    done
    FRESH_ROOT=$(mktemp -d "${TMPDIR:-/tmp}/seismesh-fresh.XXXXXX")
    export FRESH_ROOT
    trap '[ $keep = yes ] && echo "kept: $FRESH_ROOT" || rm -rf --one-file-system "$FRESH_ROOT"' EXIT
    trap 'exit 130' INT TERM HUP
    # Not exec: the trap above has to run, outside of the namespaces, where nothing is mounted below the folder.
    unshare --mount --pid --fork --kill-child --propagation private "$0" "$@"
    exit
fi
root=$FRESH_ROOT

# A root of this release with git, make and the certificate authorities' package; kept as an archive between runs.
make_root() {
    mkdir -p "$cache/debs" "$cache/apt" "$cache/npm"
    if [ ! -s "$cache/bookworm.tar" ]; then
        say "debootstrap: a Debian 12 with git and make"
        debootstrap --variant=minbase --include=git,make,ca-certificates --cache-dir="$cache/debs" bookworm \
            "$root" "$mirror/debian" >"$cache/debootstrap.log" 2>&1 ||
            { tail -n 20 "$cache/debootstrap.log"; fail "debootstrap failed"; }
        tar -C "$root" -cf "$cache/bookworm.tar.part" .
        mv "$cache/bookworm.tar.part" "$cache/bookworm.tar"
    else
        tar -C "$root" -xf "$cache/bookworm.tar"
    fi
}

# What belongs to the network here and not to the project: resolver, certificates, proxies, registries.
take_settings_along() {
    cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
    [ ! -d /usr/local/share/ca-certificates ] || cp -r /usr/local/share/ca-certificates "$root/usr/local/share/"
    [ ! -s /etc/ssl/certs/ca-certificates.crt ] || cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    printf 'deb %s/debian bookworm main\ndeb %s/debian bookworm-updates main\ndeb %s/debian-security bookworm-security main\n' \
        "$mirror" "$mirror" "$mirror" >"$root/etc/apt/sources.list"
    apt-config dump 2>/dev/null | grep -E '^Acquire::(http|https|Check-|Retries)' >"$root/etc/apt/apt.conf.d/90host" || true
    for file in "$HOME/.npmrc" /usr/etc/npmrc /etc/npmrc; do
        [ ! -s "$file" ] || grep -E '^(//|[^=]*registry|.*proxy|cafile|strict-ssl)' "$file" >>"$root/root/.npmrc" || true
    done
}

mount_all() {
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys" && mount --make-rslave "$root/sys"
    mount --rbind /dev "$root/dev" && mount --make-rslave "$root/dev"
    mount --bind "$cache/apt" "$root/var/cache/apt/archives"
    mkdir -p "$root/root/.npm" && mount --bind "$cache/npm" "$root/root/.npm"
}

# Runs a command in the new machine as its root would, with a clean environment.
inside() {
    local settings=() name
    for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY PIP_INDEX_URL; do
        [ -z "${!name:-}" ] || settings+=("$name=${!name}")
    done
    env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM=dumb \
        NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
        PIP_CERT=/etc/ssl/certs/ca-certificates.crt "${settings[@]}" chroot "$root" bash -c "$1"
}

# Starts `make run` in a process group of its own, as a terminal would, and waits until it prints the address.
start_run() {
    : >"$root/run.log"
    started=$(now_ms)
    set -m
    inside 'cd /root/seismesh && exec make run' >"$root/run.log" 2>&1 &
    running=$!
    set +m
    until grep -q "^the page, until Ctrl-C: $page" "$root/run.log"; do
        kill -0 "$running" 2>/dev/null || { cat "$root/run.log"; fail "make run ended before the page was up"; }
        [ $(($(now_ms) - started)) -lt 1200000 ] || { cat "$root/run.log"; fail "no page after 20 minutes"; }
        sleep 0.02
    done
    took=$(($(now_ms) - started))
}

stop_run() {
    kill -INT -- "-$running"
    wait "$running" || true
    # The shell around it ends with the signal; demo.sh has its last word a moment later.
    for ((i = 0; i < 100; i++)); do
        ! grep -q '^stopped' "$root/run.log" || break
        sleep 0.1
    done
    ! curl -fs "$page/healthz" >/dev/null || fail "something still answers after Ctrl-C"
    grep -q '^stopped' "$root/run.log" || { tail "$root/run.log"; fail "it did not say that it stopped"; }
}

look_at_page() {
    curl -fsS --compressed "$page/" | grep -qi '<!doctype html' || fail "the page does not come"
    curl -fsS "$page/api/v1/incidents" | grep -q '"title"' || fail "the API has no incident"
    curl -fsS "$page/api/v1/suggestions" | grep -q '"title"' || fail "the API has no suggestion"
}

make_root
take_settings_along
mount_all
[ -z "$(git status --porcelain)" ] || say "note: what is not committed does not take part"
git bundle create -q "$root/head.bundle" HEAD
inside 'git -c advice.detachedHead=false clone -q /head.bundle /root/seismesh && cd /root/seismesh && git log -1 --format="HEAD is %h %s"'

say "make run"
start_run
first=$took
cat "$root/run.log"
look_at_page
stop_run
say "make run, second time"
start_run
second=$took
look_at_page
stop_run
[ "$second" -lt 1000 ] || late="fresh-machine: the second start took $(seconds "$second"), not under a second"

tests="not run"
code=0
if [ $with_tests = yes ]; then
    say "make test"
    began=$(now_ms)
    inside 'cd /root/seismesh && make test' 2>&1 | tee "$root/test.log" || code=1
    tests="$(seconds $(($(now_ms) - began))): $(grep -E '^[0-9]+ passed, [0-9]+ failed' "$root/test.log" | tail -n 1)"
fi

echo
printf '%-52s %s\n' "first make run: packages, build, replay, page" "$(seconds "$first")" \
    "second make run: page" "$(seconds "$second")" "make test" "$tests"
[ -z "${late:-}" ] || { echo "$late" >&2; code=1; }
exit $code
