// world: two versions of a small service behind a proxy, the traffic to them, and what seismesh says of it.
import { Agent, createServer, request } from "node:http";
import { equal, getJson, sleep } from "../peers/common.mjs";

const ANSWER_MS = 3; // access logs count whole milliseconds

// A version of the service: every `failsEvery`th answer is a 503. `counts` is what really happened.
export async function startVersion(name, failsEvery = 0) {
    const version = { name, failsEvery, counts: { requests: 0, errors: 0 } };
    const server = createServer((_, answer) => {
        const nth = ++version.counts.requests;
        const fails = version.failsEvery > 0 && nth % version.failsEvery === 0;
        if (fails) version.counts.errors++;
        answer.statusCode = fails ? 503 : 200;
        setTimeout(() => answer.end(`${name}\n`), ANSWER_MS);
    });
    await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
    version.port = server.address().port;
    version.stop = () => (server.closeAllConnections(), server.close());
    return version;
}

export const sum = (versions, key) => versions.reduce((total, version) => total + version.counts[key], 0);

// Requests one after the other; resolves when all are answered, whatever the answer.
export async function send(port, count, host = "reviews") {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const once = () =>
        new Promise((done, failed) => {
            const options = { port, host: "127.0.0.1", path: "/reviews/1", agent, headers: { host } };
            request(options, (answer) => answer.resume().on("end", done)).on("error", failed).end();
        });
    for (let i = 0; i < count; i++) await once();
    agent.destroy();
}

// So many requests a second, whatever the answers, until the function that is returned is called.
export function keepSending(port, perSecond) {
    let stopped = false;
    const flow = async () => {
        for (let next = Date.now(); !stopped; next += 1000) {
            await send(port, perSecond / 4);
            await sleep(Math.max(0, next + 1000 - Date.now()));
        }
    };
    const flows = [flow(), flow(), flow(), flow()];
    return () => ((stopped = true), Promise.all(flows));
}

export const graph = (api) => getJson(`${api}/api/v1/graph?start=-1h`);

export async function edgeOf(api, caller, callee) {
    const { edges } = await graph(api);
    const edge = edges.find((one) => one.caller === caller && one.callee === callee);
    if (!edge) throw new Error(`no edge ${caller} > ${callee} among ${edges.map((one) => one.id).join(", ") || "none"}`);
    return edge;
}

export async function serviceOf(api, name) {
    const { nodes } = await graph(api);
    const service = nodes.find((one) => one.id === name);
    if (!service) throw new Error(`no service ${name} among ${nodes.map((one) => one.id).join(", ") || "none"}`);
    return service;
}

// Requests and failures of a golden signal are those that really happened, and it says how long they took.
export function exact(golden, counts, what) {
    equal([golden.requests, golden.errors], [counts.requests, counts.errors], `${what}: requests and errors`);
    if (counts.requests > counts.errors && !(golden.latency?.p50_s > 0)) throw new Error(`${what} has no latency`);
}

export const total = (versions) => ({ requests: sum(versions, "requests"), errors: sum(versions, "errors") });

// The rows of an edge by version, requests and errors added up.
export function byVersion(edge) {
    const rows = {};
    for (const { version, golden } of edge.versions) {
        const row = (rows[version ?? ""] ??= { requests: 0, errors: 0 });
        row.requests += golden.requests;
        row.errors += golden.errors;
    }
    delete rows[""];
    return rows;
}
