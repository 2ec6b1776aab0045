/** Runs on texts are what the command line makes of the same texts. */

import { assertEquals, assertNotEquals } from "@std/assert";
import {
  answersIn,
  drawnPasses,
  hexOf,
  openStudy,
  planText,
} from "../../../experiments/methods/texts/runs.ts";
import { labeledTexts } from "../../../experiments/labeled_texts.ts";
import { DryDevice } from "../../../src/device/dry.ts";
import { loadModel } from "../../../src/models/mod.ts";
import { loadTokenizer } from "../../../src/tokenizer/mod.ts";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";
import { readJson } from "../../../src/storage/files.ts";
import type { MethodSpec } from "../../../src/runs/mod.ts";
import { lowrank, lowrankJson } from "../../cli/lowrank.ts";
import { withFolder } from "../../../scripts/support/folders.ts";
import { rootPath } from "../../../scripts/support/source_files.ts";

const sizes = { train: 12, validation: 4, test: 8, words: 9, batch: 4, passes: 1, warmup: 0 };
const task = {
  name: "made up",
  asks: "sea or war",
  encoding: "utf-8",
  trainFile: "own.all",
} as const;

const kinds = [["ship", "sailor", "whale", "boat"], ["army", "general", "enemy", "sword"]];
const lines = kinds.flatMap((names, label) =>
  names.flatMap((name) =>
    ["came", "is old", "was here"].map((what) => `${label} The ${name} ${what}`)
  )
);

// A decoder stands in for the encoder, with the head that it has.
const lora = { kind: "lora", rank: 2, sites: ["q", "v"], modulesToSave: ["score"] } as const;
const cases: readonly [MethodSpec, ...string[]][] = [
  [{ kind: "full" }, "--method", "full"],
  [lora, "--rank", "2", "--sites", "q,v"],
];

Deno.test("a run's losses and accuracy are those of train and evaluate with the same texts", () =>
  withFolder(async (folder) => {
    const base = `${folder}/models/all-MiniLM-L6-v2`, seed = 3, learningRate = 2e-3;
    await Deno.mkdir(`${folder}/models`);
    await Deno.symlink(`${rootPath}/models/tiny-gpt2`, base);
    await Deno.writeTextFile(`${folder}/own.all`, lines.join("\n"));
    const study = openStudy(folder, () => sizes), parts = await study.texts(task);
    const write = (part: "train" | "test") =>
      Deno.writeTextFile(
        `${folder}/${part}.jsonl`,
        parts[part].rows.map((row) => JSON.stringify(row)).join("\n"),
      );
    await write("train");
    await write("test");
    using device = await openCpuDevice();
    for (const [spec, ...options] of cases) {
      const method = { spec };
      const run = planText(study, { task, method, learningRate, seed, part: "test" }, spec.kind);
      const { log, metrics } = await run.make({ device, folder: `${folder}/runs` });
      const output = `${folder}/${spec.kind}`, model = ["--model", base];
      const { code, stderr } = await lowrank(
        ...["train", ...model, "--data", `${folder}/train.jsonl`, "--validation", "0", ...options],
        ...["--output", output, "--seed", `${seed}`, "--learning-rate", `${learningRate}`],
        ...["--batch-size", `${sizes.batch}`, "--epochs", `${sizes.passes}`],
      );
      assertEquals(code, 0, stderr);
      assertEquals((await readJson(`${output}/log.json`) as typeof log).loss, log.loss);
      const made = spec.kind === "full" ? ["--model", output] : [...model, "--adapter", output];
      const { accuracy, mostFrequent } = await lowrankJson(
        ...["evaluate", ...made, "--data", `${folder}/test.jsonl`],
      );
      assertEquals([metrics.accuracy, metrics.majority], [accuracy, mostFrequent]);
      const right = answersIn(metrics.right as string, sizes.test);
      assertEquals(right.filter((one) => one).length / sizes.test, accuracy);
    }
  }));

Deno.test("which texts are right is kept in a digit for each four", () => {
  assertEquals(hexOf([true, false, true, true, false, true]), "b4");
  for (let texts = 0; texts < 9; texts++) {
    const right = Array.from({ length: texts }, (_, i) => i % 3 === 1);
    assertEquals(answersIn(hexOf(right), texts), right);
  }
});

Deno.test("every pass has all texts, in an order of its own", async () => {
  const folder = `${rootPath}/models/tiny-roberta`;
  using device = new DryDevice();
  using model = await loadModel(device, folder, { labels: ["sea", "war"] });
  const rows = lines.map((line) => ({ label: Number(line[0]), text: line.slice(2) }));
  const texts = await labeledTexts(rows, ["sea", "war"], ""),
    tokenizer = await loadTokenizer(folder);
  const batches = drawnPasses(model, tokenizer, texts, { batch: 5, passes: 2, seed: 1 });
  const labels = batches.map(({ targets: { data } }) => [...data]);
  const counts = [5, 5, 5, 5, 4];
  assertEquals(labels.map(({ length }) => length), [...counts, ...counts]);
  const [first, second] = [labels.slice(0, 5), labels.slice(5)].map((pass) => pass.flat());
  assertNotEquals(first, second);
  assertEquals(first.toSorted(), second.toSorted());
  const one = drawnPasses(model, tokenizer, texts, { batch: 5, passes: 1, seed: 1 });
  assertEquals(one, batches.slice(0, 5));
});
