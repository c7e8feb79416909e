// prometheus.mjs PROMETHEUS: a real Prometheus scrapes /metrics once a second while spans come in; what its query API
// answers is what /metrics says, and what was sent.
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { Resource } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { claim, equal, eventually, finish, freePorts, get, getJson, sleep, start, startSeismesh, work } from "./common.mjs";

const [prometheusProgram] = process.argv.slice(2);
const service = 'café "\\ {a=b},\nfront'; // what a label value may hold

const seismesh = await startSeismesh("scraped");
const [port] = await freePorts(1);
const api = `http://127.0.0.1:${port}/api/v1`;
writeFileSync(
    join(work, "prometheus.yaml"),
    `global: {scrape_interval: 1s}\nscrape_configs: [{job_name: seismesh, static_configs: [{targets: ["${seismesh.web}"]}]}]\n`,
);
start("prometheus", prometheusProgram, [
    `--config.file=${join(work, "prometheus.yaml")}`,
    `--storage.tsdb.path=${join(work, "tsdb")}`,
    `--web.listen-address=127.0.0.1:${port}`,
]);

async function query(expression) {
    const { data } = await getJson(`${api}/query?query=${encodeURIComponent(expression)}`);
    return data.result;
}

async function valueOf(expression) {
    const result = await query(expression);
    if (result.length !== 1) throw new Error(`${expression} has ${result.length} results`);
    return Number(result[0].value[1]);
}

// A key for a series, whoever names it.
const keyOf = (name, labels) => JSON.stringify([name, Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))]);

// Our own reading of the exposition: sample lines by key.
async function exposed() {
    const samples = new Map();
    for (const line of (await (await get(`${seismesh.api}/metrics`)).text()).split("\n")) {
        const [, name, , list, value] = line.match(/^([a-z_]+)(\{(.*)\})? (\S+)$/) ?? [];
        if (!name) continue;
        const labels = {};
        for (const [, key, text] of (list ?? "").matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g))
            labels[key] = text.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
        samples.set(keyOf(name, labels), Number(value));
    }
    return samples;
}

async function scraped() {
    const samples = new Map();
    for (const { metric, value } of await query('{job="seismesh"}')) {
        const { __name__: name, job, instance, ...labels } = metric;
        if (!/^(up|scrape_.*)$/.test(name)) samples.set(keyOf(name, labels), Number(value[1]));
    }
    return samples;
}

const exporter = new OTLPTraceExporter({ url: `http://${seismesh.http}/v1/traces` });
const provider = new BasicTracerProvider({
    resource: new Resource({ "service.name": service }),
    spanProcessors: [new BatchSpanProcessor(exporter)],
});
const tracer = provider.getTracer("peers");
let sent = 0;

async function send(count, end_ms) {
    for (let i = 0; i < count; i++, sent++) {
        const span = tracer.startSpan("GET /", { kind: SpanKind.SERVER, startTime: end_ms - 25 });
        if (i % 4 === 3) span.setStatus({ code: SpanStatusCode.ERROR });
        span.end(end_ms);
    }
    await provider.forceFlush();
}

// The golden signals are those of the last complete minute: 60 requests in one, and later ones that complete it.
const minute_ms = Math.floor(Date.now() / 60000) * 60000;
await send(60, minute_ms - 30000);
await eventually(() => valueOf("up"));
for (let i = 0; i < 5; i++) {
    await send(8, Date.now());
    await sleep(700);
}

await claim("prometheus: ten seconds of scrapes succeed, and take every sample", async () => {
    // again and again, since a machine that is busy otherwise may make a scrape late
    await eventually(async () => {
        if ((await valueOf('count_over_time(up{job="seismesh"}[10s])')) < 8) throw new Error("fewer than 8 scrapes");
        equal(await valueOf('min_over_time(up{job="seismesh"}[10s])'), 1, "the least of up");
        const { data } = await getJson(`${api}/targets`);
        equal(data.activeTargets.map((target) => target.lastError), [""], "error of the last scrape");
        equal(await valueOf("scrape_samples_scraped"), (await exposed()).size, "samples scraped");
    });
});

await claim("prometheus: every series of /metrics reads back with its labels and its value", () =>
    eventually(async () => {
        const before = await exposed();
        await sleep(2500); // two scrapes lie in between
        const after = await exposed();
        const found = await scraped();
        equal([...found.keys()].sort(), [...after.keys()].sort(), "list of series");
        const still = [...after].filter(([key, value]) => before.get(key) === value);
        if (still.length < after.size * 0.8) throw new Error(`only ${still.length} of ${after.size} samples are at rest`);
        for (const [key, value] of still) equal(found.get(key), value, key);
    }),
);

await claim("prometheus: counters and golden signals are those of the spans that were sent", () =>
    eventually(async () => {
        equal(await valueOf('seismesh_accepted_items_total{signal="traces"}'), sent, "spans accepted");
        equal(await valueOf('seismesh_folded_items_total{signal="traces"}'), sent, "spans folded");
        const labels = `{service=${JSON.stringify(service)}}`;
        equal(await valueOf(`max_over_time(seismesh_service_request_rate${labels}[5m])`), 1, "requests per second");
        equal(await valueOf(`max_over_time(seismesh_service_error_ratio${labels}[5m])`), 0.25, "share of failures");
        const median = await valueOf(
            `max_over_time(seismesh_service_latency_seconds{quantile="0.5",service=${JSON.stringify(service)}}[5m])`,
        );
        if (Math.abs(median - 0.025) > 0.00014) throw new Error(`median latency is ${median} s, not 25 ms`);
    }),
);

await finish();
