"""disk.py: D3 and D4, a disk that fails or is full under the shipped program (faults.c)."""
import errno
import time

from kit import RECORD, Faults, NEVER, finish, memory_mib, post, settled, status_of, until


def calls_of(bench, what):
    """How many calls of a kind a run without faults makes: the k-th is chosen among them."""
    faults = bench.faults("count")
    server = bench.server("count", faults=faults)
    server.start()
    server.wait_ready()
    faults.set(what)
    generator, _ = bench.load(bench.options.spans, "--rate", 40000, "--connections", 2)
    finish(generator)
    settled(server)
    server.stop()
    return faults.seen()[0]


def one_failure(bench, name, what, first, last, pause_s):
    """Load, the calls first..last fail with EIO, then SIGKILL, recovery on a disk that is well; the ledger decides."""
    faults = bench.faults(name)
    server = bench.server(name, faults=faults)
    server.start()
    server.wait_ready()
    faults.set(what, errno.EIO, first, last)
    generator, ledger = bench.load(bench.options.spans, "--rate", 40000, "--connections", 2, "--patience", 60)
    until(lambda: faults.seen()[1] > 0, 5)
    failed = faults.seen()[1]
    time.sleep(pause_s)
    faults.set()
    server.kill()
    server.environment = {}
    server.start()
    server.wait_ready()
    finish(generator)
    exact = bench.compare(server, ledger)
    server.stop()
    return failed > 0, exact


def d3(bench):
    for what, name in ((Faults.SYNCS, "sync"), (Faults.WRITES, "write")):
        calls = calls_of(bench, what)
        hit = exact = 0
        for number in range(bench.options.failures):
            first = bench.random.randint(1, max(1, calls // 3))
            last = bench.random.choice((first, first + 3, NEVER))
            struck, same = one_failure(bench, f"{name}{number}", what, first, last, bench.random.uniform(0.05, 0.4))
            hit, exact = hit + struck, exact + same
            if not same:
                print(f"     EIO from the {first}th {name} to {last}, of {calls}")
        bench.claim(f"EIO from the k-th {name} on, then SIGKILL: nothing acknowledged is lost, nothing twice",
                    exact == bench.options.failures, f"{exact} of {bench.options.failures} runs exact")
        bench.claim(f"the faults met the program ({name})", hit >= bench.options.failures * 3 // 4,
                    f"in {hit} of {bench.options.failures} runs, of {calls} calls each")


def d4(bench):
    faults = bench.faults("full")
    server = bench.server("full", "--limits.queue_bytes", "16MiB", faults=faults)
    server.start()
    server.wait_ready()
    generator, ledger = bench.load(bench.options.failures * 100000, "--rate", 60000, "--connections", 4, "--patience", 120)
    time.sleep(1 if bench.options.short else 10)
    before = memory_mib(server, "VmHWM")
    answers, reads, resumed, grown = set(), set(), [], 0
    for _ in range(bench.options.failures):
        if generator.poll() is not None:
            break
        faults.set(Faults.WRITES, errno.ENOSPC, bench.random.randint(1, 40), NEVER)
        until(lambda: faults.seen()[1] > 0, 10)
        end = time.monotonic() + bench.random.uniform(0.5, 1.5)
        while time.monotonic() < end:
            status, headers = post(server, RECORD, "logs")
            answers.add((status, "Retry-After" in headers))
            reads.add(status_of(server.url("/api/v1/services?limit=5"))[0])
            grown = max(grown, memory_mib(server) - before)
            time.sleep(0.05)
        faults.set()
        resumed.append(until(lambda: post(server, RECORD, "logs")[0] == 200, 10))
        time.sleep(bench.random.uniform(0.2, 0.6))
    finish(generator)
    bench.claim("a full disk is answered 503 with Retry-After, and nothing else but 200",
                answers <= {(503, True), (200, False)} and (503, True) in answers, f"(status, Retry-After): {sorted(answers)}")
    bench.claim("reads go on", reads == {200}, f"statuses {sorted(reads)}")
    slowest = max((seconds if seconds is not None else 99) for seconds in resumed)
    bench.claim("it takes requests again within 2 s of there being room", slowest <= 2 * bench.options.slack, f"{slowest:.2f} s at most, {len(resumed)} times")
    bench.claim("memory stays flat meanwhile", grown <= 64, f"{grown:.0f} MiB above the {before:.0f} before, at most")
    bench.claim("nothing acknowledged is lost, nothing counted twice", bench.compare(server, ledger))
    server.stop()
