#!/usr/bin/env python3
"""kill.py: what a crash costs. Kills the server with SIGKILL at random instants under load and starts it again.

    kill.py [--build build/release] [--spans N] [--kills N] [--rate SPANS_PER_SECOND] [--seed N] [--port N]

Two claims, each on a data directory of its own:
1. After W0 with kills, the generator retrying until everything was acknowledged, the ledger compares exactly: nothing
   acknowledged is lost, and a request that was sent again because its connection broke is counted once.
2. The same requests in the same order, once without and once with kills, leave the same state: after a clean stop the
   two databases are equal table by table.
The instants come from the seed, which is printed. The last line is "N passed, N failed".
"""
import argparse
import glob
import hashlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))

# What says how the state came about, not what it is: a request whose connection broke is journaled a second time (and
# folded once), so positions differ; so does the number of checkpoints.
NOT_STATE = {"meta": ("position", "checkpoints", "created_ns")}

# Silence moves event time on by the wall clock, so a pause of some seconds (a slow restart, a busy machine) is input too,
# and one that two runs cannot have in common: the claim about equal input is made without it.
NO_TICKS = ["--limits.silence_seconds", "86400"]

# The fold's state holds, behind its version and two event times, the wall time at which the last record arrived: the
# one thing of the input that two runs cannot have in common (fold_save() in collector/fold/fold.c).
ARRIVAL = slice(1 + 8 + 8, 1 + 8 + 8 + 8)


def normalised(table, row):
    if table == "state" and row[0] == "fold":
        state = bytearray(row[1])
        state[ARRIVAL] = bytes(8)
        return row[0], bytes(state)
    return row


class Server:
    running = []  # processes to be ended with this one, however that comes

    def __init__(self, options, data, log):
        self.options, self.data, self.log, self.process = options, data, log, None
        self.flags, self.environment = list(options.flag), {}

    def url(self, path=""):
        return f"http://127.0.0.1:{self.options.port + 2}{path}"

    def start(self):
        port = self.options.port
        command = [os.path.join(self.options.build, "seismesh"), "serve", "--data", self.data,
                   "--listen.otlp_http", f"127.0.0.1:{port}", "--listen.otlp_grpc", f"127.0.0.1:{port + 1}",
                   "--listen.web", f"127.0.0.1:{port + 2}"] + self.flags
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env={**os.environ, **self.environment})
        Server.running.append(self.process)

    def wait_ready(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise SystemExit(f"seismesh ended with code {self.process.returncode}; see {self.log.name}")
            try:
                with urllib.request.urlopen(self.url("/readyz"), timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.02)
        raise SystemExit("seismesh did not get ready within a minute")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.terminate()
        code = self.process.wait(timeout=120)
        if code != 0:
            raise SystemExit(f"seismesh ended with code {code} after SIGTERM")


def settle(server):
    """Waits until everything is folded and in a checkpoint."""
    sys.path.insert(0, HERE)
    from ledger import Api
    Api(server.url()).wait_until_settled(120)


def generate(options, ledger, *extra):
    command = [os.path.join(options.build, "tests", "bench", "loadgen"), "--to", f"http://127.0.0.1:{options.port}",
               "--spans", str(options.spans), "--rate", str(options.rate), "--seed", str(options.seed),
               "--out", ledger, *extra]
    generator = subprocess.Popen(command)
    Server.running.append(generator)
    return generator


def run_load(options, server, ledger, kills, instants, *extra):
    """Sends everything, with so many kills in between; leaves the server running and settled."""
    server.start()
    server.wait_ready()
    generator = generate(options, ledger, *extra)
    seconds = options.spans / options.rate
    began = time.monotonic()
    for number, instant in enumerate(sorted(instants.uniform(0.05, 0.95) * seconds for _ in range(kills))):
        time.sleep(max(0.0, began + instant - time.monotonic()))
        if generator.poll() is not None:
            print(f"the load ended before kill {number + 1}")
            break
        server.kill()
        print(f"killed at {time.monotonic() - began:.3f} s")
        server.start()
    if generator.wait() != 0:
        raise SystemExit("the generator did not get everything acknowledged")
    server.wait_ready()
    settle(server)


def table_digests(data):
    """Name -> (rows, digest) of every table, rows in order of all their columns."""
    files = [name for name in glob.glob(os.path.join(data, "**", "*"), recursive=True)
             if os.path.isfile(name) and open(name, "rb").read(15) == b"SQLite format 3"]
    if len(files) != 1:
        raise SystemExit(f"{data} holds {len(files)} SQLite files, not one")
    connection = sqlite3.connect(f"file:{files[0]}?mode=ro", uri=True)
    digests = {}
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall():
        columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
        order = ", ".join(f'"{column}"' for column in columns)
        digest, rows = hashlib.sha256(), {}
        count = 0
        for row in connection.execute(f'SELECT * FROM "{table}" ORDER BY {order}'):
            if row[0] in NOT_STATE.get(table, ()):
                continue
            text = repr(normalised(table, row)).encode()
            digest.update(text)
            count += 1
            rows[row[0]] = hashlib.sha256(text).hexdigest()[:12]
        digests[table] = (count, digest.hexdigest()[:16], rows)
    connection.close()
    return digests


def claim_ledger(options, work, instants):
    ledger = os.path.join(work, "ledger.json")
    with open(os.path.join(work, "ledger.log"), "w", encoding="utf-8") as log:
        server = Server(options, os.path.join(work, "ledger"), log)
        run_load(options, server, ledger, options.kills, instants)
        code = subprocess.run([sys.executable, os.path.join(HERE, "ledger.py"), ledger, "--api", server.url()],
                              check=False).returncode
        server.stop()
    return code == 0


def claim_same_state(options, work, instants):
    digests = []
    start = str(int(time.time()) - 3600)
    for name, kills in (("undisturbed", 0), ("killed", options.kills)):
        with open(os.path.join(work, f"{name}.log"), "w", encoding="utf-8") as log:
            server = Server(options, os.path.join(work, name), log)
            server.flags += NO_TICKS
            run_load(options, server, os.path.join(work, f"{name}.json"), kills, instants,
                     "--connections", "1", "--start", start, "--step-ms", "7000")
            server.stop()
        digests.append(table_digests(server.data))
    same = True
    left, right = digests
    for table in sorted(set(left) | set(right)):
        a, b = left.get(table, (0, "absent", {})), right.get(table, (0, "absent", {}))
        equal = a[:2] == b[:2]
        same = same and equal
        print(f"{'ok  ' if equal else 'FAIL'} table {table}: {a[0]} rows {a[1]}" + ("" if equal else f", not {b[0]} rows {b[1]}"))
        if not equal:
            differ = [key for key in {**a[2], **b[2]} if a[2].get(key) != b[2].get(key)]
            print(f"       rows that differ, by first column: {differ[:6]} of {len(differ)}")
    return same


def main():
    parser = argparse.ArgumentParser(description="kill the server under load and compare")
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--spans", type=int, default=10_000_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--rate", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--port", type=int, default=20720, help="the first of three")
    parser.add_argument("--keep", action="store_true", help="keep the data directories")
    parser.add_argument("--only", choices=("ledger", "state"))
    parser.add_argument("--flag", action="append", default=[], help="a further argument for serve")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = int.from_bytes(os.urandom(4), "little")
    print(f"seed {options.seed}: {options.spans} spans at {options.rate} a second, {options.kills} kills")
    instants = random.Random(options.seed)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    work = tempfile.mkdtemp(prefix="seismesh-kill-")
    passed = failed = 0
    claims = (("ledger", "after kills under load, the ledger compares exactly", claim_ledger),
              ("state", "a killed run leaves the same state as an undisturbed one", claim_same_state))
    for key, name, claim in claims:
        if options.only not in (None, key):
            continue
        try:
            held = claim(options, work, instants)
        except SystemExit as reason:
            if reason.code == 130:
                raise
            print(reason)
            held = False
        print(f"{'ok  ' if held else 'FAIL'} {name}")
        passed, failed = passed + held, failed + (not held)
    if failed:
        for log in sorted(glob.glob(os.path.join(work, "*.log"))):
            print(f"-- the end of {os.path.basename(log)}:")
            with open(log, encoding="utf-8", errors="replace") as file:
                print("".join(file.readlines()[-10:]), end="")
    if options.keep:
        print(f"kept: {work}")
    else:
        shutil.rmtree(work)
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        for left in Server.running:
            if left.poll() is None:
                left.kill()
