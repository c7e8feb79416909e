#!/usr/bin/env python3
"""suite.py: seismesh and its peers on the same bytes, in one run: what `make bench` measures and docs/benchmarks.md holds.

    suite.py [--quick | --full] [--only NAME]... [--build build/release] [--port 20900] [--out REPORT.md]

Every server runs alone, pinned to core 0, the generator and the sinks on core 1. Phases: a warm-up, whose ledger is
compared, where the server has something to compare; a closed loop on 8 connections (the figures of cost and rate), which
ends when the server has come to rest; an open loop at half of the rate reached, where an acknowledgement's latency
counts from the moment its request was scheduled. A peer that takes longer is given fewer rounds of the same generator
and seed; the report has the number. The bare sink comes first and last: figures are refused when it is not at least
five times cheaper than the cheapest server. A peer that is not there is named, with the reason. Python 3 standard
library only."""
import argparse
import datetime
import glob
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

TICK = os.sysconf("SC_CLK_TCK")
HERE = os.path.dirname(os.path.abspath(__file__))
GO = {"GOMAXPROCS": "1", "GOMEMLIMIT": "1GiB"}

# name: work, kind of server, protocol, share of the run's spans, flags, environment
ROWS = {
    "seismesh-http": ("A", "seismesh", "http", 1, ["--spans.store", "false", "--durability", "process"], {}),
    "collector-http": ("A", "collector", "http", 0.2, [], {**GO, "GOGC": "400"}),
    "seismesh-grpc": ("A, gRPC", "seismesh", "grpc", 1, ["--spans.store", "false", "--durability", "process"], {}),
    "collector-grpc": ("A, gRPC", "collector", "grpc", 0.2, [], {**GO, "GOGC": "400"}),
    "seismesh-disk": ("B", "seismesh", "http", 1, ["--spans.store", "true", "--durability", "disk"], {}),
    "jaeger-badger": ("B", "jaeger", "http", 0.04, [], {**GO, "GOGC": "400"}),
    "rotel-forward": ("C", "rotel", "http", 0.5, [], {}),
    "seismesh-forward": ("A + C", "seismesh", "http", 0.5, ["--spans.store", "false", "--durability", "process"], {}),
    "collector-gogc": ("A, GOGC 100", "collector", "http", 0.2, [], GO),
}
# Variants of W0, one change each: what the generator is told, also as seismesh-NAME and collector-NAME.
VARIANTS = {
    "W2-gzip": ["--coding", "gzip"], "W2-zstd": ["--coding", "zstd"], "W3-200-connections": ["--connections", "200"],
    "W4-5000-edges": ["--mesh", "wide"], "W5-2KB-spans": ["--attributes", "22"],
    "W7-unique-names": ["--names", "unique"],
}
RATIOS = [("seismesh-http", "collector-http"), ("seismesh-grpc", "collector-grpc"), ("seismesh-disk", "jaeger-badger"),
          ("seismesh-forward", "rotel-forward")]
for _variant in VARIANTS:
    for _kind, _like in (("seismesh", "seismesh-http"), ("collector", "collector-http")):
        _, *_rest = ROWS[_like]
        ROWS[f"{_kind}-{_variant}"] = (f"A, {_variant}", _rest[0], _rest[1], _rest[2] / 4, *_rest[3:])
    RATIOS.append((f"seismesh-{_variant}", f"collector-{_variant}"))
QUICK = [name for name in ROWS if "-W" not in name and name != "collector-gogc"]


class Process:
    """A program of the run, on one core."""

    def __init__(self, core, command, log, environment=None):
        with open(log, "ab") as out:
            self.child = subprocess.Popen(["taskset", "-c", str(core), *command], stdout=out, stderr=out,
                                          env={**os.environ, **(environment or {})})
        self.log = log

    def ticks(self):
        with open(f"/proc/{self.child.pid}/stat", encoding="utf-8") as handle:
            fields = handle.read().rpartition(")")[2].split()
        return sum(int(field) for field in fields[11:15])  # its own, and its children's that ended

    def bytes_read(self):
        with open(f"/proc/{self.child.pid}/io", encoding="utf-8") as handle:
            return int(re.search(r"rchar: (\d+)", handle.read()).group(1))

    def peak_mib(self):
        with open(f"/proc/{self.child.pid}/status", encoding="utf-8") as handle:
            return int(re.search(r"VmHWM:\s+(\d+)", handle.read()).group(1)) / 1024

    def rest(self, seconds=60):
        """Waits until it does next to nothing for a second."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            before = self.ticks()
            time.sleep(1)
            if self.ticks() - before <= 0.05 * TICK:
                return True
        return False

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(60)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status < 500
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


def text_of(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read().decode()


class Suite:
    def __init__(self, options):
        self.options, self.rows, self.absent = options, [], {}
        self.work = tempfile.mkdtemp(prefix="seismesh-bench-")
        self.http, self.grpc, self.web, self.sink, self.extra = range(options.port, options.port + 5)
        self.sinks = []

    def tool(self, name):
        return os.path.join(self.options.build, "tests/bench", name)

    def peer(self, name):
        """Path of a peer's program, built when it can be; None, with the reason kept, when not."""
        place = {"collector": "build/tools/otelcol", "jaeger": "build/peers/jaeger", "rotel": "build/tools/rotel-agent"}
        run = subprocess.run([os.path.join(HERE, "peers/build.sh"), name], capture_output=True, text=True)
        if run.returncode == 0 and os.path.exists(place.get(name, "")):
            return place[name]
        self.absent[name] = (run.stdout + run.stderr).strip().splitlines()[-1] if run.stdout + run.stderr else "no reason told"
        return None

    def configure(self, name, kind, data):
        """Command, environment and the address that answers when it is ready."""
        flags = ROWS[name][4]
        if kind == "seismesh":
            forward = ["--forward.otlp_url", f"http://127.0.0.1:{self.sink}/v1/traces"] if "forward" in name else []
            return ([os.path.join(self.options.build, "seismesh"), "serve", "--data", data,
                     "--listen.otlp_http", f"127.0.0.1:{self.http}", "--listen.otlp_grpc", f"127.0.0.1:{self.grpc}",
                     "--listen.web", f"127.0.0.1:{self.web}", *flags, *forward], {}, f"http://127.0.0.1:{self.web}/readyz")
        program = self.peer(kind)
        if program is None:
            return None, None, None
        if kind == "collector":
            return ([program, "--config", os.path.join(HERE, "peers/otelcol.yaml")],
                    {"OTELCOL_HTTP": f"127.0.0.1:{self.http}", "OTELCOL_GRPC": f"127.0.0.1:{self.grpc}",
                     "OTELCOL_PROMETHEUS": f"127.0.0.1:{self.web}"}, f"http://127.0.0.1:{self.web}/metrics")
        if kind == "jaeger":
            return ([program, "--config", os.path.join(HERE, "../interop/peers/jaeger.yaml")],
                    {"JAEGER_QUERY": f"127.0.0.1:{self.web}", "JAEGER_QUERY_GRPC": f"127.0.0.1:{self.extra}",
                     "JAEGER_OTLP": f"127.0.0.1:{self.http}", "JAEGER_DATA": data}, f"http://127.0.0.1:{self.web}/api/services")
        return ([program, "start", "--otlp-http-endpoint", f"127.0.0.1:{self.http}", "--otlp-grpc-endpoint",
                 f"127.0.0.1:{self.grpc}", "--exporter", "otlp", "--otlp-exporter-protocol", "http",
                 "--otlp-exporter-endpoint", f"http://127.0.0.1:{self.sink}"], {}, f"http://127.0.0.1:{self.http}/")

    def generate(self, url, spans, seed, name="", rate=None):
        ledger = os.path.join(self.work, "ledger.json")
        command = ["taskset", "-c", "1", self.tool("loadgen"), "--to", url, "--spans", str(int(spans)), "--seed", str(seed),
                   "--out", ledger, *VARIANTS.get(name.partition("-")[2], [])]
        subprocess.run(command + (["--rate", str(int(rate))] if rate else []), stdout=subprocess.DEVNULL, check=False)
        with open(ledger, encoding="utf-8") as handle:
            return json.load(handle)

    def verdict(self, kind, ledger, acknowledged, stored):
        """What the server knows, compared with what it acknowledged."""
        if kind == "seismesh":
            run = subprocess.run([sys.executable, os.path.join(HERE, "ledger.py"), os.path.join(self.work, "ledger.json"),
                                  "--api", f"http://127.0.0.1:{self.web}", *([] if stored else ["--no-spans"])],
                                 capture_output=True, text=True)
            return run.stdout.strip().splitlines()[-1]
        if kind == "collector":
            time.sleep(31)  # two of its flushes: the first shows a new series as 0
            counted = sum(float(line.rsplit(" ", 1)[1]) for line in text_of(f"http://127.0.0.1:{self.web}/metrics").splitlines()
                          if re.match(r"\w*calls_total\{", line))
            return f"{counted:,.0f} of {acknowledged:,} spans counted"
        if kind == "jaeger":
            sample, whole = ledger["traces"]["sample"][:20], 0
            for trace in sample:
                try:
                    whole += len(json.loads(text_of(f"http://127.0.0.1:{self.web}/api/traces/{trace}"))["data"][0]["spans"]) == 20
                except (OSError, LookupError):
                    pass
            return f"{whole} of {len(sample)} sampled traces whole"
        return "not compared"

    def start_sink(self):
        self.sinks.append(Process(1, [self.tool("sink"), str(self.sink)], os.path.join(self.work, "sink.log")))

    def measure_sink(self, when):
        sink = Process(0, [self.tool("sink"), str(self.http)], os.path.join(self.work, "sink.log"))
        time.sleep(0.3)
        before = sink.ticks()
        ledger = self.generate(f"http://127.0.0.1:{self.http}", self.options.spans, 2)
        spans = ledger["acknowledged_spans"]
        self.rows.append({"name": f"bare sink, {when}", "work": "-", "spans": spans, "rate": ledger["spans_per_s"],
                          "cpu": (sink.ticks() - before) / TICK / spans * 1e6, "ack": ledger["ack_ms"], "half": None,
                          "peak": sink.peak_mib(), "bytes": None, "verdict": "-"})
        sink.stop()

    def measure(self, name):
        work, kind, protocol, share, _, environment = ROWS[name]
        data = os.path.join(self.work, name)
        os.makedirs(data)
        command, more, ready = self.configure(name, kind, data)
        if command is None:
            return
        server = Process(0, command, os.path.join(self.work, f"{name}.log"), {**environment, **more})
        try:
            deadline = time.monotonic() + 60
            while not answers(ready):
                if server.child.poll() is not None or time.monotonic() > deadline:
                    with open(server.log, encoding="utf-8", errors="replace") as handle:
                        self.absent[name] = "did not start: " + handle.read().strip()[-300:]
                    return
                time.sleep(0.1)
            self.phases(name, work, kind, protocol, share, server, data)
        except OSError as error:
            self.absent[name] = f"ended under load: {error}"
        finally:
            server.stop()
        if self.rows and self.rows[-1]["name"] == name:
            size = sum(os.stat(path).st_blocks * 512 for path in glob.glob(f"{data}/**", recursive=True) if os.path.isfile(path))
            self.rows[-1]["bytes"] = size / self.rows[-1]["total"] if size and work == "B" else None
        shutil.rmtree(data, ignore_errors=True)

    def phases(self, name, work, kind, protocol, share, server, data):
        port = self.grpc if protocol == "grpc" else self.http
        url, stored = f"{protocol}://127.0.0.1:{port}", work == "B"
        forwarded = self.sinks[0].bytes_read()
        warm = self.generate(url, self.options.spans * share / 10, 1, name)
        server.rest()
        verdict = self.verdict(kind, warm, warm["acknowledged_spans"], stored) if kind == "seismesh" else None
        before = server.ticks()
        full = self.generate(url, self.options.spans * share, 2, name)
        rested = server.rest()
        spans = full["acknowledged_spans"]
        cpu = (server.ticks() - before) / TICK / spans * 1e6
        rate = full["spans_per_s"] / 2
        half = self.generate(url, min(rate * self.options.half_s, self.options.spans), 3, name, rate)
        server.rest()
        total = warm["acknowledged_spans"] + spans + half["acknowledged_spans"]
        verdict = verdict or self.verdict(kind, half, total, stored)
        if name.endswith("-forward"):
            verdict += f"; {(self.sinks[0].bytes_read() - forwarded) / total:.0f} B a span reached the sink"
        self.rows.append({"name": name, "work": work, "spans": spans, "rate": full["spans_per_s"], "cpu": cpu,
                          "ack": full["ack_ms"], "half": half["ack_ms"], "peak": server.peak_mib(), "bytes": None,
                          "total": total, "verdict": verdict + ("" if rested else "; not at rest after 60 s")})

    def report(self, began):
        with open("/proc/cpuinfo", encoding="utf-8") as handle:
            cpu = re.search(r"model name\s*: (.*)", handle.read()).group(1)
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
        out = ["# Benchmarks", "",
               f"Made by `tests/bench/suite.py {' '.join(sys.argv[1:])}` on {began:%Y-%m-%d %H:%M} UTC at commit {commit}, "
               f"in {(datetime.datetime.now(datetime.timezone.utc) - began).seconds} s; {os.cpu_count()} cores of {cpu}, "
               f"Linux {platform.release()}, load average when begun {self.load:.1f}, when ended {os.getloadavg()[0]:.1f} "
               "(this run itself makes about 1.5; more means a busy machine, where ratios count and latencies do not).", "",
               "| server | work | spans, closed loop | CPU-s per million spans | spans/s per core | "
               "ack p50 / p99 ms, full load | ack p50 / p99 ms, half load | peak RSS MiB | bytes on disk a span | ledger |",
               "|---|---|---|---|---|---|---|---|---|---|"]
        pair = lambda ack: f"{ack['p50']:.2f} / {ack['p99']:.2f}" if ack else "-"
        for r in self.rows:
            size = f"{r['bytes']:.0f}" if r["bytes"] else "-"
            out.append(f"| {r['name']} | {r['work']} | {r['spans']:,} | {r['cpu']:.2f} | {1e6 / r['cpu'] if r['cpu'] else 0:,.0f} | "
                       f"{pair(r['ack'])} | {pair(r['half'])} | {r['peak']:.0f} | {size} | {r['verdict']} |")
        found = {r["name"]: r for r in self.rows}
        out += ["", "| compared | CPU, peer / seismesh | peak memory, peer / seismesh |", "|---|---|---|"]
        for ours, peer in RATIOS:
            if ours in found and peer in found:
                out.append(f"| {ours}, {peer} | {found[peer]['cpu'] / found[ours]['cpu']:.1f} | "
                           f"{found[peer]['peak'] / found[ours]['peak']:.1f} |")
        servers = [r["cpu"] for r in self.rows if r["work"] != "-"]
        sinks = [r["cpu"] for r in self.rows if r["work"] == "-"]
        self.sane = bool(servers) and bool(sinks) and max(sinks) * 5 <= min(servers)
        out += ["", "The bare sink is " + ("at least five times cheaper than the cheapest server: the run holds." if self.sane
                else "NOT five times cheaper than the cheapest server: generator and kernel weigh in these figures.")]
        out += ["", "Not measured:", ""] + [f"- {name}: {why}" for name, why in self.absent.items()]
        with open(os.path.join(HERE, "peers/notes.md"), encoding="utf-8") as handle:
            out += ["", handle.read().rstrip()]
        return "\n".join(out) + "\n"

    def run(self):
        began, self.load = datetime.datetime.now(datetime.timezone.utc), os.getloadavg()[0]
        self.peer("victoriatraces")
        self.absent["servicegraph connector"] = "Go's module proxy does not serve it: the Collector here finds no edges"
        self.start_sink()
        self.measure_sink("first")
        for name in self.options.only or (list(ROWS) if self.options.full else QUICK):
            print(f"== {name}", file=sys.stderr, flush=True)
            self.measure(name)
        self.measure_sink("last")
        return self.report(began)

    def close(self):
        for sink in self.sinks:
            sink.stop()
        shutil.rmtree(self.work, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description="seismesh and its peers on the same bytes")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--quick", action="store_true", help="under 8 minutes (the default)")
    length.add_argument("--full", action="store_true", help="five times the spans, all rows, the variants of W0 too")
    parser.add_argument("--only", action="append", choices=list(ROWS), help="a row; may be given several times")
    parser.add_argument("--spans", type=int, default=0, help="of a row with share 1")
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--port", type=int, default=20900, help="the first of five")
    parser.add_argument("--out", help="write the report there, too")
    options = parser.parse_args()
    options.spans = options.spans or (20_000_000 if options.full else 4_000_000)
    options.half_s = 60 if options.full else 5
    os.chdir(os.path.join(HERE, "../.."))
    suite = Suite(options)
    try:
        report = suite.run()
    finally:
        suite.close()
    print(report, end="")
    if options.out:
        with open(options.out, "w", encoding="utf-8") as handle:
            handle.write(report)
    return 0 if suite.sane else 1


if __name__ == "__main__":
    sys.exit(main())
