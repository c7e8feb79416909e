// jaeger.mjs JAEGER: what seismesh forwards as OTLP is found again in a real Jaeger, through its query API: spans of
// OpenTelemetry's JavaScript SDK over each protocol, and the recorded incident by `seismesh replay`; the same after
// Jaeger was away for a while; and when the queue for it is too short, what Jaeger lacks is what was counted as lost.
import { SpanKind, SpanStatusCode, trace as traceApi, context, ROOT_CONTEXT } from "@opentelemetry/api";
import { ExportResultCode } from "@opentelemetry/core";
import { Resource } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { claim, equal, eventually, finish, freePorts, get, getJson, program, root, run, start, startSeismesh, work } from "./common.mjs";

const [jaegerProgram] = process.argv.slice(2);
const recording = join(root, "datasets/boutique-slow-adservice/traces.jsonl.gz");

// --- Jaeger ---

const data = join(work, "jaeger");
mkdirSync(data);
const [queryPort, queryGrpcPort, otlpPort] = await freePorts(3);
const query = `http://127.0.0.1:${queryPort}`;
const environment = {
    JAEGER_QUERY: `127.0.0.1:${queryPort}`,
    JAEGER_QUERY_GRPC: `127.0.0.1:${queryGrpcPort}`,
    JAEGER_OTLP: `127.0.0.1:${otlpPort}`,
    JAEGER_DATA: data,
};

async function startJaeger() {
    const child = start("jaeger", jaegerProgram, ["--config", join(root, "tests/interop/peers/jaeger.yaml")], environment);
    await eventually(() => get(`${query}/api/services`));
    return child;
}

// --- spans as one flat form, whoever tells of them ---

const byKey = (pairs) => Object.fromEntries(pairs.sort(([a], [b]) => (a < b ? -1 : 1)));

// Jaeger keeps lists as JSON text: it has no other type for them.
function plain(value) {
    if ("stringValue" in value) return value.stringValue;
    if ("boolValue" in value) return value.boolValue;
    if ("intValue" in value) return Number(value.intValue);
    if ("doubleValue" in value) return value.doubleValue;
    if ("arrayValue" in value) return JSON.stringify((value.arrayValue.values ?? []).map(plain));
    return JSON.stringify(value);
}

// What Jaeger itself thinks of a span it says in an attribute of its own.
const attributesOf = (list) =>
    byKey((list ?? []).filter(({ key }) => key !== "@jaeger@warnings").map(({ key, value }) => [key, plain(value)]));

function* spansOfOtlp({ resourceSpans }) {
    for (const { resource, scopeSpans } of resourceSpans)
        for (const { scope, spans } of scopeSpans)
            for (const span of spans)
                yield {
                    trace: span.traceId,
                    id: span.spanId,
                    parent: span.parentSpanId ?? "",
                    name: span.name,
                    kind: span.kind ?? 0,
                    start: span.startTimeUnixNano,
                    end: span.endTimeUnixNano,
                    status: [span.status?.code ?? 0, span.status?.message ?? ""],
                    attributes: attributesOf(span.attributes),
                    events: (span.events ?? []).map((e) => [e.name, e.timeUnixNano, attributesOf(e.attributes)]),
                    links: (span.links ?? []).map((link) => [link.traceId, link.spanId]),
                    resource: attributesOf(resource?.attributes),
                    scope: [scope?.name ?? "", scope?.version ?? ""],
                };
}

const nanoseconds = ([s, ns]) => String(BigInt(s) * 1000000000n + BigInt(ns));
const flat = (attributes) =>
    byKey(Object.entries(attributes).map(([key, value]) => [key, Array.isArray(value) ? JSON.stringify(value) : value]));

// The SDK's kinds and OTLP's are one apart.
const spanOfSdk = (span) => ({
    trace: span.spanContext().traceId,
    id: span.spanContext().spanId,
    parent: span.parentSpanId ?? "",
    name: span.name,
    kind: span.kind + 1,
    start: nanoseconds(span.startTime),
    end: nanoseconds(span.endTime),
    status: [span.status.code, span.status.message ?? ""],
    attributes: flat(span.attributes),
    events: span.events.map((event) => [event.name, nanoseconds(event.time), flat(event.attributes ?? {})]),
    links: span.links.map(({ context: to }) => [to.traceId, to.spanId]),
    resource: flat(span.resource.attributes),
    scope: [span.instrumentationLibrary.name, span.instrumentationLibrary.version ?? ""],
});

function grouped(spans) {
    const traces = new Map();
    for (const span of spans) {
        if (!traces.has(span.trace)) traces.set(span.trace, []);
        traces.get(span.trace).push(span);
    }
    for (const list of traces.values()) list.sort((a, b) => (a.id < b.id ? -1 : 1));
    return traces;
}

async function traceInJaeger(id) {
    const { result } = await getJson(`${query}/api/v3/traces/${id}`);
    return grouped(spansOfOtlp(result)).get(id);
}

// Every trace in Jaeger has the wanted spans, no more and no fewer, equal in every field that both keep.
async function expectInJaeger(wanted) {
    const left = [...wanted];
    const worker = async () => {
        for (let next; (next = left.pop()); ) {
            const [id, spans] = next;
            const found = await traceInJaeger(id);
            equal(found.length, spans.length, `number of spans of trace ${id}`);
            for (const [i, span] of spans.entries())
                for (const field of Object.keys(span))
                    equal(found[i][field], span[field], `${field} of span ${span.id} (${span.name})`);
        }
    };
    await Promise.all(Array.from({ length: 8 }, worker));
}

// --- the sender ---

// An OpenTelemetry SDK that sends to seismesh, and keeps what it sent.
async function sdk(protocol, address, service) {
    const packages = { grpc: "grpc", "http/protobuf": "proto", "http/json": "http" };
    const { OTLPTraceExporter } = await import(`@opentelemetry/exporter-trace-otlp-${packages[protocol]}`);
    const exporter = new OTLPTraceExporter({ url: `http://${address}${protocol === "grpc" ? "" : "/v1/traces"}` });
    const sent = [];
    const failed = [];
    const original = exporter.export.bind(exporter);
    exporter.export = (spans, done) =>
        original(spans, (result) => {
            if (result.code === ExportResultCode.SUCCESS) sent.push(...spans.map(spanOfSdk));
            else failed.push(result.error);
            done(result);
        });
    const provider = new BasicTracerProvider({
        resource: new Resource({ "service.name": service, "service.version": "1.2.3" }),
        spanProcessors: [new BatchSpanProcessor(exporter, { maxExportBatchSize: 100, maxQueueSize: 100000 })],
    });
    const tracer = provider.getTracer("peers", "0.9");
    return {
        tracer,
        // What was sent, once all of so many spans are: the SDK's own flush does not wait for an export under way.
        async flushed(spans) {
            await provider.forceFlush();
            await eventually(() => {
                if (failed.length > 0) throw new Error(`exports failed: ${failed[0]}`);
                equal(sent.length, spans, "number of spans acknowledged");
            });
            return sent;
        },
    };
}

// Three spans with everything that a span can have.
function sendTrace(tracer, number) {
    const front = tracer.startSpan(
        "GET /<b>é</b>",
        {
            kind: SpanKind.SERVER,
            attributes: { "http.route": "/<b>é</b>", "n.int": number, "n.double": 0.5, "n.true": true, "n.list": ["a", "b"] },
            links: [{ context: { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", traceFlags: 1 } }],
        },
        ROOT_CONTEXT,
    );
    const within = (parent) => traceApi.setSpan(context.active(), parent);
    const call = tracer.startSpan("cart.Get", { kind: SpanKind.CLIENT, attributes: { "peer.service": "cart" } }, within(front));
    call.addEvent("retry", { attempt: 2 });
    call.setStatus({ code: SpanStatusCode.ERROR, message: "as asked for" });
    tracer.startSpan("inner", { kind: SpanKind.INTERNAL }, within(call)).end();
    call.end();
    front.end();
}

async function sendTraces(sender, count) {
    for (let i = 0; i < count; i++) sendTrace(sender.tracer, i);
    return grouped(await sender.flushed(3 * count));
}

const droppedSpans = (seismesh, reason) => seismesh.metric(`seismesh_forward_dropped_spans_total{reason="${reason}"}`);
const reasons = ["refused", "busy", "stopped", "queue_full", "rejected"];
async function allDroppedSpans(seismesh) {
    let sum = 0;
    for (const reason of reasons) sum += await droppedSpans(seismesh, reason);
    return sum;
}

// --- the claims ---

let jaeger = await startJaeger();
const forward = { "forward.otlp_url": `http://127.0.0.1:${otlpPort}/v1/traces` };
const seismesh = await startSeismesh("forwarding", forward);

for (const protocol of ["grpc", "http/protobuf", "http/json"])
    await claim(`jaeger: 100 traces of a real SDK over ${protocol} are in Jaeger, equal in every field`, async () => {
        const service = `sdk-${protocol.replace("/", "-")}`;
        const sender = await sdk(protocol, protocol === "grpc" ? seismesh.grpc : seismesh.http, service);
        const sent = await sendTraces(sender, 100);
        equal(sent.size, 100, "number of traces sent");
        await eventually(() => expectInJaeger(sent));
        const { data: found } = await getJson(`${query}/api/traces?service=${service}&limit=1000&lookback=1h`);
        equal(found.length, 100, "number of traces that a search by service finds");
        const { data: operations } = await getJson(`${query}/api/services/${service}/operations`);
        equal(operations.sort(), ["GET /<b>é</b>", "cart.Get", "inner"], "operations of the service");
    });

const recorded = gunzipSync(readFileSync(recording)).toString().trimEnd().split("\n");
const incident = grouped(recorded.flatMap((line) => [...spansOfOtlp(JSON.parse(line))]));
const incidentSpans = [...incident.values()].reduce((sum, spans) => sum + spans.length, 0);

await claim(`jaeger: the recorded incident (${incidentSpans} spans) is in Jaeger, span for span`, async () => {
    const replay = await run("replay", program, ["replay", recording, "--to", `http://${seismesh.http}`, "--speed", "max"]);
    if (replay.status !== 0) throw new Error(`replay ended with ${replay.status}: ${replay.output}`);
    await eventually(() => expectInJaeger(incident));
    const services = [...new Set([...incident.values()].flat().map((span) => span.resource["service.name"]))];
    const { data: known } = await getJson(`${query}/api/services`);
    for (const service of services) if (!known.includes(service)) throw new Error(`Jaeger knows no service ${service}`);
});

await claim("jaeger: what was sent while Jaeger was away is there when it is back", async () => {
    await jaeger.stop();
    const sender = await sdk("http/protobuf", seismesh.http, "while-away");
    const sent = await sendTraces(sender, 300);
    jaeger = await startJaeger();
    await eventually(() => expectInJaeger(sent));
    equal(await allDroppedSpans(seismesh), 0, "number of spans dropped");
});

await claim("jaeger: every request was forwarded once, and none was dropped", async () => {
    const received =
        (await seismesh.metric('seismesh_receiver_requests_total{transport="http"}')) +
        (await seismesh.metric('seismesh_receiver_requests_total{transport="grpc"}'));
    equal(await seismesh.metric("seismesh_forwarded_requests_total"), received, "number of requests forwarded");
});

await claim("jaeger: with too short a queue, Jaeger lacks exactly the spans that were counted as lost", async () => {
    await jaeger.stop();
    const narrow = await startSeismesh("narrow", { ...forward, "forward.queue_bytes": "64KiB" });
    const sender = await sdk("http/protobuf", narrow.http, "too-much");
    const sent = [...(await sendTraces(sender, 1000)).values()].flat();
    equal(sent.length, 3000, "number of spans sent");
    jaeger = await startJaeger();
    const lost = await eventually(async () => {
        const dropped = await droppedSpans(narrow, "queue_full");
        const waiting = sent.length - dropped;
        const url = `${query}/api/traces?service=too-much&limit=2000&lookback=1h`;
        const found = (await getJson(url)).data.reduce((sum, { spans }) => sum + spans.length, 0);
        equal(found, waiting, "number of spans in Jaeger");
        return dropped;
    });
    if (!(lost > 0 && lost < sent.length)) throw new Error(`${lost} of ${sent.length} spans were lost: the test tests nothing`);
    equal(await allDroppedSpans(narrow), lost, "number of spans dropped for any reason");
});

await finish();
