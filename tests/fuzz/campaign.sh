#!/usr/bin/env bash
# campaign.sh: many executions of the fuzz targets, for a night rather than for `make test`; it goes on where it stopped.
#
#   tests/fuzz/campaign.sh [--engine libfuzzer|afl] [--executions 100000000] [--seconds 3600] [TARGET]...
#
# libfuzzer: the build of `make test`, with AddressSanitizer and UBSan. afl: AFL++ (Debian: afl++) on targets built
# without AddressSanitizer; the inputs that it keeps are then run by libFuzzer's build. Each target (otlp_traces, frame,
# …; all when none is named) runs until it has had so many executions since the counts in build/fuzz/executions began,
# or for so many seconds this time. A crash, an input that takes longer than a second, or (libFuzzer's build) one
# allocation above 64 MiB ends the target; the input is kept, and its path printed. The table is Markdown; fails when
# anything was found.
set -uo pipefail
cd "$(dirname "$0")/../.."

engine=libfuzzer executions=100000000 seconds=3600
while [ $# -gt 0 ]; do
    case $1 in
    --engine) engine=$2 && shift 2 ;;
    --executions) executions=$2 && shift 2 ;;
    --seconds) seconds=$2 && shift 2 ;;
    --*) echo "campaign.sh: unknown option $1" >&2; exit 2 ;;
    *) break ;;
    esac
done
[ $# -gt 0 ] || set -- $(cd tests/fuzz && ls fuzz_*.c | sed 's/^fuzz_//; s/\.c$//')
case $engine in
afl) needed="afl-fuzz afl-clang-fast clang" ;;
libfuzzer) needed=clang ;;
*) echo "campaign.sh: no engine $engine; there are afl and libfuzzer" >&2; exit 2 ;;
esac
for tool in $needed; do
    command -v "$tool" >/dev/null || { echo "SKIPPED: needs $tool (Debian: afl++, clang)" >&2; exit 0; }
done
tally=build/fuzz/executions
mkdir -p "$tally"
make --no-print-directory -j2 VARIANT=fuzz $(printf 'build/fuzz/fuzz/fuzz_%s ' "$@") >/dev/null || exit 1
[ $engine = libfuzzer ] || make --no-print-directory -j2 VARIANT=afl $(printf 'build/afl/fuzz/fuzz_%s ' "$@") >/dev/null || exit 1

done_by() { cat "$tally/$1.$engine" 2>/dev/null || echo 0; }

# Each runs a target for at most $2 executions; prints "executions found", found being a path or "nothing".
run_libfuzzer() {
    local target=$1 runs=$2 corpus=tests/fuzz/corpus/$1 dictionary=tests/fuzz/$1.dict found=nothing
    local kept=build/fuzz/found/fuzz_$target said=build/fuzz/found/$target.said
    mkdir -p "$kept"
    [ -d "$corpus" ] || corpus=
    "build/fuzz/fuzz/fuzz_$target" -runs="$runs" -max_total_time="$seconds" -timeout=1 -malloc_limit_mb=64 -rss_limit_mb=2048 \
        -print_final_stats=1 $([ -f "$dictionary" ] && echo "-dict=$dictionary") \
        -artifact_prefix="build/fuzz/found/$target-" "$kept" $corpus >"$said" 2>&1 ||
        found=$(sed -n 's/.*Test unit written to //p' "$said" | tail -n 1)
    echo "$(sed -n 's/^stat::number_of_executed_units: *//p' "$said") ${found:-$said}"
}

run_afl() {
    local target=$1 runs=$2 seeds=build/afl/seeds/$1 out=build/afl/out/$1 dictionary=tests/fuzz/$1.dict found=nothing
    mkdir -p "$seeds" build/afl/out
    cp -r "tests/fuzz/corpus/$target/." "$seeds" 2>/dev/null || true
    [ -n "$(ls "$seeds")" ] || echo seed >"$seeds/any"
    AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_AUTORESUME=1 AFL_BENCH_UNTIL_CRASH=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 \
        afl-fuzz -i "$seeds" -o "$out" -V "$seconds" -E "$runs" -t 1000 -m none $([ -f "$dictionary" ] && echo "-x $dictionary") \
        -- "build/afl/fuzz/fuzz_$target" >"$out.said" 2>&1
    local stats=$out/default/fuzzer_stats
    [ -f "$stats" ] || { tail -n 5 "$out.said" >&2; echo "0 $out.said"; return; }
    found=$(find "$out/default/crashes" "$out/default/hangs" -name 'id:*' | head -n 1)
    if [ -z "$found" ]; then
        "build/fuzz/fuzz/fuzz_$target" -runs=0 -timeout=10 -malloc_limit_mb=64 -artifact_prefix="build/fuzz/found/$target-" \
            "$out/default/queue" >"$out.replayed" 2>&1 || found=$(sed -n 's/.*Test unit written to //p' "$out.replayed" | tail -n 1)
    fi
    echo "$(awk '$1 == "execs_done" {print $3}' "$stats") ${found:-nothing}"
}

failed=0
echo "| target | engine | executions now | in all | a second | found |"
echo "|---|---|---|---|---|---|"
for target; do
    before=$(done_by "$target")
    [ "$before" -lt "$executions" ] || { echo "| $target | $engine | 0 | $before | | |"; continue; }
    mkdir -p build/fuzz/found
    [ $engine != afl ] || rm -rf "build/afl/out/$target/default/fuzzer_stats"
    began=$SECONDS
    read -r now found < <(run_$engine "$target" $((executions - before)))
    [[ $now =~ ^[0-9]+$ ]] || { found=$now && now=0; } # it did not get to say how many
    took=$((SECONDS - began))
    echo $((before + now)) >"$tally/$target.$engine"
    echo "| $target | $engine | $now | $((before + now)) | $((now / (took > 0 ? took : 1))) | $found |"
    [ "$found" = nothing ] || failed=1
done
exit $failed
