#!/usr/bin/env python3
"""meshes.py RESULTS: one row for each of the ten platforms: what reads it, what answers it, its recording with the
expected graph, which of its objects a real schema has accepted, its page. RESULTS are the lines of validate.py.

Fails where something is not there; a schema that cannot be had is said ("NOT VALIDATED") and is no failure of ours."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]

# Platform: dialect, recordings, routing languages, page. AKS is Istio or Open Service Mesh as Azure's add-ons.
MESHES = {
    "Istio": ("istio", ["istio"], ["istio", "gateway-api"], "istio"),
    "Linkerd": ("linkerd", ["linkerd"], ["linkerd", "gateway-api"], "linkerd"),
    "Consul": ("consul", ["consul"], ["consul", "consul-k8s"], "consul"),
    "Kuma": ("kuma", ["kuma2", "kuma3"], ["kuma", "kuma-universal"], "kuma"),
    "AWS App Mesh": ("app_mesh", ["app_mesh"], ["app-mesh", "gateway-api"], "app-mesh"),
    "Azure (AKS add-ons)": ("istio", ["istio", "osm"], ["istio", "osm"], "aks"),
    "Google Cloud Service Mesh": ("google", ["google"], ["google", "google-routing"], "google"),
    "Traefik": ("traefik", ["traefik"], ["traefik", "traefik-file", "traefik-mesh"], "traefik"),
    "Network Service Mesh": ("nsm", ["nsm"], ["nsm"], "nsm"),
    "Open Service Mesh": ("osm", ["osm"], ["osm", "gateway-api"], "osm"),
}


def schemas(results, languages):
    """Objects that fitted, kinds that no schema was found for."""
    fitted, missing = 0, []
    for line in results:
        found = re.match(r"(ok|skip) +(\S+) ([^:]+): (?:(\d+) objects)?", line)
        if found and found.group(2) in languages:
            if found.group(1) == "ok":
                fitted += int(found.group(4) or 0)
            else:
                missing.append(found.group(3))
    return fitted, sorted(set(missing))


def row(dialect, recordings, languages, page, results):
    lacks = []
    if not (ROOT / f"collector/dialect/{dialect}.c").exists():
        lacks.append(f"no dialect {dialect}")
    golden = (ROOT / "tests/collector/dialect/test_golden.c").read_text()
    for recording in recordings:
        folder = ROOT / "datasets/meshes" / recording
        if not (folder / "expected.txt").exists() or not list(folder.glob("*.jsonl")):
            lacks.append(f"no recording {recording}")
        if f"MESH({recording})" not in golden:
            lacks.append(f"recording {recording} is not tested")
    text = (ROOT / "docs/meshes" / f"{page}.md")
    if not text.exists() or page + ".md" not in (ROOT / "README.md").read_text():
        lacks.append(f"no page {page}.md in the README")
    for language in languages:
        if not (ROOT / "analyzer/routing" / (language.replace("-", "_") + ".c")).exists():
            lacks.append(f"no routing language {language}")
    fitted, missing = schemas(results, languages)
    if fitted == 0 and not missing:
        lacks.append("no object was looked at")
    schema = f"{fitted} objects fit their schemas" + (f", NOT VALIDATED: {', '.join(missing)}" if missing else "")
    return lacks, f"read by {dialect}.c from {' and '.join(recordings)}, answered in {', '.join(languages)}; {schema}; docs/meshes/{page}.md"


def main():
    results = pathlib.Path(sys.argv[1]).read_text().splitlines()
    for name, (dialect, recordings, languages, page) in MESHES.items():
        lacks, told = row(dialect, recordings, languages, page, results)
        print(f"FAIL mesh {name}: {'; '.join(lacks)}" if lacks else f"ok   mesh {name}: {told}")


if __name__ == "__main__":
    main()
