/** `lowrank train` against trajectories of PyTorch and PEFT, and what it leaves. */

import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { assertAllClose } from "../support/all_close.ts";
import { filesIn, withFolder } from "../support/folders.ts";
import { golden, goldenJson, tensorsOf } from "../support/golden.ts";
import "../support/open_lapack.ts";
import { trainArgs, writeJson } from "./arguments.ts";
import { assertFails, lowrank, lowrankJson, model } from "./lowrank.ts";

const readJson = async (path: string) => JSON.parse(await Deno.readTextFile(path));

for (const name of ["full_linear", "full_cosine", "lora_linear", "lora_cosine"]) {
  Deno.test(`training ${name} follows PyTorch step by step`, () =>
    withFolder(async (folder) => {
      const isLora = name.startsWith("lora");
      const start = isLora ? ["--adapter", golden("trajectories/lora_initial")] : [];
      const config = await goldenJson(`trajectories/${name}.config.json`);
      await lowrankJson(...await trainArgs(folder, folder, config), ...start);
      const ours = await readJson(`${folder}/log.json`);
      const theirs = await goldenJson(`trajectories/${name}.log.json`);
      for (const key of ["loss", "gradientNorm"]) {
        assertAllClose(ours[key], theirs[key], { absolute: 2e-5, relative: 0, what: key });
      }
      assertAllClose(ours.learningRate, theirs.learningRate, { relative: 1e-12, absolute: 0 });
      if (name === "lora_linear") await assertSameAdapter(folder);
    }));
}

async function assertSameAdapter(folder: string): Promise<void> {
  const file = "adapter_model.safetensors";
  const ours = await tensorsOf(`${folder}/${file}`);
  const theirs = await tensorsOf(golden(`trajectories/lora_linear_final/${file}`));
  assertEquals([...ours.keys()].sort(), [...theirs.keys()].sort());
  for (const [name, { data }] of theirs) {
    assertAllClose(ours.get(name)!.data, data, { absolute: 1e-4, relative: 0, what: name });
  }
}

Deno.test("full training leaves a model folder with the source's tokenizer and token ids", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`;
    await lowrankJson(...await trainArgs(folder, output));
    const files = ["config.json", "generation_config.json", "log.json", "model.safetensors"];
    assertEquals(filesIn(output), [...files, "run.json", "times.json"]);
    assertEquals((await readJson(`${output}/config.json`)).eos_token_id, 60);
  }));

Deno.test("the method comes from the configuration, and options take precedence", () =>
  withFolder(async (folder) => {
    const method = { name: "lora", rank: 4, alpha: 8, sites: ["q"], dropout: 0.1 };
    const first = await lowrankJson(...await trainArgs(folder, `${folder}/first`, { method }));
    assertEquals(first.trainable, 2 * 4 * (48 + 48));
    const args = await trainArgs(folder, `${folder}/out`, { method });
    const second = await lowrankJson(...args, "--rank", "2", "--sites", "q,v");
    assertEquals(second.trainable, 4 * 2 * (48 + 48));
    const { lora_dropout, base_model_name_or_path } = await readJson(
      `${folder}/out/adapter_config.json`,
    );
    assertEquals([lora_dropout, base_model_name_or_path], [0.1, model]);
  }));

Deno.test("the same seed trains the same adapter to the bit, another seed a different one", () =>
  withFolder(async (folder) => {
    const method = { kind: "lora", rank: 2, dropout: 0.2 };
    const bytes = async (name: string, seed: string) => {
      const args = await trainArgs(folder, `${folder}/${name}`, { steps: 3, method });
      await lowrankJson(...args, "--seed", seed);
      return await Deno.readFile(`${folder}/${name}/adapter_model.safetensors`);
    };
    const first = await bytes("a", "5");
    assertEquals(await bytes("b", "5"), first);
    assertNotEquals(await bytes("c", "6"), first);
  }));

Deno.test("an existing adapter trains without dropout unless the method has one", () =>
  withFolder(async (folder) => {
    const first = { name: "lora", rank: 2, dropout: 0.5 };
    await lowrankJson(...await trainArgs(folder, `${folder}/first`, { method: first }));
    const rateAfter = async (method: unknown, name: string) => {
      const args = await trainArgs(folder, `${folder}/${name}`, { method });
      await lowrankJson(...args, "--adapter", `${folder}/first`);
      return (await readJson(`${folder}/${name}/adapter_config.json`)).lora_dropout;
    };
    assertEquals(await rateAfter("lora", "second"), 0);
    assertEquals(await rateAfter({ name: "lora", dropout: 0.25 }, "third"), 0.25);
  }));

Deno.test("PEFT's DoRA is trained further, magnitudes and all", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`, dora = golden("adapters/peft_dora");
    const { trainable } = await lowrankJson(...await trainArgs(folder, output), "--adapter", dora);
    assertEquals((await readJson(`${output}/adapter_config.json`)).use_dora, true);
    const [before, after] = await Promise.all(
      [dora, output].map((from) => tensorsOf(`${from}/adapter_model.safetensors`)),
    );
    assertEquals([...after.keys()].sort(), [...before.keys()].sort());
    const sizes = [...before.values()].map(({ data }) => data.length);
    assertEquals(trainable, sizes.reduce((sum, size) => sum + size, 0));
    for (const [name, tensor] of before) assertNotEquals(after.get(name), tensor, name);
  }));

Deno.test("in batches with labels, only those count", () =>
  withFolder(async (folder) => {
    const lossOf = async (batch: { input_ids: number[][] }) => {
      const output = `${folder}/${batch.input_ids[0].length}`;
      const args = await trainArgs(folder, output, { learningRate: 0, method: "full" });
      const file = await writeJson(`${folder}/b.json`, { batches: [batch] });
      return (await lowrankJson(...args, "--batches", file)).loss;
    };
    const long = { input_ids: [[5, 6, 7, 8]], labels: [[-100, -100, 7, -100]] };
    const short = { input_ids: [[5, 6, 7]], labels: [[-100, -100, 7]] };
    assertAlmostEquals(await lossOf(long), await lossOf(short), 1e-6);
  }));

Deno.test("progress goes to standard error, and --quiet leaves it out", () =>
  withFolder(async (folder) => {
    const args = await trainArgs(folder, `${folder}/out`, { steps: 2 });
    const told = await lowrank(...args);
    assert(/step 2 of 2: loss \d/.test(told.stderr), told.stderr);
    assertEquals([told.code, told.stdout], [0, ""]);
    const quiet = await lowrank(...args, "--seed", "2", "--quiet", "--output", `${folder}/quiet`);
    assertEquals(quiet, { code: 0, stdout: "", stderr: "" });
  }));

Deno.test("a configuration trains DoRA, biases, tokens and modules by PEFT's fields", () =>
  withFolder(async (folder) => {
    const peftOf = async (method: Record<string, unknown>) => {
      const output = `${folder}/${Object.keys(method)[0]}`, lora = { name: "lora", rank: 2 };
      await lowrankJson(...await trainArgs(folder, output, { method: { ...lora, ...method } }));
      return await readJson(`${output}/adapter_config.json`);
    };
    const targetModules = ["c_attn"], bias = "lora_only";
    const dora = await peftOf({ dora: true, init: "gaussian", bias, targetModules });
    assertEquals([dora.use_dora, dora.bias], [true, "lora_only"]);
    const own = await peftOf({ loraBias: true, modulesToSave: ["lm_head"], targetModules });
    assertEquals([own.lora_bias, own.modules_to_save], [true, ["lm_head"]]);
    const { trainable_token_indices } = await peftOf({ trainableTokens: { wte: [5, 6] } });
    assertEquals(trainable_token_indices, { "transformer.wte": [5, 6] });
    assertEquals((await peftOf({ init: "pissa", targetModules })).r, 4); // Converted: twice the rank.
    for (
      const [field, value] of [["trainableTokens", [-1]], ["init", "eva"], ["modulesToSave", 3]]
    ) {
      const method = { name: "lora", [`${field}`]: value };
      await assertFails(await trainArgs(folder, folder, { method }), `method: ${field} must be`);
    }
  }));

Deno.test("checkpoints change the training that is recorded, and no bit of what it learns", () =>
  withFolder(async (folder) => {
    const method = { kind: "lora", rank: 2, dropout: 0.2 }, option = "--activation-checkpointing";
    const made = async (name: string, config: object, ...more: string[]) => {
      const settings = { steps: 3, method, ...config };
      await lowrankJson(...await trainArgs(folder, `${folder}/${name}`, settings), ...more);
      return await Deno.readFile(`${folder}/${name}/adapter_model.safetensors`);
    };
    const plain = await made("plain", {});
    assertEquals(await made("option", {}, option), plain);
    assertEquals(await made("configured", { activationCheckpointing: true }), plain);
    const again = await trainArgs(folder, `${folder}/option`, { steps: 3, method });
    await assertFails(again, "activationCheckpointing true instead of by default");
    await lowrankJson(...again, option);
    const wrong = await trainArgs(folder, folder, { activationCheckpointing: "yes" });
    await assertFails(wrong, 'activationCheckpointing must be true or false, found "yes"');
  }));

Deno.test("--optimizer and the configuration choose 8-bit AdamW, and AdamW that is said is no other training", () =>
  withFolder(async (folder) => {
    const train = async (name: string, config: object, ...more: string[]) => {
      const output = `${folder}/${name}`;
      await lowrankJson(...await trainArgs(folder, output, { steps: 3, ...config }), ...more);
      const { spec } = await readJson(`${output}/run.json`);
      return { spec, bytes: await Deno.readFile(`${output}/model.safetensors`) };
    };
    const plain = await train("plain", {});
    assertEquals(await train("said", {}, "--optimizer", "adamw"), plain);
    const narrow = await train("narrow", {}, "--optimizer", "adamw8bit");
    assertEquals(narrow.spec.training.optimizer, "adamw8bit");
    assertNotEquals(narrow.bytes, plain.bytes);
    assertEquals(await train("configured", { optimizer: "adamw8bit" }), narrow);
    assertEquals(
      await train("outvoted", { optimizer: "adamw8bit" }, "--optimizer", "adamw"),
      plain,
    );
    const args = await trainArgs(folder, `${folder}/plain`, { steps: 3, optimizer: "adamw8bit" });
    await assertFails(args, 'optimizer by default instead of "adamw8bit"');
    await assertFails([...args, "--optimizer", "lion"], "--optimizer", "adamw, adamw8bit");
  }));
