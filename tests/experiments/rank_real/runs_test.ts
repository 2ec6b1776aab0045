/** Runs of the study of a real base, on a small base and a small dataset. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { archivePath, basePath } from "../../../experiments/methods/e2e/runs.ts";
import { methodOf, reportedRun, searchRun } from "../../../experiments/rank_real/plan.ts";
import {
  measureBase,
  runRows,
  unpacked,
  untrainedRows,
} from "../../../experiments/rank_real/rows.ts";
import { keptFolder, planReal } from "../../../experiments/rank_real/runs.ts";
import { novelPath, openReal, type RealTask } from "../../../experiments/rank_real/task.ts";
import { startUpdates } from "../../../experiments/rank_real/update_lines.ts";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";
import { readAdapter } from "../../../src/formats/mod.ts";
import { evaluate } from "../../../src/train/mod.ts";
import { loadModel } from "../../../src/models/mod.ts";
import { withFolder } from "../../../scripts/support/folders.ts";
import { rootPath } from "../../../scripts/support/source_files.ts";
import { zipOf } from "../../support/zip.ts";

const names = ["Cafe A", "Bar B", "Pub C", "Inn D", "Club E", "Hut F"];
const csv = "mr,ref\n" +
  names.flatMap((name) => [`name[${name}],${name} is here.`, `name[${name}],Here is ${name}.`])
    .join("\n");

/** A base of 64 positions, a dataset of six meanings and a novel of two paragraphs. */
async function smallTask(data: string): Promise<RealTask> {
  for (const folder of ["models", "nlg", "text"]) await Deno.mkdir(`${data}/${folder}`);
  await Deno.symlink(`${rootPath}/models/tiny-gpt2`, `${data}/${basePath}`);
  const parts = ["trainset", "devset", "testset_w_refs"];
  const files = Object.fromEntries(parts.map((part) => [`e2e-dataset/${part}.csv`, csv]));
  await Deno.writeFile(`${data}/${archivePath}`, await zipOf(files, { method: 8 }));
  await Deno.writeTextFile(`${data}/${novelPath}`, "Too short.\n\n" + "She was\nhappy. ".repeat(9));
  const sizes = { heldOut: 3, answered: 2, validation: 2, newTokens: 4, others: 1 };
  const task = openReal({ data, base: basePath }, sizes, 12);
  // The base's own texts are those of another base.
  return { ...task, ownTexts: () => [...task.ownTexts()].slice(0, 0).concat(ownBatch) };
}

const ownBatch = {
  inputs: { tokens: { shape: [1, 3], data: Uint32Array.of(0, 1, 2) } },
  targets: { shape: [1, 3], data: Int32Array.of(1, 2, 3) },
};

Deno.test("a run keeps its adapter on the way, and measures every pair and other texts", () =>
  withFolder(async (folder) => {
    const task = await smallTask(folder);
    using device = await openCpuDevice({ threads: 2 });
    const run = { ...reportedRun(methodOf("qv-1"), 1e-2, 1), steps: 3, kept: [2] };
    const { method, ...others } = run;
    const context = { device, folder: `${folder}/runs` };
    const made = await planReal(task, { ...others, method }).make(context);
    const losses = made.metrics.losses as number[], counts = made.metrics.counts as number[];
    const total = counts.reduce((sum, count) => sum + count, 0);
    const weighted = losses.reduce((sum, loss, i) => sum + loss * counts[i], 0);
    assertEquals([losses.length, (made.metrics.answers as string[]).length], [3, 2]);
    assertAlmostEquals(made.metrics.loss as number, weighted / total, 1e-12);
    assertEquals([made.spec.seed, made.spec.training.clipNorm], [101, undefined]);
    const values = async (place: string) => (await readAdapter(place)).updates[0].B.data;
    const [kept, last] = [
      await values(keptFolder(made.folder, 2)),
      await values(`${made.folder}/adapter`),
    ];
    assert(kept.some((value) => value !== 0) && kept.join() !== last.join());
    const two = await planReal(task, { ...run, steps: 3, kept: [1] }).make(context);
    assert((await values(keptFolder(two.folder, 1))).every((value) => value === 0)); // The first step's rate is 0.
    const place = { ...run, steps: 500, at: 0 };
    const [[name, started]] = await startUpdates([place], task, device);
    assertEquals(name, "qv-1-start101-data1-at0");
    const { updates } = await readAdapter(keptFolder(two.folder, 1));
    assertEquals(started.map(({ A }) => A), updates.map(({ A }) => A)); // So A is as it was drawn.
    assertEquals(await values(`${two.folder}/adapter`), last);
  }));

Deno.test("rows stand beside what is not trained, and a search reads the validation loss alone", () =>
  withFolder(async (folder) => {
    const task = await smallTask(folder);
    using device = await openCpuDevice({ threads: 2 });
    const context = { device, folder: `${folder}/runs` }, made = [];
    for (const key of ["qv-4", "qv-1"]) {
      const chosen = { ...reportedRun(methodOf(key), 1e-2, 2), steps: 1, kept: [] };
      made.push({ ...await planReal(task, chosen).make(context), chosen });
    }
    const base = await measureBase(task, device);
    const { rows: untrained, counts } = await untrainedRows(task, base);
    const rows = [...untrained, ...await runRows(made, task)];
    assertEquals(rows.map(({ key, size }) => [key, size]), [
      ["base", "none"],
      ["values", "none"],
      ["qv-4", "r = 4"],
      ["qv-1", "r = 1"],
    ]);
    assertEquals([rows[0].value, rows[2].seed, rows[2].start], [base.loss, 2, 402]);
    assertEquals(unpacked(counts), base.counts);
    assertAlmostEquals(unpacked(rows[0].pairs!, 1e-4)[0], (base.losses as number[])[0], 1e-4);
    assert(rows.every(({ bleu }) => Number.isFinite(bleu)));
    const search = { ...searchRun(methodOf("qv-1"), 1e-2), steps: 1 };
    const { metrics } = await planReal(task, search).make(context);
    assertEquals(Object.keys(metrics).toSorted(), ["loss", "trained"]);
    using model = await loadModel(device, `${folder}/${basePath}`);
    const { loss } = await evaluate(model, await task.validation.measured("validation"));
    assertAlmostEquals(metrics.loss as number, loss, 1e-6); // The first step's rate is 0.
  }));

Deno.test("paragraphs of the novel are cut to one length, and shorter ones left out", () =>
  withFolder(async (folder) => {
    const [batch, ...others] = [...await (await smallTask(folder)).novelTexts()];
    assertEquals([batch.targets.shape, others.length], [[4, 12], 0]);
    assertEquals([...batch.targets.data].filter((target) => target >= 0).length, 12);
    assertEquals(batch.inputs.tokens.data[0], 0);
  }));
