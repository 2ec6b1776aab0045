/** Options of `train`, `sweep` and `evaluate` for batches of texts. */

import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { readJson } from "../../src/storage/files.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { trainArgs, writeJson } from "./arguments.ts";
import { assertFails, lowrank, lowrankJson } from "./lowrank.ts";
import { smallBase, smallSweep } from "./sweeps.ts";

/** A training of a small model on 40 lines of many lengths, but for its output. */
async function small(folder: string): Promise<string[]> {
  const { model, data } = await smallBase(folder);
  const lines = Array.from({ length: 40 }, (_, i) => `${i} ${"the cat sat ".repeat(1 + i % 4)}`);
  await Deno.writeTextFile(data, lines.join("\n"));
  return ["train", "--model", model, "--data", data, "--steps", "3", "--output"];
}

interface Recorded {
  readonly spec: { readonly data: Readonly<Record<string, unknown>> };
}

/** The batch options in the record of a training. */
async function batchingIn(output: string) {
  const { spec: { data } } = await readJson(`${output}/run.json`) as Recorded;
  const { batchSize, tokensPerStep, batchOrder } = data;
  return { batchSize, tokensPerStep, batchOrder };
}

const lossesIn = async (output: string) =>
  (await readJson(`${output}/log.json`) as { loss: number[] }).loss;

Deno.test("--tokens-per-step fills steps with texts, is recorded, and is another training than --batch-size", () =>
  withFolder(async (folder) => {
    const args = await small(folder),
      output = `${folder}/out`,
      tokens = ["--tokens-per-step", "64"];
    const { code, stderr } = await lowrank(...args, output, ...tokens);
    assertEquals(code, 0, stderr);
    assertStringIncludes(stderr, "36 texts to train on, 4 held out");
    const [, steps, least, most] = /a pass has (\d+) steps of (\d+) to (\d+) texts/.exec(stderr)!;
    assert(Number(least) < Number(most) && Number(steps) > 36 / Number(most), stderr);
    const like = { batchSize: undefined, tokensPerStep: 64, batchOrder: "like-length" };
    assertEquals(await batchingIn(output), like);
    const again = await lowrank(...args, output, ...tokens);
    assertStringIncludes(again.stderr, "already trained");
    await assertFails(
      [...args, output],
      "it was made with tokensPerStep 64 instead of by default",
    );
    const usual = `${folder}/usual`;
    await lowrankJson(...args, usual, "--batch-size", "8");
    const asDrawn = { batchSize: 8, tokensPerStep: undefined, batchOrder: "random" };
    assertEquals(await batchingIn(usual), asDrawn);
    assertEquals((await lossesIn(usual)).length, 3);
  }));

Deno.test("a pass has as many steps as its texts fill, however their number is said", () =>
  withFolder(async (folder) => {
    const args = (await small(folder)).filter((word) => word !== "--steps" && word !== "3");
    const passes = ["--epochs", "2", "--validation", "0"];
    const stepsOf = async (name: string, ...more: string[]) =>
      (await lowrankJson(...args, `${folder}/${name}`, ...passes, ...more)).steps;
    assertEquals(await stepsOf("one", "--batch-size", "3"), 28);
    assertEquals(await stepsOf("like", "--batch-size", "3", "--batch-order", "like-length"), 28);
    assertEquals(await stepsOf("all", "--tokens-per-step", "100000"), 2);
    const [one, like] = [`${folder}/one`, `${folder}/like`];
    assert(`${await lossesIn(like)}` !== `${await lossesIn(one)}`);
    assertEquals((await batchingIn(like)).batchOrder, "like-length");
    const again = ["--batch-size", "3", "--batch-order", "random"]; // A default that is said makes no other training.
    const { stderr } = await lowrank(...args, one, ...passes, ...again);
    assertStringIncludes(stderr, "already trained");
  }));

Deno.test("a configuration may say the size of a step, which the command line overrides", () =>
  withFolder(async (folder) => {
    const args = await small(folder), config = `${folder}/c.json`;
    const configured = async (name: string, said: object, ...more: string[]) => {
      await writeJson(config, said);
      const output = `${folder}/${name}`;
      await lowrankJson(...args, output, "--config", config, ...more);
      return [await batchingIn(output), await lossesIn(output)];
    };
    const option = await configured("option", {}, "--tokens-per-step", "64");
    assertEquals(await configured("configured", { tokensPerStep: 64 }), option);
    const four = await configured("four", { batchSize: 4 });
    assertEquals(await configured("overridden", { tokensPerStep: 64 }, "--batch-size", "4"), four);
    await writeJson(config, { tokensPerStep: 64, batchSize: 4 });
    const both = [...args, `${folder}/both`, "--config", config];
    await assertFails(both, "train takes --batch-size or --tokens-per-step, found both: 4 and 64");
    await writeJson(config, { tokensPerStep: 0 });
    await assertFails(both, "tokensPerStep must be a whole number of at least 1, found 0");
  }));

Deno.test("a size of steps that does not fit is refused before anything is written", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`, args = [...await small(folder), output];
    const tokens = ["--tokens-per-step", "64"];
    await assertFails(
      [...args, ...tokens, "--batch-size", "4"],
      "train takes --batch-size or --tokens-per-step, found both: 4 and 64",
    );
    await assertFails(
      [...args, "--tokens-per-step", "9"],
      "a step needs room for the longest text, ",
      " tokens, found room for 9",
    );
    await assertFails(
      [...args, "--tokens-per-step", "many"],
      "must be a whole number of at least 1",
    );
    await assertFails([...args, "--batch-order", "sorted"], "like-length, random");
    const batches = await trainArgs(folder, output);
    await assertFails(
      [...batches, ...tokens],
      "--tokens-per-step must come with --data, found --batches",
    );
    await assertFails(
      [...batches, "--batch-order", "random"],
      "--batch-order must come with --data, found --batches",
    );
    const configured = await trainArgs(folder, output, { tokensPerStep: 64 });
    await assertFails(configured, "--tokens-per-step must come with --data, found --batches");
    assertEquals(filesIn(folder).includes("out"), false);
  }));

Deno.test("a sweep may compare sizes of steps", () =>
  withFolder(async (folder) => {
    const one = { methods: [{ method: "lora", rank: 2 }], "learning-rate": 0.01, seed: 1 };
    const file = await smallSweep(folder, { ...one, "tokens-per-step": [32, 64] });
    const { best } = await lowrankJson("sweep", file, "--output", `${folder}/out`);
    assertEquals(
      best.map(({ setting }: { setting: string }) => setting),
      ["lora rank=2 tokens-per-step=32", "lora rank=2 tokens-per-step=64"],
    );
    const orders = await smallSweep(folder, {
      ...one,
      "batch-size": 2,
      "batch-order": ["random", "like-length"],
    });
    const found = await lowrankJson("sweep", orders, "--output", `${folder}/orders`);
    const [random, like] = found.best.map(({ loss }: { loss: number }) => loss);
    assert(random !== like);
    const both = await smallSweep(folder, { ...one, "tokens-per-step": 64, "batch-size": 4 });
    await assertFails(
      ["sweep", both, "--output", `${folder}/both`],
      "train takes --batch-size or --tokens-per-step, found both: 4 and 64",
    );
  }));

Deno.test("evaluate finds the same loss in batches of any size", () =>
  withFolder(async (folder) => {
    const [, ...rest] = await small(folder), files = rest.slice(0, 4);
    const usual = await lowrankJson("evaluate", ...files);
    for (const size of ["1", "4"]) {
      const { loss, counted } = await lowrankJson("evaluate", ...files, "--batch-size", size);
      assertEquals(counted, usual.counted);
      assertAlmostEquals(loss, usual.loss, 1e-5); // sums of 510 losses of 5.7 nats, in F32 within a batch
    }
  }));
