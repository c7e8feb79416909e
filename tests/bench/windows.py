#!/usr/bin/env python3
"""windows.py FOLDER PROGRAM: every window of recorded incidents by itself through `backtest`: spans, points, services and
edges must equal what FOLDER/truth.json counts. Says which do not; ends with "N windows, N differ"."""
import json
import os
import re
import subprocess
import sys
import tempfile

folder, program = sys.argv[1:]
with open(os.path.join(folder, "truth.json"), encoding="utf-8") as handle:
    truth = json.load(handle)
windows, differ = truth["incidents"] + truth["normal"], 0
with tempfile.TemporaryDirectory() as work:
    for window in windows:
        files = [os.path.join(folder, name) for name in window["files"].values()]
        run = subprocess.run([program, "backtest", *files, "--config", "datasets/incidents.yaml", "--out",
                              os.path.join(work, "out.json")], capture_output=True, text=True, check=True)
        found = re.search(r"(\d+) spans, (\d+) points, (\d+) services, (\d+) edges", run.stdout + run.stderr)
        got = dict(zip(("spans", "metric_points", "services", "edges"), map(int, found.groups())))
        wrong = {key: (got[key], window["counts"][key]) for key in got if key in window["counts"] and got[key] != window["counts"][key]}
        if wrong:
            differ += 1
            print(f"{window['id']}: found and told: {wrong}")
print(f"{len(windows)} windows, {differ} differ")
sys.exit(differ > 0)
