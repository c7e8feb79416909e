#!/usr/bin/env python3
"""kubernetes: a running seismesh finds pods through an API server, a made one that behaves as the API's documents say
(https://kubernetes.io/docs/reference/using-api/api-concepts/), with their faults. Prints "ok …" and "FAIL …" lines.

    kubernetes.py        from the top of the project; $SEISMESH names the program. Pods have addresses in 127.77.0.0/16."""
import json
import os
import queue
import sys
import tempfile
import threading
import time

from peers import RESULTS, Seismesh, Server, claim, clean_up, until

TRAEFIK = "# TYPE traefik_entrypoint_requests_total counter\ntraefik_entrypoint_requests_total{code=\"200\",entrypoint=\"web\"} 1\n"


class Cluster:
    """Pods, and who watches them."""

    def __init__(self):
        self.lock, self.pods, self.version, self.watchers = threading.Lock(), {}, 100, []
        self.lists = self.watches = self.gone = 0
        self.nodes_allowed, self.refuse, self.garbage, self.page_size = True, None, False, 2
        self.tokens = ("token-1",)
        self.server = Server(self.answer)

    def event(self, kind, pod):
        with self.lock:
            self.version += 1
            pod["metadata"]["resourceVersion"] = str(self.version)
            if kind == "DELETED":
                self.pods.pop(pod["metadata"]["uid"], None)
            else:
                self.pods[pod["metadata"]["uid"]] = pod
            for watcher in self.watchers:
                watcher.put({"type": kind, "object": pod})

    def tell(self, event):
        with self.lock:
            for watcher in self.watchers:
                watcher.put(event)

    def answer(self, path, headers):
        if headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return 401, {}, json.dumps({"kind": "Status", "code": 401})
        if self.refuse:
            return self.refuse, {}, json.dumps({"kind": "Status", "code": self.refuse})
        route, _, query = path.partition("?")
        options = dict(part.split("=", 1) for part in query.split("&") if part)
        if route == "/api/v1/nodes":
            if not self.nodes_allowed:
                return 403, {}, "{}"
            nodes = [{"metadata": {"name": "node-1", "labels": {"topology.kubernetes.io/zone": "eu-1a"}}}]
            return 200, {}, json.dumps({"kind": "PartialObjectMetadataList", "items": nodes})
        if not route.endswith("/pods"):
            return 404, {}, "{}"
        space = route.split("/")[4] if "/namespaces/" in route else None
        return self.watch(options) if options.get("watch") else self.list(options, space)

    def list(self, options, space):
        with self.lock:
            self.lists += 1
            pods = [p for p in self.pods.values() if space in (None, p["metadata"]["namespace"])]
            begin = int(options.get("continue", "0"))
            end = begin + self.page_size
            metadata = {"resourceVersion": str(self.version), **({"continue": str(end)} if end < len(pods) else {})}
            if self.garbage:
                return 200, {}, '{"items": [' + "x" * 1000
            return 200, {}, json.dumps({"kind": "PodList", "metadata": metadata, "items": pods[begin:end]})

    def watch(self, options):
        events = queue.Queue()
        with self.lock:
            self.watches += 1
            if self.gone:
                self.gone -= 1
                return 200, {}, json.dumps({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}}) + "\n"
            for pod in self.pods.values():  # what happened since
                if int(pod["metadata"]["resourceVersion"]) > int(options["resourceVersion"]):
                    events.put({"type": "MODIFIED", "object": pod})
            self.watchers.append(events)

        def write(out):
            while True:
                event = events.get()
                if event is None:
                    break
                line = json.dumps(event).encode() + b"\n"
                out.write(line[:len(line) // 2])  # an event comes in any pieces
                out.flush()
                out.write(line[len(line) // 2:])
                out.flush()
            with self.lock:
                self.watchers.remove(events)
        return 200, {"Content-Type": "application/json"}, write


def pod(name, ip, containers, namespace="shop", labels=None, annotations=None, owner=None, phase="Running", init=(), started=None):
    return {"metadata": {"name": name, "namespace": namespace, "uid": "uid-" + name, "labels": labels or {}, "annotations": annotations or {},
                         "ownerReferences": [{"kind": "ReplicaSet", "name": owner}] if owner else []},
            "spec": {"nodeName": "node-1", "containers": [c if isinstance(c, dict) else {"name": c} for c in containers], "initContainers": list(init)},
            "status": {"phase": phase, "podIP": ip, "containerStatuses": [
                {"name": c if isinstance(c, str) else c["name"], "restartCount": 0, "state": {"running": {"startedAt": started}}}
                for c in containers] if started else []}}


def kubernetes(cluster, token, **more):
    return {"scrape_interval": "300ms", "scrape_timeout": "300ms", "scrape_configs": [
        {"job_name": "pods", "kubernetes_sd_configs": [{"role": "pod", "api_server": f"http://{cluster.server.at}",
                                                        "authorization": {"credentials_file": token}, **more}]}]}


def token_file(token="token-1"):
    with tempfile.NamedTemporaryFile("w", delete=False) as out:
        out.write(token)
    return out.name


def addresses(own):
    return sorted(own.targets())


def proxies_and_annotated_pods_are_found():
    cluster = Cluster()
    declared = [{"containerPort": 15010}]
    for one in (pod("istio", "127.77.0.1", ["app", "istio-proxy"], annotations={"prometheus.io/scrape": "true", "prometheus.io/port": "15020"}),
                pod("native", "127.77.0.2", ["app"], init=[{"name": "istio-proxy", "restartPolicy": "Always"}, {"name": "linkerd-proxy"}]),
                pod("linkerd", "127.77.0.3", ["app", {"name": "linkerd-proxy", "ports": [{"name": "linkerd-admin", "containerPort": 4191}]}]),
                pod("consul", "127.77.0.4", ["consul-dataplane"]), pod("kuma", "127.77.0.5", ["kuma-sidecar"]),
                pod("osm", "127.77.0.6", [{"name": "envoy", "ports": declared}]), pod("envoy", "127.77.0.7", ["envoy"]),
                pod("traefik", "127.77.0.8", [{"name": "traefik", "ports": [{"name": "metrics", "containerPort": 9200}]}]),
                pod("app", "127.77.0.9", [{"name": "app", "ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 8080}]}],
                    annotations={"prometheus.io/scrape": "true", "prometheus.io/path": "/m", "prometheus.io/scheme": "https"}),
                pod("refused", "127.77.0.10", ["istio-proxy"], annotations={"prometheus.io/scrape": "false"}),
                pod("done", "127.77.0.11", ["istio-proxy"], phase="Succeeded"), pod("young", "", ["istio-proxy"], phase="Pending"),
                pod("six", "fd00::1", ["istio-proxy"]), pod("elsewhere", "127.77.0.12", ["istio-proxy"], namespace="other")):
        cluster.event("ADDED", one)
    own = Seismesh(kubernetes(cluster, token_file()))
    wanted = sorted(["127.77.0.1:15020", "127.77.0.2:15020", "127.77.0.3:4191", "127.77.0.4:20200", "127.77.0.5:5670", "127.77.0.6:15010",
                     "127.77.0.8:9200", "127.77.0.9:8080", "[fd00::1]:15020", "127.77.0.12:15020"])
    claim("known proxies and annotated pods are targets, others are not", bool(until(lambda: addresses(own) == wanted)), str(addresses(own)))
    claim("a list comes in pages", cluster.lists >= 7, str(cluster.lists))
    own.stop()
    spaced = Seismesh(kubernetes(cluster, token_file(), namespaces={"names": ["other"]}))
    claim("only the namespaces that are asked for are looked at", bool(until(lambda: addresses(spaced) == ["127.77.0.12:15020"])), str(addresses(spaced)))
    spaced.stop()


def changes_come_by_the_watch():
    cluster = Cluster()
    cluster.event("ADDED", pod("a", "127.77.1.1", ["istio-proxy"]))
    own = Seismesh(kubernetes(cluster, token_file()))
    until(lambda: addresses(own) and cluster.watchers)
    lists = cluster.lists
    cluster.event("ADDED", pod("b", "127.77.1.2", ["istio-proxy"]))
    claim("a pod that comes is found", bool(until(lambda: len(addresses(own)) == 2)), str(addresses(own)))
    cluster.event("MODIFIED", pod("a", "127.77.1.3", ["istio-proxy"]))
    claim("a pod that changes is changed", bool(until(lambda: addresses(own) == ["127.77.1.2:15020", "127.77.1.3:15020"])), str(addresses(own)))
    cluster.event("DELETED", pod("b", "127.77.1.2", ["istio-proxy"]))
    claim("a pod that goes is gone", bool(until(lambda: addresses(own) == ["127.77.1.3:15020"])), str(addresses(own)))
    claim("and all of that without a further list", cluster.lists == lists, f"{cluster.lists} instead of {lists}")
    cluster.tell(None)  # the server ends the watch, as it does every few minutes
    claim("a watch that ends is taken up where it was", bool(until(lambda: cluster.watches >= 2 and cluster.watchers)) and cluster.lists == lists)
    cluster.gone = 1
    cluster.tell(None)
    claim("a watch that is too old begins with a list", bool(until(lambda: cluster.lists > lists and cluster.watchers)), str(cluster.lists))
    lists = cluster.lists
    cluster.tell({"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {"resourceVersion": "100000"}}})
    cluster.tell(None)
    cluster.event("MODIFIED", pod("a", "127.77.1.4", ["istio-proxy"]))  # older than the bookmark: not told again
    until(lambda: cluster.watchers)
    claim("a bookmark moves the place on", addresses(own) == ["127.77.1.3:15020"] and cluster.lists == lists, str(addresses(own)))
    own.stop()


def faults_of_the_server_are_said_and_keep_the_pods():
    cluster = Cluster()
    cluster.event("ADDED", pod("a", "127.77.2.1", ["istio-proxy"]))
    cluster.refuse = 403
    token = token_file()
    own = Seismesh(kubernetes(cluster, token))
    claim("403: what is missing is said", bool(until(lambda: "403" in own.discovery() and "list and watch pods" in own.discovery())), own.discovery())
    cluster.refuse = None
    claim("and it goes on when it may", bool(until(lambda: addresses(own) and own.discovery() == "")), own.discovery())
    cluster.tokens = ("token-2",)
    cluster.tell(None)
    claim("401: a token that is not accepted is said", bool(until(lambda: "401" in own.discovery())), own.discovery())
    claim("and the pods are kept", addresses(own) == ["127.77.2.1:15020"], str(addresses(own)))
    with open(token, "w", encoding="utf-8") as out:
        out.write("token-2\n")
    claim("a token that was renewed is read again", bool(until(lambda: own.discovery() == "", 40)), own.discovery())
    cluster.garbage, cluster.gone = True, 1
    cluster.tell(None)
    claim("an answer that is no list is said", bool(until(lambda: "no list of pods" in own.discovery(), 40)), own.discovery())
    claim("and the pods are still kept", addresses(own) == ["127.77.2.1:15020"], str(addresses(own)))
    claim("a stop does not wait for the server", own.stop() == 0)


def pods_are_named_as_a_collector_names_them():
    cluster = Cluster()
    counts = {"value": 0}
    callee = {"dst_service": "reviews", "dst_namespace": "shop", "dst_pod_template_hash": "5f7a", "dst_zone": "eu-1a"}
    def page(direction, **labels):
        inner = ",".join(f'{k}="{v}"' for k, v in {"direction": direction, "status_code": "200", "classification": "success", **labels}.items())
        return lambda *_: (200, {}, f"# TYPE response_total counter\nresponse_total{{{inner}}} {counts['value']}\n")
    front = Server(page("outbound", **callee), "127.77.3.1", 4191)
    back = Server(page("inbound"), "127.77.3.2", 4191)
    for name, ip, template in (("front", "127.77.3.1", "6c9d"), ("reviews", "127.77.3.2", "5f7a")):
        cluster.event("ADDED", pod(f"{name}-{template}-x", ip, [name, "linkerd-proxy"], labels={"app": name, "pod-template-hash": template},
                                   owner=f"{name}-{template}"))
    own = Seismesh(kubernetes(cluster, token_file()))
    until(lambda: len(own.targets()) == 2 and all(t["points"] for t in own.targets().values()))
    counts["value"] = 70
    until(lambda: own.requests("shop/reviews") == 70)
    graph = own.graph()
    edge = next((e for e in graph["edges"] if (e["caller"], e["callee"]) == ("shop/front", "shop/reviews")), None)
    claim("Linkerd's pods are services of their namespace, by the label app", edge is not None and edge["golden"]["requests"] == 70, json.dumps(graph)[:600])
    services = {s["id"]: s for s in own.get("/api/v1/services")["services"]}
    reviews = services.get("shop/reviews", {})
    claim("versions are pod template hashes, zones are the nodes'", "5f7a" in json.dumps(reviews.get("versions")) and "eu-1a" in json.dumps(reviews.get("zones")),
          json.dumps(reviews))
    claim("the mesh is Linkerd", reviews.get("meshes") == ["linkerd"], json.dumps(reviews.get("meshes")))
    own.stop()
    front.shutdown()
    back.shutdown()


def a_proxy_that_just_began_counts_from_its_first_page():
    cluster = Cluster()
    server = Server(lambda *_: (200, {}, TRAEFIK.replace("} 1", "} 55")), "127.77.4.1", 15020)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 5))
    cluster.event("ADDED", pod("gate-x", "127.77.4.1", ["istio-proxy"], labels={"app": "gate"}, started=now))
    own = Seismesh(kubernetes(cluster, token_file()))
    claim("the first page of a container that just began is all new", bool(until(lambda: own.requests("shop/gate") == 55)), str(own.requests("shop/gate")))
    own.stop()
    server.shutdown()


proxies_and_annotated_pods_are_found()
changes_come_by_the_watch()
faults_of_the_server_are_said_and_keep_the_pods()
pods_are_named_as_a_collector_names_them()
a_proxy_that_just_began_counts_from_its_first_page()
clean_up()
sys.stdout.flush()
os._exit(0 if all(RESULTS) else 1)
