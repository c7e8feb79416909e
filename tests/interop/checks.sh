# checks.sh, to be sourced at the root of the tree: runs checks of other people's programs, and keeps what they say.
#
#   check FOLDER/NAME PROGRAM...   runs NAME.mjs with the programs; one that does not come to its end, in five minutes or
#                                  $limit_s, is a failure
#   peer NAME[-if-warm] SECONDS    brings a program (peers/build.sh); false, and said aloud, when it cannot be had
#   sum                            "N passed, N failed, N skipped"; false when something failed
results=$(mktemp)
trap 'rm -f "$results"' EXIT
export NO_PROXY="127.0.0.1,localhost${NO_PROXY:+,$NO_PROXY}" no_proxy="127.0.0.1,localhost${no_proxy:+,$no_proxy}"

say() { echo "$*" | tee -a "$results"; }

check() {
    local name=${1##*/} status
    timeout "${limit_s:-300}" node "$1.mjs" "${@:2}" 2>&1 | tee -a "$results"
    status=${PIPESTATUS[0]}
    [ "$status" = 0 ] || [ "$status" = 1 ] || say "FAIL $name: ended with $status"
    [ "$status" != 1 ] || grep -q "^FAIL $name" "$results" || say "FAIL $name: ended with 1 and no word of why"
}

peer() {
    local why
    why=$(timeout "$2" tests/interop/peers/build.sh "$1") && return 0
    say "skip ${1%-if-warm}: NOT TESTED: ${why:-it was not there after $2 s}"
    return 1
}

sum() {
    local failed
    failed=$(grep -c '^FAIL ' "$results")
    echo "$(grep -c '^ok ' "$results") passed, $failed failed, $(grep -c '^skip ' "$results") skipped"
    [ "$failed" = 0 ]
}
