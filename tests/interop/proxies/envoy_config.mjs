// envoy_config: bootstraps of Envoys as meshes write them. What a mesh calls things (names of clusters and nodes, tags of
// stats and spans) is a row of `styles`; the rest is the same everywhere. Names as in: istio/istio
// tools/packaging/common/envoy_bootstrap.json, hashicorp/consul command/connect/envoy/bootstrap_config.go.

const address = (port) => ({ socket_address: { address: "127.0.0.1", port_value: port } });
const typed = (name, type, fields) => ({ name, typed_config: { "@type": `type.googleapis.com/${type}`, ...fields } });

// Consul's stats have the parts of a cluster's name as tags; the whole name is taken out of the stat's.
function consulTag(tag) {
    const part = (name) => (name === tag ? "([^.]+)" : "[^.]+");
    const names = ["service", "namespace", "datacenter", "routing_type", "trust_domain"].map(part).join("\\.");
    return {
        tag_name: `consul.destination.${tag}`,
        regex: `^cluster\\.((?:${part("service_subset")}\\.)?${names}\\.consul\\.)`,
    };
}

const fixed = (tags) => Object.entries(tags).map(([tag_name, fixed_value]) => ({ tag_name, fixed_value }));

export const styles = {
    // A plain Envoy is told whose proxy it is by its bootstrap; its sink names nobody otherwise.
    envoy: {
        cluster: (service) => service,
        inbound: { cluster: "local_app", prefix: "ingress" },
        node: (name) => ({ id: `${name}-1`, cluster: name }),
        stats: () => ({}),
        spanTags: () => ({}),
        resource: (name, version) => ({ "service.name": name, "service.version": version }),
    },
    istio: {
        cluster: (service, version) => `outbound|9080|${version}|${service}.shop.svc.cluster.local`,
        inbound: { cluster: "inbound|9080||", prefix: "inbound_0.0.0.0_9080;" },
        node: (name) => ({ id: `sidecar~127.0.0.1~${name}-1.shop~shop.svc.cluster.local`, cluster: `${name}.shop` }),
        suffix: ";",
        sink: false, // no setting of Istio's makes its proxies send metrics as OTLP
        accessLog: {
            disable_builtin_labels: true,
            body: {
                string_value:
                    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% ' +
                    "%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% " +
                    '"%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% ' +
                    '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ' +
                    '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% ' +
                    "%UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% " +
                    "%REQUESTED_SERVER_NAME% %ROUTE_NAME%\n",
            },
        },
        stats: () => ({
            use_all_default_tags: false,
            stats_tags: [
                { tag_name: "cluster_name", regex: "^cluster\\.(([^;]+);\\.)" },
                { tag_name: "http_conn_manager_prefix", regex: "^http\\.(([^;]+);\\.)" },
                { tag_name: "response_code", regex: "_rq(_(\\d{3}))$" },
                { tag_name: "response_code_class", regex: "_rq(_(\\dxx))$" },
            ],
        }),
        spanTags: (name, version) => ({
            "istio.canonical_service": name,
            "istio.canonical_revision": version,
            "istio.namespace": "shop",
            "istio.mesh_id": "cluster.local",
            "istio.cluster_id": "Kubernetes",
        }),
    },
    consul: {
        cluster: (service, version) => `${version}.${service}.default.dc1.internal.7a1f0c2e.consul`,
        inbound: { cluster: "local_app", prefix: "public_listener" },
        node: (name) => ({ id: `${name}-sidecar-proxy`, cluster: name }),
        stats: (name) => ({
            stats_tags: [
                ...["service_subset", "service", "namespace", "datacenter", "routing_type", "trust_domain"].map(consulTag),
                ...fixed({
                    local_cluster: name,
                    "consul.source.service": name,
                    "consul.source.namespace": "default",
                    "consul.source.datacenter": "dc1",
                }),
            ],
        }),
        spanTags: () => ({}),
    },
};

// Telemetry over gRPC or over HTTP to these ports of seismesh; null when none is sent.
function exporter(telemetry) {
    if (telemetry === null) return { sendsTo: null, clusters: [] };
    const { protocol, grpc, http } = telemetry;
    const sendsTo = (path) =>
        protocol === "grpc"
            ? { grpc_service: { envoy_grpc: { cluster_name: "seismesh" } } }
            : { http_service: { http_uri: { uri: `http://127.0.0.1${path}`, cluster: "seismesh", timeout: "2s" } } };
    const http2 = { "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": httpOptions("http2_protocol_options") };
    return {
        sendsTo,
        clusters: [
            {
                ...toEndpoints("seismesh", [protocol === "grpc" ? grpc : http]),
                ...(protocol === "grpc" ? { typed_extension_protocol_options: http2 } : {}),
            },
        ],
    };
}

const httpOptions = (which) => ({
    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    explicit_http_config: { [which]: {} },
});

const toEndpoints = (name, ports) => ({
    name,
    type: "STATIC",
    connect_timeout: "1s",
    load_assignment: {
        cluster_name: name,
        endpoints: [{ lb_endpoints: ports.map((port) => ({ endpoint: { address: address(port) } })) }],
    },
});

const byName = (fields) => ({
    values: Object.entries(fields).map(([key, text]) => ({ key, value: { string_value: text } })),
});

const accessLog = {
    attributes: byName({
        method: "%REQ(:METHOD)%",
        response_code: "%RESPONSE_CODE%",
        response_flags: "%RESPONSE_FLAGS%",
        duration: "%DURATION%",
        bytes_received: "%BYTES_RECEIVED%",
        bytes_sent: "%BYTES_SENT%",
        upstream_cluster: "%UPSTREAM_CLUSTER%",
        authority: "%REQ(:AUTHORITY)%",
        protocol: "%PROTOCOL%",
    }),
};

const detectors = (attributes) => ({
    resource_detectors: [
        typed(
            "envoy.tracers.opentelemetry.resource_detectors.static_config",
            "envoy.extensions.tracers.opentelemetry.resource_detectors.v3.StaticConfigResourceDetectorConfig",
            { attributes },
        ),
    ],
});

const tracing = (style, proxy, send) => ({
    random_sampling: { value: 100 },
    provider: typed("envoy.tracers.opentelemetry", "envoy.config.trace.v3.OpenTelemetryConfig", {
        service_name: style.node(proxy.name).cluster,
        ...send("/v1/traces"),
    }),
    custom_tags: Object.entries(style.spanTags(proxy.name, proxy.version)).map(([tag, value]) => ({ tag, literal: { value } })),
});

const accessLogger = (style, send) =>
    typed("otlp", "envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig", {
        log_name: "otel_envoy_accesslog",
        ...send("/v1/logs"),
        ...(style.accessLog ?? accessLog),
    });

function listener(style, proxy, send, { port, direction, prefix, route }) {
    const manager = typed("hcm", "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", {
        stat_prefix: prefix,
        generate_request_id: true,
        ...(send === null ? {} : { tracing: tracing(style, proxy, send), access_log: [accessLogger(style, send)] }),
        route_config: { virtual_hosts: [{ name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route }] }] },
        http_filters: [typed("envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router", {})],
    });
    return {
        name: prefix,
        address: address(port),
        traffic_direction: direction,
        filter_chains: [{ filters: [manager] }],
    };
}

const sink = (style, proxy, sendsTo) =>
    typed("envoy.stat_sinks.open_telemetry", "envoy.extensions.stat_sinks.open_telemetry.v3.SinkConfig", {
        ...sendsTo("/v1/metrics"),
        ...(style.resource ? detectors(style.resource(proxy.name, proxy.version)) : {}),
        emit_tags_as_attributes: true,
        use_tag_extracted_name: true,
    });

// proxy: {name, version, admin, inbound: {port, app}, outbound: {port, service, to: {version: {ports, weight}}}}.
export function bootstrap(styleName, proxy, telemetry) {
    const style = styles[styleName];
    const { sendsTo, clusters } = exporter(telemetry);
    const listeners = [];
    const add = (name, ports) => {
        clusters.push({ ...toEndpoints(name, ports), ...(style.suffix ? { alt_stat_name: name + style.suffix } : {}) });
        return name;
    };
    if (proxy.outbound) {
        const { service, to } = proxy.outbound;
        const backends = {}; // versions that share a name share a cluster
        for (const [version, { ports, weight }] of Object.entries(to)) {
            const backend = (backends[style.cluster(service, version)] ??= { ports: [], weight: 0 });
            backend.ports.push(...ports);
            backend.weight += weight;
        }
        const weighted = Object.entries(backends).map(([name, { ports, weight }]) => ({ name: add(name, ports), weight }));
        listeners.push(
            listener(style, proxy, sendsTo, {
                port: proxy.outbound.port,
                direction: "OUTBOUND",
                prefix: `upstream.${service}${style.suffix ?? ""}`,
                route: { weighted_clusters: { clusters: weighted } },
            }),
        );
    }
    if (proxy.inbound) {
        add(style.inbound.cluster, [proxy.inbound.app]);
        listeners.push(
            listener(style, proxy, sendsTo, {
                port: proxy.inbound.port,
                direction: "INBOUND",
                prefix: style.inbound.prefix,
                route: { cluster: style.inbound.cluster },
            }),
        );
    }
    return {
        node: style.node(proxy.name),
        admin: { address: address(proxy.admin) },
        stats_config: style.stats(proxy.name),
        stats_sinks: sendsTo === null || style.sink === false ? [] : [sink(style, proxy, sendsTo)],
        stats_flush_interval: "1s",
        static_resources: { listeners, clusters },
    };
}
