// collector.mjs OTELCOL ENVOY: a real OpenTelemetry Collector scrapes real Envoys' /stats/prometheus with its prometheus
// receiver, and a page in Linkerd's format, and passes them on as OTLP. What seismesh says is what was sent.
import { createServer } from "node:http";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { claim, equal, eventually, freePorts, get, getJson, start, startSeismesh, story, work } from "../peers/common.mjs";
import { startMesh } from "./envoys.mjs";
import { edgeOf, exact, send, serviceOf, total } from "./world.mjs";

const [collector, envoy] = process.argv.slice(2);

// Proxies' own metrics in Linkerd's form: outbound at the caller, inbound at the callee; numbers grow with each request.
async function startLinkerdPage() {
    const page = { requests: 0, failures: 0, scrapes: 0 };
    const ends = 'authority="web.shop.svc.cluster.local:80",tls="true"';
    const line = (direction, labels, code, success, count) =>
        `response_total{direction="${direction}",${ends},${labels},status_code="${code}",classification="${success}"} ${count}`;
    const times = (direction, labels) =>
        ["5", "10", "+Inf"]
            .map((le) => `response_latency_ms_bucket{direction="${direction}",${ends},${labels},le="${le}"} ${le === "5" ? 0 : page.requests}`)
            .concat(`response_latency_ms_sum{direction="${direction}",${ends},${labels}} ${page.requests * 7}`)
            .concat(`response_latency_ms_count{direction="${direction}",${ends},${labels}} ${page.requests}`);
    const to = 'dst_service="web",dst_namespace="shop",dst_deployment="web",dst_pod_template_hash="5d9f"';
    const from = 'client_id="client.shop.serviceaccount.identity.linkerd.cluster.local"';
    const answers = (direction, labels) => [
        line(direction, labels, "200", "success", page.requests - page.failures),
        line(direction, labels, "503", "failure", page.failures),
    ];
    const pages = {
        "/client": () => ["# TYPE response_total counter", ...answers("outbound", to), "# TYPE response_latency_ms histogram", ...times("outbound", to)],
        "/web": () => ["# TYPE response_total counter", ...answers("inbound", from), "# TYPE response_latency_ms histogram", ...times("inbound", from)],
    };
    const server = createServer((request, answer) => {
        page.scrapes++;
        answer.setHeader("content-type", "text/plain; version=0.0.4");
        answer.end(`${pages[request.url]().join("\n")}\n`);
    });
    await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
    // Two jobs scrape it, once a second each.
    const scraped = (more) => {
        const until = page.scrapes + more;
        return eventually(async () => equal(page.scrapes >= until, true, "scraped often enough"));
    };
    return { page, port: server.address().port, scraped, stop: () => server.close() };
}

const job = (name, path, targets) => ({
    job_name: name,
    scrape_interval: "1s",
    metrics_path: path,
    static_configs: targets.map(({ port, labels }) => ({ targets: [`127.0.0.1:${port}`], labels })),
});

const pod = (name) => ({ deployment: name, namespace: "shop", pod: `${name}-1`, pod_template_hash: "5d9f" });

// Requests and errors of an edge or a service that is not there are none.
async function countsOf(find) {
    const found = await find().catch(() => null);
    return { requests: found?.golden.requests ?? 0, errors: found?.golden.errors ?? 0 };
}

const difference = (after, before) => ({
    requests: after.requests - before.requests,
    errors: after.errors - before.errors,
});

async function startCollector(seismesh, protocol, jobs) {
    const [own] = await freePorts(1);
    const exporters =
        protocol === "grpc"
            ? { otlp_grpc: { endpoint: seismesh.grpc, tls: { insecure: true } } }
            : { otlp_http: { endpoint: `http://${seismesh.http}` } };
    const readers = [{ pull: { exporter: { prometheus: { host: "127.0.0.1", port: own } } } }];
    const configuration = {
        receivers: { prometheus: { config: { scrape_configs: jobs } } },
        exporters,
        service: {
            pipelines: { metrics: { receivers: ["prometheus"], exporters: Object.keys(exporters) } },
            telemetry: { metrics: { readers } },
        },
    };
    const file = join(work, `collector-${protocol}.yaml`);
    writeFileSync(file, JSON.stringify(configuration));
    const child = start(`collector-${protocol}`, collector, [`--config=file:${file}`]);
    await eventually(() => get(`http://127.0.0.1:${own}/metrics`));
    return child;
}

async function over(protocol) {
    const seismesh = await startSeismesh(`collector-${protocol}`);
    const { api } = seismesh;
    const consul = await startMesh(envoy, `scraped-${protocol}`, "consul", "ratings", null);
    const linkerd = await startLinkerdPage();
    const child = await startCollector(seismesh, protocol, [
        job("consul-proxies", "/stats/prometheus", consul.proxies.map(({ admin, name }) => ({ port: admin, labels: { pod: name } }))),
        job("linkerd-client", "/client", [{ port: linkerd.port, labels: pod("client") }]),
        job("linkerd-web", "/web", [{ port: linkerd.port, labels: pod("web") }]),
    ]);
    // What a counter held before it was first scraped is not counted, so all of them are made to exist first.
    await send(consul.port, 20, consul.host);
    linkerd.page.requests = 1;
    await linkerd.scraped(8);
    const now = async () => ({
        sent: total(consul.versions),
        edge: await countsOf(() => edgeOf(api, "front", "ratings")),
        service: await countsOf(() => serviceOf(api, "ratings")),
    });
    const before = await now();
    await send(consul.port, 200, consul.host);
    for (let i = 0; i < 5; i++) {
        linkerd.page.requests += 40;
        linkerd.page.failures += 4;
        await linkerd.scraped(2);
    }

    await claim(`collector ${protocol}: scraped Envoys of Consul give the edge and the callee exactly`, () =>
        eventually(async () => {
            const after = await now();
            const [sent, edge, service] = ["sent", "edge", "service"].map((key) => difference(after[key], before[key]));
            equal(sent.requests, 200, "requests that arrived");
            equal(edge, sent, "front > ratings");
            equal(service, sent, "ratings");
            const { golden } = await edgeOf(api, "front", "ratings");
            if (!(golden.latency?.p50_s > 0)) throw new Error("the edge has no latency");
        }),
    );
    await claim(`collector ${protocol}: a page in Linkerd's format gives the edge once, though both ends report it`, () =>
        eventually(async () => {
            const counts = { requests: 200, errors: 20 };
            exact((await edgeOf(api, "shop/client", "shop/web")).golden, counts, "shop/client > shop/web");
            exact((await serviceOf(api, "shop/web")).golden, counts, "shop/web");
        }),
    );
    await claim(`collector ${protocol}: each mesh is known, and no scrape job is a service`, () =>
        eventually(async () => {
            const { meshes } = await getJson(`${api}/api/v1/status`);
            equal(meshes.map((one) => one.mesh).sort(), ["consul", "linkerd"], "meshes");
            const { nodes } = await getJson(`${api}/api/v1/graph?start=-1h`);
            equal(nodes.map((one) => one.id).sort(), ["front", "ratings", "shop/client", "shop/web"], "services");
        }),
    );
    await child.stop();
    await consul.stop();
    linkerd.stop();
    await seismesh.stop();
}

await story("collector", async () => {
    await over("grpc");
    await over("http");
});
