/** The runs of `quantized-loss`: which there are, whose folders they share, a few steps, and what is shipped. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { adaptationRun, loraMethod, methods } from "../../../experiments/adaptation/methods.ts";
import { makeRuns, type PlanContext, type PlannedRun } from "../../../experiments/frame/mod.ts";
import { planGloss } from "../../../experiments/gloss_runs.ts";
import { textTasks } from "../../../experiments/methods/texts/tasks.ts";
import {
  lossBases,
  type LossRow,
  lossRows,
  lossRuns,
  qloraBase,
  readBases,
} from "../../../experiments/quantized/loss_runs.ts";
import { quantizedLoss } from "../../../experiments/quantized/loss.ts";
import shipped from "../../../experiments/quantized/loss.json" with { type: "json" };
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";
import { DryDevice } from "../../../src/device/dry.ts";
import { hashOf } from "../../../src/runs/mod.ts";
import { withVariables } from "../../support/variables.ts";
import { withMadeUpTexts } from "../made_up_texts.ts";

const whole = { seeds: [1, 2], quick: false, full: true };

const texts = textTasks.map(({ name }) => name), tasks = ["definitions", "supersenses", ...texts];

/** Methods that are trained on a task: on texts only with the bases that rules read. */
const trainedOn = (task: string) => [
  "everything on F32",
  ...(texts.includes(task) ? readBases : lossBases).map(({ label }) => `LoRA on ${label}`),
];

const allTrained = (seeds: readonly number[]) =>
  seeds.flatMap((seed) =>
    tasks.flatMap((task) => trainedOn(task).map((method) => `${task}, ${method}, seed ${seed}`))
  );

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
    assertEquals((await lossRuns(whole)).map(({ label }) => label), allTrained([1, 2]));
  }));

Deno.test("no two runs are the same, and those of definitions in F32 are those of their study", () =>
  withMadeUpTexts(async () => {
    const one = { ...whole, seeds: [1] }, hashes = await hashesOf(await lossRuns(one));
    assertEquals(new Set(hashes).size, hashes.length);
    const glosses = [methods[0], loraMethod(16)].map((method) =>
      planGloss(adaptationRun(method, "noun", 1, false), "")
    );
    for (const hash of await hashesOf(glosses)) assert(hashes.includes(hash));
  }));

Deno.test("without the data there are the two tasks that need none", () =>
  withVariables({ LOWRANK_DATA: "/no/such/folder" }, async () => {
    const runs = await lossRuns(whole);
    assertEquals([...new Set(runs.map(({ chosen: { task } }) => task.name))], tasks.slice(0, 2));
  }));

Deno.test("a quick job has three tasks, and QLoRA trains on each", () =>
  withMadeUpTexts(async (folder) => {
    using device = await openCpuDevice({ threads: 2 });
    const context = { ...job({ quick: true }), device, out: folder };
    const runs = await lossRuns(context), perTask = 1 + readBases.length;
    assertEquals(runs.length, 3 * perTask);
    const qlora = runs.filter(({ chosen }) => chosen.base === qloraBase);
    const rows = await lossRows(await makeRuns(qlora, context), context);
    assertEquals(
      rows.map(({ task, trained, base, seed }) => [task, trained, base, seed]),
      [
        ...tasks.slice(0, 3).map((task) => [task, "LoRA", "NF4, 64", 1]),
        ["definitions", "nothing", "NF4, 64", undefined],
      ],
    );
    const [definitions, supersenses, trec, alone] = rows;
    for (const { loss } of [definitions, alone]) assert(loss! > 3 && loss! < 6);
    for (const { accuracy } of [supersenses, trec]) assert(accuracy! >= 0 && accuracy! <= 100);
    for (const { values } of [definitions, supersenses, trec]) assert(values > 0);
  }));

Deno.test("a default job trains nothing and quotes the rows of every run", async () => {
  using device = new DryDevice();
  assertEquals(await quantizedLoss.runs!(job()), []);
  const { settings, findings, tables } = await quantizedLoss.run({ ...job(), device });
  assertMatch(settings, /Quoted, not measured in this job: --full, commit [0-9a-f]{7}/);
  assert(!settings.includes("Left out"));
  for (const { ours } of findings) assertMatch(ours!, / \(quoted\)$/);
  const rows = tables[1].rows as unknown as LossRow[];
  const named = ({ task, trained, base, seed }: LossRow) =>
    `${task}, ${trained} on ${base}${seed === undefined ? "" : `, seed ${seed}`}`;
  const alone = lossBases.map(({ label }) => `definitions, nothing on ${label}`);
  assertEquals(rows.map(named), [...allTrained(shipped.seeds), ...alone]);
});
