"""kills.py: D1, SIGKILL at random instants, also inside compaction, retention, recovery; every database is looked at."""
import os
import shutil
import sqlite3
import time

from kit import finish, settled


def integrity(server, copy):
    """PRAGMA integrity_check of what the kill left, on a copy: opening it would recover it."""
    shutil.rmtree(copy, ignore_errors=True)
    os.makedirs(copy)
    for name in ("seismesh.sqlite", "seismesh.sqlite-wal"):
        if os.path.exists(os.path.join(server.data, name)):
            shutil.copyfile(os.path.join(server.data, name), os.path.join(copy, name))
    if not os.path.exists(os.path.join(copy, "seismesh.sqlite")):
        return "ok"
    connection = sqlite3.connect(os.path.join(copy, "seismesh.sqlite"))
    try:
        return connection.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.DatabaseError as error:
        return str(error)
    finally:
        connection.close()


BATCH_KILLS, BETWEEN_S, RATE = 100, 1.2, 25000


def batch(bench, name, kills, recoveries):
    """A load, so many kills while it lasts. How many there were, what integrity_check found, whether the ledger holds."""
    server = bench.server(name, "--checkpoint_seconds", "0.2", "--retention.rollup_10s_seconds", "3600",
                          "--retention.full_10s_seconds", "1800")
    server.start()
    server.wait_ready()
    spans = int(kills * (BETWEEN_S + 0.25) * RATE)
    start = int(time.time()) - 20 * (spans // 20000 + 10)
    generator, ledger = bench.load(spans, "--rate", RATE, "--connections", 4, "--start", start, "--step-ms", 20000,
                                   "--patience", 120, "--seed", bench.random.randrange(100000))
    done, damaged = 0, []
    while done < kills and generator.poll() is None:
        time.sleep(bench.random.uniform(0.02, 2 * BETWEEN_S))
        server.kill()
        done += 1
        found = integrity(server, os.path.join(bench.work, "copy"))
        if found != "ok":
            damaged.append(found)
        began = time.monotonic()
        server.start()
        if bench.random.random() < 0.2:  # once more, inside recovery
            time.sleep(bench.random.uniform(0, 0.1))
            server.kill()
            done += 1
            server.start()
        server.wait_ready()
        recoveries.append(time.monotonic() - began)
    finish(generator, 600)
    settled(server)
    exact = bench.compare(server, ledger, "--no-spans")
    server.stop()
    return done, damaged, exact


def d1(bench):
    """Twenty seconds of event time go by with every round: buckets settle, are compacted, and expire all the time."""
    done, batches, exact, damaged, recoveries = 0, 0, 0, [], []
    while done < bench.options.kills:
        kills, found, same = batch(bench, f"kills{batches}", min(BATCH_KILLS, bench.options.kills - done), recoveries)
        done, batches, exact = done + kills, batches + 1, exact + same
        damaged += found
        print(f"     {done} kills, {exact} of {batches} ledgers exact, {len(damaged)} databases damaged", flush=True)
    recoveries.sort()
    bench.claim("SIGKILL at random instants: nothing acknowledged is lost, nothing counted twice", exact == batches,
                f"{done} kills, {exact} of {batches} ledgers exact")
    bench.claim("PRAGMA integrity_check is clean after every one", not damaged,
                f"{len(damaged)} damaged {damaged[:1]}; ready again after {recoveries[len(recoveries) // 2] * 1e3:.0f} ms at "
                f"the median, {recoveries[-1] * 1e3:.0f} ms at most")
