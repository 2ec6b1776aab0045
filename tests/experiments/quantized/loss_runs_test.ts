/** The runs of `quantized-loss`: which there are, whose folders they share, a quick job, and what is shipped. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { adaptationRun, loraMethod, methods } from "../../../experiments/adaptation/methods.ts";
import { studyTasks } from "../../../experiments/encoder_study/tasks.ts";
import type { PlanContext, PlannedRun } from "../../../experiments/frame/mod.ts";
import { planGloss } from "../../../experiments/gloss_runs.ts";
import { methodsOnKinds } from "../../../experiments/methods/kinds/kinds.ts";
import type { ShippedRows } from "../../../experiments/methods/study.ts";
import { methodsOnTexts } from "../../../experiments/methods/texts/texts.ts";
import { lossBases, readBases } from "../../../experiments/quantized/loss/bases.ts";
import { quantizedLoss } from "../../../experiments/quantized/loss/loss.ts";
import loss from "../../../experiments/quantized/loss/loss.json" with { type: "json" };
import {
  type LossRow,
  lossRuns,
  trainedMethods,
} from "../../../experiments/quantized/loss/rows.ts";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";
import { DryDevice } from "../../../src/device/dry.ts";
import { hashOf } from "../../../src/runs/mod.ts";
import { withVariables } from "../../support/variables.ts";
import { withMadeUpTexts } from "../made_up_texts.ts";

const whole = { seeds: [1, 2], quick: false, full: true };

const tasks = ["definitions", "supersenses", ...studyTasks.map(({ name }) => name)];

async function hashesOf(runs: readonly PlannedRun[]): Promise<string[]> {
  using device = new DryDevice();
  return await Promise.all(runs.map(async (run) => hashOf(await run.spec(device))));
}

const job = (more: Partial<PlanContext> = {}) => {
  const { signal } = new AbortController(), report = () => {};
  return { seeds: [1], quick: false, full: false, out: "", signal, report, ...more };
};

Deno.test("every base has its run on every task, all tasks of a seed before the next", () =>
  withMadeUpTexts(async () => {
    const runs = await lossRuns(whole), perTask = 1 + lossBases.length;
    assertEquals(runs.length, 2 * tasks.length * perTask);
    assertEquals(new Set(await hashesOf(runs)).size, runs.length);
    assertEquals(
      runs.map(({ chosen: { task, seed } }) => `${task.name} ${seed}`),
      [1, 2].flatMap((seed) => tasks.flatMap((task) => Array(perTask).fill(`${task} ${seed}`))),
    );
  }));

Deno.test("runs in F32 are those of the studies whose tasks these are", () =>
  withMadeUpTexts(async () => {
    const hashes = await hashesOf(await lossRuns(whole));
    const glosses = [methods[0], loraMethod(16)].map((method) =>
      planGloss(adaptationRun(method, "noun", 1, false), "")
    );
    const studied = (await Promise.all([methodsOnKinds, methodsOnTexts].map((study) =>
      study.runs!(whole)
    ))).flat();
    const shared = studied.filter(({ chosen }) =>
      ["full", "lora-all"].includes((chosen as { method: { key: string } }).method.key)
    );
    assertEquals(shared.length, 2 * 2 * (1 + studyTasks.length));
    for (const hash of await hashesOf([...glosses, ...shared])) assert(hashes.includes(hash));
  }));

Deno.test("without the data there are the two tasks that need none", () =>
  withVariables({ LOWRANK_DATA: "/no/such/folder" }, async () => {
    const runs = await lossRuns(whole);
    assertEquals([...new Set(runs.map(({ chosen: { task } }) => task.name))], tasks.slice(0, 2));
  }));

Deno.test("a quick job trains the bases that the rules read on three tasks, and judges nothing", () =>
  withMadeUpTexts(async (folder) => {
    using device = await openCpuDevice({ threads: 2 });
    const { settings, findings, tables, figures } = await quantizedLoss.run({
      ...job({ quick: true }),
      ...{ device, out: `${folder}/out` },
    });
    assertEquals(findings, []);
    assertMatch(settings, /One seed gives no noise floor: nothing is judged\. Seeds: 1\.$/);
    const rows = tables[1].rows as unknown as LossRow[], perTask = 1 + readBases.length;
    const trained = rows.filter(({ trained }) => trained !== "nothing");
    assertEquals(
      trained.map(({ task }) => task),
      tasks.slice(0, 3).flatMap((task) => Array(perTask).fill(task)),
    );
    for (const { task, loss, accuracy, values } of trained) {
      assert(values > 0 && (task === "definitions" ? loss! > 0 : accuracy! >= 0));
    }
    const alone = rows.filter(({ trained }) => trained === "nothing");
    assertEquals(alone.map(({ task, base }) => [task, base]), [
      ...readBases.map(({ label }) => ["definitions", label]),
    ]);
    assertEquals(new Set(alone.map(({ loss }) => loss)).size, readBases.length);
    assertEquals(figures[0].slider!.steps.length, 3);
  }));

const shipped: ShippedRows = loss;

Deno.test("a default job trains nothing: it quotes the rows, or says that there are none", async () => {
  using device = new DryDevice();
  assertEquals(await quantizedLoss.runs!(job()), []);
  const { settings, findings, tables } = await quantizedLoss.run({ ...job(), device });
  if (shipped.rows.length === 0) {
    assertMatch(settings, /^Left out: only --full trains its runs/);
    return;
  }
  assertMatch(settings, /Quoted, not measured in this job: --full, commit [0-9a-f]{7}/);
  assert(!settings.includes("Left out"));
  for (const { ours } of findings) assertMatch(ours!, / \(quoted\)$/);
  const rows = tables[1].rows as unknown as LossRow[];
  const named = (task: string, trained: string, base: string, seed?: number) =>
    [task, trained, base, seed].join();
  assertEquals(
    rows.map(({ task, trained, base, seed }) => named(task, trained, base, seed)),
    [
      ...shipped.seeds.flatMap((seed) =>
        tasks.flatMap((task) =>
          trainedMethods(false).map(({ trained, base }) => named(task, trained, base.label, seed))
        )
      ),
      ...lossBases.map(({ label }) => named("definitions", "nothing", label)),
    ],
  );
});
