#!/usr/bin/env python3
"""ledger.py: compares what loadgen says was acknowledged with what the server's HTTP API says it knows.

    ledger.py LEDGER.json [--api http://127.0.0.1:7117] [--no-spans | --spans-elsewhere] [--wait SECONDS]

Counts and errors have to be equal, for every edge, service and operation; quantiles have to lie within the sketch's
declared error of the exact order statistics; sampled traces have to be readable with every span once. Where a request
was never acknowledged, the ledger knows the count only up to that request, and so does this. The last line is
"N passed, N failed".
"""
import argparse
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

# The database has no spans of its own: how its caller's words become a name is the server's business.
ALIASES = {"orders-db": ("orders-db", "mesh20/orders-db")}


class Verdict:
    """Claims with how many comparisons held, and the first ones that did not."""

    def __init__(self):
        self.claims = {}

    def check(self, claim, held, detail):
        passed, failed = self.claims.setdefault(claim, [0, []])
        if held:
            self.claims[claim][0] = passed + 1
        else:
            failed.append(detail)

    def report(self):
        passed = failed = 0
        for claim, (good, bad) in self.claims.items():
            print(f"{'FAIL' if bad else 'ok  '} {claim}: {good} of {good + len(bad)}")
            for detail in bad[:8]:
                print(f"       {detail}")
            if len(bad) > 8:
                print(f"       … and {len(bad) - 8} more")
            passed, failed = passed + (not bad), failed + bool(bad)
        print(f"{passed} passed, {failed} failed")
        return failed == 0


class Api:
    def __init__(self, base):
        self.base = base.rstrip("/")

    def get(self, path, **parameters):
        url = f"{self.base}/api/v1{path}"
        if parameters:
            url += "?" + urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(url, timeout=60) as answer:
            return json.load(answer)

    def wait_until_settled(self, seconds):
        """Until everything journaled is folded and in a checkpoint."""
        deadline = time.monotonic() + seconds
        while True:
            status = self.get("/status")
            journal, checkpoint = status["journal"], status["checkpoint"]
            if journal["behind_bytes"] == 0 and checkpoint["position"] >= journal["end"]:
                return status
            if time.monotonic() > deadline:
                print(f"not settled after {seconds} s: journal {journal}, checkpoint {checkpoint}")
                return status
            time.sleep(0.1)


def compare_counts(verdict, what, key, expected, golden):
    requests, errors, uncertain = expected["requests"], expected["errors"], expected["uncertain"]
    claim = f"{what}: requests are exact"
    verdict.check(claim, requests <= golden["requests"] <= requests + uncertain,
                  f"{key}: {golden['requests']} requests, sent {requests}" + (f" to {requests + uncertain}" if uncertain else ""))
    verdict.check(f"{what}: errors are exact", errors <= golden["errors"] <= errors + uncertain,
                  f"{key}: {golden['errors']} errors, sent {errors}")


def compare_quantiles(verdict, worst, what, key, expected, latency):
    """Every quantile lies within the declared ratio of the values around its place."""
    if expected is None:
        return
    if latency is None:
        verdict.check(f"{what}: quantiles within the declared error", False, f"{key}: no latency")
        return
    bound = latency["error_ratio"]
    for name in ("p50", "p90", "p99"):
        low, high = (ns / 1e9 for ns in expected[f"{name}_ns"])
        got = latency[f"{name}_s"]
        off = 0 if low <= got <= high else (low - got) / low if got < low else (got - high) / high
        worst[what] = max(worst.get(what, (0, 0)), (off, bound))
        verdict.check(f"{what}: quantiles within the declared error", off <= bound * 1.0001,
                      f"{key} {name}: {got:.6f} s, exact {low:.6f} to {high:.6f}, off {off:.4%}, declared {bound:.4%}")
    exact_max = expected["max_ns"] / 1e9
    verdict.check(f"{what}: maxima within the declared error", abs(latency["max_s"] - exact_max) <= exact_max * bound * 1.0001,
                  f"{key}: max {latency['max_s']} s, exact {exact_max}")


def compare_graph(verdict, worst, ledger, api, window):
    graph = api.get("/graph", limit=1000, **window)
    found = {edge["id"]: edge for edge in graph["edges"]}
    known = set()
    for key, expected in ledger["edges"].items():
        caller, callee = key.split(">")
        ids = [f"{caller}>{name}" for name in ALIASES.get(callee, (callee,))]
        known.update(ids)
        edge = next((found[i] for i in ids if i in found), None)
        verdict.check("edges: all are there", edge is not None, key)
        if edge is None:
            continue
        compare_counts(verdict, "edges", key, expected, edge["golden"])
        if expected["uncertain"] == 0:
            compare_quantiles(verdict, worst, "edges", key, expected.get("ok"), edge["golden"]["latency"])
            compare_quantiles(verdict, worst, "edges, failed", key, expected.get("failed"), edge["golden"]["failed_latency"])
            compare_quantiles(verdict, worst, "edges, caller's view", key, expected.get("client"), edge["client_latency"])
    extra = [f"{i}: {found[i]['golden']['requests']} requests" for i in found if i not in known]
    verdict.check("edges: there are no others", not extra, "; ".join(extra[:5]))


def compare_services(verdict, worst, ledger, api, window):
    listed = {service["id"] for service in api.get("/services", limit=1000, **window)["services"]}
    extra = listed - set(ledger["services"]) - {name for names in ALIASES.values() for name in names}
    verdict.check("services: there are no others", not extra, ", ".join(sorted(extra)[:5]))
    for key, expected in ledger["services"].items():
        if key not in listed:
            verdict.check("services: all are there", False, key)
            continue
        verdict.check("services: all are there", True, key)
        service = api.get("/services/" + urllib.parse.quote(key, safe=""), **window)
        compare_counts(verdict, "services", key, expected, service["golden"])
        if expected["uncertain"] == 0:
            compare_quantiles(verdict, worst, "services", key, expected.get("ok"), service["golden"]["latency"])
        operations = {row["operation"]: row["golden"] for row in service["operations"]}
        for name, wanted in ledger["operations"][key].items():
            verdict.check("operations: all are there", name in operations, f"{key} {name}")
            if name in operations:
                compare_counts(verdict, "operations", f"{key} {name}", wanted, operations[name])


def compare_traces(verdict, ledger, api, status, here):
    traces = ledger["traces"]
    for trace_id in traces["sample"]:
        try:
            trace = api.get(f"/traces/{trace_id}")
        except urllib.error.HTTPError as error:
            verdict.check("sampled traces are readable, every span once", False, f"{trace_id}: HTTP {error.code}")
            continue
        spans, ids = trace["spans"], {span["span_id"] for span in trace["spans"]}
        verdict.check("sampled traces are readable, every span once", len(ids) == len(spans) == traces["spans_each"],
                      f"{trace_id}: {len(spans)} spans, {len(ids)} ids of {traces['spans_each']}"
                      f"{', said to be cut short' if trace.get('truncated') else ''}")
    if here and ledger["unanswered_requests"] == 0 and ledger["refused_requests"] == 0:
        spans, stored = ledger["acknowledged_spans"], status["store"]["spans"]
        verdict.check("all spans are stored once", stored == spans, f"{stored} stored, {spans} acknowledged")
        stored = status["store"]["traces"]
        verdict.check("all traces are stored once", stored == traces["whole"], f"{stored} stored, {traces['whole']} sent")


def main():
    parser = argparse.ArgumentParser(description="compare a load generator's ledger with the API")
    parser.add_argument("ledger")
    parser.add_argument("--api", default="http://127.0.0.1:7117")
    parser.add_argument("--no-spans", action="store_true", help="the server keeps no spans")
    parser.add_argument("--spans-elsewhere", action="store_true", help="the server asks others for traces")
    parser.add_argument("--wait", type=float, default=120, help="seconds until the server must have settled")
    options = parser.parse_args()
    with open(options.ledger, encoding="utf-8") as file:
        ledger = json.load(file)
    api = Api(options.api)
    verdict, worst = Verdict(), {}
    status = api.wait_until_settled(options.wait)
    window = {"start": (ledger["first_ns"] // 10**9 - 300) * 1000, "end": (ledger["last_ns"] // 10**9 + 60) * 1000}
    verdict.check("everything was acknowledged", ledger["unanswered_requests"] == 0 and ledger["refused_requests"] == 0,
                  f"{ledger['unanswered_requests']} requests unanswered, {ledger['refused_requests']} refused")
    if "edges" in ledger:
        compare_graph(verdict, worst, ledger, api, window)
        compare_services(verdict, worst, ledger, api, window)
    else:
        print("a wide mesh: its edges and services are not compared, only what was acknowledged and stored")
    if not options.no_spans:
        compare_traces(verdict, ledger, api, status, not options.spans_elsewhere)
    print(f"{ledger['acknowledged_spans']} spans acknowledged over {ledger['protocol']}, "
          f"{ledger['retried']} requests retried, {ledger['lost']} sent again after a lost connection")
    for what, (off, bound) in sorted(worst.items()):
        print(f"worst quantile of {what}: {off:.4%} off, declared {bound:.4%}")
    for drop in status.get("drops", []):
        if drop["value"]:
            print(f"the server counts {drop['metric']}{drop['labels'] or ''} = {drop['value']}")
    return 0 if verdict.report() else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OSError as error:  # the server is gone, or says 4xx or 5xx
        print(f"FAIL the API does not answer: {error}\n0 passed, 1 failed")
        sys.exit(1)
