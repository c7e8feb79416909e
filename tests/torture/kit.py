"""kit.py: what the tests of this folder share: a server that meets faults, load with its ledger, and the claims."""
import mmap
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
BENCH = os.path.join(os.path.dirname(HERE), "bench")
sys.path.insert(0, BENCH)
from kill import Server  # noqa: E402  (a sibling folder's module)
from ledger import Api  # noqa: E402

MIB = 1 << 20
# An OTLP logs request with one record that says nothing: journaled as any other, and in nobody's way.
RECORD = b"\x0a\x0f\x12\x0d\x12\x0b\x09\x01\0\0\0\0\0\0\0\x10\x01"
NEVER = 2**64 - 1


class Faults:
    """The control block of faults.c, which says what it means."""

    WRITES, SYNCS = 1, 2
    LAYOUT = struct.Struct("<IiQQQQIxxxxq")

    def __init__(self, work, under):
        self.path, self.under = os.path.join(work, "faults"), under
        with open(self.path, "wb") as file:
            file.write(bytes(self.LAYOUT.size))
        self.file = open(self.path, "r+b")
        self.memory = mmap.mmap(self.file.fileno(), self.LAYOUT.size)
        self.set()

    def set(self, what=0, error=0, first=NEVER, last=NEVER, sync_us=0, clock_ns=0):
        """From now on; calls are counted anew."""
        self.LAYOUT.pack_into(self.memory, 0, what, error, first, last, 0, 0, sync_us, clock_ns)

    def seen(self):
        """Calls of the kinds asked for, and how many of them failed."""
        values = self.LAYOUT.unpack_from(self.memory, 0)
        return values[4], values[5]

    def environment(self, build):
        library = os.path.join(build, "tests", "torture", "faults.so")
        return {"LD_PRELOAD": os.path.abspath(library), "FAULTS_CONTROL": self.path, "FAULTS_UNDER": self.under}


class Bench:
    """One row of the table in docs/reliability.md: its claims, and a scratch folder."""

    def __init__(self, options, row):
        self.options, self.row = options, row
        self.random = random.Random(f"{options.seed} {row}")
        self.work = os.path.join(options.work, row)
        os.makedirs(self.work)
        self.passed = self.failed = 0
        self.log = open(os.path.join(self.work, "log"), "w", encoding="utf-8")

    def claim(self, name, held, figure=""):
        self.passed, self.failed = self.passed + bool(held), self.failed + (not held)
        print(f"{'ok  ' if held else 'FAIL'} {self.row} {name}{': ' if figure else ''}{figure}", flush=True)

    def server(self, name, *flags, faults=None):
        """Not started yet. Faults live as long as the caller keeps them."""
        server = Server(self.options, os.path.join(self.work, name), self.log)
        server.flags += flags
        server.faults = faults
        server.environment = {} if faults is None else faults.environment(self.options.build)
        return server

    def faults(self, name):
        return Faults(self.work, os.path.join(self.work, name) + "/")

    def load(self, spans, *options, protocol="http"):
        """Starts the generator; its ledger is the second of what comes back."""
        ledger = os.path.join(self.work, f"ledger-{len(os.listdir(self.work))}.json")
        port = self.options.port + (protocol == "grpc")
        generator = subprocess.Popen(
            [os.path.join(self.options.build, "tests", "bench", "loadgen"), "--to", f"{protocol}://127.0.0.1:{port}",
             "--spans", str(spans), "--out", ledger, *[str(option) for option in options]],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        Server.running.append(generator)
        return generator, ledger

    def compare(self, server, ledger, *options):
        """The ledger's own verdict; what differs is printed."""
        result = subprocess.run([sys.executable, os.path.join(BENCH, "ledger.py"), ledger, "--api", server.url(), *options],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if result.returncode != 0:
            print(result.stdout)
        return result.returncode == 0

    def close(self):
        self.log.close()
        if self.failed:
            with open(self.log.name, encoding="utf-8", errors="replace") as file:
                print("-- the end of the server's log:\n" + "".join(file.readlines()[-10:]), end="")
        if not self.options.keep:
            shutil.rmtree(self.work)


def finish(generator, seconds=300):
    """What the generator printed; fails when not everything was acknowledged."""
    said, _ = generator.communicate(timeout=seconds)
    if generator.returncode != 0:
        raise SystemExit(f"the generator did not get everything acknowledged: {said[-300:]}")
    return said


def memory_mib(server, field="VmRSS"):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
    raise SystemExit(f"no {field} in /proc")


def forget_peak(server):
    """VmHWM begins anew."""
    with open(f"/proc/{server.process.pid}/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def cpu_s(server):
    with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def counter(server, name, label=""):
    """Sum of a counter over its labels, or over those with this one (signal="traces"), as /metrics tells it."""
    with urllib.request.urlopen(server.url("/metrics"), timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    values = [float(line.rsplit(" ", 1)[1]) for line in lines
              if line.split("{")[0].split(" ")[0] == name and label in line]
    if not values:
        raise SystemExit(f"/metrics has no {name}")
    return sum(values)


def status_of(url, timeout=5):
    """HTTP status and headers, also of refusals; (0, {}) when there was no answer."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            answer.read()
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.headers
    except OSError:
        return 0, {}


def post(server, body, kind="traces", **headers):
    """An OTLP/HTTP request; as status_of."""
    url = f"http://127.0.0.1:{server.options.port}/v1/{kind}"
    headers = {"Content-Type": "application/x-protobuf", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return status_of(urllib.request.Request(url, data=body, headers=headers))


def until(condition, seconds, pause=0.02):
    """Seconds until it held, or None."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            return None
        time.sleep(pause)
    return time.monotonic() - began


def settled(server, seconds=120):
    Api(server.url()).wait_until_settled(seconds)


def end_all():
    for process in Server.running:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
