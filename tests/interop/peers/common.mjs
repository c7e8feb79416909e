// What the tests against other people's programs share: starting them and seismesh, waiting, asking, and claims that
// print "ok …" or "FAIL …". A test ends with `await finish()`, which stops everything that was started.
import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");
export const program = resolve(root, process.env.SEISMESH ?? "build/release/seismesh");
export const work = mkdtempSync(join(tmpdir(), "seismesh-peers-"));

const patience_ms = Number(process.env.INTEROP_PATIENCE_MS ?? 60000);
const running = new Set();
let failures = 0;

export const sleep = (ms) => new Promise((wake) => setTimeout(wake, ms));

export async function claim(name, check) {
    try {
        await check();
        console.log(`ok   ${name}`);
    } catch (error) {
        failures++;
        console.log(`FAIL ${name}: ${error.message}`);
    }
}

// A script's whole story: what goes wrong between its claims is a failure, too, and everything is stopped.
export async function story(name, tell) {
    try {
        await tell();
    } catch (error) {
        failures++;
        console.log(`FAIL ${name}: ${error.message}`);
    }
    await finish();
}

export function equal(found, wanted, what) {
    const [a, b] = [found, wanted].map((value) => JSON.stringify(value));
    if (a !== b) throw new Error(`${what} is ${a}, not ${b}`);
}

// Tries again until `check` no longer throws; its last error when patience is at its end.
export async function eventually(check) {
    for (const until = Date.now() + patience_ms; ; await sleep(200)) {
        try {
            return await check();
        } catch (error) {
            if (Date.now() > until) throw error;
        }
    }
}

export async function freePorts(count) {
    const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
    await Promise.all(servers.map((server) => new Promise((ready) => server.once("listening", ready))));
    const ports = servers.map((server) => server.address().port);
    await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
    return ports;
}

// A process with its output in a file; `stop` ends it and says how it ended.
export function start(name, command, args, environment = {}) {
    const log = join(work, `${name}.log`);
    const output = openSync(log, "a");
    const child = spawn(command, args, { stdio: ["ignore", output, output], env: { ...process.env, ...environment } });
    closeSync(output);
    const ended = new Promise((end) => {
        child.once("exit", (code, signal) => end(code ?? signal));
        child.once("error", (error) => end(error.message));
    });
    const self = {
        ended,
        log: () => readFileSync(log, "utf8"),
        async stop(signal = "SIGTERM") {
            running.delete(self);
            child.kill(signal);
            return ended;
        },
    };
    running.add(self);
    return self;
}

export async function run(name, command, args) {
    const child = start(name, command, args);
    const status = await child.ended;
    running.delete(child);
    return { status, output: child.log() };
}

export async function get(url) {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`${url}: ${answer.status} ${(await answer.text()).slice(0, 200)}`);
    return answer;
}

export const getJson = async (url) => (await get(url)).json();

// A seismesh of its own, and where it listens.
export async function startSeismesh(name, settings = {}) {
    const [grpc, http, web] = await freePorts(3);
    const listen = { "listen.otlp_grpc": grpc, "listen.otlp_http": http, "listen.web": web };
    const all = { data: join(work, name) };
    for (const [key, port] of Object.entries(listen)) all[key] = `127.0.0.1:${port}`;
    Object.assign(all, settings);
    const args = Object.entries(all).flatMap(([key, value]) => [`--${key}`, String(value)]);
    const child = start(name, program, ["serve", ...args]);
    const api = `http://127.0.0.1:${web}`;
    await eventually(() => get(`${api}/readyz`));
    // The value of a sample of /metrics, as written there with its labels.
    const metric = async (sample) => {
        const text = await (await get(`${api}/metrics`)).text();
        const line = text.split("\n").find((one) => one.startsWith(`${sample} `));
        if (!line) throw new Error(`/metrics has no ${sample}`);
        return Number(line.slice(sample.length + 1));
    };
    return { ...child, api, metric, grpc: `127.0.0.1:${grpc}`, http: `127.0.0.1:${http}`, web: `127.0.0.1:${web}` };
}

export async function finish() {
    for (const child of [...running]) await child.stop();
    rmSync(work, { recursive: true, force: true });
    process.exit(failures === 0 ? 0 : 1);
}
