// traefik_config: a real Traefik with files as docs/meshes/traefik.md tells them, in front of versions of a service.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, freePorts, get, start, work } from "../peers/common.mjs";

// The members of an OTLP section: where to, and how.
const sender = (protocol, endpoint, path) =>
    protocol === "grpc"
        ? `grpc: {endpoint: "${endpoint}", insecure: true}`
        : `http: {endpoint: "http://${endpoint}${path}"}`;

const staticFile = ({ web, admin, folder, protocol, endpoint }) => `
entryPoints: {web: {address: "127.0.0.1:${web}"}, traefik: {address: "127.0.0.1:${admin}"}}
api: {insecure: true}
providers: {file: {directory: ${folder}, watch: true}}
metrics:
  otlp: {pushInterval: 1s, addServicesLabels: true, addRoutersLabels: true, ${sender(protocol, endpoint, "/v1/metrics")}}
tracing: {otlp: {${sender(protocol, endpoint, "/v1/traces")}}}
experimental: {otlpLogs: true}
accessLog: {otlp: {${sender(protocol, endpoint, "/v1/logs")}}}
`;

const weightedService = (versions, weights) => `http:
  routers:
    reviews: {rule: "PathPrefix(\`/\`)", service: reviews, entryPoints: [web]}
  services:
    reviews:
      weighted:
        services:
${versions.map(({ name }, i) => `        - {name: reviews-${name}, weight: ${weights[i]}}`).join("\n")}
${versions.map(({ name, port }) => `    reviews-${name}: {loadBalancer: {servers: [{url: "http://127.0.0.1:${port}"}]}}`).join("\n")}
`;

// `telemetry`: {protocol: "grpc" | "http", endpoint}. Its dynamic file is `file`, its entry point is at port `web`.
export async function startTraefik(program, name, telemetry, versions, weights) {
    const [web, admin] = await freePorts(2);
    const folder = join(work, `${name}-files`);
    const [file, own] = [join(folder, "reviews.yaml"), join(work, `${name}-traefik.yaml`)];
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, weightedService(versions, weights));
    writeFileSync(own, staticFile({ web, admin, folder, ...telemetry }));
    const child = start(`${name}-traefik`, program, [`--configFile=${own}`]);
    await eventually(() => get(`http://127.0.0.1:${admin}/api/http/routers/reviews@file`));
    return { ...child, web, file };
}
