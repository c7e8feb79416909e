// envoy.mjs ENVOY: real Envoys as sidecars, configured and named as a mesh does it: one beside the caller, one beside
// each of two versions of a service. Their stats (OTLP sink), spans and access logs go to seismesh over gRPC and over
// HTTP; all meshes at once into one process, where they are kept apart. What it says is what was really sent.
import { claim, equal, eventually, getJson, startSeismesh, story } from "../peers/common.mjs";
import { startMesh } from "./envoys.mjs";
import { byVersion, edgeOf, exact, graph, send, serviceOf, sum, total } from "./world.mjs";

const [program] = process.argv.slice(2);

const portOf = (address) => Number(address.split(":")[1]);

// What each style's names come to. `observer`: whose word counts for the edge.
const expected = {
    envoy: { front: "front", callee: "reviews", observer: "proxy_stats", mesh: null },
    consul: { front: "front", callee: "ratings", observer: "proxy_stats", mesh: "consul", versions: true },
    istio: { front: "shop/front", callee: "shop/details", observer: "proxy_span", mesh: "istio", versions: true },
};

async function over(protocol) {
    const seismesh = await startSeismesh(`envoy-${protocol}`);
    const { api } = seismesh;
    const meshes = {};
    for (const [style, { callee }] of Object.entries(expected))
        meshes[style] = await startMesh(program, protocol, style, callee.split("/").pop(), {
            protocol,
            grpc: portOf(seismesh.grpc),
            http: portOf(seismesh.http),
        });
    for (const mesh of Object.values(meshes)) await send(mesh.port, 200, mesh.host);
    for (const [style, { front, callee, observer, versions }] of Object.entries(expected)) {
        const mesh = meshes[style];
        await claim(`envoy ${style} ${protocol}: the edge and the service behind it are what was sent`, () =>
            eventually(async () => {
                equal(sum(mesh.versions, "requests"), 200, "requests that arrived");
                const edge = await edgeOf(api, front, callee);
                exact(edge.golden, total(mesh.versions), edge.id);
                equal(edge.golden.observer, observer, "who counts");
                exact((await serviceOf(api, callee)).golden, total(mesh.versions), callee);
                if (!versions) return;
                for (const { name, counts } of mesh.versions) equal(byVersion(edge)[name], counts, `${edge.id} ${name}`);
            }),
        );
    }
    await claim(`envoy ${protocol}: each is known for the mesh that it is of, and no other service is seen`, () =>
        eventually(async () => {
            const { meshes: seen } = await getJson(`${api}/api/v1/status`);
            const wanted = Object.values(expected).flatMap(({ mesh }) => mesh ?? []);
            equal(seen.map((one) => one.mesh).sort(), wanted.sort(), "meshes");
            const { nodes } = await graph(api);
            const names = new Set(Object.values(expected).flatMap(({ front, callee }) => [front, callee]));
            names.add("unknown"); // who wrote them is not in Istio's access logs, so it calls shop/details once more
            equal(nodes.map((one) => one.id).sort(), [...names].sort(), "services");
        }),
    );
    await claim(`envoy ${protocol}: every span and every access log is accepted`, () =>
        eventually(async () => {
            equal(await seismesh.metric('seismesh_accepted_items_total{signal="traces"}'), 1200, "spans");
            equal(await seismesh.metric('seismesh_accepted_items_total{signal="logs"}'), 1200, "access logs");
        }),
    );
    for (const mesh of Object.values(meshes)) await mesh.stop();
    await seismesh.stop();
}

await story("envoy", async () => {
    await over("grpc");
    await over("http");
});
