#!/usr/bin/env python3
"""cluster.py: three workers and a view over a real Kafka broker, killed again and again under load.

    cluster.py --properties server.properties --libs FOLDER [--build build/release] [--spans N] [--rate N] [--blows N]
               [--seed N] [--port N] [--broker-port N] [--only BLOW]...

W0 goes to the receivers of worker 1 (which is never struck, since it has to acknowledge) while blows fall:
    kill      a worker gets SIGKILL and comes back
    gone      a worker gets SIGKILL and does not come back before the end (then it does: it has spans)
    frozen    a worker stands still for longer than the group waits, and goes on: others have its partitions by then
    leave     a worker is stopped in good order and comes back
    late      another worker joins
    brief     another worker joins, and leaves before the group has settled
    view      the view gets SIGKILL and comes back
    broker    the broker gets SIGKILL and comes back
In the end the view's counts are compared with the ledger, exactly, traces are read through the view, every span once,
and every store is given to PRAGMA integrity_check. The
instants and blows come from the seed, which is printed. The last line is "N passed, N failed".
"""
import argparse
import glob
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
BLOWS = ("kill", "gone", "frozen", "leave", "late", "brief", "view", "broker")
WORKERS = 4  # the last one joins late


def wait_for(what, seconds, ready):
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise SystemExit(f"after {seconds} s still not: {what}")
        time.sleep(0.1)


class Process:
    everybody = []

    def __init__(self, command, log):
        self.command, self.log, self.process = command, log, None
        Process.everybody.append(self)

    def start(self):
        with open(self.log, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def strike(self):
        if self.runs():
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def stop(self):
        if not self.runs():
            return
        self.process.terminate()
        code = self.process.wait(timeout=60)
        if code != 0:
            raise SystemExit(f"{self.command[0]} ended with code {code}; see {self.log}")


class Broker(Process):
    def __init__(self, options, work):
        super().__init__(["java", "-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp",
                          f"{options.libs}/*", "kafka.Kafka", options.properties], os.path.join(work, "broker.log"))
        self.port = options.broker_port

    def listens(self):
        if not self.runs():
            raise SystemExit(f"the broker ended; see {self.log}")
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def start(self):
        super().start()
        wait_for("the broker listens", 60, self.listens)


class Node(Process):
    def __init__(self, options, work, role, number):
        self.name, self.port = f"{role}{number}", options.port + 3 * number
        self.data = os.path.join(work, self.name)
        super().__init__([os.path.join(options.build, "seismesh"), "serve", "--role", role, "--data", self.data,
                          "--journal.kind", "kafka", "--kafka.brokers", f"127.0.0.1:{options.broker_port}",
                          "--listen.otlp_http", f"127.0.0.1:{self.port}",
                          "--listen.otlp_grpc", f"127.0.0.1:{self.port + 1}",
                          "--listen.web", f"127.0.0.1:{self.port + 2}",
                          "--kafka.properties", "session.timeout.ms=6000; topic.metadata.refresh.interval.ms=1000",
                          "--cluster.keep_seconds", "2", "--limits.silence_seconds", "2",
                          # the broker may be away between the two halves of a call, for a minute
                          "--pairing.window_seconds", "120"] + options.flag,
                         os.path.join(work, f"{self.name}.log"))

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port + 2}{path}", timeout=5) as answer:
                return answer.read()
        except (urllib.error.URLError, OSError):
            return b""

    def status(self):
        return json.loads(self.get("/api/v1/status") or b"{}")

    def stop(self):
        if self.runs():
            wait_for(f"{self.name} answers", 60, self.status)  # it minds SIGTERM by then
        super().stop()

    def is_ready(self):
        return self.get("/readyz").strip() == b"ready"


class Cluster:
    def __init__(self, options, work):
        self.options, self.work = options, work
        self.broker = Broker(options, work)
        self.workers = [Node(options, work, "worker", n) for n in range(WORKERS)]
        self.view = Node(options, work, "view", WORKERS)
        self.counts = dict.fromkeys(BLOWS, 0)

    def start(self):
        self.broker.start()
        for node in self.workers[:3] + [self.view]:
            node.start()
        for node in self.workers[:3] + [self.view]:
            wait_for(f"{node.name} is ready", 60, node.is_ready)

    def strike(self, blow, chance):
        victim = chance.choice(self.workers[1:3])
        if blow == "view":
            self.view.strike()
            self.view.start()
        elif blow == "broker":
            self.broker.strike()
            self.broker.start()
        elif blow == "late":
            victim = self.workers[3]
            victim.stop() if victim.runs() else victim.start()
        elif blow == "brief":
            victim = self.workers[3]
            victim.stop()
            victim.start()
            time.sleep(chance.uniform(0.0, 4.0))
            victim.stop()
        elif not victim.runs():
            victim.start()
        elif blow == "kill":
            victim.strike()
            victim.start()
        elif blow == "gone":
            victim.strike()
        elif blow == "leave":
            victim.stop()
            victim.start()
        elif blow == "frozen":
            victim.process.send_signal(signal.SIGSTOP)
            time.sleep(9)
            victim.process.send_signal(signal.SIGCONT)
        self.counts[blow] += 1

    def settled(self):
        status = self.view.status()
        cluster, journal, checkpoint = (status.get(key) or {} for key in ("cluster", "journal", "checkpoint"))
        if not cluster.get("settled") or journal.get("behind_bytes") != 0:
            return False
        if checkpoint.get("position", -1) < journal.get("end", 0):
            return False
        for worker in self.workers:
            if not worker.runs():
                continue
            status = worker.status()
            if not (status.get("cluster") or {}).get("settled") or status["journal"]["behind_bytes"] != 0:
                return False
        return True

    def wait_until_settled(self):
        """Calm for some seconds: what a worker has read last is said, read by the view, and in a checkpoint."""
        calm = 0
        deadline = time.monotonic() + 180
        while calm < 4:
            calm = calm + 1 if self.settled() else 0
            if time.monotonic() > deadline:
                raise SystemExit(f"not settled after 180 s: {self.view.status().get('cluster')}")
            time.sleep(1)

    def items(self):
        lines = self.view.get("/metrics").decode().splitlines()
        return {line.split('"')[1]: int(float(line.split()[-1])) for line in lines
                if line.startswith("seismesh_cluster_items_total{")}

    def damaged_stores(self):
        damaged = []
        for path in glob.glob(os.path.join(self.work, "*", "seismesh.sqlite")):
            connection = sqlite3.connect(path)
            if connection.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
                damaged.append(path)
            connection.close()
        return damaged


def load(options, cluster, ledger):
    generator = Process([os.path.join(options.build, "tests", "bench", "loadgen"), "--to",
                         f"http://127.0.0.1:{cluster.workers[0].port}", "--spans", str(options.spans), "--rate",
                         str(options.rate), "--seed", str(options.seed), "--patience", "120", "--out", ledger],
                        os.path.join(cluster.work, "loadgen.log"))
    generator.start()
    return generator


def torment(options, cluster, chance, generator):
    began, seconds = time.monotonic(), options.spans / options.rate
    for number in range(options.blows):
        instant = (number + chance.uniform(0.2, 1.0)) * seconds / (options.blows + 1)
        time.sleep(max(0.0, began + instant - time.monotonic()))
        blow = chance.choice(options.only or BLOWS)
        cluster.strike(blow, chance)
        print(f"{time.monotonic() - began:7.1f} s: {blow}" + ("" if generator.runs() else " (the load has ended)"), flush=True)
    if generator.process.wait() != 0:
        raise SystemExit("the generator did not get everything acknowledged")


def run(options, work, chance):
    cluster, ledger = Cluster(options, work), os.path.join(work, "ledger.json")
    cluster.start()
    torment(options, cluster, chance, load(options, cluster, ledger))
    for worker in cluster.workers:
        if worker.process is not None and not worker.runs():
            worker.start()
            wait_for(f"{worker.name} is ready", 60, worker.is_ready)
    cluster.wait_until_settled()
    items = cluster.items()
    verdict = subprocess.run([sys.executable, os.path.join(HERE, "ledger.py"), ledger, "--api",
                              f"http://127.0.0.1:{cluster.view.port + 2}", "--spans-elsewhere"],
                             check=False).returncode
    for node in cluster.workers + [cluster.view]:
        node.stop()
    damaged = cluster.damaged_stores()
    print(f"blows: {', '.join(f'{count} {name}' for name, count in cluster.counts.items() if count)}; "
          f"what workers said, as the last view counted: {items}")
    return (("the view's counts and traces equal the ledger", verdict == 0),
            ("nothing that a worker said is missing", items.get("missing") == items.get("found_late")),
            (f"integrity_check of every store{' but ' + ', '.join(damaged) if damaged else ''}", not damaged))


def main():
    parser = argparse.ArgumentParser(description="three workers and a view over Kafka, killed under load")
    parser.add_argument("--properties", required=True, help="of the broker, formatted")
    parser.add_argument("--libs", required=True, help="folder of Kafka's jars")
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--spans", type=int, default=400_000)
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--blows", type=int, default=5)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--port", type=int, default=20700, help="the first of fifteen")
    parser.add_argument("--broker-port", type=int, default=20790)
    parser.add_argument("--only", action="append", choices=BLOWS)
    parser.add_argument("--flag", action="append", default=[], help="a further argument for serve")
    parser.add_argument("--keep", action="store_true", help="keep the data directories")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = int.from_bytes(os.urandom(4), "little")
    print(f"seed {options.seed}: {options.spans} spans at {options.rate} a second, {options.blows} blows", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    work = tempfile.mkdtemp(prefix="seismesh-cluster-")
    try:
        claims = run(options, work, random.Random(options.seed))
    except SystemExit as reason:
        if reason.code == 130:
            raise
        claims = ((str(reason.code), False),)
    passed = sum(held for _, held in claims)
    for name, held in claims:
        print(f"{'ok  ' if held else 'FAIL'} {name}")
    if passed < len(claims):
        for log in sorted(glob.glob(os.path.join(work, "*.log"))):
            print(f"-- the end of {os.path.basename(log)}:")
            with open(log, encoding="utf-8", errors="replace") as file:
                print("".join(file.readlines()[-25:]), end="")
    if options.keep:
        print(f"kept: {work}")
    for process in Process.everybody:
        process.strike()
    if not options.keep:
        shutil.rmtree(work)
    print(f"{passed} passed, {len(claims) - passed} failed")
    return 0 if passed == len(claims) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        for left in Process.everybody:
            left.strike()
