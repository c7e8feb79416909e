// envoys: real Envoys as the sidecars of a caller and of two versions of a callee.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, freePorts, get, start, work } from "../peers/common.mjs";
import { bootstrap } from "./envoy_config.mjs";
import { startVersion } from "./world.mjs";

async function startEnvoy(program, name, configuration) {
    const file = join(work, `${name}.json`);
    writeFileSync(file, JSON.stringify(configuration));
    const args = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning", "-c", file];
    const child = start(name, program, args);
    const admin = configuration.admin.address.socket_address.port_value;
    await eventually(() => get(`http://127.0.0.1:${admin}/ready`));
    return { ...child, name, admin };
}

// `telemetry`: {protocol, grpc, http}, see envoy_config; null: they send nothing, and can be scraped.
export async function startMesh(program, label, style, callee, telemetry) {
    const versions = [await startVersion("v1"), await startVersion("v2", 3)];
    const ports = await freePorts(8);
    const proxies = [];
    const to = {};
    const begin = async (proxy) => {
        const name = `${style}-${label}-${proxy.name}-${proxy.version}`;
        proxies.push(await startEnvoy(program, name, bootstrap(style, proxy, telemetry)));
    };
    for (const [i, { name, port }] of versions.entries()) {
        const inbound = { port: ports.pop(), app: port };
        await begin({ name: callee, version: name, admin: ports.pop(), inbound });
        to[name] = { ports: [inbound.port], weight: i === 0 ? 3 : 1 };
    }
    const outbound = { port: ports.pop(), service: callee, to };
    await begin({ name: "front", version: "v1", admin: ports.pop(), outbound });
    return {
        versions,
        proxies,
        port: outbound.port,
        host: `${callee}.shop.svc.cluster.local`,
        async stop() {
            for (const proxy of proxies) await proxy.stop();
            for (const version of versions) version.stop();
        },
    };
}
