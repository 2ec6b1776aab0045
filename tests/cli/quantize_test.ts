/** `lowrank quantize`: what is written, what is said of it, and what is refused. */

import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { copyFiles } from "../../src/storage/folder.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import {
  openSafetensors,
  quantizedNames,
  readAdapter,
  readQuantized,
  writeSafetensors,
} from "../../src/formats/mod.ts";
import type { QuantizedKind } from "../../src/models/mod.ts";
import { transpose } from "../../src/models/layers.ts";
import { dequantize, quantize } from "../../src/quant/mod.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { golden, tensorsOf } from "../support/golden.ts";
import { goldenLogits, trainArgs, writeJson } from "./arguments.ts";
import { assertFails, lowrank, lowrankJson, model } from "./lowrank.ts";

/** GPT-2's layers in blocks. */
const kinds = ["attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"];

const nameOf = (block: number, kind: string) => `transformer.h.${block}.${kind}.weight`;

Deno.test("the weights of the blocks are in 4 bits as (out, in), all else is byte for byte the same", () =>
  withFolder(async (folder) => {
    const out = `${folder}/out`, before = await tensorsOf(model);
    await lowrankJson("quantize", model, out);
    assertEquals(filesIn(out), filesIn(model));
    using file = await openSafetensors(out);
    using original = await openSafetensors(model);
    const names = [0, 1].flatMap((block) => kinds.map((kind) => nameOf(block, kind)));
    assertEquals(quantizedNames(file.tensors).toSorted(), names.toSorted());
    for (const name of names) {
      assertEquals(await readQuantized(file, name), quantize(transpose(before.get(name)!)));
    }
    for (const [name, { dtype, shape, bytes }] of original.tensors) {
      if (names.includes(name)) continue;
      const { offset: _, ...found } = file.tensors.get(name)!;
      assertEquals(found, { dtype, shape, bytes }, name);
      const [own, copy] = [original, file].map((each) => each.readBytes(name, 0, bytes));
      assertEquals(await copy, await own, name);
    }
    assertEquals(file.metadata.format, "pt");
  }));

Deno.test("the configuration says to transformers what is in 4 bits, and keeps the rest", () =>
  withFolder(async (folder) => {
    const read = async (path: string) => JSON.parse(await Deno.readTextFile(`${path}/config.json`));
    await lowrank("quantize", model, folder, "--code", "fp4", "--no-double-quantization");
    const { quantization_config: form, ...rest } = await read(folder);
    assertEquals(rest, { ...await read(model), _name_or_path: "gpt2_tiny" });
    const { llm_int8_skip_modules: floats, ...fields } = form;
    assertEquals(floats, ["lm_head"]);
    assertEquals(fields, {
      _load_in_4bit: true,
      _load_in_8bit: false,
      bnb_4bit_compute_dtype: "float32",
      bnb_4bit_quant_storage: "uint8",
      bnb_4bit_quant_type: "fp4",
      bnb_4bit_use_double_quant: false,
      llm_int8_enable_fp32_cpu_offload: false,
      llm_int8_has_fp16_weight: false,
      load_in_4bit: true,
      load_in_8bit: false,
      quant_method: "bitsandbytes",
    });
    const encoder = `${folder}/encoder`;
    await lowrank("quantize", golden("families/bert_masked"), encoder);
    const { quantization_config: { llm_int8_skip_modules: heads } } = await read(encoder);
    for (const name of ["cls.predictions.decoder", "cls.predictions.transform.dense"]) {
      assert(heads.includes(name), `${name} of ${heads}`);
    }
  }));

Deno.test("bytes, bits and errors are those of the files", () =>
  withFolder(async (folder) => {
    const options = ["--code", "fp4", "--block-size", "32", "--no-double-quantization"];
    const done = await lowrankJson("quantize", model, folder, ...options);
    assertEquals([done.code, done.blockSize, done.doubleQuantization], ["fp4", 32, false]);
    using file = await openSafetensors(folder);
    const stored = (names: (name: string) => boolean) =>
      [...file.tensors].filter(([name]) => names(name)).reduce(
        (sum, [, { bytes }]) => sum + bytes,
        0,
      );
    assertEquals(done.bytesAfter, stored(() => true));
    const rows: QuantizedKind[] = done.kinds, before = await tensorsOf(model);
    assertEquals(rows.map(({ kind }) => kind), kinds);
    for (const { kind, modules, parameters, relativeError, bytesBefore, bytesAfter } of rows) {
      const names = [0, 1].map((block) => nameOf(block, kind));
      const W = names.map((name) => transpose(before.get(name)!));
      const W4 = await Promise.all(names.map((name) => readQuantized(file, name)));
      assertAlmostEquals(relativeError, errorOf(W, W4.map(dequantize)), 1e-12);
      assertEquals([modules, bytesBefore], [2, 4 * parameters]);
      assertEquals(bytesAfter, stored((name) => names.some((own) => name.startsWith(own))));
    }
    const { stdout } = await lowrank("quantize", model, folder);
    assertStringIncludes(stdout, `wrote the quantized model to ${folder}\n`);
    assertEquals(stdout.match(/ \d+\.\d\d%\n/g)?.length, 4);
  }));

function errorOf(W: HostTensor[], W4: HostTensor[]): number {
  const [x, y] = [W, W4].map((all) => all.flatMap(({ data }) => Array.from(data)));
  const squares = (values: number[]) => values.reduce((sum, value) => sum + value ** 2, 0);
  return Math.sqrt(squares(x.map((value, i) => value - y[i])) / squares(x));
}

Deno.test("a weight of 16 bits is quantized from its type, to which bitsandbytes dequantizes", () =>
  withFolder(async (folder) => {
    await lowrankJson("quantize", golden("gpt2_tiny_bf16"), folder, "--block-size", "128");
    using file = await openSafetensors(folder);
    const { type, blockSize } = await readQuantized(file, nameOf(1, "mlp.c_fc"));
    assertEquals([type, blockSize], ["bfloat16", 128]);
    const config = JSON.parse(await Deno.readTextFile(`${folder}/config.json`));
    assertEquals(config.quantization_config.bnb_4bit_compute_dtype, "bfloat16");
  }));

Deno.test("a sharded model stays so, with the parts of a weight beside its codes", () =>
  withFolder(async (folder) => {
    const [base, out] = ["base", "out"].map((name) => `${folder}/${name}`);
    await shardedCopy(base);
    await lowrankJson("quantize", base, out);
    const index = JSON.parse(await Deno.readTextFile(`${out}/model.safetensors.index.json`));
    const [one, other] = shards, name = nameOf(0, "attn.c_attn");
    assertEquals(filesIn(out).filter((file) => file.endsWith(".safetensors")), shards);
    assertEquals(index.weight_map[`${name}.quant_state.bitsandbytes__nf4`], one);
    assertEquals(index.weight_map[`${nameOf(1, "attn.c_attn")}.absmax`], other);
    using file = await openSafetensors(out);
    const bytes = [...file.tensors.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    assertEquals(index.metadata.total_size, bytes);
    const W = (await tensorsOf(model)).get(name)!;
    assertEquals(await readQuantized(file, name), quantize(transpose(W)));
  }));

const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];

/** The model with its second block in a second file. */
async function shardedCopy(folder: string): Promise<void> {
  await Deno.mkdir(folder);
  await Deno.copyFile(`${model}/config.json`, `${folder}/config.json`);
  const groups = Map.groupBy(
    await tensorsOf(model),
    ([name]) => shards[Number(/\.h\.1\./.test(name))],
  );
  for (const [name, tensors] of groups) await writeSafetensors(`${folder}/${name}`, tensors);
  const places = [...groups].flatMap(([file, tensors]) => tensors.map(([name]) => [name, file]));
  const index = { metadata: {}, weight_map: Object.fromEntries(places) };
  await writeJson(`${folder}/model.safetensors.index.json`, index);
}

Deno.test("what cannot be quantized is refused in a sentence, and nothing is written", () =>
  withFolder(async (folder) => {
    const out = `${folder}/out`, quantized = `${folder}/quantized`;
    await lowrankJson("quantize", model, quantized);
    const again = "must be of floats, found one in";
    await assertFails(["quantize", quantized, out], again, "take the model that it was made from");
    const other = `${folder}/other`;
    await copyFiles(model, other);
    const config = JSON.parse(await Deno.readTextFile(`${other}/config.json`));
    const gptq = { ...config, quantization_config: { quant_method: "gptq", bits: 4 } };
    await writeJson(`${other}/config.json`, gptq);
    await assertFails(["quantize", other, out], again);
    await writeJson(`${other}/config.json`, { ...config, n_inner: 64 });
    await assertFails(
      ["quantize", other, out],
      "c_fc.weight must have shape [48, 64]",
      "found [48, 192]",
    );
    await writeJson(`${other}/config.json`, { ...config, n_layer: 3 });
    await assertFails(["quantize", other, out], "must have one tensor transformer.h.2.");
    await writeJson(`${other}/config.json`, { ...config, model_type: "mamba" });
    await assertFails(["quantize", other, out], "a model to quantize must have model_type gpt2");
    await assertFails(["quantize", model, out, "--code", "int4"], "Allowed choices are nf4, fp4");
    await assertFails(["quantize", model, model], "the output must not be the input folder itself");
    await assertFails(
      ["quantize", model, golden("adapters/peft_c_attn")],
      "already holds an adapter; choose another folder",
    );
    assertEquals(filesIn(folder), ["other", "quantized"]);
  }));

Deno.test("a quantized folder computes what --base-dtype computes, and an adapter on it records its form", () =>
  withFolder(async (folder) => {
    const quantized = `${folder}/quantized`, adapter = `${folder}/adapter`;
    await lowrankJson("quantize", model, quantized, "--code", "fp4");
    const expected = await goldenLogits(folder, "--model", model, "--base-dtype", "fp4");
    assertEquals(await goldenLogits(folder, "--model", quantized), expected);
    const training = await trainArgs(folder, adapter, {
      method: { kind: "lora", rank: 2, sites: ["q"] },
    });
    await lowrankJson(...training.map((arg) => arg === model ? quantized : arg));
    const { quantizedBase } = await readAdapter(adapter);
    assertEquals(quantizedBase, { code: "fp4", blockSize: 64, doubleQuantization: true });
    assertStringIncludes(
      await Deno.readTextFile(`${adapter}/README.md`),
      "Trained on the base in fp4 in blocks of 64 with scales in 8 bits: `BitsAndBytesConfig(load_in_4bit=True, " +
        'bnb_4bit_quant_type="fp4", bnb_4bit_use_double_quant=True)`',
    );
    // Its record would speak of other weights.
    const small = `${adapter}-small`;
    await lowrank("resize", adapter, "--rank", "1", "--output", small);
    for (const command of [["resize", small, "--rank", "1"], ["combine", small]]) {
      await assertFails(
        [...command, "--output", adapter],
        `the output must not be the folder of a training, found run.json in ${adapter}: choose another folder`,
      );
    }
    await assertFails(
      ["quantize", adapter, `${folder}/x`],
      `quantize needs the base model, found an adapter in ${adapter}: give `,
    );
    const files = ["--input", golden("logits.json"), "--output", `${folder}/logits.safetensors`];
    const { stderr } = await lowrank("logits", "--model", model, "--adapter", adapter, ...files);
    assertStringIncludes(
      stderr,
      `fp4 in blocks of 64 with scales in 8 bits, ${model} is of floats\n`,
    );
  }));
