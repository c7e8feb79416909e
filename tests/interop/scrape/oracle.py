#!/usr/bin/env python3
"""oracle: our reader of pages against the parsers of Prometheus' client for Python.

    oracle.py READ_PAGE [FILE.txt|FILE.om]...

Generated pages in both formats, pages that the client itself writes, and those of the files (of real programs) have to
be read as the same samples: names, labels, values to the last bit, timestamps. Prints "ok …" and "FAIL …" lines."""
import io
import json
import math
import random
import subprocess
import sys

import prometheus_client
from prometheus_client import openmetrics, parser
from prometheus_client.openmetrics import exposition as om_exposition
from prometheus_client.openmetrics import parser as om_parser

reader, files = sys.argv[1], sys.argv[2:]
failed = 0


def ours(page, kind):
    done = subprocess.run([reader, kind], input=page.encode(), capture_output=True, check=False)
    if done.returncode != 0:
        return done.stderr.decode().strip()
    rows = [json.loads(line) for line in done.stdout.decode().splitlines()]
    return sorted(key(name, labels, float(value), int(ns)) for name, labels, value, ns in rows)


def key(name, labels, value, ns):
    number = "nan" if math.isnan(value) else float(value).hex()
    return json.dumps([name, sorted(labels.items()), number, ns])


def theirs(page, kind):
    parse = om_parser.text_string_to_metric_families if kind == "openmetrics" else parser.text_string_to_metric_families
    rows = []
    for family in parse(page):
        for sample in family.samples:
            ns = 0
            if sample.timestamp is not None and kind == "text":
                ns = round(sample.timestamp * 1000) * 10**6
            elif sample.timestamp is not None:
                ns = round(float(sample.timestamp) * 1000) * 10**6
            rows.append(key(sample.name, sample.labels, sample.value, ns))
    return sorted(rows)


def compare(name, page, kind):
    global failed
    a, b = ours(page, kind), theirs(page, kind)
    if a == b:
        return True
    failed += 1
    print(f"FAIL {name}: read otherwise than by prometheus_client")
    if isinstance(a, str):
        print("     ours says:", a)
    else:
        print("     only ours:  ", [x for x in a if x not in b][:3], "\n     only theirs:", [x for x in b if x not in a][:3])
    print("     the page:", repr(page[:600]))
    return False


LETTERS = "abcXYZ_09é\u4e16{}#,= \t\"\\\n'%\u00a0"


def random_text(rnd, length):
    return "".join(rnd.choice(LETTERS) for _ in range(rnd.randrange(length)))


def escaped(text):
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def random_value(rnd):
    return rnd.choice([lambda: str(rnd.randrange(10**rnd.randrange(1, 19))), lambda: repr(rnd.uniform(-1e3, 1e3)), lambda: "NaN",
                       lambda: rnd.choice(["+Inf", "-Inf"]), lambda: f"{rnd.random():.{rnd.randrange(1, 20)}f}",
                       lambda: f"{rnd.uniform(-9, 9):.5e}", lambda: repr(rnd.getrandbits(64) / 2**rnd.randrange(64))])()


def random_labels(rnd, more=""):
    labels = [f'l{i}="{escaped(random_text(rnd, 12))}"' for i in range(rnd.randrange(5))]
    if more:
        labels.insert(rnd.choice([len(labels), len(labels), rnd.randrange(len(labels) + 1)]), more)
    return "{" + ",".join(labels) + "}" if labels else ""


def text_page(rnd):
    lines = []
    for family in range(rnd.randrange(1, 6)):
        name, kind = f"family_{family}", rnd.choice(["counter", "gauge", "histogram", "summary", "untyped"])
        if kind == "counter":
            name += "_total"  # which the client adds where it is missing
        if rnd.random() < 0.7:
            lines.append(f"# HELP {name} {random_text(rnd, 20).translate({10: 32, 92: 32})}")
        if rnd.random() < 0.9:
            lines.append(f"# TYPE {name} {kind}")
        for _ in range(rnd.randrange(5)):
            stamp = rnd.choice(["", "", f" {rnd.randrange(9 * 10**12)}"])
            if kind == "histogram":
                base = random_labels(rnd)
                for bound in ("0.5", "1", "+Inf"):
                    labels = base[:-1] + f',le="{bound}"}}' if base else f'{{le="{bound}"}}'
                    lines.append(f"{name}_bucket{labels} {rnd.randrange(99)}{stamp}")
                lines.append(f"{name}_sum{base} {random_value(rnd)}{stamp}")
                lines.append(f"{name}_count{base} {rnd.randrange(99)}{stamp}")
            else:
                lines.append(f"{name}{random_labels(rnd)}{rnd.choice([' ', '  '])}{random_value(rnd)}{stamp}")
        if rnd.random() < 0.2:
            lines.append("")
    return "\n".join(lines) + "\n"


def registry_page(rnd):
    """What the client itself writes, of random metrics."""
    registry = prometheus_client.CollectorRegistry()
    kinds = [prometheus_client.Counter, prometheus_client.Gauge, prometheus_client.Histogram, prometheus_client.Summary]
    for i in range(rnd.randrange(1, 6)):
        metric = rnd.choice(kinds)(f"metric_{i}", random_text(rnd, 20), [f"l{j}" for j in range(rnd.randrange(4))], registry=registry)
        for _ in range(rnd.randrange(1, 4)):
            child = metric.labels(*[random_text(rnd, 10) for _ in metric._labelnames]) if metric._labelnames else metric
            if isinstance(metric, prometheus_client.Counter):
                child.inc(abs(rnd.gauss(0, 1e3)), rnd.choice([None, {"trace_id": "a} 1 #"}]))
            elif isinstance(metric, prometheus_client.Gauge):
                child.set(rnd.choice([rnd.gauss(0, 1), float("nan"), float("inf")]))
            else:
                child.observe(abs(rnd.gauss(0, 1)))
    prometheus_client.Info("build", "x", registry=registry).info({"version": random_text(rnd, 9)})
    prometheus_client.Enum("state", "x", states=["up", "down"], registry=registry).state("down")
    return prometheus_client.generate_latest(registry).decode(), om_exposition.generate_latest(registry).decode()


def rounds(name, count, make):
    seed = random.randrange(10**9)
    rnd = random.Random(seed)
    for i in range(count):
        for kind, page in make(rnd):
            if not compare(f"{name} (seed {seed}, page {i})", page, kind):
                return
    print(f"ok   {name}: {count} pages are read as prometheus_client reads them (seed {seed})")


rounds("generated text pages", 400, lambda rnd: [("text", text_page(rnd))])
rounds("pages that the client writes", 200, lambda rnd: zip(("text", "openmetrics"), registry_page(rnd)))
for path in files:
    with io.open(path, encoding="utf-8") as stream:
        page, kind = stream.read(), "openmetrics" if path.endswith(".om") else "text"
        try:
            theirs(page, kind)
        except ValueError as refused:
            print(f"skip {path.rsplit('/', 1)[-1]}: NOT COMPARED: prometheus_client refuses it: {refused}")
            continue
        if compare(path, page, kind):
            print(f"ok   the page of a real program is read as prometheus_client reads it: {path.rsplit('/', 1)[-1]}")
sys.exit(1 if failed else 0)
