// traefik.mjs TRAEFIK: a real Traefik 3 in front of two versions of a service (file provider, weighted service) sends its
// metrics, spans and access logs as OTLP, over gRPC and over HTTP. What seismesh says is what was really sent.
import { claim, equal, eventually, getJson, startSeismesh, story } from "../peers/common.mjs";
import { startTraefik } from "./traefik_config.mjs";
import { byVersion, edgeOf, exact, graph, send, serviceOf, startVersion, sum, total } from "./world.mjs";

const [program] = process.argv.slice(2);

async function over(protocol) {
    const seismesh = await startSeismesh(`traefik-${protocol}`);
    const { api } = seismesh;
    const versions = [await startVersion("v1"), await startVersion("v2", 3)];
    const endpoint = protocol === "grpc" ? seismesh.grpc : seismesh.http;
    const traefik = await startTraefik(program, protocol, { protocol, endpoint }, versions, [3, 1]);
    await send(traefik.web, 20);
    // A weighted service is told by the routers' metrics: until these have come, access logs know the leaf alone.
    await eventually(() => serviceOf(api, "reviews"));
    await send(traefik.web, 180);

    await claim(`traefik ${protocol}: services, the edge and its versions are what was sent`, () =>
        eventually(async () => {
            equal(sum(versions, "requests"), 200, "requests that arrived");
            const edge = await edgeOf(api, "traefik", "reviews");
            exact(edge.golden, total(versions), "traefik > reviews");
            for (const { name, counts } of versions) equal(byVersion(edge)[name], counts, `traefik > reviews ${name}`);
            exact((await serviceOf(api, "traefik")).golden, total(versions), "traefik");
            exact((await serviceOf(api, "reviews")).golden, total(versions), "reviews");
        }),
    );
    await claim(`traefik ${protocol}: every request is a trace, and every span is stored`, () =>
        eventually(async () => {
            equal(await seismesh.metric('seismesh_accepted_items_total{signal="traces"}'), 400, "spans");
            const { traces } = await getJson(`${api}/api/v1/traces?service=traefik&limit=1000&start=-1h`);
            equal(traces.length, 200, "traces");
        }),
    );
    await claim(`traefik ${protocol}: it is known for what it is, and nothing is missing that its mesh can send`, () =>
        eventually(async () => {
            equal(await seismesh.metric('seismesh_accepted_items_total{signal="logs"}'), 200, "access logs");
            const { meshes } = await getJson(`${api}/api/v1/status`);
            equal(meshes.map((one) => [one.mesh, one.missing]), [["traefik", []]], "meshes");
        }),
    );
    await claim(`traefik ${protocol}: nobody else is seen`, async () => {
        const { nodes } = await graph(api);
        const leaves = new Set(["reviews-v1", "reviews-v2"]); // by access logs that came before the first metrics
        const others = nodes.filter((one) => !leaves.has(one.id) || one.golden.requests > 0);
        equal(others.map((one) => one.id).sort(), ["reviews", "traefik"], "services");
    });
    await traefik.stop();
    await seismesh.stop();
    for (const version of versions) version.stop();
}

await story("traefik", async () => {
    await over("grpc");
    await over("http");
});
