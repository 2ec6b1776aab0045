/** `lowrank memory`, also of a base that is in 4 bits already. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { catalog } from "../../src/architectures/mod.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { loadModel, type LoadModelOptions, quantizeFolder } from "../../src/models/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { golden } from "../support/golden.ts";
import { withHub } from "../support/hub_server.ts";
import { writeQuantizedFolder } from "../support/quantized_folder.ts";
import { assertFails, lowrank, lowrankJson } from "./lowrank.ts";

Deno.test("the roles add up to the peak, and Adam keeps twice what is trained", () =>
  withFolder(async (folder) => {
    const config = `${folder}/config.json`;
    await Deno.writeTextFile(config, JSON.stringify({ ...catalog.gpt2.config }));
    const size = ["--model", config, "--batch", "4", "--length", "128"];
    const full = await lowrankJson("memory", ...size, "--method", "full");
    const lora = await lowrankJson("memory", ...size, "--method", "lora", "--rank", "8");
    assertEquals([full.fullPeak, lora.fullPeak], [full.peak, full.peak]);
    const { stdout } = await lowrank("memory", ...size, "--method", "lora", "--rank", "8");
    const factor = (full.peak / lora.peak).toPrecision(3);
    assertStringIncludes(stdout, ` at the peak, ${factor} times as much\n`);
    for (const { byRole, peak } of [full, lora]) {
      const bytes: number[] = Object.values(byRole);
      assertEquals(bytes.reduce((all, some) => all + some), peak);
    }
    assertEquals(full.byRole.weight, 4 * 124_439_808);
    assertEquals(full.byRole.optimizer, 2 * full.byRole.weight);
    assertEquals(lora.byRole.adapter, 4 * 294_912);
    assertEquals(lora.byRole.optimizer, 2 * lora.byRole.adapter);
  }));

Deno.test("memory for GPT-3 175B is counted without allocating it, by running it and by formula", async () => {
  const { byRole, byFormula } = await lowrankJson("memory", "--model", "gpt3-175b", "--rank", "4");
  assertEquals(byRole.adapter, 4 * 2 * 96 * 4 * (12288 + 12288));
  assertEquals(byRole, { ...byFormula, quantized: 0 });
  const { stdout } = await lowrank("memory", "--model", "gpt3-175b", "--batch", "1");
  const weight = stdout.split("\n").find((line) => line.startsWith("weight"))!;
  assertEquals(weight.split("698,417,037,312").length, 4, weight);
});

Deno.test("a step of which some tokens have a label takes less, by running it and by formula", async () => {
  for (const method of [["--rank", "4"], ["--method", "full"]]) {
    const bytes = (...more: string[]) =>
      lowrankJson("memory", "gpt2", ...method, "--batch", "4", "--length", "64", ...more);
    const all = await bytes(), some = await bytes("--labeled", "88");
    assertEquals(await bytes("--labeled", "256"), all);
    assertEquals(some.byRole, { ...some.byFormula, quantized: 0 });
    assertEquals(some.byRole, { ...all.byRole, activation: some.byRole.activation });
    assert(some.peak < all.peak);
    assert(some.fullPeak < all.fullPeak);
  }
  const { stdout } = await lowrank("memory", "gpt2", "--batch", "4", "--labeled", "88");
  assertStringIncludes(stdout, "; a step: 4 x 64 tokens, 88 with a label\n");
  await assertFails(
    ["memory", "gpt2", "--batch", "4", "--labeled", "257"],
    "a batch of 4 x 64 has 4 to 256 labels, found 257",
  );
  await assertFails(["memory", "gpt2", "--labeled", "0"], "must be a whole number of at least 1");
});

Deno.test("the formula has the dropout of the configuration, which the step runs with", () =>
  withFolder(async (folder) => {
    const peak = async (fields: object) => {
      const config = `${folder}/config.json`;
      await Deno.writeTextFile(config, JSON.stringify({ ...catalog.gpt2.config, ...fields }));
      return await lowrankJson("memory", config, "--rank", "8", "--batch", "1", "--length", "64");
    };
    for (const fields of [{}, { embd_pdrop: 0.1, resid_pdrop: 0.1 }]) {
      const { byRole, byFormula } = await peak(fields);
      assertEquals(byRole, { ...byFormula, quantized: 0 });
    }
    assertEquals((await peak({ resid_pdrop: 0.1 })).byFormula, null);
    const { stdout } = await lowrank("memory", `${folder}/config.json`, "--batch", "1");
    assertStringIncludes(
      stdout,
      "this step: the formulas need a language model's head, blocks that are",
    );
    const classifier = { architectures: ["GPT2ForSequenceClassification"], num_labels: 2 };
    assertEquals((await peak(classifier)).byFormula, null);
  }));

Deno.test("where no formula covers the step, the output says why", async () => {
  const { stdout } = await lowrank("memory", "bert-base", "--batch", "1", "--length", "8");
  const said =
    "\nNo closed formula covers this step: there are formulas for GPT-2 only, found bert.\n";
  assertStringIncludes(stdout, said);
  const bitfit = await lowrank("memory", "models/tiny-gpt2", "--method", "bitfit", "--batch", "1");
  assertStringIncludes(
    bitfit.stdout,
    "this step: there are formulas for full fine-tuning and lora only, found bitfit.",
  );
  const half = await lowrank("memory", "models/tiny-gpt2", "--freeze-a", "--batch", "1");
  assertStringIncludes(half.stdout, "this step: the formulas are of A and B that are both trained");
  const gpt2 = await lowrank("memory", "gpt2", "--batch", "1", "--length", "8");
  assertEquals(gpt2.stdout.includes("No closed formula"), false);
});

Deno.test("memory needs a family that runs, whose heads fill its width", async () => {
  const memory = (model: string) => ["memory", "--model", model];
  await assertFails(
    memory("t5-base"),
    "needs a configuration of model_type gpt2, bert, roberta, deberta, deberta-v2, llama, mistral, " +
      "qwen2, qwen3, gpt_neox, or mpnet, found t5",
  );
  await assertFails(memory("gpt3-xl"), "n_head to divide n_embd, 2048, found 24");
  await assertFails(memory("gpt4"), "cannot read gpt4: it does not exist");
});

Deno.test("another optimizer or type changes the bytes as its formulas say", async () => {
  const bytes = (...more: string[]) => lowrankJson("memory", "gpt2", "--rank", "8", ...more);
  const run = await bytes(), trained = 294_912, linears = 12 * 12 * 768 ** 2;
  const rest = 124_439_808 - linears;
  for (const [name, state] of [["sgd", 0], ["momentum", 4], ["adamw", 8]] as const) {
    const { byRole, byFormula } = await bytes("--optimizer", name);
    assertEquals(byRole, { ...run.byRole, optimizer: state * trained });
    assertEquals(byRole, { ...byFormula, quantized: 0 });
  }
  const small = await bytes("--dtype", "nf4-double", "--optimizer", "adamw8bit");
  assertEquals(small.byRole, {
    ...run.byRole,
    weight: 2 * rest,
    quantized: linears / 2 + linears / 64 + 4 * linears / 64 / 256 + 4 * 48,
    // 24 pairs of A (8, 768) and B (768, 8), each of 24 blocks.
    optimizer: 2 * trained + 8 * 48 * 24,
    activation: run.byRole.activation / 2,
  });
  assertEquals(small.byFormula, small.byRole);
  const { byRole } = await lowrankJson("memory", "gpt2", "--dtype", "mixed");
  assertEquals([byRole.weight, byRole.gradient], [6 * 124_439_808, 2 * 124_439_808]);
});

Deno.test("8-bit AdamW is counted by formula, for the methods that formulas cover", async () => {
  const bytes = (...more: string[]) =>
    lowrankJson("memory", "gpt2", "--optimizer", "adamw8bit", ...more);
  const wide = await lowrankJson("memory", "gpt2", "--rank", "8");
  const { byRole, byFormula } = await bytes("--rank", "8");
  // 48 factors of 6,144 values, each of 24 blocks.
  assertEquals(byRole, { ...wide.byRole, optimizer: 48 * (2 * 6144 + 8 * 24) });
  assertEquals(byRole, { ...byFormula, quantized: 0 });
  const bitfit = ["memory", "gpt2", "--optimizer", "adamw8bit", "--method", "bitfit"];
  await assertFails(bitfit, "convert full fine-tuning and lora, found --method bitfit");
});

Deno.test("the text output shows what is trained, bytes with separators and units, and what was not run", async () => {
  const { stdout } = await lowrank("memory", "gpt2", "--rank", "8", "--optimizer", "adafactor");
  assertStringIncludes(
    stdout,
    "base: 124,439,808 parameters; trained: 294,912; a step: 8 x 64 tokens\n",
  );
  const weight = stdout.split("\n").find((line) => line.startsWith("weight"))!;
  assertEquals(weight.split(/ {2,}/), [
    ...["weight", "497,759,232", "498 MB", "497,759,232", "498 MB", "497,759,232"],
  ]);
  assertStringIncludes(
    stdout,
    "The step ran with AdamW in F32; formulas convert it to adafactor in f32.",
  );
});

Deno.test("what memory cannot predict gives one sentence", async () => {
  const sentence = "training all of a model needs F32 or mixed precision, found nf4";
  await assertFails(["memory", "gpt2", "--dtype", "nf4"], sentence);
  await assertFails(["memory", "gpt2", "--optimizer", "lion"], "--optimizer", "adamw, sgd");
  await assertFails(
    ["memory", "gpt2", "--dtype", "int3"],
    "--dtype",
    "f32, mixed, nf4, nf4-double",
  );
  await assertFails(["memory", "gpt2", "--length", "1025"], "at most 1024 tokens, found 1025");
  await assertFails(["memory", "gpt2", "--method", "qlora"], "--method", "full, lora");
});

Deno.test("a base in 16 bits takes half its matrices' bytes, run and by formula, and is not trained", async () => {
  const step = ["gpt2", "--batch", "1", "--length", "16", "--rank", "4"];
  const full = await lowrankJson("memory", ...step);
  for (const dtype of ["f16", "bf16"]) {
    const { byRole, byFormula } = await lowrankJson("memory", ...step, "--base-dtype", dtype);
    // 12 blocks of 12 matrices of 768 x 768, and the token embedding.
    const halves = 12 * 12 * 768 ** 2 + 50257 * 768;
    assertEquals(byRole, { ...full.byRole, weight: full.byRole.weight - 2 * halves });
    assertEquals(byRole, { ...byFormula, quantized: 0 });
  }
  await assertFails(
    ["memory", "gpt2", "--method", "full", "--base-dtype", "f16"],
    "full fine-tuning needs a base in F32, found --base-dtype f16",
  );
  await assertFails(
    ["memory", ...step, "--dtype", "mixed", "--base-dtype", "f16"],
    "--base-dtype f16 needs --dtype f32, found mixed",
  );
});

Deno.test("a base in 4 bits takes an eighth of its blocks' bytes, beside a matrix in F32 at a time", async () => {
  const step = ["gpt2", "--batch", "1", "--length", "16", "--rank", "4"];
  const full = await lowrankJson("memory", ...step);
  const { byRole, byFormula } = await lowrankJson("memory", ...step, "--base-dtype", "nf4");
  // 12 blocks of 12 matrices of 768 x 768, in four weights each, which have tables of their codes.
  const packed = 12 * 12 * 768 ** 2, tables = 12 * 4 * 4 * (16 + 256);
  assertEquals(full.byRole.weight - byRole.weight, 4 * packed);
  const scales = packed / 64, offsets = 12 * 4 * 4;
  assertEquals(byRole.quantized, packed / 2 + scales + 4 * scales / 256 + offsets + tables);
  assert(byRole.scratch >= 4 * 768 * 3072);
  assertEquals(byFormula, null);
  const { stdout } = await lowrank("memory", ...step, "--base-dtype", "fp4");
  assertStringIncludes(stdout, "there are none for a base in 4 bits");
  await assertFails(
    ["memory", "gpt2", "--method", "full", "--base-dtype", "nf4"],
    "full fine-tuning needs a base in F32, found --base-dtype nf4",
  );
  await assertFails(
    ["memory", ...step, "--dtype", "nf4", "--base-dtype", "nf4"],
    "--base-dtype nf4 needs --dtype f32, found nf4",
  );
});

Deno.test("checkpoints lower the activations alone, and no formula gives their bytes", async () => {
  const step = ["memory", "gpt2", "--batch", "2", "--length", "32", "--rank", "4"];
  const plain = await lowrankJson(...step), option = "--activation-checkpointing";
  const { byRole, byFormula, fullPeak } = await lowrankJson(...step, option);
  const { activation, scratch, ...kept } = plain.byRole;
  assertEquals({ ...byRole, activation, scratch }, { ...kept, activation, scratch });
  assert(byRole.activation < activation, `${byRole.activation} of ${activation}`);
  assert(fullPeak < plain.fullPeak);
  assertEquals(byFormula, null);
  const { stdout } = await lowrank(...step, option);
  assertStringIncludes(
    stdout,
    `this step: the formulas are of steps that keep all activations, found ${option}.`,
  );
});

const step = ["--method", "lora", "--batch", "1", "--length", "4"];
const words = "Blocks of 64 are assumed: only the configuration was read";

const bytesIn = async (place: string, ...more: string[]) =>
  (await lowrankJson("memory", place, ...step, ...more)).byRole;

/** The bytes of the base that a folder is loaded to. */
async function bytesLoaded(folder: string, options: LoadModelOptions = {}) {
  using dry = new DryDevice();
  using _ = await loadModel(dry, folder, options);
  return dry.ledger.read().byRole;
}

Deno.test("a folder in 4 bits is counted in the blocks of its files, a configuration alone in blocks of 64", () =>
  withFolder(async (folder) => {
    const found: number[] = [];
    for (const blockSize of [64, 128]) {
      const place = `${folder}/${blockSize}`, alone = `${folder}/alone-${blockSize}`;
      await Deno.mkdir(place);
      await writeQuantizedFolder(place, golden("gpt2_tiny"), { blockSize });
      const { quantized } = await bytesIn(place);
      assertEquals(quantized, (await bytesLoaded(place)).quantized);
      assert(!(await lowrank("memory", place, ...step)).stdout.includes(words));
      await Deno.mkdir(alone);
      await Deno.copyFile(`${place}/config.json`, `${alone}/config.json`);
      assertStringIncludes((await lowrank("memory", alone, ...step)).stdout, words);
      found.push(quantized, (await bytesIn(alone)).quantized);
    }
    const [own, guess, larger, same] = found;
    assertEquals([guess, same], [own, own]);
    assert(larger < own);
  }));

Deno.test("a configuration beside its files is read alone, which is said", () =>
  withFolder(async (folder) => {
    await writeQuantizedFolder(folder, golden("gpt2_tiny"), { blockSize: 128 });
    const { stdout } = await lowrank("memory", `${folder}/config.json`, ...step);
    assertStringIncludes(stdout, words);
    assert(!stdout.includes("not there"));
  }));

Deno.test("a repository in 4 bits is counted without downloading its weights", () =>
  withFolder(async (folder) => {
    await writeQuantizedFolder(folder, golden("gpt2_tiny"));
    const names = ["config.json", "model.safetensors"];
    const files = names.map((name) => [name, Deno.readFileSync(`${folder}/${name}`)]);
    await withHub({ "me/four": Object.fromEntries(files) }, async ({ got }) => {
      const { stdout } = await lowrank("memory", "hf:me/four", ...step);
      assertStringIncludes(stdout, words);
      assertEquals(await bytesIn("hf:me/four"), await bytesIn(folder));
      const asked = got.map(({ what }) => what);
      assert(asked.some((what) => what.endsWith("/config.json")));
      assertEquals(asked.filter((what) => what.includes("safetensors")), []);
    });
  }));

Deno.test("a folder in 4 bits whose configuration does not say so is counted in them", () =>
  withFolder(async (folder) => {
    await writeQuantizedFolder(folder, golden("gpt2_tiny"), { blockSize: 128 }, {});
    const { weight, quantized } = await bytesIn(folder), loaded = await bytesLoaded(folder);
    assertEquals([weight, quantized], [loaded.weight, loaded.quantized]);
    assert(quantized > 0);
    await assertFails(
      ["memory", folder, "--method", "full"],
      "full fine-tuning needs a base in F32, found one in nf4: give --rank 8 for an adapter, or use ",
    );
  }));

Deno.test("with auto, what a folder has in 16 bits stays so, beside 4 bits or alone", () =>
  withFolder(async (folder) => {
    const place = `${folder}/four`, auto = ["--base-dtype", "auto"];
    await quantizeFolder("models/tiny-gpt2", place);
    const loaded = await bytesLoaded(place, { dtype: "auto" });
    const whole = await bytesLoaded("models/tiny-gpt2", { dtype: "auto" });
    assertEquals((await bytesIn("models/tiny-gpt2", ...auto)).weight, whole.weight);
    for (const model of [place, `${place}/config.json`]) {
      const { weight, quantized } = await bytesIn(model, ...auto);
      assertEquals([weight, quantized], [loaded.weight, loaded.quantized]);
    }
    // The token embedding alone, of 1024 x 256 values: norms and positions are always in F32.
    assertEquals((await bytesIn(place)).weight - loaded.weight, 2 * 1024 * 256);
  }));
