/** `lowrank sweep`: every combination once, in parts or not, cut off or not, with the same results. */

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { claimFolder } from "../../src/core/folder_claim.ts";
import { mean, standardDeviation } from "../../src/core/numbers.ts";
import { bestOf, remarksOn } from "../../src/cli/sweep_results.ts";
import { filesIn, withFolder } from "../support/folders.ts";
import { writeJson } from "./arguments.ts";
import { assertFails, lowrank, lowrankJson, outcomeOf, spawnLowrank } from "./lowrank.ts";
import { assertSameSweep, runBytes, smallSweep } from "./sweeps.ts";

interface Row {
  readonly setting: string;
  readonly learningRate: number;
  readonly seed: number;
  readonly run: string;
  readonly trainable: number;
  readonly heldOut?: { readonly best: number };
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

Deno.test("parts made apart join to the bytes of the whole; a lost one is made again alone", () =>
  withFolder(async (folder) => {
    const file = await smallSweep(folder), [whole, split] = [`${folder}/whole`, `${folder}/split`];
    await lowrankJson("sweep", file, "--output", whole);
    const part = (shard: string) => lowrankJson("sweep", file, "--output", split, "--shard", shard);
    const made = [await part("1/3"), await part("3/3"), await part("2/3")];
    assertEquals(made.map(({ runs }) => runs.length), [3, 2, 3]);
    assertEquals(new Set(made.flatMap(({ runs }) => runs)).size, 8);
    assertEquals(filesIn(split), ["runs"]);
    for (const run of made[1].runs) await Deno.remove(`${split}/runs/${run}`, { recursive: true });
    assertEquals(await part("3/3"), made[1]);
    const before = await runBytes(split);
    assertEquals(await part("1/3"), made[0]);
    await lowrankJson("sweep", file, "--output", split);
    assertEquals(await runBytes(split), before, "the join only reads");
    await assertSameSweep(split, whole);
  }));

Deno.test("a sweep that SIGINT stopped exits with 130 and resumes to the same bytes", () =>
  withFolder(async (folder) => {
    const file = await smallSweep(folder, { steps: 300, patience: 99, "learning-rate": 0.001 });
    const [whole, cut] = [`${folder}/whole`, `${folder}/cut`], to = ["sweep", file, "--output"];
    await lowrankJson(...to, whole);
    const child = spawnLowrank(...to, cut), ended = outcomeOf(child);
    while (!await hasFinished(`${cut}/runs`)) await new Promise((done) => setTimeout(done, 5));
    child.kill("SIGINT");
    const { code, stdout, stderr } = await ended;
    assertEquals([code, stdout], [130, ""], stderr);
    assertMatch(
      stderr,
      /\nstopped by SIGINT after [123] of 4 trainings: run the same command again/,
    );
    assert(!filesIn(cut).includes("results.json"));
    const again = await lowrank(...to, cut);
    assertMatch(again.stderr, /\nalready trained: [123] of 4\n/);
    await assertSameSweep(cut, whole);
  }));

/** Whether a run is finished and the next has begun. */
async function hasFinished(runs: string): Promise<boolean> {
  const list = (place: string) => Promise.try(filesIn, place).catch((): string[] => []);
  const folders = await list(runs),
    files = await Promise.all(
      folders.map((name) => list(`${runs}/${name}`)),
    );
  return folders.length > 1 && files.some((names) => names.includes("done.json"));
}

Deno.test("a run that another process makes is left to it", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`, file = await smallSweep(folder);
    const { runs } = await lowrankJson("sweep", file, "--output", output);
    const run = `${output}/runs/${runs[3].run}`;
    await Deno.remove(run, { recursive: true });
    using _ = await claimFolder(run);
    await assertFails(
      ["sweep", file, "--output", output],
      `cannot use the folder ${run}: it is in`,
    );
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

Deno.test("bad input is refused in one sentence, before anything is trained", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`;
    const refused = async (more: object, ...sentence: string[]) =>
      await assertFails(["sweep", await smallSweep(folder, more), "--output", output], ...sentence);
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
    await assertFails(["sweep", list, "--output", output], `${list} must be an object`);
    const given = ["sweep", list, "--output", output, "--shard", "4/3"];
    await assertFails(given, "--shard must be i/n", "found 4/3");
    assertEquals(filesIn(folder).includes("out"), false);
  }));
