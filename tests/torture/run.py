#!/usr/bin/env python3
"""run.py: the server under fire; each row of docs/reliability.md by its name.

    run.py [--short] [--row D3]... [--seed N] [--build build/release] [--port N] [--keep]

--short is what `make test` can afford; without it, `make torture`. Random choices come from the seed, which is printed.
The folder of the build is named by its variant. With build/tsan what the thread sanitizer reports fails the row; it
takes a few times the memory, so that rows which bound it (D4, O1, O2, O3) are not for it.
The last line is "N passed, N failed".
"""
import argparse
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import clients
import disk
import floods
import kills
import overload
from kit import Bench, end_all

ROWS = {"D1": kills.d1, "D3": disk.d3, "D4": disk.d4, "O1": overload.o1, "O2": overload.o2, "O3": clients.o3,
        "O5": overload.o5, "N1": floods.n1, "N2": floods.n2}

# What a row takes of load (spans, seconds), how often it fails or kills, how many clients it has; how many times longer
# than promised something may take: the short form runs on machines that do other things, too.
SIZES = {True: {"slack": 5, "spans": 60000, "seconds": 6, "failures": 3, "kills": 10, "clients": 3000},
         False: {"slack": 1, "spans": 200000, "seconds": 60, "failures": 40, "kills": 1000, "clients": 10000}}


def main():
    parser = argparse.ArgumentParser(description="the server under fire")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--row", action="append", choices=ROWS)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "little"))
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--port", type=int, default=20780, help="the first of three")
    parser.add_argument("--keep", action="store_true", help="keep the data directories")
    options = parser.parse_args()
    for name, value in SIZES[options.short].items():
        setattr(options, name, value)
    options.flag = []
    options.work = tempfile.mkdtemp(prefix="seismesh-torture-")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    variant = os.path.basename(options.build)
    made = subprocess.run(["make", "--no-print-directory", "-j2", f"VARIANT={variant}", f"BUILD={options.build}", "all",
                           "torture-tools"], check=False)
    if made.returncode != 0:
        print("the build failed\n0 passed, 1 failed")
        return 1
    os.environ["TSAN_OPTIONS"] = f"{os.environ.get('TSAN_OPTIONS', '')} log_path={options.work}/races"
    print(f"seed {options.seed}")
    passed = failed = 0
    for row in options.row or ROWS:
        bench, began = Bench(options, row), time.monotonic()
        try:
            ROWS[row](bench)
        except (SystemExit, OSError, subprocess.TimeoutExpired) as reason:
            if isinstance(reason, SystemExit) and reason.code == 130:
                raise
            bench.claim(f"ended early: {reason}", False)
        end_all()
        for report in sorted(glob.glob(os.path.join(options.work, "races.*"))):
            with open(report, encoding="utf-8", errors="replace") as file:
                print("".join(file.readlines()[:60]))
            os.remove(report)
            bench.claim("the thread sanitizer reports nothing", False)
        print(f"     {row}: {time.monotonic() - began:.0f} s")
        bench.close()
        passed, failed = passed + bench.passed, failed + bench.failed
    if not options.keep:
        shutil.rmtree(options.work)
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        end_all()
