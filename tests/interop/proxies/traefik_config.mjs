// traefik_config: Traefik's files as docs/meshes/traefik.md tells, for one proxy on this machine.

const sender = (protocol, endpoint, path) =>
    protocol === "grpc"
        ? `{grpc: {endpoint: "${endpoint}", insecure: true}}`
        : `{http: {endpoint: "http://${endpoint}${path}"}}`;

export const staticConfiguration = ({ web, admin, folder, protocol, endpoint, prometheus }) => `
entryPoints: {web: {address: "127.0.0.1:${web}"}, traefik: {address: "127.0.0.1:${admin}"}}
api: {insecure: true}
providers: {file: {directory: ${folder}, watch: true}}
metrics:
${prometheus ? "  prometheus: {addServicesLabels: true, addRoutersLabels: true, entryPoint: traefik}" : ""}
${endpoint ? `  otlp: {pushInterval: 1s, addServicesLabels: true, addRoutersLabels: true, ${inner(sender(protocol, endpoint, "/v1/metrics"))}}` : ""}
${
    endpoint
        ? `tracing: {otlp: ${sender(protocol, endpoint, "/v1/traces")}}
experimental: {otlpLogs: true}
accessLog: {otlp: ${sender(protocol, endpoint, "/v1/logs")}}`
        : ""
}
`;

function inner(braces) {
    return braces.slice(1, -1);
}

export const weightedService = (versions, weights) => `http:
  routers:
    reviews: {rule: "PathPrefix(\`/\`)", service: reviews, entryPoints: [web]}
  services:
    reviews:
      weighted:
        services:
${versions.map(({ name }, i) => `        - {name: reviews-${name}, weight: ${weights[i]}}`).join("\n")}
${versions.map(({ name, port }) => `    reviews-${name}: {loadBalancer: {servers: [{url: "http://127.0.0.1:${port}"}]}}`).join("\n")}
`;
