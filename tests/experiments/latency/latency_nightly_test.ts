/** Quick runs of the latency study. */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { ExperimentContext } from "../../../experiments/frame/mod.ts";
import { latency, latencyMedium } from "../../../experiments/latency/latency.ts";
import type { Device } from "../../../src/device/device.ts";
import { tooFew } from "../../../src/paper/claim.ts";
import { cpu, testOn, webgpu } from "../../support/devices.ts";
import { filesIn, withFolder } from "../../../scripts/support/folders.ts";

/** Every model is measured, and the paper's shape waits for `--full`. */
const checkLatency = (device: Device): Promise<void> =>
  withFolder(async (out) => {
    const { signal } = new AbortController(), before = device.ledger.read().live;
    const job = { device, out, signal, seeds: [1], quick: true, full: false, report: () => {} };
    await assertResumes(job);
    const { tables, findings, figures } = await latency.run(job);
    const rows = tables.find(({ id }) => id === "latency")!.rows;
    assertEquals(rows.length, 5 * 8); // four cells and a pass of one token
    for (const { minimum, median, launches } of rows as Record<string, number>[]) {
      assert(minimum > 0 && median >= minimum && launches > 0, JSON.stringify({ minimum, median }));
    }
    const notJudged = "not judged (quick run)";
    assertEquals(findings.map(({ verdict }) => verdict), ["reproduced", notJudged, notJudged]);
    assertEquals(figures[0].slider!.steps.length, 2);
    assert((await latencyMedium.run(job)).settings.startsWith("Left out: "));
    const quoted = await latencyMedium.run({ ...job, quick: false });
    assertStringIncludes(
      quoted.settings,
      "Quoted, not measured in this job: --full, commit 6101db5",
    );
    const verdicts = quoted.findings.map(({ verdict }) => verdict);
    assertEquals(verdicts, ["reproduced", tooFew, tooFew]); // Its times have no intervals.
    assertEquals([filesIn(out), device.ledger.read().live], [[], before]);
  });

/** A job that is stopped in its third cell keeps the first two. */
async function assertResumes(job: ExperimentContext): Promise<void> {
  const stop = new AbortController(), { signal } = stop;
  const report = (_: number, text: string) => {
    if (text.endsWith("1 x 128")) stop.abort(new Error("stopped"));
  };
  await assertRejects(
    async () => void await latency.run({ ...job, signal, report }),
    Error,
    "stopped",
  );
  assertEquals(filesIn(`${job.out}/latency-cells`).length, 2);
}

await testOn([cpu, webgpu], [
  { name: "the latency study measures every model, and frees them", run: checkLatency },
]);
