/** A quick run of the latency study on a device. @module */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { ExperimentContext } from "../../../experiments/frame/mod.ts";
import { latency, latencyMedium } from "../../../experiments/latency/latency.ts";
import { launchMicros, timeCell } from "../../../experiments/latency/measure.ts";
import { openVariants, smallShape } from "../../../experiments/latency/variants.ts";
import type { Device } from "../../../src/device/device.ts";
import { Tape } from "../../../src/autograd/mod.ts";
import { tooFew } from "../../../src/paper/claim.ts";
import { outputsOf } from "../../../src/models/mod.ts";
import { filesIn, withFolder } from "../../support/folders.ts";

/** Checks that it measures every model, frees all it made, and that the paper's shape waits for `--full`. */
export const checkLatency = (device: Device): Promise<void> =>
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
    assert(await launchMicros(device) > 0);
    await checkModels(device);
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

/** All compute the same at first: the base, its twin and adapters to the bit, LoRA up to rounding. */
async function checkModels(device: Device): Promise<void> {
  using opened = openVariants(device, smallShape, [2]);
  const inputs = { tokens: { shape: [1, 4], data: Uint32Array.of(1, 2, 3, 4) } };
  const outputs = await Promise.all(
    opened.models.map(async ([{ model }, one]) =>
      [model, (await outputsOf(one, inputs)).data] as const
    ),
  );
  const [[, base]] = outputs;
  for (const [name, data] of outputs) assertEquals(data, base, name);
  const models = opened.models.map(([, model]) => model);
  const { rounds, timings } = await timeCell(models, [1, 4], { seconds: 0, leastRounds: 2 });
  assertEquals([rounds, timings.length], [2, models.length]);
}

/** The launches of every model's pass over (batch, length) tokens, as a device's own trace has them. */
export async function tracesOn(
  device: Device,
  bottleneck: number,
  shape: readonly [batch: number, length: number],
): Promise<string[][]> {
  using opened = openVariants(device, smallShape, [bottleneck]);
  const inputs = { tokens: { shape, data: new Uint32Array(shape[0] * shape[1]) } };
  const traces: string[][] = [];
  for (const [, model] of opened.models) {
    const { launches } = await device.trace(() => {
      using tape = new Tape(device, { record: false });
      model.forward(tape, inputs);
    });
    traces.push(
      launches.map(({ kernel, scalars, bytes }) =>
        `${kernel.name} ${JSON.stringify(scalars)} ${bytes}`
      ),
    );
  }
  return traces;
}
