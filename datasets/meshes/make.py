#!/usr/bin/env python3
"""make: writes the small recordings of this folder, one folder per mesh, as OTLP in JSON lines.

No proxy was run for them. Each has the shape that the mesh's documents and source describe (README.md names them), with
numbers that were thought out beforehand: 100 requests per 15 s from front to the first version of reviews, 10 good and 5
failed ones to the second. What must come out of that is in expected.txt, written by hand and not by this script.
"""
import json
import os

T0 = 1700000000
SCRAPES = (0, 15, 30, 45)
HERE = os.path.dirname(os.path.abspath(__file__))


def ns(seconds):
    return str(round((T0 + seconds) * 1e9))


def value(v):
    if isinstance(v, bool):
        return {"boolValue": v}
    if isinstance(v, int):
        return {"intValue": str(v)}
    return {"stringValue": v}


def attributes(pairs):
    return [{"key": k, "value": value(v)} for k, v in pairs.items()]


def scraped(job, instance, **more):
    """The resource that an OpenTelemetry Collector's Prometheus receiver makes of a target."""
    host, port = instance.split(":")
    return {"service.name": job, "service.instance.id": instance, "server.address": host, "server.port": port,
            "url.scheme": "http", **more}


class Recording:
    def __init__(self, mesh):
        self.folder = os.path.join(HERE, mesh)
        self.lines = {"metrics": [], "traces": [], "logs": []}

    def metrics(self, resource, metrics, scope="github.com/open-telemetry/opentelemetry-collector-contrib/receiver/prometheusreceiver"):
        self.lines["metrics"].append({"resourceMetrics": [{"resource": {"attributes": attributes(resource)}, "scopeMetrics": [
            {"scope": {"name": scope}, "metrics": metrics}]}]})

    def traces(self, resource, spans, scope=""):
        self.lines["traces"].append({"resourceSpans": [{"resource": {"attributes": attributes(resource)}, "scopeSpans": [
            {"scope": {"name": scope}, "spans": spans}]}]})

    def logs(self, resource, records):
        self.lines["logs"].append({"resourceLogs": [{"resource": {"attributes": attributes(resource)}, "scopeLogs": [
            {"logRecords": records}]}]})

    def write(self):
        os.makedirs(self.folder, exist_ok=True)
        for kind, lines in self.lines.items():
            if lines:
                with open(os.path.join(self.folder, kind + ".jsonl"), "w", encoding="utf-8") as out:
                    out.writelines(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)


def counter(name, series, t, start=0, whole=False):
    """A monotonic cumulative sum: [(labels, requests per scrape)]; as Prometheus has it, a double without a start."""
    points = []
    for labels, rate in series:
        total = rate * (1 + t // 15)
        points.append({"timeUnixNano": ns(t), "attributes": attributes(labels), **({"startTimeUnixNano": ns(start)} if start else {}),
                       **({"asInt": str(total)} if whole else {"asDouble": float(total)})})
    return {"name": name, "sum": {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": points}}


def gauge(name, labels, t, number):
    return {"name": name, "gauge": {"dataPoints": [{"timeUnixNano": ns(t), "attributes": attributes(labels), "asDouble": number}]}}


def histogram(name, series, t, bounds, unit="", delta=False):
    """[(labels, observations per scrape, each)]; all observations are alike."""
    points = []
    for labels, rate, each in series:
        total = rate if delta else rate * (1 + t // 15)
        counts = [0] * (len(bounds) + 1)
        counts[sum(each > bound for bound in bounds)] = total
        point = {"timeUnixNano": ns(t), "attributes": attributes(labels), "count": str(total), "sum": total * each,
                 "bucketCounts": [str(c) for c in counts], "explicitBounds": bounds}
        if delta:
            point["startTimeUnixNano"] = ns(t - 15)
        points.append(point)
    return {"name": name, "unit": unit, "histogram": {"aggregationTemporality": 1 if delta else 2, "dataPoints": points}}


def span(trace, sid, parent, kind, name, pairs, start=20.0, ms=20):
    return {"traceId": f"{trace:032x}", "spanId": f"{sid:016x}", **({"parentSpanId": f"{parent:016x}"} if parent else {}), "name": name,
            "kind": kind, "startTimeUnixNano": ns(start), "endTimeUnixNano": ns(start + ms / 1000), "attributes": attributes(pairs)}


ENVOY_BOUNDS = [0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000]
LINKERD_BOUNDS = [1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500, 1000, 2000, 5000, 10000, 50000]
SECONDS_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
SERVER, CLIENT, INTERNAL = 2, 3, 1


def istio():
    r = Recording("istio")
    ends = {"source_workload": "front", "source_workload_namespace": "shop", "source_canonical_service": "front",
            "source_cluster": "Kubernetes", "destination_workload_namespace": "shop", "destination_canonical_service": "reviews",
            "destination_service_name": "reviews", "destination_service": "reviews.shop.svc.cluster.local",
            "destination_cluster": "Kubernetes", "request_protocol": "http"}
    for reporter, instance in (("source", "10.0.0.3:15020"), ("destination", "10.0.0.4:15020")):
        both = {**ends, "reporter": reporter, "connection_security_policy": "unknown" if reporter == "source" else "mutual_tls"}
        calls = [({**both, "destination_canonical_revision": v, "destination_workload": "reviews-" + v, "response_code": code,
                   "response_flags": "-"}, n) for v, code, n in (("v1", "200", 100), ("v2", "200", 10), ("v2", "503", 5))]
        if reporter == "source":  # never reached the callee
            calls.append(({**both, "destination_canonical_revision": "unknown", "destination_workload": "unknown",
                           "response_code": "503", "response_flags": "UH"}, 2))
        for t in SCRAPES:
            r.metrics(scraped("istio-mesh", instance), [
                counter("istio_requests_total", calls, t),
                histogram("istio_request_duration_milliseconds", [(labels, n, 20.0) for labels, n in calls], t, ENVOY_BOUNDS)])
    proxy = {"component": "proxy", "istio.namespace": "shop", "istio.mesh_id": "cluster.local", "http.status_code": "200", "response_flags": "-"}
    r.traces({"service.name": "front.shop"}, [span(1, 1, 0, CLIENT, "reviews.shop.svc.cluster.local:9080/*", {
        **proxy, "istio.canonical_service": "front", "istio.canonical_revision": "latest",
        "upstream_cluster": "outbound|9080|v1|reviews.shop.svc.cluster.local"})])
    r.traces({"service.name": "reviews.shop"}, [span(1, 2, 1, SERVER, "reviews.shop.svc.cluster.local:9080/*", {
        **proxy, "istio.canonical_service": "reviews", "istio.canonical_revision": "v1", "upstream_cluster": "inbound|9080||"}, ms=18)])
    return r


def linkerd():
    r = Recording("linkerd")
    front = {"namespace": "shop", "app": "front", "deployment": "front", "pod": "front-6c9d-x", "pod_template_hash": "6c9d"}
    identity = "front.shop.serviceaccount.identity.linkerd.cluster.local"
    versions = {"5f7a": "reviews-v1", "7b2c": "reviews-v2"}
    answers = (("5f7a", "200", "success", 100), ("7b2c", "200", "success", 10), ("7b2c", "503", "failure", 5))
    out = {(h, s): {**front, "direction": "outbound", "tls": "true", "authority": "reviews.shop.svc.cluster.local:9080",
                    "dst_service": "reviews", "dst_namespace": "shop", "dst_deployment": versions[h], "dst_pod_template_hash": h,
                    "dst_pod": versions[h] + "-a", "dst_zone": "eu-1a", "server_id": "reviews.shop.serviceaccount.identity.linkerd.cluster.local",
                    "status_code": s} for h, s, _, _ in answers}
    for t in SCRAPES:
        r.metrics(scraped("linkerd-proxy", "10.0.0.3:4191"), [
            counter("request_total", [({k: v for k, v in out[h, s].items() if k != "status_code"}, n) for h, s, _, n in answers[:2]], t),
            counter("response_total", [({**out[h, s], "classification": c}, n) for h, s, c, n in answers], t),
            histogram("response_latency_ms", [(out[h, s], n, 20.0) for h, s, _, n in answers], t, LINKERD_BOUNDS),
            counter("outbound_http_route_retry_requests_total", [({**front, "parent_kind": "Service", "parent_name": "reviews",
                    "parent_namespace": "shop", "route_name": "reviews"}, 1)], t),
            counter("tcp_open_total", [({**front, "direction": "outbound", "peer": "dst"}, 3)], t)])
        for h, name in versions.items():
            pod = {"namespace": "shop", "app": "reviews", "deployment": name, "pod": name + "-a", "pod_template_hash": h,
                   "direction": "inbound", "tls": "true", "client_id": identity, "target_addr": "10.0.0.4:9080"}
            mine = [a for a in answers if a[0] == h]
            r.metrics(scraped("linkerd-proxy", f"10.0.0.{4 + list(versions).index(h)}:4191"), [
                counter("response_total", [({**pod, "status_code": s, "classification": c}, n) for _, s, c, n in mine], t),
                histogram("response_latency_ms", [({**pod, "status_code": s}, n, 15.0) for _, s, _, n in mine], t, LINKERD_BOUNDS)])
    def proxy(app, deployment, template):
        return {"service.name": "linkerd-proxy", "host.name": deployment + "-a", "app": app, "pod-template-hash": template,
                "linkerd.io/proxy-deployment": deployment, "linkerd.io/workload-ns": "shop", "process.pid": 1}
    call = {"http.request.method": "GET", "http.response.status_code": "503", "url.path": "/reviews/1", "server.address": "reviews.shop.svc.cluster.local"}
    r.traces(proxy("front", "front", "6c9d"), [span(1, 2, 1, SERVER, "/reviews/1", {**call, "direction": "outbound"}),
                                       span(1, 3, 2, CLIENT, "/reviews/1", {**call, "direction": "outbound"})])
    r.traces(proxy("reviews", "reviews-v2", "7b2c"), [span(1, 4, 3, SERVER, "/reviews/1", {**call, "direction": "inbound"}, ms=15),
                                                      span(1, 5, 4, CLIENT, "/reviews/1", {**call, "direction": "inbound"}, ms=14)])
    return r


def envoy_stats(own, reach, t, idle=None):
    """Envoy's stats of a caller: [(labels of the cluster, code, requests per scrape)]."""
    def with_own(labels):
        return {**own, **labels}
    by_code = [(with_own({**labels, "envoy_response_code": code}), n) for labels, code, n in reach]
    by_class = [(with_own({**labels, "envoy_response_code_class": code[0]}), n) for labels, code, n in reach]
    out = [counter("envoy_cluster_upstream_rq", by_code, t), counter("envoy_cluster_upstream_rq_xx", by_class, t),
           counter("envoy_cluster_upstream_rq_total", [(with_own(labels), n) for labels, _, n in reach[:1]], t),
           histogram("envoy_cluster_upstream_rq_time", [(with_own(labels), n, 20.0) for labels, _, n in reach[:2]], t, ENVOY_BOUNDS),
           gauge("envoy_cluster_membership_healthy", with_own(reach[0][0]), t, 2.0)]
    if idle:
        out.append(counter("envoy_cluster_upstream_rq", [(with_own({**idle, "envoy_response_code": "200"}), 0)], t))
        out.append(gauge("envoy_cluster_membership_healthy", with_own(idle), t, 2.0))
    return out


def consul():
    r = Recording("consul")
    def proxy(name):
        return {"local_cluster": name, "namespace": "apps", "pod": name + "-x", "consul_source_service": name, "consul_source_namespace": "default",
                "consul_source_partition": "default", "consul_source_datacenter": "dc1"}
    def to(subset, name="reviews"):
        return {"envoy_cluster_name": subset or name, "consul_destination_service": name, "consul_destination_service_subset": subset,
                "consul_destination_namespace": "default", "consul_destination_partition": "default",
                "consul_destination_datacenter": "dc1", "consul_destination_routing_type": "internal",
                "consul_destination_trust_domain": "7a1f", "consul_service": name}
    inbound = {"envoy_http_conn_manager_prefix": "public_listener"}
    for t in SCRAPES:
        r.metrics(scraped("consul-proxies", "10.0.0.3:20200"),
                  envoy_stats(proxy("front"), [(to("v1"), "200", 100), (to("v2"), "200", 10), (to("v2"), "503", 5)], t, idle=to("", "unused")))
        r.metrics(scraped("consul-proxies", "10.0.0.4:20200"), [
            counter("envoy_http_downstream_rq_xx", [({**proxy("reviews"), **inbound, "envoy_response_code_class": c}, n)
                                                    for c, n in (("2", 110), ("5", 5))], t),
            histogram("envoy_http_downstream_rq_time", [({**proxy("reviews"), **inbound}, 115, 15.0)], t, ENVOY_BOUNDS),
            counter("envoy_cluster_upstream_rq", [({**proxy("reviews"), "envoy_cluster_name": "local_app", "envoy_response_code": "200"}, 110)], t)])
    name = "v2.reviews.default.dc1.internal.7a1f.consul"
    body = {"start_time": "2023-11-14T22:13:40.000Z", "method": "GET", "path": "/reviews/1", "protocol": "HTTP/1.1", "response_code": 503,
            "response_flags": "-", "bytes_received": 0, "bytes_sent": 91, "duration": 20, "authority": "reviews", "upstream_cluster": name}
    r.logs({"service.name": "front"}, [{"timeUnixNano": ns(20), "body": {"stringValue": json.dumps(body)}}])
    tags = {"component": "proxy", "http.method": "GET", "http.status_code": "503", "response_flags": "-", "error": "true"}
    r.traces({"service.name": "front"}, [span(1, 1, 0, CLIENT, "egress reviews", {**tags, "upstream_cluster": name})])
    r.traces({"service.name": "reviews"}, [span(1, 2, 1, SERVER, "ingress", {**tags, "upstream_cluster": "local_app"}, ms=18)])
    return r


def kuma2():
    r = Recording("kuma2")
    def tags(name, pod, version):
        return {"mesh": "default", "zone": "east", "dataplane": pod, "service": f"{name}_shop_svc_9080", "kuma_io_service": f"{name}_shop_svc_9080",
                "kuma_io_zone": "east", "k8s_kuma_io_namespace": "shop", "version": version, "versions": f",{version},"}
    front, inbound = tags("front", "front-x", "v1"), {"envoy_http_conn_manager_prefix": "localhost_9080"}
    to = {"envoy_cluster_name": "reviews_shop_svc_9080"}
    for t in SCRAPES:
        r.metrics({"service.name": "unknown_service:kuma-dp"}, envoy_stats(front, [(to, "200", 110), (to, "503", 5)], t)
                  + [counter("envoy_http_downstream_rq_xx", [({**front, "envoy_http_conn_manager_prefix": "reviews_shop_svc_9080",
                                                               "envoy_response_code_class": "2"}, 110)], t)], scope="kuma")
        for version, answers in (("v1", (("2", 100),)), ("v2", (("2", 10), ("5", 5)))):
            own = {**tags("reviews", f"reviews-{version}-x", version), **inbound}
            r.metrics({"service.name": "unknown_service:kuma-dp"}, [
                counter("envoy_http_downstream_rq_xx", [({**own, "envoy_response_code_class": c}, n) for c, n in answers], t),
                histogram("envoy_http_downstream_rq_time", [(own, sum(n for _, n in answers), 15.0)], t, ENVOY_BOUNDS)], scope="kuma")
    tags = {"component": "proxy", "kuma.mesh": "default", "kuma.zone": "east", "http.method": "GET", "http.status_code": "200", "response_flags": "-"}
    r.traces({"service.name": "front_shop_svc_9080"}, [span(1, 1, 0, CLIENT, "egress reviews", {**tags, "upstream_cluster": "reviews_shop_svc_9080"})])
    r.traces({"service.name": "reviews_shop_svc_9080"}, [span(1, 2, 1, SERVER, "ingress", {**tags, "upstream_cluster": "localhost_9080"}, ms=18)])
    r.logs({}, [{"timeUnixNano": ns(20), "body": {"stringValue": "GET /reviews/1"}, "attributes": attributes({
        "kuma.mesh": "default", "kuma.source.service": "front_shop_svc_9080", "kuma.destination.service": "reviews_shop_svc_9080",
        "response_code": "200", "response_flags": "-", "duration": "20", "method": "GET"})}])
    return r


def kuma3():
    r = Recording("kuma3")
    def own(name):
        return {"mesh": "blue", "zone": "east", "kuma.proxy_role": "dataplane", "kuma.workload": f"kri_wl_blue_east_shop_{name}_"}
    to = {"envoy_cluster_name": "kri_msvc_blue_east_shop_reviews_http"}
    for t in SCRAPES:
        r.metrics({"service.name": "unknown_service:kuma-dp", "k8s.pod.name": "front-x"}, envoy_stats(own("front"), [(to, "200", 110), (to, "503", 5)], t), scope="kuma")
        r.metrics({"service.name": "unknown_service:kuma-dp", "k8s.pod.name": "reviews-x"}, [
            counter("envoy_http_downstream_rq_xx", [({**own("reviews"), "envoy_http_conn_manager_prefix": "self_inbound_http",
                                                      "envoy_response_code_class": c}, n) for c, n in (("2", 110), ("5", 5))], t)], scope="kuma")
    return r


def app_mesh():
    r = Recording("app_mesh")
    front = {"Mesh": "books", "VirtualNode": "front_shop"}
    def target(node):
        return {**front, "TargetVirtualService": "reviews.shop.svc.cluster.local", "TargetVirtualNode": node}
    v1, v2 = target("reviews-v1_shop"), target("reviews-v2_shop")
    for t in SCRAPES:
        r.metrics(scraped("appmesh-envoy", "10.0.0.3:9901"), [
            counter("envoy_appmesh_RequestCountPerTarget", [(v1, 100), (v2, 15)], t),
            counter("envoy_appmesh_HTTPCode_Target_2XX_Count", [(v1, 100), (v2, 10)], t),
            counter("envoy_appmesh_HTTPCode_Target_5XX_Count", [(v2, 5)], t),
            histogram("envoy_appmesh_TargetResponseTime", [(v1, 100, 20.0), (v2, 15, 20.0)], t, ENVOY_BOUNDS),
            counter("envoy_appmesh_RequestCount", [(front, 7)], t)])
        tags = {"appmesh_mesh": "books", "appmesh_virtual_node": "front_shop"}
        r.metrics(scraped("appmesh-envoy", "10.0.0.3:9901"),
                  envoy_stats(tags, [({"envoy_cluster_name": "cds_egress_books_ratings_shop_http_9080"}, "200", 40)], t))
    return r


def osm():
    r = Recording("osm")
    def call(pod):
        return {"source_namespace": "shop", "source_kind": "Deployment", "source_name": "front", "source_pod": "front-x",
                "destination_namespace": "shop", "destination_kind": "Deployment", "destination_name": "reviews", "destination_pod": pod}
    for t in SCRAPES:
        r.metrics(scraped("osm-pods", "10.0.0.3:15010"), [
            counter("osm_request_total", [({**call("reviews-a"), "response_code": "200"}, 110), ({**call("reviews-b"), "response_code": "503"}, 5)], t),
            histogram("osm_request_duration_ms", [(call("reviews-a"), 110, 20.0), (call("reviews-b"), 5, 20.0)], t, ENVOY_BOUNDS)])
        own = {"source_namespace": "shop", "source_service": "front", "source_pod_name": "front-x", "source_workload_kind": "Deployment",
               "source_workload_name": "front"}
        r.metrics(scraped("osm-pods", "10.0.0.3:15010"), envoy_stats(own, [({"envoy_cluster_name": "shop/ratings|9080"}, "200", 40)], t))
    return r


def google():
    r = Recording("google")
    ends = {"source_canonical_service_name": "front", "source_canonical_service_namespace": "shop", "destination_canonical_service_name": "reviews",
            "destination_canonical_service_namespace": "shop", "destination_canonical_revision": "v1", "request_protocol": "http"}
    for side in ("server", "client"):
        for t in SCRAPES:
            latency = "response_latencies" if side == "server" else "roundtrip_latencies"
            count = counter(f"istio.io/service/{side}/request_count", [({**ends, "response_code": 200}, 100), ({**ends, "response_code": 503}, 5)], t, whole=True)
            r.metrics({"cloud.platform": "gcp_kubernetes_engine"}, [count, histogram(f"istio.io/service/{side}/{latency}", [
                ({**ends, "response_code": 200}, 100, 20.0), ({**ends, "response_code": 503}, 5, 20.0)], t, ENVOY_BOUNDS, unit="ms", delta=True)])
    csm = {"csm.mesh_id": "mesh-1", "csm.remote_workload_type": "gcp_kubernetes_engine", "csm.remote_workload_namespace_name": "shop",
           "grpc.method": "shop.Ratings/Get"}
    for t in SCRAPES[1:]:
        r.metrics({"service.name": "cart", "service.namespace": "shop"}, [histogram("grpc.client.attempt.duration", [
            ({**csm, "csm.workload_canonical_service": "cart", "csm.remote_workload_canonical_service": "ratings", "grpc.target": "xds:///ratings",
              "grpc.status": s}, n, 0.02) for s, n in (("OK", 40), ("UNAVAILABLE", 3))], t, SECONDS_BOUNDS, "s", delta=True)], scope="grpc-go")
        r.metrics({"service.name": "ratings", "service.namespace": "shop"}, [histogram("grpc.server.call.duration", [
            ({**csm, "csm.workload_canonical_service": "ratings", "csm.remote_workload_canonical_service": "cart", "grpc.status": "OK"}, 40, 0.015)],
            t, SECONDS_BOUNDS, "s", delta=True)], scope="grpc-go")
    return r


def traefik():
    r = Recording("traefik")
    proxy = {"service.name": "traefik", "service.version": "3.5.0", "k8s.pod.name": "traefik-x"}
    web = {"entrypoint": "web", "method": "GET", "protocol": "http"}
    def to(name):
        return {"service": f"shop-{name}-9080@kubernetescrd", "method": "GET", "protocol": "http"}
    sent = [({**to("reviews"), "code": "200"}, 110), ({**to("reviews"), "code": "503"}, 5), ({**to("web-api"), "code": "200"}, 40)]
    for t in SCRAPES:
        r.metrics(proxy, [
            counter("traefik_entrypoint_requests_total", [({**web, "code": "200"}, 150), ({**web, "code": "503"}, 5)], t, start=-3600, whole=True),
            counter("traefik_service_requests_total", sent, t, start=-3600, whole=True),
            counter("traefik_router_requests_total", [({**labels, "router": "shop@kubernetescrd"}, n) for labels, n in sent], t, start=-3600, whole=True),
            counter("traefik_service_retries_total", [({"service": to("reviews")["service"]}, 2)], t, start=-3600, whole=True),
            histogram("traefik_service_request_duration_seconds", [(labels, n, 0.02) for labels, n in sent], t, SECONDS_BOUNDS, "s"),
            histogram("traefik_entrypoint_request_duration_seconds", [({**web, "code": "200"}, 150, 0.021)], t, SECONDS_BOUNDS, "s"),
            histogram("http.client.request.duration", [({"http.request.method": "GET", "server.address": "10.0.0.4", "http.response.status_code": 200}, 150, 0.02)],
                      t, SECONDS_BOUNDS, "s")], scope="github.com/traefik/traefik")
    # the service behind is known by its own spans, and so the key of its Traefik service can be cut
    r.traces({"service.name": "web-api", "service.namespace": "shop"}, [span(2, 9, 8, SERVER, "GET /api", {"http.request.method": "GET", "http.response.status_code": 200}, start=1)])
    r.traces(proxy, [
        span(1, 1, 0, SERVER, "GET", {"http.request.method": "GET", "http.response.status_code": 200, "entry_point": "web"}, ms=25),
        span(1, 2, 1, INTERNAL, "Router", {"traefik.router.name": "shop@kubernetescrd", "traefik.service.name": "shop-reviews-9080@kubernetescrd",
                                           "http.route": "PathPrefix(`/reviews`)"}, ms=24)], scope="github.com/traefik/traefik")
    r.logs(proxy, [{"timeUnixNano": ns(20), "body": {"stringValue": ""}, "attributes": attributes({
        "RouterName": "shop@kubernetescrd", "ServiceName": "shop-reviews-9080@kubernetescrd", "RequestMethod": "GET", "RequestPath": "/reviews/1",
        "RequestProtocol": "HTTP/1.1", "DownstreamStatus": 200, "OriginStatus": 200, "Duration": 20000000, "DownstreamContentSize": 512})}])
    return r


def nsm():
    r = Recording("nsm")
    labels = {"connection": "alpine-0"}
    for t in SCRAPES:
        r.metrics({"service.name": "forwarder-vpp"}, [
            counter("forwarder-vpp-4xk2z_server_rx_bytes", [(labels, 15000)], t, start=-3600, whole=True),
            counter("forwarder-vpp-4xk2z_server_tx_bytes", [(labels, 30000)], t, start=-3600, whole=True),
            counter("forwarder-vpp-4xk2z_client_rx_bytes", [(labels, 30000)], t, start=-3600, whole=True),
            counter("forwarder-vpp-4xk2z_server_drops", [(labels, 15)], t, start=-3600, whole=True)], scope="nsm")
    rpc = {"rpc.system": "grpc", "rpc.service": "networkservice.NetworkService", "rpc.method": "Request", "rpc.grpc.status_code": 0}
    r.traces({"service.name": "nsc"}, [span(1, 1, 0, CLIENT, "networkservice.NetworkService/Request", rpc)])
    r.traces({"service.name": "nsmgr"}, [span(1, 2, 1, SERVER, "networkservice.NetworkService/Request", rpc, ms=18),
                                         span(1, 3, 2, INTERNAL, "connect", {}, ms=17), span(1, 4, 3, CLIENT, "networkservice.NetworkService/Request", rpc, ms=16)])
    r.traces({"service.name": "forwarder-vpp"}, [span(1, 5, 4, SERVER, "networkservice.NetworkService/Request", rpc, ms=15)])
    return r


for make in (istio, linkerd, consul, kuma2, kuma3, app_mesh, osm, google, traefik, nsm):
    make().write()
