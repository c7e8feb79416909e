#!/usr/bin/env bash
# coverage.sh: how many lines of each decoder its fuzz targets reach, together: the seeds in the tree, then new inputs
# for some seconds. Prints a Markdown table; fails when a decoder is below the limit.
#
#   tests/fuzz/coverage.sh [--seconds 10] [--limit 90]
#
# Needs clang, llvm-profdata and llvm-cov (Debian: clang, llvm). Builds build/cover.
set -uo pipefail
cd "$(dirname "$0")/../.."

seconds=10 limit=90
while [ $# -gt 1 ]; do
    case $1 in
    --seconds) seconds=$2 ;;
    --limit) limit=$2 ;;
    *) echo "coverage.sh: unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done
for tool in clang llvm-profdata llvm-cov; do
    command -v $tool >/dev/null || { echo "SKIPPED: needs $tool" >&2; exit 0; }
done

# Targets, and the sources that parse what these are given.
rows=(
    "otlp_traces,otlp_metrics,otlp_logs base/bytes.c collector/fold/otlp_check.c"
    "otlp_traces collector/fold/otlp_spans.c collector/fold/span.c"
    "otlp_metrics collector/fold/otlp_metrics.c collector/fold/points.c"
    "otlp_logs collector/fold/otlp_logs.c collector/fold/access_line.c"
    "otlp_json collector/fold/otlp_json.c collector/fold/json_scan.c"
    "otlp_answer collector/receive/status.c"
    "h2 collector/receive/h2_session.c collector/receive/grpc_stream.c"
    "grpc_frame collector/receive/grpc_frame.c"
    "inflate collector/receive/inflate.c"
    "segment collector/journal/segment.c"
    "frame collector/rollup/frame.c collector/rollup/cell_codec.c collector/rollup/sketch_codec.c"
    "chunk collector/store/chunk.c collector/store/chunk_cell.c collector/store/chunk_sketch.c base/range_coder.c"
    "spanblock collector/store/spanblock.c"
    "kafka_offsets collector/journal/kafka_offsets.c"
    "partition collector/cluster/state_piece.c"
    "partition,otlp_metrics collector/fold/delta.c"
    "partition,otlp_traces collector/fold/pairing.c collector/fold/recent.c"
    "rollup_log collector/cluster/rollup_log.c"
    "config base/config_yaml.c"
    "dialect_yaml collector/dialect/dialect_yaml.c"
    "scrape_config collector/scrape/scrape_config.c"
    "exposition collector/scrape/exposition.c collector/scrape/number.c collector/scrape/translate.c"
    "web_query web/target.c web/request.c web/moment.c"
    "answer analyzer/answers.c"
    "analyzer_state analyzer/codec.c analyzer/walk.c analyzer/season.c analyzer/routing/verify_codec.c"
    "scenario,action analyzer/simulate/scenario.c analyzer/simulate/schema.c"
)

targets=$(for row in "${rows[@]}"; do tr , '\n' <<<"${row%% *}"; done | sort -u)
make --no-print-directory -j2 VARIANT=cover BUILD=build/cover $(printf 'build/cover/fuzz/fuzz_%s ' $targets) || exit 1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# Runs a target; what it reached is in $work/TARGET.data.
reach() {
    local target=$1 corpus=tests/fuzz/corpus/$1 dictionary=tests/fuzz/$1.dict
    mkdir -p "$work/$target"
    [ ! -d "$corpus" ] || cp -r "$corpus/." "$work/$target"
    LLVM_PROFILE_FILE=$work/$target.raw "build/cover/fuzz/fuzz_$target" -seed=1 -max_total_time="$seconds" \
        $([ -f "$dictionary" ] && echo "-dict=$dictionary") "$work/$target" >"$work/said" 2>&1 ||
        { echo "fuzz_$target ended badly:" >&2; tail -n 5 "$work/said" >&2; failed=1; }
    llvm-profdata merge -o "$work/$target.data" "$work/$target.raw"
}

for target in $targets; do reach "$target"; done
echo "| target | source | lines reached | of |"
echo "|---|---|---|---|"
for row in "${rows[@]}"; do
    read -r -a words <<<"$row"
    IFS=, read -r -a those <<<"${words[0]}"
    llvm-profdata merge -o "$work/data" $(printf "$work/%s.data " "${those[@]}")
    programs=$(printf -- '-object build/cover/fuzz/fuzz_%s ' "${those[@]}")
    for source in "${words[@]:1}"; do
        [ -f "$source" ] || { echo "coverage.sh: there is no $source" >&2; failed=1; continue; }
        read -r lines share < <(llvm-cov report ${programs#-object } -instr-profile="$work/data" "$source" |
            awk '$1 == "TOTAL" {print $8, $10}')
        echo "| ${words[0]//,/, } | \`$source\` | $share | $lines |"
        awk -v share="${share%\%}" -v limit="$limit" 'BEGIN {exit share + 0 < limit}' || failed=1
    done
done
exit $failed
