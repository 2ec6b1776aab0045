/** Runs of the planted experiments: listed before they are made, the same bits twice, judged when long. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";
import type { Device } from "../../../src/device/device.ts";
import { type ExperimentContext, makeRuns } from "../../../experiments/frame/planned_runs.ts";
import { plantedControls } from "../../../experiments/planted/controls.ts";
import { facts } from "../../../experiments/planted/facts.ts";
import { fullRankShift } from "../../../experiments/planted/full_rank_shift.ts";
import {
  linearResult,
  type LinearRun,
  planLinear,
} from "../../../experiments/planted/linear_runs.ts";
import { linearTask } from "../../../src/data/mod.ts";
import { linearTeacher, teacherRuns } from "../../../experiments/planted/linear_teacher.ts";
import { leastLoss, reducedRank, updateLoss } from "../../../src/analysis/mod.ts";
import { plantedTransformer } from "../../../experiments/planted/planted_transformer.ts";
import { rotatedDigits } from "../../../experiments/planted/rotated_digits.ts";
import { hashOf } from "../../../src/runs/mod.ts";
import { figureFaults } from "../../support/figure_rules.ts";
import { filesIn, withFolder } from "../../../scripts/support/folders.ts";
import "../../support/open_lapack.ts";

function contextOf(
  device: Device,
  out: string,
  more: Partial<ExperimentContext> = {},
): ExperimentContext {
  const signal = new AbortController().signal;
  return { device, out, seeds: [1], quick: true, full: false, signal, report() {}, ...more };
}

/** Students that are made now. */
async function trained(runs: readonly LinearRun[], context: ExperimentContext) {
  const made = await makeRuns(runs.map((run) => planLinear(run, context.quick)), context);
  return await Promise.all(made.map((run) => linearResult(run, context)));
}

const all = [
  linearTeacher,
  plantedControls,
  fullRankShift,
  rotatedDigits,
  plantedTransformer,
  facts,
];

Deno.test("every planted experiment lists its runs, each with a name of its own", async () => {
  using device = await openCpuDevice({ threads: 1 });
  for (const experiment of all) {
    for (const more of [{}, { quick: false }, { quick: false, full: true, seeds: [1, 2] }]) {
      const plan = await experiment.runs!(contextOf(device, "", more));
      const hashes = await Promise.all(plan.map(async ({ spec }) => hashOf(await spec(device))));
      // The controls hold one task against five others.
      const repeated = experiment === plantedControls ? 4 * (more.seeds?.length ?? 1) : 0;
      assertEquals(new Set(hashes).size, plan.length - repeated, experiment.name);
    }
  }
});

for (const experiment of all) {
  Deno.test(`${experiment.name}: a quick run makes its figures and is not judged`, async () => {
    await withFolder(async (out) => {
      using device = await openCpuDevice({ threads: 1 });
      const before = device.ledger.read().live, context = contextOf(device, out);
      const outcome = await experiment.run(context);
      assertEquals(device.ledger.read().live, before);
      for (const { verdict } of outcome.findings) assertEquals(verdict, "not judged (quick run)");
      for (const figure of outcome.figures) {
        assertEquals(figureFaults(figure), [], figure.id);
        assertMatch(figure.caption, /seeds?\b.*\b1\b/i, figure.id);
      }
      const plan = await experiment.runs!(context);
      const hashes = await Promise.all(plan.map(async ({ spec }) => hashOf(await spec(device))));
      assertEquals(filesIn(`${out}/runs`), [...new Set(hashes)].sort());
      for (const { rows, columns } of outcome.tables) {
        assert(rows.length > 0);
        for (const { key } of columns) assert(rows.some((row) => row[key] !== undefined), key);
      }
      assertEquals(await experiment.run(context), outcome); // read, not made again
    });
  });
}

Deno.test("a planted run has the same bits twice", async () => {
  using device = await openCpuDevice({ threads: 2 });
  const updates = async () => {
    let found: number[][] = [];
    await withFolder(async (out) => {
      const context = contextOf(device, out);
      const results = await trained(teacherRuns(context), context);
      found = results.map(({ update }) => [...update.data]);
    });
    return found;
  };
  assertEquals(await updates(), await updates());
});

Deno.test("a student of a small linear teacher reaches the best loss of its rank", async () => {
  await withFolder(async (out) => {
    using device = await openCpuDevice({ threads: 1 });
    const shift = { kind: "geometric", ratio: 0.5 } as const;
    const task = {
      ...{ width: 5, shift, norm: 2, inputs: "correlated" as const },
      ...{ examples: 12, noise: 0.1, seed: 3 },
    };
    const runs = ([1, 2, "full"] as const).map((rank) => ({ task, rank, seed: 3 }));
    const results = await trained(runs, contextOf(device, out, { quick: false }));
    const { inputs, residuals } = linearTask(task), metric = reducedRank(inputs, residuals);
    const before = leastLoss(metric, 0);
    for (const { rank, update } of results) {
      const excess = updateLoss(metric, update) - leastLoss(metric, rank === "full" ? 5 : rank);
      // The tolerance of experiments/planted/rules.md.
      assert(excess / before < 1e-3 && excess > -1e-9, `rank ${rank}: ${excess}`);
    }
  });
});
