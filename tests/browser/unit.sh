#!/bin/sh
# Unit tests of the page's own logic, bundled by esbuild and run by Node's test runner. Last line: N passed, M failed.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$here/../../web/ui/node_modules/.bin/esbuild" "$here"/unit/*.test.ts --bundle --platform=node --format=cjs \
    --target=node18 --outdir="$out" --log-level=warning
node --test --test-reporter=tap "$out"/*.js >"$out/report.txt" 2>&1 || true
sed -n -E 's/^ *# Subtest: /  /p' "$out/report.txt" | grep -v '\.test\.js$' || true
grep -B2 -A24 -E '^ *not ok ' "$out/report.txt" || true
passed=$(sed -n 's/^# pass //p' "$out/report.txt")
failed=$(sed -n 's/^# fail //p' "$out/report.txt")
passed=${passed:-0} failed=${failed:-1}
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
