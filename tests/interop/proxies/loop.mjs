// loop.mjs TRAEFIK: the loop closed on a real proxy. Traefik stands in front of two versions of a service; the second
// begins to fail. seismesh sees that in Traefik's own OTLP alone and suggests other weights, as a change of Traefik's own
// file; the command that it gives is carried out, errors fall, and seismesh says what came of it. Takes minutes: what
// is measured must have time to show.
import { execFileSync } from "node:child_process";
import { claim, equal, getJson, program, sleep, startSeismesh, story } from "../peers/common.mjs";
import { startTraefik } from "./traefik_config.mjs";
import { byVersion, edgeOf, keepSending, startVersion, total } from "./world.mjs";

const [traefikProgram] = process.argv.slice(2);
const minute_ms = 60000;

// Waits long, since a busy machine is no failure: until `find` gives something.
async function within(minutes, what, find) {
    for (const until = Date.now() + minutes * minute_ms; Date.now() < until; await sleep(1000)) {
        const found = await find();
        if (found) return found;
    }
    throw new Error(`${what}: not within ${minutes} minutes`);
}

const share = ({ requests, errors }) => errors / requests;

await story("loop", async () => {
    const seismesh = await startSeismesh("loop", { "routing.language": "traefik-file" });
    const { api } = seismesh;
    const versions = [await startVersion("v1"), await startVersion("v2")];
    const traefik = await startTraefik(traefikProgram, "loop", { protocol: "grpc", endpoint: seismesh.grpc }, versions, [3, 1]);
    const stopSending = keepSending(traefik.web, 40);
    const suggestion = (id) => getJson(`${api}/api/v1/suggestions/${id}`);

    await within(2, "both versions are seen", async () => {
        const edge = await edgeOf(api, "traefik", "reviews").catch(() => null);
        return edge && Object.keys(byVersion(edge)).length === 2;
    });
    await sleep(minute_ms); // of health, to compare with
    versions[1].failsEvery = 3;
    const began = total(versions);

    let id;
    await claim("loop: Traefik's own telemetry is enough to blame the version that fails and to suggest other weights", async () => {
        const found = await within(4, "a suggestion to roll back", async () => {
            const { suggestions } = await getJson(`${api}/api/v1/suggestions`);
            return suggestions.find((one) => one.kind === "roll_back_version");
        });
        id = found.id;
        equal([found.mesh, found.target.service, found.target.version], ["traefik-file", "reviews", "v2"], "what is to change");
    });
    const failing = share(difference(total(versions), began));

    await claim("loop: the suggestion, against Traefik's own file, is a change of that file's weights alone", () => {
        const said = execFileSync(program, ["suggestions", "show", String(id), "--against", traefik.file, "--server", api]);
        const [, diff, apply] = `${said}`.match(/^(@@[\s\S]*?)\n\n[\s\S]*^apply: {2}([\s\S]*?)^undo: /m) ?? [];
        if (!apply) throw new Error(`no diff and no command in: ${said}`);
        const changed = diff.split("\n").filter((line) => /^[-+]/.test(line)).map((line) => line.replaceAll(" ", ""));
        equal(changed, ["-weight:3", "+weight:100", "-weight:1", "+weight:0"], "changed lines");
        execFileSync("sh", ["-c", apply], { env: { ...process.env, TRAEFIK_FILE: traefik.file } });
    });
    await sleep(3000); // for Traefik to read its file, and for the requests under way
    const applied = total(versions);

    await claim("loop: seismesh sees that the weights were changed, measures, and calls the suggestion verified", async () => {
        const done = await within(8, "the suggestion is verified", async () => {
            const one = await suggestion(id);
            return ["verified", "refuted"].includes(one.state) && one;
        });
        equal(done.state, "verified", done.verified.sentence);
        equal(done.verified.verdict, "helped", "what came of it");
        const { before, predicted, observed } = done.verified;
        if (!(before.error_ratio > 0.03)) throw new Error(`before: ${JSON.stringify(before)}`);
        if (!(predicted.error_ratio.high >= observed.error_ratio)) throw new Error(`predicted ${JSON.stringify(predicted)}, observed ${JSON.stringify(observed)}`);
        console.log(`     ${done.verified.sentence}`);
    });
    await claim("loop: errors fell, as the services behind count them", () => {
        const after = share(difference(total(versions), applied));
        if (!(failing > 0.05 && after === 0)) throw new Error(`${failing} of requests failed before, ${after} after`);
    });
    await stopSending();
    await traefik.stop();
    for (const version of versions) version.stop();
});

function difference(after, before) {
    return { requests: after.requests - before.requests, errors: after.errors - before.errors };
}
