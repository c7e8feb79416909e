// What one sender sent is looked for in the HTTP API. Prints "ok …" and "FAIL …" lines.
//
//   node check.mjs API-URL SERVICE SPANS LABEL
//
// The store shows the last checkpoint, so every claim is asked again for a while before it fails.
const [api, service, spans, label] = process.argv.slice(2);
const count = Number(spans);
const patience_ms = Number(process.env.INTEROP_PATIENCE_MS ?? 90000);
const deadline = Date.now() + patience_ms;

const get = async (path) => {
    const answer = await fetch(`${api}/api/v1${path}`);
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
};

const window = "start=-1h"; // before the newest event
const id = encodeURIComponent(service);

async function traces() {
    const { traces: list } = await get(`/traces?service=${id}&limit=1000&${window}`);
    const found = list.reduce((sum, trace) => sum + trace.spans, 0);
    if (found !== count) throw new Error(`${found} spans found, ${count} sent`);
    return list;
}

async function attributes() {
    const [first] = await traces();
    const trace = await get(`/traces/${first.trace_id}`);
    const span = trace.spans[0];
    const wanted = { name: "GET /interop", kind: "server", service };
    for (const [key, value] of Object.entries(wanted))
        if (span[key] !== value) throw new Error(`${key} is ${JSON.stringify(span[key])}, not ${value}`);
    if (span.attributes["http.route"] !== "/interop") throw new Error(`attributes: ${JSON.stringify(span.attributes)}`);
    if (span.resource["service.version"] !== "1.2.3") throw new Error(`resource: ${JSON.stringify(span.resource)}`);
}

async function golden() {
    const { golden: signals } = await get(`/services/${id}?${window}`);
    const errors = Math.floor(count / 4);
    if (signals?.requests !== count || signals.errors !== errors)
        throw new Error(`${signals?.requests} requests, ${signals?.errors} errors; ${count} and ${errors} were sent`);
    const p50 = signals.latency?.p50_s;
    if (!(Math.abs(p50 - 0.025) < 0.001)) throw new Error(`median latency is ${p50} s, not 25 ms`);
}

async function metrics() {
    const { gauges } = await get(`/series?service=${id}&${window}`);
    const [name, points] = Object.entries(gauges ?? {}).find(([key]) => key.includes("interop.depth")) ?? [];
    if (!name) throw new Error(`no gauge interop.depth among ${Object.keys(gauges ?? {}).join(", ") || "none"}`);
    if (points.at(-1)?.last !== 7) throw new Error(`its last value is ${points.at(-1)?.last}, not 7`);
}

async function eventually(claim, check) {
    for (;;) {
        try {
            await check();
            console.log(`ok   ${label}: ${claim}`);
            return;
        } catch (error) {
            if (Date.now() > deadline) {
                console.log(`FAIL ${label}: ${claim}: ${error.message}`);
                return;
            }
            await new Promise((resume) => setTimeout(resume, 500));
        }
    }
}

await eventually("every span is in the store", traces);
await eventually("spans keep their name, kind, service, attributes and resource", attributes);
await eventually("requests, errors and latency of the service are exact", golden);
await eventually("the gauge is charted with the service", metrics);
