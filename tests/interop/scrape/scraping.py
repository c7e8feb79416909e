#!/usr/bin/env python3
"""scraping: a running seismesh scrapes real endpoints and made ones. Prints "ok …" and "FAIL …" lines.

    scraping.py [PROMETHEUS]       from the top of the project; $SEISMESH names the program"""
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import prometheus_client

from peers import PROGRAM, RESULTS, Seismesh, Server, claim, free_port, job, page_server, scrape, until, zipped

MESHES = ("istio", "linkerd", "consul", "kuma2", "kuma3", "app_mesh", "osm", "traefik")


# --- pages in the shape of the meshes' recordings (datasets/meshes) ---

def text(pair):
    value = pair["value"]
    return str(value.get("stringValue", value.get("intValue", value.get("boolValue"))))


def series(name, labels, value):
    inner = ",".join(f'{k.replace(".", "_")}="{v}"' for k, v in labels.items())
    return f"{name}{{{inner}}} {value}\n"


def metric_page(metric):
    name, out, seen = metric["name"].replace(".", "_"), "", set()
    kind = "histogram" if "histogram" in metric else "counter" if "sum" in metric else "gauge"
    for point in metric[{"counter": "sum"}.get(kind, kind)]["dataPoints"]:
        labels = {a["key"]: text(a) for a in point["attributes"]}
        if kind != "histogram":
            out += series(name, labels, point.get("asDouble", point.get("asInt")))
            continue
        if json.dumps(labels) in seen:
            continue  # a page has each series once
        seen.add(json.dumps(labels))
        total = 0
        for bound, count in zip([*point["explicitBounds"], "+Inf"], point["bucketCounts"]):
            total += int(count)
            out += series(name + "_bucket", {**labels, "le": str(bound)}, total)
        out += series(name + "_sum", labels, point["sum"]) + series(name + "_count", labels, point["count"])
    return f"# HELP {name} x\n# TYPE {name} {kind}\n" + out


def recorded(mesh):
    """{resource: [pages in the order of time]} and the requests, as JSON, moved to now."""
    targets, requests = {}, []
    with open(f"datasets/meshes/{mesh}/metrics.jsonl", encoding="utf-8") as lines:
        for line in lines:
            request = json.loads(line)
            group = request["resourceMetrics"][0]
            own = json.dumps({a["key"]: text(a) for a in group["resource"]["attributes"]}, sort_keys=True)
            metrics = [m for m in group["scopeMetrics"][0]["metrics"] if m["name"] != "http.client.request.duration"]
            group["scopeMetrics"][0]["metrics"] = metrics
            first = next(iter(metrics[0][k] for k in ("sum", "gauge", "histogram") if k in metrics[0]))["dataPoints"][0]
            index = (int(first["timeUnixNano"]) // 10**9 - 1700000000) // 15
            targets.setdefault(own, {}).setdefault(index, []).append("".join(metric_page(m) for m in metrics))
            requests.append((index, request))
    # two recordings of one proxy in one scrape (App Mesh, OSM: two kinds of metrics) are one page
    return {own: ["".join(pages[i]) for i in sorted(pages)] for own, pages in targets.items()}, requests


def send_recording(server, requests, began):
    """As a Collector would have sent it, one scrape a second."""
    for index, request in requests:
        for metric in request["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]:
            data = next(metric[k] for k in ("sum", "gauge", "histogram") if k in metric)
            for point in data["dataPoints"]:
                point["timeUnixNano"] = str(round((began + index) * 1e9))
                point.pop("startTimeUnixNano", None)
        body = json.dumps(request).encode()
        urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{server.otlp}/v1/metrics", body,
                                                      {"Content-Type": "application/json"})).read()


def essence(graph):
    """What of a graph does not depend on the moment it was taken at."""
    keep = ("requests", "errors", "failures", "retries", "request_bytes", "response_bytes", "latency", "failed_latency", "observer")
    def part(golden):
        return {k: golden[k] for k in keep}
    edges = {f'{e["caller"]} > {e["callee"]}': {**part(e["golden"]), "versions": sorted(
        [str(v["version"]), str(v["zone"]), v["golden"]["requests"]] for v in e["versions"])} for e in graph["edges"]}
    return {"nodes": {n["id"]: part(n["golden"]) for n in graph["nodes"]}, "edges": edges}


def mesh_is_seen_as_through_a_collector(mesh):
    targets, requests = recorded(mesh)
    rounds, lock = {}, threading.Lock()
    jobs, pages = [], {}
    for i, (own, sequence) in enumerate(targets.items()):
        def page(i=i, sequence=sequence):
            # In the recording's order, for whom a certificate names is known only once he has spoken himself (Linkerd): who
            # was asked again has been read.
            with lock:
                if i == 0 or rounds.get(i - 1, -1) > rounds.get(i, -1) + 1:
                    rounds[i] = rounds.get(i, -1) + 1
                return sequence[min(max(rounds.get(i, 0), 0), len(sequence) - 1)]
        pages[f"/{i}"] = page
        attributes = json.loads(own)
        jobs.append({"job_name": f"j{i}", "metrics_path": f"/{i}", "honor_labels": True,
                     "resource_attributes": {k: v for k, v in attributes.items() if k not in ("service.name", "url.scheme")}, "name": attributes["service.name"]})
    server = page_server(pages)
    for one in jobs:  # jobs of one name are told apart here, as the resources were
        one["static_configs"] = [{"targets": [server.at]}]
        one["job_name"] = one.pop("name") if len({j.get("name", "") for j in jobs}) == len(jobs) else one["job_name"]
        one.pop("name", None)
    scraped, collected = Seismesh(scrape(*jobs, interval="1s")), Seismesh(None, otlp=True)
    send_recording(collected, requests, time.time() - 5)
    until(lambda: len(rounds) == len(jobs) and min(rounds.values()) >= 5, 60)
    a = b = None
    def same():
        nonlocal a, b
        a, b = essence(scraped.graph()), essence(collected.graph())
        for side in (a, b):  # the job's own node has no requests, and here another name
            side["nodes"] = {k: v for k, v in side["nodes"].items() if v["requests"]}
        return a["edges"] == b["edges"] and a["nodes"] == b["nodes"] and b["edges"]
    fine = bool(until(same, 20))
    claim(f"pages of {mesh} give the graph and the cells that its recording gives through a Collector", fine,
          f"\n  scraped   {json.dumps(a)}\n  collected {json.dumps(b)}")
    scraped.stop()
    collected.stop()
    server.shutdown()


# --- real endpoints ---

def real_clients_are_scraped(prometheus):
    registry = prometheus_client.CollectorRegistry()
    duration = prometheus_client.Histogram("http_server_request_duration_seconds", "x", ["http_request_method", "http_route", "http_response_status_code"],
                                           registry=registry)
    duration.labels("GET", "/a", "200").observe(0.02)
    client, _ = prometheus_client.start_http_server(free_port(), "127.0.0.1", registry)
    port = client.server_address[1]
    jobs = [job([f"127.0.0.1:{port}"], name="python")]
    folder, child = tempfile.mkdtemp(), None
    if prometheus:
        own = free_port()
        with open(folder + "/p.yml", "w", encoding="utf-8") as out:
            out.write("global: {}\n")
        child = subprocess.Popen([prometheus, f"--config.file={folder}/p.yml", f"--storage.tsdb.path={folder}/tsdb",
                                  f"--web.listen-address=127.0.0.1:{own}"], stderr=subprocess.DEVNULL)
        jobs.append(job([f"127.0.0.1:{own}"], name="prometheus"))
    server = Seismesh(scrape(*jobs, interval="500ms"))
    until(lambda: server.targets().get(f"127.0.0.1:{port}", {}).get("points"))
    for i in range(300):
        duration.labels("GET", "/a", "500" if i % 10 == 0 else "200").observe(0.02)
    fine = until(lambda: server.requests("python") == 301)  # the first one, too: _created says that it was new
    nodes = {n["id"]: n["golden"] for n in server.graph()["nodes"]}
    claim("what Prometheus' Python client counts is counted, over OpenMetrics", fine and nodes["python"]["errors"] == 30,
          json.dumps(nodes.get("python")))
    if prometheus:
        up = until(lambda: server.targets()[f"127.0.0.1:{own}"]["health"] == "up")
        row = server.targets()[f"127.0.0.1:{own}"]
        claim("a real Prometheus is scraped whole", up and row["samples"] > 250 and row["error"] is None, json.dumps(row))
        child.terminate()
        child.wait()
        down = until(lambda: server.targets()[f"127.0.0.1:{own}"]["health"] == "down")
        claim("a target that is gone is said to be down, and why", down and "connect" in server.targets()[f"127.0.0.1:{own}"]["error"])
    else:
        print("skip a real Prometheus: NOT TESTED: there is none")
    server.stop()
    client.shutdown()


def own_page_is_scraped():
    server = Seismesh(None)
    other = Seismesh(scrape(job([f"127.0.0.1:{server.port}"])))
    row = until(lambda: (t := list(other.targets().values())) and t[0]["health"] == "up" and t[0])
    claim("seismesh's own /metrics are scraped", bool(row) and row["samples"] > 100, json.dumps(row))
    shown = other.get("/metrics")
    claim("/metrics say of each target whether it is up, how long it took, and how many samples it has",
          all(f'seismesh_scrape_{name}{{job="job",instance="127.0.0.1:{server.port}"}}' in shown for name in ("up", "duration_seconds", "page_samples")))
    other.stop()
    server.stop()


JUDGE = """import json, sys, yaml, jsonschema
document = yaml.safe_load(open('web/openapi.yaml'))
schema = {**document['components']['schemas']['Status'], 'components': document['components']}
jsonschema.Draft202012Validator(schema).validate(json.load(sys.stdin))
"""


def status_is_as_described():
    own = Seismesh(scrape(job(["127.0.0.1:1", "127.0.0.1:2"]), {"job_name": "f", "file_sd_configs": [{"files": ["/nonexistent/*.yml"]}]},
                          {"job_name": "k", "kubernetes_sd_configs": [{"api_server": "http://127.0.0.1:1"}]}))
    until(lambda: own.discovery() and all(t["health"] == "down" for t in own.targets().values()))
    done = subprocess.run(["python3", "-c", JUDGE], input=json.dumps(own.get("/api/v1/status")), text=True, capture_output=True, check=False)
    claim("the status of what is scraped is as web/openapi.yaml describes it", done.returncode == 0, done.stderr[-600:])
    own.stop()


# --- manners ---

REQUESTS = "# TYPE traefik_entrypoint_requests_total counter\ntraefik_entrypoint_requests_total{code=\"200\",entrypoint=\"web\"} %d\n"


def targets_that_misbehave_are_named_and_harm_nobody():
    seen = {}
    def answer(path, headers):
        seen[path] = dict(headers)
        if path == "/good":
            return 200, {}, REQUESTS % 1
        if path == "/gzip":
            return 200, {"Content-Encoding": "gzip"}, zipped(REQUESTS % 1 + "# " + "x" * 100000)
        if path == "/bomb":
            return 200, {"Content-Encoding": "gzip"}, zipped("# " + "x" * 50_000_000)
        if path == "/large":
            return 200, {}, "# " + "x" * 2_000_000
        if path == "/redirect":
            return 302, {"Location": "/good"}, ""
        if path == "/garbage":
            return 200, {}, b"\x00\xff<html>not a page"
        if path == "/cut":
            return 200, {"Content-Type": "application/openmetrics-text; version=1.0.0"}, "a 1\n"
        if path == "/slow":
            time.sleep(3)
            return 200, {}, ""
        if path == "/hostile":
            return 200, {}, 'istio_requests_total{source_workload="a\\"}\\n{{x}}",destination_workload="<b>",reporter="source",response_code="200"} %d\n' % time.time()
        return 404, {}, ""
    server = Server(answer)
    names = ("good", "gzip", "bomb", "large", "redirect", "garbage", "cut", "slow", "hostile", "missing")
    token = tempfile.NamedTemporaryFile("w", delete=False)
    token.write("secret-1\n")
    token.close()
    jobs = [job([server.at], name=name, metrics_path="/" + name, body_size_limit="1MiB") for name in names]
    jobs[0]["bearer_token_file"] = token.name
    jobs.append(job([server.at], name="tokenless", bearer_token_file="/nonexistent/token"))
    own = Seismesh(scrape(*jobs, interval="1s"))
    rows = {}
    def all_asked():
        rows.update({t["job"]: t for t in own.get("/api/v1/status")["scrape"]["targets"]})
        return len(rows) == len(jobs) and all(t["health"] != "unknown" for t in rows.values())
    until(all_asked)
    wanted = {"good": None, "gzip": None, "bomb": "body_size_limit", "large": "body_size_limit", "redirect": "redirects are not followed",
              "garbage": "line 1 of the page", "cut": "# EOF", "slow": "scrape_timeout", "hostile": None, "missing": "404",
              "tokenless": "/nonexistent/token cannot be read"}
    for name, error in wanted.items():
        told = rows.get(name, {}).get("error")
        claim(f"a target that is {name}: {error or 'fine'}", told is None if error is None else error in (told or ""), told)
    claim("the bearer token goes along", seen["/good"].get("Authorization") == "Bearer secret-1", json.dumps(seen["/good"]))
    claim("OpenMetrics and gzip are asked for, and the timeout is told", "openmetrics" in seen["/good"]["Accept"] and
          "gzip" in seen["/good"]["Accept-Encoding"] and seen["/good"]["X-Prometheus-Scrape-Timeout-Seconds"] == "1", json.dumps(seen["/good"]))
    claim("scrapes of well-behaved targets go on beside them", own.counter("seismesh_scrapes_total") >= len(jobs))
    claim("a stop does not wait for a slow target", own.stop() == 0)
    server.shutdown()


def tls_is_judged_as_told():
    folder = tempfile.mkdtemp()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder + "/key.pem", "-out", folder + "/cert.pem", "-days", "2",
                    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    server = Server(lambda *_: (200, {}, REQUESTS % 1), tls=(folder + "/cert.pem", folder + "/key.pem"))
    own = Seismesh(scrape(job([server.at], name="unknown", scheme="https"),
                          job([server.at], name="known", scheme="https", tls_config={"ca_file": folder + "/cert.pem"}),
                          job([server.at], name="unverified", scheme="https", tls_config={"insecure_skip_verify": True}), interval="1s"))
    rows = {}
    def asked():
        rows.update({t["job"]: t["health"] for t in own.get("/api/v1/status")["scrape"]["targets"]})
        return "unknown" not in rows.values()
    until(asked)
    claim("a certificate counts only where its authority is known, or nobody asks", rows == {"unknown": "down", "known": "up", "unverified": "up"}, json.dumps(rows))
    own.stop()
    server.shutdown()


def files_are_read_again():
    server = page_server({"/metrics": REQUESTS % 1, "/other": REQUESTS % 1})
    folder = tempfile.mkdtemp()
    port = server.server_address[1]
    def write(name, content):
        with open(f"{folder}/{name}.tmp", "w", encoding="utf-8") as out:
            out.write(content)
        os.replace(f"{folder}/{name}.tmp", f"{folder}/{name}")
    write("a.json", json.dumps([{"targets": [f"127.0.0.1:{port}"], "labels": {"instance": "one"}}]))
    own = Seismesh(scrape({"job_name": "files", "file_sd_configs": [{"files": [folder + "/*.json", folder + "/*.yml"]}]}))
    claim("targets of a JSON file are found", bool(until(lambda: list(own.targets()) == ["one"])), str(own.targets()))
    write("b.yml", f"- targets: ['127.0.0.1:{port}']\n  labels: {{instance: two, __metrics_path__: /other}}\n")
    claim("a YAML file that comes later is read", bool(until(lambda: sorted(own.targets()) == ["one", "two"])), str(own.targets()))
    write("a.json", "[{\"targets\": [")
    claim("a broken file is said", bool(until(lambda: "a.json" in own.discovery())), own.discovery())
    claim("and keeps the targets that it had", sorted(own.targets()) == ["one", "two"], str(own.targets()))
    write("a.json", json.dumps([{"targets": [f"127.0.0.1:{port}"], "labels": {"instance": "three"}}]))
    claim("a mended file counts at once", bool(until(lambda: sorted(own.targets()) == ["three", "two"] and own.discovery() == "")), str(own.targets()))
    os.remove(folder + "/b.yml")
    claim("a file that is gone takes its targets along", bool(until(lambda: list(own.targets()) == ["three"])), str(own.targets()))
    own.stop()
    server.shutdown()


# --- kill -9 ---

def killed_scraper_loses_nothing_and_counts_nothing_twice():
    lock, state = threading.Lock(), {"value": 1000, "frozen": False, "first": None, "served": 0}
    def page():
        with lock:
            if not state["frozen"]:
                state["value"] += random.randrange(1, 50)
            state["served"] += 1
            state["first"] = state["first"] or state["value"]
            return REQUESTS % state["value"]
    server = page_server({"/metrics": page})
    own = Seismesh(scrape(job([server.at], name="edge"), interval="100ms"), more="checkpoint_seconds: 60")
    until(lambda: own.counter("seismesh_folded_items_total{signal=\"metrics\"}") > 5)
    for _ in range(4):
        time.sleep(random.uniform(0.3, 1.2))
        own.kill()
        own.start()
    until(lambda: state["served"] > 60)
    state["frozen"] = True
    served = state["served"]
    until(lambda: state["served"] > served + 3)
    own.stop()
    expected = state["value"] - state["first"]
    own.start()
    found = until(lambda: own.requests("edge") == expected) and expected
    claim("killed four times while it scraped: every request counted once", found == expected, f"{own.requests('edge')} instead of {expected}")
    own.stop()
    server.shutdown()


def wrong_configurations_are_refused():
    cases = {"job_name": "- {static_configs: [{targets: [a]}]}", "relabel_configs are not read": "- {job_name: a, relabel_configs: []}",
             "neither static_configs": "- {job_name: a}", "scrape_timeout is longer": "- {job_name: a, scrape_interval: 1s, scrape_timeout: 2s, static_configs: []}",
             "must be a time": "- {job_name: a, scrape_interval: soon}", "consul_sd_configs are not read": "- {job_name: a, consul_sd_configs: []}",
             "no name of a label": "- {job_name: a, static_configs: [{targets: [a], labels: {a-b: c}}]}", "two scrape jobs": "- {job_name: a, static_configs: [{targets: [a]}]}\n  - {job_name: a, static_configs: [{targets: [a]}]}",
             "may stand in its last part only": "- {job_name: a, file_sd_configs: [{files: [/a*/b.yml]}]}", "must end with .json": "- {job_name: a, file_sd_configs: [{files: [/a/b.txt]}]}",
             "password is not read": "- {job_name: a, basic_auth: {username: u, password: p}}"}
    folder = tempfile.mkdtemp()
    for sentence, text_of_job in cases.items():
        with open(folder + "/c.yaml", "w", encoding="utf-8") as out:
            out.write(f"log_level: info\nscrape:\n  scrape_configs:\n  {text_of_job}\n")
        done = subprocess.run([PROGRAM, "check-config", folder + "/c.yaml"], capture_output=True, text=True, check=False)
        claim(f"check-config refuses: {sentence}", done.returncode == 2 and sentence in done.stderr and "line " in done.stderr, done.stderr)


wrong_configurations_are_refused()
for one in MESHES:
    mesh_is_seen_as_through_a_collector(one)
real_clients_are_scraped(sys.argv[1] if len(sys.argv) > 1 else None)
own_page_is_scraped()
status_is_as_described()
targets_that_misbehave_are_named_and_harm_nobody()
tls_is_judged_as_told()
files_are_read_again()
killed_scraper_loses_nothing_and_counts_nothing_twice()
sys.exit(0 if all(RESULTS) else 1)
