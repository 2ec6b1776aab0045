/** `lowrank sweep`: every combination once, in parts or not, stopped or not, with the same results. */

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { claimFolder } from "../../src/storage/folder.ts";
import { openSafetensors } from "../../src/formats/mod.ts";
import { mean, standardDeviation } from "../../src/core/numbers.ts";
import { bestOf, remarksOn } from "../../src/cli/commands/sweep/command.ts";
import type { SweepRow } from "../../src/cli/commands/sweep/grid.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import "../support/open_lapack.ts";
import { writeQuantizedFolder } from "../support/quantized_folder.ts";
import { writeJson } from "./arguments.ts";
import { copyFiles, stop } from "./cut.ts";
import { assertFails, lowrank, lowrankJson } from "./lowrank.ts";
import { assertSameSweep, runBytes, smallSweep } from "./sweeps.ts";

interface Row {
  readonly setting: string;
  readonly learningRate: number;
  readonly seed: number;
  readonly run: string;
  readonly trainable: number;
  readonly heldOut?: { readonly best: number };
  readonly answers?: { readonly right: number; readonly texts: number };
}

Deno.test("every combination is trained, as train would, and the best rate is by the mean over seeds", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`, file = await smallSweep(folder);
    const { runs, best } = await lowrankJson("sweep", file, "--output", output);
    const cells = runs.map(({ setting, learningRate, seed }: Row) => [setting, learningRate, seed]);
    assertEquals(
      cells,
      ["full", "lora rank=2"].flatMap((setting) =>
        [0.001, 0.01].flatMap((rate) => [1, 2].map((seed) => [setting, rate, seed]))
      ),
    );
    const [, lora] = best, own = runs.filter(({ setting }: Row) => setting === lora.setting);
    const lossesAt = (rate: number): number[] =>
      own.filter((row: Row) => row.learningRate === rate).map((row: Row) => row.heldOut!.best);
    const means = [0.001, 0.01].map((rate) => mean(lossesAt(rate)));
    const chosen = lossesAt(lora.learningRate);
    assertAlmostEquals(lora.loss, Math.min(...means), 1e-12);
    assertAlmostEquals(lora.lossSpread, standardDeviation(chosen), 1e-12);
    assertEquals([lora.seeds, lora.trainable], [2, own[0].trainable]);
    const alone = [
      "--model",
      folder,
      "--data",
      `${folder}/mine.txt`,
      "--steps",
      "4",
      "--rank",
      "2",
    ];
    const seeded = ["--learning-rate", "0.01", "--seed", "2", "--output", `${folder}/alone`];
    const { heldOut } = await lowrankJson("train", ...alone, ...seeded);
    const same = own.find((row: Row) => row.learningRate === 0.01 && row.seed === 2);
    assertEquals(same.heldOut, heldOut);
    assertEquals(
      await Deno.readFile(`${output}/runs/${same.run}/adapter/adapter_model.safetensors`),
      await Deno.readFile(`${folder}/alone/adapter_model.safetensors`),
    );
  }));

/** Four trainings. */
const four = { methods: [{ method: "lora", rank: 2 }] };

/** One of them. */
const one = { ...four, "learning-rate": 0.01, seed: 1 };

Deno.test("parts made apart join to the bytes of the whole; a lost one is made again alone", () =>
  withFolder(async (folder) => {
    const file = await smallSweep(folder, four);
    const [whole, split] = [`${folder}/whole`, `${folder}/split`];
    await lowrankJson("sweep", file, "--output", whole);
    const part = (shard: string) => lowrankJson("sweep", file, "--output", split, "--shard", shard);
    const made = [await part("1/3"), await part("3/3"), await part("2/3")];
    assertEquals(made.map(({ runs }) => runs.length), [2, 1, 1]);
    assertEquals(new Set(made.flatMap(({ runs }) => runs)).size, 4);
    assertEquals(filesIn(split), ["runs"]);
    for (const run of made[1].runs) await Deno.remove(`${split}/runs/${run}`, { recursive: true });
    assertEquals(await part("3/3"), made[1]);
    const before = await runBytes(split);
    assertEquals(await part("1/3"), made[0]);
    await lowrankJson("sweep", file, "--output", split);
    assertEquals(await runBytes(split), before, "the join only reads");
    await assertSameSweep(split, whole);
  }));

Deno.test("a sweep that was stopped resumes to the same bytes, but for a run that another process makes", () =>
  withFolder(async (folder) => {
    const file = await smallSweep(folder, { ...four, "checkpoint-every": 2 });
    const [whole, cut] = [`${folder}/whole`, `${folder}/cut`], to = ["sweep", file, "--output"];
    const { runs } = await lowrankJson(...to, whole);
    const { code, stdout, stderr } = await stop("SIGTERM", ...to, cut);
    assertEquals([code, stdout], [143, ""], stderr);
    assertMatch(stderr, /\nstopped by SIGTERM after 1 of 4 trainings: run the same command again/);
    assertEquals(filesIn(cut), ["runs"]);
    const last = `${cut}/runs/${runs[3].run}`;
    {
      using _ = await claimFolder(last);
      await assertFails([...to, cut], `cannot use the folder ${last}: it is in`);
    }
    const again = await lowrank(...to, cut);
    assertStringIncludes(again.stderr, "\nalready trained: 3 of 4\n");
    await assertSameSweep(cut, whole);
  }));

Deno.test("a training that diverges is a result, is not made again, and is never the best", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`, rates = { "learning-rate": [1e-3, 1e30], seed: 1 };
    const file = await smallSweep(folder, { ...rates, methods: [{ method: "full" }] });
    const args = ["sweep", file, "--output", output];
    const first = await lowrankJson(...args), [, diverged] = first.runs;
    assertMatch(diverged.diverged, /^training needs a finite /);
    assertEquals(first.best.map(({ learningRate }: Row) => learningRate), [1e-3]);
    const mark = `${output}/runs/${diverged.run}/diverged.json`;
    const { mtime } = await Deno.stat(mark);
    assertEquals(await lowrankJson(...args), first);
    assertEquals((await Deno.stat(mark)).mtime, mtime);
    const { stdout, stderr } = await lowrank(...args);
    assertStringIncludes(stderr, "\n1 training of 2 diverged: results.json says which\n");
    assertStringIncludes(stderr, "0.001, is the lowest that was tried: try lower ones too\n");
    assertMatch(
      stdout,
      /^setting +trained +best rate +held-out loss +seeds\nfull +\d,\d{3} +0\.001 /,
    );
    await Deno.writeTextFile(mark, "{}");
    await assertFails(args, `cannot read ${mark}: it is not what a sweep wrote; remove it`);
  }));

Deno.test("a setting that no rate improves is said to be the base", () => {
  const row = { setting: "lora", learningRate: 9, trainable: 4, run: "a" };
  const rows = [2, 0].map((bestStep, seed) => ({
    ...row,
    seed,
    heldOut: { before: 5, best: 5 - bestStep, bestStep },
  }));
  assertEquals(remarksOn(rows, bestOf(rows)), []);
  assertEquals(remarksOn(rows.slice(1), bestOf(rows.slice(1))), [
    "no rate of lora lowered the held-out loss, so the one shown is that before training",
  ]);
});

Deno.test("the best rate has the most right answers, or labels; of equals the lowest loss", () => {
  const trained = (learningRate: number, best: number, more: Partial<SweepRow>, seed = 0) => ({
    ...{ setting: "lora", learningRate, seed, trainable: 4, run: "a" },
    ...{ heldOut: { before: 5, best, bestStep: 1 }, ...more },
  });
  const answered = (right: number) => ({ answers: { right, texts: 10 } });
  const rateOf = (...rows: SweepRow[]) => bestOf(rows)[0].learningRate;
  assertEquals(rateOf(trained(1, 0.2, answered(7)), trained(2, 0.3, answered(8))), 2);
  assertEquals(rateOf(trained(1, 0.3, answered(8)), trained(2, 0.2, answered(8))), 2);
  assertEquals(rateOf(trained(1, 0.2, {}), trained(2, 0.3, {})), 1);
  assertEquals(rateOf(trained(1, 0.2, { accuracy: 0.7 }), trained(2, 0.3, { accuracy: 0.8 })), 2);
  const seeds = (rate: number, loss: number, rights: number[]) =>
    rights.map((right, seed) => trained(rate, loss, answered(right), seed));
  // 0.9 + 0.8 + 0.7 and 0.7 + 0.8 + 0.9 differ by a rounding.
  assertEquals(rateOf(...seeds(1, 0.3, [9, 8, 7]), ...seeds(2, 0.2, [7, 8, 9])), 2);
  assertEquals(rateOf(...seeds(1, 0.2, [7, 8, 9]), ...seeds(2, 0.3, [9, 8, 7])), 1);
  const better = { ...trained(2, 0.3, answered(10)), heldOut: undefined, diverged: "NaN" };
  assertEquals(rateOf(trained(1, 0.2, answered(7)), better), 1);
});

Deno.test("of texts with labels, the table has the accuracy", () =>
  withFolder(async (folder) => {
    const texts = "examples/kinds.jsonl", small = { model: "models/tiny-roberta", steps: 2 };
    const file = await writeJson(`${folder}/labels.json`, {
      ...{ ...small, data: texts, validation: texts, "learning-rate": 0.001, seed: [1, 2] },
    });
    const output = `${folder}/out`,
      { runs, best } = await lowrankJson("sweep", file, "--output", output);
    const accuracies = runs.map(({ accuracy }: { accuracy: number }) => accuracy);
    assertAlmostEquals(best[0].accuracy, mean(accuracies), 1e-12);
    const { stdout } = await lowrank("sweep", file, "--output", output);
    assertMatch(stdout, /held-out loss +accuracy +seeds\n.* ± 0\.\d{4} +\d+\.\d% ± \d+\.\d% +2\n$/);
  }));

Deno.test("of texts with prompts, the table has the right answers", () =>
  withFolder(async (folder) => {
    const texts = "examples/flip_unseen.jsonl", small = { model: "models/tiny-skills", steps: 2 };
    const file = await writeJson(`${folder}/prompts.json`, {
      ...{ ...small, data: texts, validation: texts, "learning-rate": 0.001, seed: [1, 2] },
    });
    const output = `${folder}/out`,
      { runs, best } = await lowrankJson("sweep", file, "--output", output);
    const answers: { right: number; texts: number }[] = runs.map(({ answers }: Row) => answers);
    assertEquals(answers.map(({ texts }) => texts), [200, 200]);
    const shares = answers.map(({ right }) => right / 200);
    assertAlmostEquals(best[0].right, mean(shares), 1e-12);
    assertEquals(best[0].accuracy, null);
    const { stdout } = await lowrank("sweep", file, "--output", output);
    assertMatch(stdout, /held-out loss +right answers +seeds\n.* +\d\.\d% ± \d\.\d% +2\n$/);
  }));

Deno.test("types, intervals and checkpoints are options too; trainings that differ in checkpoints alone are one", () =>
  withFolder(async (folder) => {
    const some = { "validate-every": [2, 3], "checkpoint-every": 2, dtype: "f16" };
    const file = await smallSweep(folder, { ...one, ...some }), output = `${folder}/out`;
    const { runs } = await lowrankJson("sweep", file, "--output", output);
    const measured = await Promise.all(runs.map(async ({ run }: Row) => {
      const { heldOut } = JSON.parse(await Deno.readTextFile(`${output}/runs/${run}/log.json`));
      return heldOut.map(({ step }: { step: number }) => step);
    }));
    assertEquals(measured, [[0, 2, 4], [0, 3, 4]]);
    assertMatch(runs[0].setting, /validate-every=2/);
    const path = `${output}/runs/${runs[0].run}/adapter/adapter_model.safetensors`;
    using weights = await openSafetensors(path);
    assert([...weights.tensors.values()].every(({ dtype }) => dtype === "F16"));
    const twice = await smallSweep(folder, { ...one, "checkpoint-every": [2, 3] });
    await assertFails(["sweep", twice, "--output", output], "(no setting of the result differs)");
  }));

Deno.test("LoftQ begins at the floats of its folder, as in train", () =>
  withFolder(async (folder) => {
    const config = await writeJson(`${folder}/c.json`, { method: { name: "lora", init: "loftq" } });
    const given = { "learning-rate": 0.001, seed: 1, config, "base-dtype": "nf4" };
    const file = await smallSweep(folder, { ...given, methods: [{ rank: 2 }] });
    const { runs: [{ run, heldOut }] } = await lowrankJson(
      ...["sweep", file, "--output", `${folder}/out`],
    );
    const options = { model: folder, data: `${folder}/mine.txt`, steps: 4, rank: 2, ...given };
    const words = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
    const alone = await lowrankJson("train", ...words, "--output", `${folder}/alone`);
    assertEquals(heldOut, alone.heldOut);
    assertEquals(
      await Deno.readFile(`${folder}/out/runs/${run}/adapter/adapter_model.safetensors`),
      await Deno.readFile(`${folder}/alone/adapter_model.safetensors`),
    );
  }));

/** Checks that sweeps are refused, each as the small one changed, before anything is trained. */
async function withRefusals(
  check: (
    refused: (change: object, ...sentence: string[]) => Promise<void>,
    folder: string,
  ) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const file = await smallSweep(folder), sweep = JSON.parse(await Deno.readTextFile(file));
    const args = ["sweep", file, "--output", `${folder}/out`];
    await check(async (change, ...sentence) => {
      await writeJson(file, { ...sweep, ...change });
      await assertFails(args, ...sentence);
    }, folder);
    assertEquals(filesIn(folder).includes("out"), false);
  });
}

Deno.test("bad input is refused in one sentence, before anything is trained", () =>
  withRefusals(async (refused, folder) => {
    await refused({ seed: [] }, "sweep.json: seed must be a text, a number, or a list", "found []");
    await refused({ seed: [1, 1] }, "a list of at least one of these, each once, found [1,1]");
    await refused({ learning_rate: 1 }, "found learning_rate (did you mean learning-rate?)");
    await refused({ output: "x" }, "found output");
    await refused({ methods: [] }, "methods must be a list of at least one object such as");
    await refused({ methods: [{ rnak: 1 }] }, "methods[0] may have ", "(did you mean rank?)");
    await refused({ model: null }, "sweep.json: method=full", "'--model <folder>' not specified");
    await refused({ "learning-rate": [1e-3, "fast"] }, "learning-rate=fast", "must be a number");
    await refused(
      { method: ["full", "lora"], methods: [{ rank: 1 }] },
      "method=full learning-rate=0.001 seed=1: full fine-tuning takes no --rank",
    );
    await refused(
      { methods: [{ method: "lora" }, { method: "no" }] },
      "method=no",
      "Allowed choices",
    );
    await refused({ methods: [{ method: "lora", sites: "gate" }] }, "sites must name a role");
    await refused({ validation: 0 }, "it needs held-out texts, found none");
    await refused({ methods: [{ method: "lora" }, { rank: 8 }] }, "has one training twice: lora ");
    await refused({ data: `${folder}/no.txt` }, `cannot read ${folder}/no.txt: it does not exist`);
    const many = Array.from({ length: 101 }, (_, i) => i);
    await refused({ seed: many, rank: many }, "at most 10000 trainings, ", " has 20604");
    const list = await writeJson(`${folder}/list.json`, [1]);
    const sweep = ["sweep", list, "--output", `${folder}/out`];
    await assertFails(sweep, `${list} must be an object`);
    await assertFails([...sweep, "--shard", "4/3"], "--shard must be i/n", "found 4/3");
  }));

Deno.test("a method that cannot train a base in 4 bits is refused before the first training", () =>
  withRefusals(async (refused, folder) => {
    const rest = { "learning-rate": 0.001, seed: 1 }, nf4 = { ...rest, "base-dtype": "nf4" };
    const whole = "training a whole model needs all of it in F32, found 4 weights in 4 bits ";
    const [lora, full, bitfit] = ["lora", "full", "bitfit"].map((method) => ({ method }));
    await refused(
      { ...nf4, methods: [bitfit, { method: "top-layers", layers: 1 }] },
      "method=top-layers",
      "top layers need modules in F32, found ",
      " in 4 bits: use --base-dtype f32\n",
    );
    await refused({ ...nf4, methods: [lora, full] }, "method=full", whole);
    const both = { ...rest, "base-dtype": ["f32", "nf4"] };
    await refused({ ...both, methods: [full] }, "base-dtype=nf4", whole);
    const packed = `${folder}/packed`, tokenizer = ["tokenizer.json", "tokenizer_config.json"];
    await copyFiles(folder, packed, tokenizer);
    await writeQuantizedFolder(packed, folder);
    await refused({ ...rest, model: packed, methods: [lora, full] }, "method=full", whole);
  }));
