#!/usr/bin/env bash
# lint.sh: what a tool can say about the source without running it. Each claim is a test; the last line is
# "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/.."

passed=0 failed=0
claim() { # NAME, findings on stdin: none = passed
    local findings
    findings=$(cat)
    if [ -z "$findings" ]; then
        passed=$((passed + 1))
        echo "ok   $1"
    else
        failed=$((failed + 1))
        echo "FAIL $1"
        head -n 20 <<<"$findings" | sed 's/^/     /'
    fi
}

# Tracked files and new ones that are not ignored, so that nothing escapes before it is committed.
files() { git ls-files --cached --others --exclude-standard -- "$@" | sort -u | while read -r f; do [ ! -f "$f" ] || echo "$f"; done; }

# Data flows one way: a folder includes its own files and those of the folders before it in this list.
layers=(base collector/rollup collector/dialect collector/fold collector/journal collector/cluster collector/receive collector/scrape collector/store
    analyzer exporters web cli)
wrong_includes() {
    files 'base/*.[ch]' 'collector/*.[ch]' 'analyzer/*.[ch]' 'exporters/*.[ch]' 'web/*.[ch]' 'cli/*.[ch]' |
        xargs grep -nH '^#include "' | awk -v layers="${layers[*]}" '
        function rank(path,   i, n) {
            n = 0
            for (i in layer) if (index(path, layer[i] "/") == 1) n = i
            return n + 0
        }
        BEGIN { split(layers, layer, " ") }
        {
            split($0, part, ":")
            split($0, quoted, "\"")
            if (quoted[2] ~ /\.pb-c\.h$/) next
            to = rank(quoted[2])
            if (to == 0) print part[1] ":" part[2] ": \"" quoted[2] "\" is not named from the top of the project"
            else if (to > rank(part[1])) print part[1] ":" part[2] ": " quoted[2] " lies further down the way"
        }'
}

badly_formatted() {
    # clang-format 14 says "file:line:col: error: …"; one line per file is enough.
    files '*.c' '*.h' | xargs clang-format --dry-run -Werror 2>&1 | sed -n 's/:[0-9]*:[0-9]*: error:.*/ is not formatted/p' | sort -u
}

too_long() {
    files '*.c' '*.h' '*.ts' '*.tsx' '*.sh' '*.py' '*.mjs' | xargs wc -l | awk '$2 != "total" && $1 > 700 {print $2 " has " $1 " lines"}'
}

bad_scripts() {
    files '*.sh' .ci/run | while read -r f; do bash -n "$f" 2>&1; done
    files '*.py' | while read -r f; do
        python3 -c 'import ast, sys; ast.parse(open(sys.argv[1], encoding="utf-8").read(), sys.argv[1])' "$f" 2>&1 | tail -n 1
    done
}

unfinished() {
    files '*.c' '*.h' '*.ts' '*.tsx' '*.py' '*.sh' '*.mjs' Makefile | grep -v '^tests/lint.sh$' |
        xargs grep -nHE '\b(TODO|FIXME|XXX|HACK)\b'
}

unguarded() {
    files 'base/*.h' 'collector/*.h' 'analyzer/*.h' 'exporters/*.h' 'web/*.h' 'cli/*.h' | while read -r f; do
        head -n 1 "$f" | grep -q '^/\* ' || echo "$f does not begin by saying what it is for"
        grep -q '^#ifndef SEISMESH_' "$f" || echo "$f has no guard"
    done
}

# tsc, eslint and prettier, when the page's packages are there (the build brings them).
untidy_page() {
    [ -d web/ui/node_modules ] || { echo "web/ui/node_modules is missing: build first"; return; }
    local said
    said=$(cd web/ui && npm run --silent check 2>&1) || echo "$said"
}

# Two functions of one name, one ours and one a library's, link without a word, and the wrong one is called.
shadowed_symbols() {
    local library=${BUILD:-build/release}/libseismesh.a
    [ -f "$library" ] || { echo "$library is missing: build first"; return; }
    comm -12 <(nm "$library" 2>/dev/null | awk '$2 ~ /[TDBR]/ {print $3}' | sort -u) \
        <(ldd "${BUILD:-build/release}/seismesh" | awk '$3 ~ /^\// {print $3}' | xargs -n 1 nm -D --defined-only |
            awk '{sub(/@.*/, "", $3); print $3}' | sort -u)
}

# The table of the protocol's demands names tests; a test that was renamed or deleted is missed here.
missing_tests() {
    grep -o '`[a-z0-9_]*_[a-z0-9_]*`' tests/collector/receive/README.md | tr -d '`' | grep -v '^partial_success$' | sort -u |
        while read -r name; do
            grep -rqE "^TEST\\($name\\)" tests --include='*.c' || echo "there is no test $name"
        done
}

claim "folders include only what comes before them" < <(wrong_includes)
claim "C is formatted by .clang-format" < <(badly_formatted)
claim "no source file is longer than 700 lines" < <(too_long)
claim "scripts parse" < <(bad_scripts)
claim "nothing is marked as unfinished" < <(unfinished)
claim "the tests that show what OTLP demands exist" < <(missing_tests)
claim "every header says what it is for and has a guard" < <(unguarded)
claim "the page is typed, linted and formatted" < <(untidy_page)
claim "no function has the name of a library's" < <(shadowed_symbols)
echo "$passed passed, $failed failed"
[ $failed = 0 ]
