"""overload.py: O1, ten times as much as a slow disk takes; O2, names without end; O5, a clock that jumps."""
import json
import re
import time

from kit import Api, counter, finish, memory_mib, settled

SYNC_US = 50000  # by which the slow disk's syncs are longer


def spans_per_second(said):
    return float(re.search(r"([0-9]+) spans/s", said).group(1))


def o1(bench):
    """The memory promised: what the server has for as many connections at full load on a fast disk, plus what may be in flight and wait:
    collected, on the way to the disk."""
    intake, pending = 32, 8
    flags = ("--limits.intake_bytes", f"{intake}MiB", "--limits.pending_bytes", f"{pending}MiB", "--limits.queue_bytes", "32MiB")
    unloaded = bench.server("unloaded", *flags, faults=bench.faults("unloaded"))
    _, usual, _ = run(bench, unloaded, 0, bench.options.spans * 10, "--connections", 1000)
    unloaded.stop()
    slow = bench.server("slow", *flags, faults=bench.faults("slow"))
    accepted, _, _ = run(bench, slow, SYNC_US, bench.options.spans * 20, "--connections", 1000)
    slow.stop()
    server = bench.server("overloaded", *flags, faults=bench.faults("overloaded"))
    began = time.monotonic()
    overloaded, peak, ledger = run(bench, server, SYNC_US, int(accepted * bench.options.seconds), "--rate",
                                             int(accepted * 10), "--connections", 1000, "--patience", 120)
    took, cap = time.monotonic() - began, usual + intake + 2 * pending
    bench.claim("ten times as much as a slow disk takes: memory keeps within the caps plus 5 %", peak <= cap * 1.05,
                f"{peak:.0f} MiB at most; {usual:.0f} at full load + {intake} in flight + 2 x {pending} waiting")
    bench.claim("what is accepted is at least 95 % of what it takes unloaded", overloaded >= 0.95 * accepted / bench.options.slack,
                f"{overloaded:,.0f} spans/s for {took:.0f} s, unloaded {accepted:,.0f}")
    bench.claim("refusals are retried in the end; nothing acknowledged is lost, nothing counted twice",
                bench.compare(server, ledger))
    server.stop()


def run(bench, server, sync_us, spans, *options):
    """Every sync takes so much longer. Spans a second that were acknowledged, the most memory, the ledger."""
    server.start()
    server.wait_ready()
    server.faults.set(sync_us=sync_us)
    generator, ledger = bench.load(spans, *options)
    accepted = spans_per_second(finish(generator, 60 + 5 * bench.options.seconds))
    settled(server)
    return accepted, memory_mib(server, "VmHWM"), ledger


def o2(bench):
    """As many spans with usual names, then with a new name each: an operation that is kept costs a kilobyte and more."""
    spans = bench.options.spans * 10
    server = bench.server("names", "--limits.names", "20000", "--limits.entities", "20000")
    server.start()
    server.wait_ready()
    peaks = []
    for options in (), ("--names", "unique", "--seed", bench.options.seed % 1000 + 2):
        finish(bench.load(spans, *options)[0])
        settled(server)
        peaks.append(memory_mib(server, "VmHWM"))
    bench.claim("a new name with every span: memory does not follow the names", peaks[1] - peaks[0] <= 96,
                f"{peaks[0]:.0f} MiB with {spans:,} spans of usual names, {peaks[1]:.0f} after as many names more")
    bench.claim("what is beyond the caps is counted", counter(server, "seismesh_overflow_total") > 0)
    server.stop()


def o5(bench):
    """The senders' clocks are right, the server's jumps by an hour, forth and back."""
    hour, spans = 3600 * 10**9, bench.options.spans * 4
    faults = bench.faults("clock")
    server = bench.server("clock", faults=faults)
    server.start()
    server.wait_ready()
    generator, ledger = bench.load(spans, "--rate", 60000)
    for step in (hour, 0, -hour, 0):
        time.sleep(spans / 60000 / 6)
        faults.set(clock_ns=step)
    finish(generator)
    settled(server)
    folded = counter(server, "seismesh_folded_items_total", 'signal="traces"')
    dropped = counter(server, "seismesh_dropped_items_total", 'signal="traces"')
    requests = sum(service["golden"]["requests"] for service in Api(server.url()).get("/services", start="-24h", limit=1000)["services"])
    with open(ledger, encoding="utf-8") as file:
        wanted = sum(service["requests"] for service in json.load(file)["services"].values())
    bench.claim("the server's clock jumps by an hour, forth and back: each span is counted, or its sender told why not",
                folded == spans and requests == wanted,
                f"{folded:.0f} of {spans} folded, {dropped:.0f} of them refused; {requests} of {wanted} requests")
    generator, _ = bench.load(bench.options.spans, "--rate", 60000, "--seed", 77)
    finish(generator)
    settled(server)
    bench.claim("when the clock is right again nothing is dropped any more",
                counter(server, "seismesh_dropped_items_total", 'signal="traces"') == dropped)
    server.stop()
