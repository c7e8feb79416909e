"""kills.py: D1, SIGKILL at random instants, also inside compaction, retention, recovery; every database is looked at."""
import os
import shutil
import sqlite3
import time

from kit import counter, finish, settled


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


def d1(bench):
    """Twenty seconds of event time go by with every round, so that buckets settle, are compacted, and expire all the time."""
    kills, between_s = bench.options.kills, 1.2
    server = bench.server("kills", "--checkpoint_seconds", "0.2", "--retention.rollup_10s_seconds", "3600",
                          "--retention.full_10s_seconds", "1800")
    server.start()
    server.wait_ready()
    rate = 25000
    spans = int(kills * (between_s + 0.25) * rate)
    start = int(time.time()) - 20 * (spans // 20000 + 10)
    generator, ledger = bench.load(spans, "--rate", rate, "--connections", 4, "--start", start, "--step-ms", 20000,
                                   "--patience", 120, "--seed", bench.options.seed % 100000)
    done, damaged, recoveries = 0, [], []
    while done < kills and generator.poll() is None:
        time.sleep(bench.random.uniform(0.02, 2 * between_s))
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
        if done % 50 == 0:
            print(f"     {done} kills", flush=True)
    finish(generator, 600)
    settled(server)
    compacted = counter(server, "seismesh_chunks_written_total")
    recoveries.sort()
    bench.claim(f"SIGKILL {done} times: nothing acknowledged is lost, nothing counted twice", bench.compare(server, ledger, "--no-spans"))
    bench.claim("PRAGMA integrity_check is clean after every one", not damaged and done >= kills * 0.8,
                f"{done} kills, {len(damaged)} damaged {damaged[:1]}; ready again after {recoveries[len(recoveries) // 2] * 1e3:.0f} ms "
                f"at the median, {recoveries[-1] * 1e3:.0f} ms at most; {compacted:.0f} chunks since the last start")
    server.stop()
