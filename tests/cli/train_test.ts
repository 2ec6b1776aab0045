/** `lowrank train` against trajectories of PyTorch and PEFT, and what it leaves, in which type. */

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { float16ToFloat32, float32ToFloat16 } from "../../src/core/float_types.ts";
import { openSafetensors } from "../../src/formats/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { golden, goldenJson, tensorsOf } from "../support/golden.ts";
import "../support/open_lapack.ts";
import { trainArgs, writeJson } from "./arguments.ts";
import { contents } from "./cut.ts";
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

Deno.test("AdamW that is said is no other training, and another optimizer is refused", () =>
  withFolder(async (folder) => {
    const train = async (name: string, config: object, ...more: string[]) => {
      const output = `${folder}/${name}`;
      await lowrankJson(...await trainArgs(folder, output, { steps: 3, ...config }), ...more);
      const { spec } = await readJson(`${output}/run.json`);
      return { spec, bytes: await Deno.readFile(`${output}/model.safetensors`) };
    };
    const plain = await train("plain", {});
    assertEquals(await train("said", {}, "--optimizer", "adamw"), plain);
    assertEquals(await train("configured", { optimizer: "adamw" }), plain);
    const args = await trainArgs(folder, `${folder}/other`, { steps: 3 });
    await assertFails([...args, "--optimizer", "adamw8bit"], "'adamw8bit' is invalid", "adamw");
  }));

const method = { kind: "lora", rank: 2 };

Deno.test("a damping of the configuration preconditions the steps, and one of 0 is refused", () =>
  withFolder(async (folder) => {
    const train = async (name: string, config: object) => {
      const output = `${folder}/${name}`;
      await lowrankJson(
        ...await trainArgs(folder, output, { steps: 3, method, ...config }),
      );
      const { spec: { training } } = await readJson(`${output}/run.json`);
      const bytes = await Deno.readFile(`${output}/adapter_model.safetensors`);
      return { damping: training.loraDamping, bytes };
    };
    const plain = await train("plain", {}), damped = await train("damped", { loraDamping: 0.1 });
    assertEquals([plain.damping, damped.damping], [undefined, 0.1]);
    assertNotEquals(damped.bytes, plain.bytes);
    const wrong = await trainArgs(folder, `${folder}/zero`, { steps: 3, method, loraDamping: 0 });
    await assertFails(wrong, "damping");
  }));

/** The types in a file of weights, and how many bytes its values take. */
async function stored(folder: string, name = "adapter_model"): Promise<[string[], number]> {
  using file = await openSafetensors(`${folder}/${name}.safetensors`);
  const entries = [...file.tensors.values()];
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  return [[...new Set(entries.map(({ dtype }) => dtype))], bytes];
}

Deno.test("--dtype and the configuration choose the type of an adapter's file: the same values, rounded", () =>
  withFolder(async (folder) => {
    const made = async (name: string, config: object, ...more: string[]) => {
      const args = await trainArgs(folder, `${folder}/${name}`, { steps: 2, method, ...config });
      const { code, stderr } = await lowrank(...args, ...more);
      assertEquals(code, 0, stderr);
      return stderr;
    };
    await made("plain", {});
    const told = await made("option", {}, "--dtype", "f16");
    assertStringIncludes(told, `wrote the adapter (F16) after 2 steps to ${folder}/option\n`);
    await made("configured", { dtype: "bf16" });
    await made("outvoted", { dtype: "bf16" }, "--dtype", "f32");
    const [, bytes] = await stored(`${folder}/plain`);
    assertEquals(await stored(`${folder}/option`), [["F16"], bytes / 2]);
    assertEquals(await stored(`${folder}/configured`), [["BF16"], bytes / 2]);
    assertEquals(await contents(`${folder}/outvoted`), await contents(`${folder}/plain`));
    const file = "adapter_model.safetensors";
    const half = await tensorsOf(`${folder}/option/${file}`);
    for (const [name, { data }] of await tensorsOf(`${folder}/plain/${file}`)) {
      const rounded = float16ToFloat32(float32ToFloat16(data as Float32Array));
      assertEquals(half.get(name)!.data, rounded, name);
    }
    const card = await Deno.readTextFile(`${folder}/option/README.md`);
    assertStringIncludes(card, "- Values: stored in F16, 2 bytes each\n");
    const { spec } = JSON.parse(await Deno.readTextFile(`${folder}/option/run.json`));
    assertEquals(spec.training.dtype, "F16");
    const again = await trainArgs(folder, `${folder}/option`, { steps: 2, method });
    await assertFails(again, 'it was made with dtype "F16" instead of by default');
    const wrong = await trainArgs(folder, `${folder}/no`, { dtype: "f8" });
    await assertFails(wrong, 'dtype must be f32 or f16 or bf16, found "f8"');
  }));

Deno.test("a whole model, and adapters of other methods, are saved in that type and read again", () =>
  withFolder(async (folder) => {
    const methods = ["full", "bitfit", "vera", "prefix-tuning", "lora+prefix-layer"];
    for (const name of methods) {
      const output = `${folder}/${name}`, isFull = name === "full";
      const args = await trainArgs(folder, output, { method: { name } });
      await lowrankJson(...args, "--dtype", "bf16");
      assertEquals((await stored(output, isFull ? "model" : undefined))[0], ["BF16"], name);
      const input = await writeJson(`${folder}/in.json`, { cases: { one: { input_ids: [[5]] } } });
      const shown = isFull ? ["--model", output] : ["--model", model, "--adapter", output];
      await lowrankJson(
        "logits",
        ...shown,
        "--input",
        input,
        "--output",
        `${folder}/out.safetensors`,
      );
      if (isFull) continue;
      const card = await Deno.readTextFile(`${output}/README.md`);
      assertStringIncludes(card, "- Values: stored in BF16, 2 bytes each\n", name);
    }
  }));

Deno.test("values beyond a type are saved in F32, and the error says so", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`, huge = { method, learningRate: 1e5, steps: 1 };
    const args = await trainArgs(folder, output, huge);
    await assertFails(
      [...args, "--dtype", "f16"],
      `error: F16 cannot hold what was trained, which is in ${output} in F32: the values of "`,
      "must be finite in F16, found ",
      "] (|x| must be below 65520); give",
      "; give --dtype bf16 or f32 and another --output\n",
    );
    assertEquals((await stored(output))[0], ["F32"]);
    assert((await Deno.stat(`${output}/log.json`)).isFile);
  }));

Deno.test("an adapter that is trained further keeps the type of its file unless --dtype says another", () =>
  withFolder(async (folder) => {
    const further = async (from: string, to: string, ...more: string[]) => {
      const args = await trainArgs(folder, `${folder}/${to}`, from ? {} : { method });
      await lowrankJson(...args, ...from ? ["--adapter", `${folder}/${from}`] : [], ...more);
      return (await stored(`${folder}/${to}`))[0];
    };
    assertEquals(await further("", "half", "--dtype", "f16"), ["F16"]);
    assertEquals(await further("half", "kept"), ["F16"]);
    assertEquals(await further("half", "said", "--dtype", "f32"), ["F32"]);
    assertEquals(await further("said", "full"), ["F32"]);
  }));
