/** Runs of the study on E2E, on a small base and a small dataset. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  archivePath,
  basePath,
  e2eMethods,
  format,
  openE2e,
  planE2e,
} from "../../../experiments/methods/e2e/runs.ts";
import { rowsOf } from "../../../experiments/methods/e2e/rows.ts";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";
import { bleu } from "../../../experiments/text_metrics/mod.ts";
import { complete, loadModel } from "../../../src/models/mod.ts";
import { loadTokenizer } from "../../../src/tokenizer/mod.ts";
import { withFolder } from "../../../scripts/support/folders.ts";
import { rootPath } from "../../../scripts/support/source_files.ts";
import { zipOf } from "../../support/zip.ts";

const names = ["Cafe A", "Bar B", "Pub C"];
const csv = "mr,ref\n" +
  names.flatMap((name) => [`name[${name}],${name} is here.`, `name[${name}],Here is ${name}.`])
    .join("\n");
const sizes = { meanings: 2, newTokens: 5 };

/** A base of 64 positions and a dataset of three meanings where the study looks for its own. */
async function smallData(folder: string): Promise<string> {
  await Deno.mkdir(`${folder}/models`);
  await Deno.mkdir(`${folder}/nlg`);
  await Deno.symlink(`${rootPath}/models/tiny-gpt2`, `${folder}/${basePath}`);
  const parts = ["trainset", "devset", "testset_w_refs"];
  const files = Object.fromEntries(parts.map((part) => [`e2e-dataset/${part}.csv`, csv]));
  await Deno.writeFile(`${folder}/${archivePath}`, await zipOf(files, { method: 8 }));
  return folder;
}

Deno.test("a run is scored by what it answers, and rows stand beside what is not trained", () =>
  withFolder(async (folder) => {
    const task = openE2e(await smallData(folder), sizes), part = "test" as const;
    using device = await openCpuDevice({ threads: 2 });
    const context = { device, folder: `${folder}/runs` };
    const chosen = (key: string) => {
      const method = e2eMethods.find((one) => one.key === key)!, [size] = method.sizes;
      return { method, size, seed: 1, learningRate: 1e-3, isAtEnd: false };
    };
    const made = [];
    for (const key of ["adapter-l", "lora-qv"]) {
      const run = planE2e(task, { ...chosen(key), steps: 1, part });
      made.push({ ...await run.make(context), chosen: chosen(key) });
    }
    const { metrics, spec: { training } } = made[1], answers = metrics.answers as string[];
    assertEquals(training.labelSmoothing, 0.1);
    assertEquals([answers.length, metrics.trained], [2, 2 * 2 * 4 * 2 * 256]);
    const rows = await rowsOf(made, task, device);
    assertEquals(rows.map(({ key }) => key), ["base", "values", "adapter-l", "lora-qv"]);
    const texts = (await task.meanings(part)).map(({ references }, i) => {
      return { output: answers[i], references };
    });
    assertAlmostEquals(rows[3].value, 100 * bleu(texts), 1e-12);
    assertEquals(rows.map(({ choice }) => choice === undefined), [true, true, false, true]);
    for (const { nist, meteor, rougeL, cider } of rows) {
      assert([nist, meteor, rougeL, cider].every(Number.isFinite));
    }
  }));

Deno.test("the base answers as complete does, with prompts as in training", () =>
  withFolder(async (folder) => {
    const task = openE2e(await smallData(folder), sizes), base = `${folder}/${basePath}`;
    using device = await openCpuDevice({ threads: 2 });
    const [row] = await rowsOf([], task, device), tokenizer = await loadTokenizer(base);
    using model = await loadModel(device, base);
    model.promptFormat = format;
    const meanings = await task.meanings("test"), texts = [];
    for (const { meaning: prompt, references } of meanings) {
      const output = await complete(model, tokenizer, prompt, { maxNewTokens: sizes.newTokens });
      texts.push({ output: output.trim(), references });
    }
    assertAlmostEquals(row.value, 100 * bleu(texts), 1e-12);
    assertEquals(row.label, "the base, not trained");
  }));

Deno.test("training takes as many pairs as its steps, and other meanings are the same for all", () =>
  withFolder(async (folder) => {
    const data = await smallData(folder), task = openE2e(data, sizes);
    const [batch, ...others] = [...await task.training(1, 1)];
    assertEquals([batch.targets.shape[0], others.length], [4, 0]);
    assertEquals(batch.promptFormat, format);
    const [again] = [...await task.training(2, 1)];
    assert(again.inputs.tokens.data.join() !== batch.inputs.tokens.data.join());
    assertEquals(
      await openE2e(data, sizes).meanings("validation"),
      await task.meanings("validation"),
    );
  }));
