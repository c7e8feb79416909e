#!/usr/bin/env bash
# run.sh: all tests, or the suites that are named. `make test` calls it.
#
#   tests/run.sh [SUITE]...        tests/run.sh --list
#
# A suite is a command whose last line is "N passed, N failed" (and maybe ", N skipped"); one that does not get to say
# it, or says it and ends badly, counts as a failure. Logs are kept in build/test-logs. The last line here is the sum.
set -uo pipefail
cd "$(dirname "$0")/.."

builds=${BUILDS:-build} # folder of the variants' folders
logs=$builds/test-logs
fuzz_seconds=20 # for all fuzz targets together
suite_limit_s=${suite_limit_s:-900}

# Suites and how they are run. Those that start the program take build/release.
declare -A command=(
    [lint]="tests/lint.sh"
    [unit-asan]="unit asan"
    [unit-tsan]="unit tsan"
    [fuzz]="fuzz"
    [cli]="tests/cli/run.sh"
    [scenarios]="tests/scenarios/check.py"
    [follow]="tests/scenarios/follow.py"
    [interop]="tests/interop/run.sh"
    [peers]="tests/interop/peers/run.sh"
    [proxies]="tests/interop/proxies/run.sh"
    [scrape]="tests/interop/scrape/run.sh"
    [routing]="tests/interop/routing/run.sh"
    [page-unit]="tests/browser/unit.sh"
    [page]="web/ui/install.sh tests/browser && node tests/browser/run.mjs"
    [live]="tests/live.sh"
    [ledger]="tests/bench/short.sh"
    [torture]="tests/torture/run.py --short"
    [torture-tsan]="tests/torture/run.py --short --build $builds/tsan --row D1 --row O5 --row N2"
    [kafka]="tests/interop/kafka.sh"
)
order=(lint unit-asan unit-tsan fuzz cli scenarios follow interop peers proxies scrape routing page-unit page live ledger torture torture-tsan kafka)

# Builds the unit tests of a variant and runs them all, two at a time; one that does not end by itself does not stop the
# others. Each writes to a file of its own, shown when all have ended.
unit() {
    local variant=$1 sources targets=() passed=0 failed=0 target line status out=$logs/unit-$1.d
    mapfile -t sources < <(find tests -name 'test_*.c' -not -path '*/node_modules/*' | sort)
    targets=("${sources[@]/#/$builds/$variant/}")
    targets=("${targets[@]%.c}")
    make --no-print-directory -j2 VARIANT="$variant" BUILD="$builds/$variant" "${targets[@]}" || { echo "the build failed"; return 1; }
    rm -rf "$out" && mkdir -p "$out"
    # shellcheck disable=SC2016 # $1 and $2 are the inner shell's
    printf '%s\n' "${targets[@]}" | xargs -P 2 -I{} bash -c \
        'name=$(tr / _ <<<"$1"); timeout 600 "$1" >"$2/$name" 2>&1; echo $? >"$2/$name.status"' _ {} "$out"
    for target in "${targets[@]}"; do
        echo "== $target"
        cat "$out/$(tr / _ <<<"$target")"
        status=$(cat "$out/$(tr / _ <<<"$target").status")
        line=$(tail -n 1 "$out/$(tr / _ <<<"$target")")
        if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then
            passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
            # A sanitizer speaks at the very end: all tests passed, and still.
            [ "$status" = 0 ] || [ "${BASH_REMATCH[2]}" != 0 ] || { echo "$target ended with $status"; failed=$((failed + 1)); }
        else
            echo "$target ended with $status and without a sum"
            failed=$((failed + 1))
        fi
    done
    echo "$passed passed, $failed failed"
}

# Every fuzz target: its seeds, then new inputs for its share of the time, from a printed seed.
fuzz() {
    local sources targets=() passed=0 failed=0 target name corpus dictionary seed=$((RANDOM * 32768 + RANDOM))
    mapfile -t sources < <(find tests/fuzz -name 'fuzz_*.c' | sort)
    for name in "${sources[@]}"; do targets+=("$builds/fuzz/fuzz/$(basename "$name" .c)"); done
    make --no-print-directory -j2 VARIANT=fuzz BUILD="$builds/fuzz" "${targets[@]}" || { echo "the build failed"; return 1; }
    echo "seed $seed"
    for target in "${targets[@]}"; do
        name=$(basename "$target") corpus=tests/fuzz/corpus/${name#fuzz_}
        mkdir -p "$builds/fuzz/found/$name"
        [ -d "$corpus" ] || corpus=
        dictionary=tests/fuzz/${name#fuzz_}.dict
        [ -f "$dictionary" ] && dictionary=-dict=$dictionary || dictionary=
        if "$target" -seed=$seed -max_total_time=$((fuzz_seconds / ${#targets[@]} + 1)) -timeout=10 -rss_limit_mb=2048 \
            -print_final_stats=1 $dictionary -artifact_prefix="$builds/fuzz/found/$name-" "$builds/fuzz/found/$name" $corpus; then
            passed=$((passed + 1)) && echo "ok   $name"
        else
            failed=$((failed + 1)) && echo "FAIL $name"
        fi
    done
    echo "$passed passed, $failed failed"
}

if [ "${1:-}" = --list ]; then
    printf '%s\n' "${order[@]}"
    exit
fi
[ $# = 0 ] || order=("$@")
mkdir -p "$logs"
rm -f "$logs/summary"
total_passed=0 total_failed=0
PATH=$PATH:$PWD/build/tools # prometheus and promtool, see packages.sh

# Takes what a suite wrote; prints its row, and the end of its log when something failed.
judge() {
    local suite=$1 status=$2 took=$3 last passed=0 failed=0 note=
    last=$(tail -n 1 "$logs/$suite.log")
    if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed(,\ ([0-9]+)\ skipped)?$ ]]; then
        passed=${BASH_REMATCH[1]} failed=${BASH_REMATCH[2]} note=${BASH_REMATCH[3]}
        [ "$status" = 0 ] || [ "$failed" != 0 ] || { failed=1 note=", ended with code $status"; }
        [ "$passed$failed" != 00 ] || [ -n "$note" ] || { failed=1 note=", nothing was tested"; }
    else
        failed=1 note=", ended with code $status and without a sum"
    fi
    total_passed=$((total_passed + passed)) total_failed=$((total_failed + failed))
    printf '%-12s %5d passed %4d failed%s (%d s)\n' "$suite" "$passed" "$failed" "$note" "$took"
    if [ "$failed" != 0 ]; then
        grep -aE '^(FAIL|not ok)|: failed: |ERROR: |error:' "$logs/$suite.log" | head -n 20 | sed 's/^/    | /'
        echo "    the end of $logs/$suite.log:"
        tail -n 25 "$logs/$suite.log" | sed 's/^/    | /'
    fi
}

for suite in "${order[@]}"; do
    [ -n "${command[$suite]:-}" ] || { echo "run.sh: no suite $suite; there are: ${!command[*]}" >&2; exit 2; }
    began=$SECONDS
    export builds logs fuzz_seconds
    export -f unit fuzz
    timeout --kill-after=10 $suite_limit_s bash -c "${command[$suite]}" >"$logs/$suite.log" 2>&1 </dev/null
    judge "$suite" $? $((SECONDS - began))
done
echo "$total_passed passed, $total_failed failed" | tee "$logs/summary"
[ $total_failed = 0 ]
