// h2spec.mjs H2SPEC: the gRPC port against all cases of h2spec, the conformance test for HTTP/2 (RFC 7540 and 7541),
// the strict ones too.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { claim, equal, finish, run, startSeismesh, work } from "./common.mjs";

const [h2spec] = process.argv.slice(2);

// Cases that may fail, by section and title, with the reason.
const accepted = {
    // Its block of 20 kB is longer than the usual frame, but not than the 64 KiB that we allow: run again below, longer.
    "http2/4.2: Sends a large size HEADERS frame that exceeds the SETTINGS_MAX_FRAME_SIZE": true,
};

const seismesh = await startSeismesh("h2spec");
const address = ["-h", "127.0.0.1", "-p", seismesh.grpc.split(":")[1]];

const decoded = (text) => text.replaceAll("&#34;", '"').replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

async function cases(name, args) {
    const report = join(work, `${name}.xml`);
    await run(name, h2spec, [...args, "-j", report, ...address]);
    const all = readFileSync(report, "utf8").matchAll(
        /<testcase package="([^"]*)" classname="([^"]*)"[^>]*>([^]*?)<\/testcase>/g,
    );
    return [...all].map(([, section, title, result]) => ({
        name: `${section}: ${decoded(title)}`,
        ok: result.trim() === "",
        skipped: result.includes("<skipped"),
    }));
}

await claim("h2spec: the gRPC port passes every case", async () => {
    const all = await cases("all", ["--strict"]);
    const failing = (list) => list.filter((one) => !one.ok && !accepted[one.name]).map((one) => one.name);
    let failed = failing(all);
    /* After a frame that lets us close the connection (GOAWAY, say) h2spec writes on, and calls it a failure when the
     * close was faster than its write: what fails has to fail in three runs. */
    for (let again = 1; again < 3 && failed.length > 0; again++) {
        const names = failing(await cases(`again-${again}`, ["--strict"]));
        failed = failed.filter((name) => names.includes(name));
    }
    if (all.length < 140) throw new Error(`only ${all.length} cases were run`);
    equal(failed, [], "list of failed cases");
    equal(all.filter((one) => one.skipped).length, 0, "number of cases skipped");
});

await claim("h2spec: a HEADERS frame over our limit of 64 KiB is a frame size error", async () => {
    const one = await cases("long", ["http2/4.2/3", "--max-header-length", "16000"]);
    equal(one.map(({ ok }) => ok), [true], "result");
});

await claim("h2spec: the port still takes requests, and stops cleanly", async () => {
    equal(await seismesh.metric("seismesh_ready"), 1, "seismesh_ready");
    equal(await seismesh.stop(), 0, "exit code");
});

await finish();
