#!/bin/sh
# Installs the JavaScript packages of the folder given (default: this one), exactly as its lock file says.
#
#   install.sh [FOLDER]
#
# Judged by what is there afterwards, not by npm's exit code: npm 9.2 of Debian 12 sometimes installs everything and
# then ends with 1 and "Exit handler never called". Does nothing, and needs no network, when all is there already.
set -eu
folder=$(CDPATH= cd -- "${1:-$(dirname -- "$0")}" && pwd)
cd "$folder"

# Says what is missing, one a line; nothing when all is in place.
missing() {
    node --input-type=module -e '
        import { readFileSync } from "node:fs";
        import { execFileSync } from "node:child_process";
        const read = file => JSON.parse(readFileSync(file, "utf8"));
        const own = read("package.json");
        for (const [name, version] of Object.entries({ ...own.dependencies, ...own.devDependencies })) {
            try {
                const found = read(`node_modules/${name}/package.json`).version;
                if (found !== version) console.log(`${name}: ${found} is installed, ${version} is wanted`);
            } catch {
                console.log(`${name} ${version} is not installed`);
            }
        }
        if (own.devDependencies?.esbuild) {
            try {
                const said = execFileSync("node_modules/.bin/esbuild", ["--version"], { encoding: "utf8" }).trim();
                if (said !== own.devDependencies.esbuild) console.log(`esbuild says it is ${said}`);
            } catch (error) {
                console.log(`esbuild does not run: ${error.message.split("\n")[0]}`);
            }
        }'
}

for tool in node npm; do
    command -v $tool >/dev/null || { echo "install.sh: $tool is missing; on Debian: apt-get install nodejs npm" >&2; exit 1; }
done

[ -z "$(missing)" ] && exit 0

log=$(mktemp)
trap 'rm -f "$log"' EXIT
npm ci --ignore-scripts --no-audit --no-fund >"$log" 2>&1 || true

left=$(missing)
if [ -n "$left" ]; then
    echo "install.sh: npm could not install what $folder/package-lock.json names:" >&2
    echo "$left" | sed 's/^/  /' >&2
    echo "npm said:" >&2
    tail -n 15 "$log" | sed 's/^/  /' >&2
    echo "This needs the network once (a registry behind a proxy: npm config set registry, NODE_EXTRA_CA_CERTS)." >&2
    exit 1
fi
