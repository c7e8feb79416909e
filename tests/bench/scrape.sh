#!/usr/bin/env bash
# scrape.sh: what scraping costs: by default 1,000 targets of 2,000 series every 15 s. Prints the CPU cores that the
# server used after its first two rounds, and its resident memory at most; and how fast pages are read without a network.
#
#   tests/bench/scrape.sh [--targets N] [--series N] [--interval S] [--seconds N] [--port P]
set -euo pipefail
cd "$(dirname "$0")/../.."
targets=1000 series=2000 interval=15 seconds=60 port=20190
while [ $# -gt 0 ]; do
    case $1 in
    --targets) targets=$2 ;;
    --series) series=$2 ;;
    --interval) interval=$2 ;;
    --seconds) seconds=$2 ;;
    --port) port=$2 ;;
    *) echo "scrape.sh: no option $1; see its head" >&2 && exit 2 ;;
    esac
    shift 2
done
build=build/release
make --no-print-directory -j2 all bench-tools >/dev/null
"$build/tests/bench/scrape_parse" "$series"

folder=$(mktemp -d)
ulimit -n "$(ulimit -Hn)"
"$build/tests/bench/scrape_targets" "$port" "$series" >"$folder/targets.log" &
proxies=$!
trap 'kill $proxies ${server:-} 2>/dev/null || true; wait 2>/dev/null; rm -rf "$folder"' EXIT
python3 - "$targets" "$port" >"$folder/targets.json" <<'PYTHON'
import json, sys
count, port = int(sys.argv[1]), sys.argv[2]
print(json.dumps([{"targets": [f"127.0.{1 + i // 250}.{1 + i % 250}:{port}" for i in range(count)]}]))
PYTHON
cat >"$folder/config.yaml" <<YAML
listen: {otlp_grpc: "", otlp_http: "", web: "127.0.0.1:$((port + 1))"}
data: $folder/data
scrape:
  scrape_interval: ${interval}s
  scrape_configs:
  - job_name: sidecars
    metrics_path: /stats/prometheus
    file_sd_configs: [{files: ["$folder/targets.json"]}]
YAML
"$build/seismesh" serve --config "$folder/config.yaml" 2>"$folder/log" &
server=$!
ticks() { sed 's/.*) //' "/proc/$server/stat" | awk '{print $12 + $13}'; }
value() { curl -s "http://127.0.0.1:$((port + 1))/metrics" | awk -v name="$1" '$1 == name {print $2}'; }
sleep $((2 * interval))
before=$(ticks) scrapes=$(value seismesh_scrapes_total) samples=$(value seismesh_scrape_samples_total) bytes=$(value seismesh_scrape_bytes_total)
sleep "$seconds"
after=$(ticks)
awk -v ticks=$((after - before)) -v hertz="$(getconf CLK_TCK)" -v seconds="$seconds" -v scrapes=$(($(value seismesh_scrapes_total) - scrapes)) \
    -v samples="$(value seismesh_scrape_samples_total)" -v samples_before="$samples" -v bytes="$(value seismesh_scrape_bytes_total)" -v bytes_before="$bytes" \
    -v rss="$(awk '/VmHWM/ {print $2}' "/proc/$server/status")" -v up="$(value 'seismesh_scrape_targets{health="up"}')" 'BEGIN {
    printf "up %d, scrapes %d, %.0f samples/s, %.1f MB/s of pages: %.2f cores, %.0f MiB resident at most\n", up, scrapes,
        (samples - samples_before) / seconds, (bytes - bytes_before) / seconds / 1e6, ticks / hertz / seconds, rss / 1024 }'
curl -s "http://127.0.0.1:$((port + 1))/metrics" | grep -E '^seismesh_(scrape_failures|dropped_items|overflow)_total.* [1-9]' || true
