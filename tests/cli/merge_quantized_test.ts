/** `lowrank merge` on a base in 4 bits: the dead zone, and who may choose what. */

import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import type { QuantizedWeight } from "../../src/adapt/merge/quantized.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import { deltaWeight } from "../../src/core/update.ts";
import { Random } from "../../src/core/random.ts";
import {
  openSafetensors,
  quantizedNames,
  readQuantized,
  type TrainedUpdate,
  writeAdapter,
} from "../../src/formats/mod.ts";
import { denseOf, difference, frobeniusNorm } from "../../src/linalg/mod.ts";
import { transpose } from "../../src/models/layers.ts";
import { dequantize, requantize } from "../../src/quant/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { golden, tensorsOf } from "../support/golden.ts";
import "../support/open_lapack.ts";
import { goldenLogits } from "./arguments.ts";
import { assertFails, lowrank, lowrankJson, model } from "./lowrank.ts";

const modules = [0, 1].flatMap((block) =>
  ["attn.c_attn", "mlp.c_fc", "mlp.c_proj"].map((kind) => `transformer.h.${block}.${kind}`)
);

const norm = (tensor: HostTensor) => frobeniusNorm(denseOf(tensor));

/** A base in 4 bits, and an adapter with updates of rank 4 whose norms are a share of the weights'. */
async function baseAndAdapter(folder: string, share: number, from = model) {
  const base = `${folder}/base`, adapter = `${folder}/adapter`, random = new Random(7);
  await lowrankJson("quantize", from, base);
  const weights = await weightsIn(base), updates = new Map<string, TrainedUpdate>();
  for (const module of modules) {
    const W = weights.get(`${module}.weight`)!, [out, width] = W.shape;
    const normal = (...shape: number[]) => ({
      shape,
      data: Float32Array.from({ length: shape[0] * shape[1] }, () => random.normal()),
    });
    const factors = { A: normal(4, width), B: normal(out, 4) };
    const scaling = share * norm(W) / norm(deltaWeight({ ...factors, scaling: 1 }));
    updates.set(`${module}.weight`, { module, ...factors, scaling });
  }
  await writeAdapter(adapter, { updates: [...updates.values()], fanInFanOut: true });
  return { base, adapter, weights, updates };
}

/** The weights in 4 bits of a folder, dequantized. */
async function weightsIn(folder: string): Promise<Map<string, HostTensor>> {
  using file = await openSafetensors(folder);
  const weights = new Map<string, HostTensor>();
  for (const name of quantizedNames(file.tensors)) {
    weights.set(name, dequantize(await readQuantized(file, name)));
  }
  return weights;
}

/** ⟨W′ − W, ΔW⟩ / ‖ΔW‖² of all weights together, from the files. */
function shareKept(
  before: ReadonlyMap<string, HostTensor>,
  after: ReadonlyMap<string, HostTensor>,
  updates: ReadonlyMap<string, TrainedUpdate>,
): number {
  let kept = 0, whole = 0;
  for (const [name, update] of updates) {
    const { data } = deltaWeight(update), [old, now] = [before, after].map((all) => all.get(name)!);
    for (let i = 0; i < data.length; i++) {
      kept += (now.data[i] - old.data[i]) * data[i];
      whole += data[i] ** 2;
    }
  }
  return kept / whole;
}

Deno.test("an update of 1% of the weights is lost in 4 bits, and merge says so before it writes", () =>
  withFolder(async (folder) => {
    const { base, adapter, weights, updates } = await baseAndAdapter(folder, 0.01);
    const args = ["merge", "--model", base, "--adapter", adapter, "--output", `${folder}/out`];
    const asked = await lowrank(...args);
    assertEquals([asked.code, asked.stdout, filesIn(folder)], [1, "", ["adapter", "base"]]);
    const said = /error: merging into weights in 4 bits would keep (-?\d+\.\d)% of dW: keep the/;
    const share = Number(said.exec(asked.stderr)?.[1]) / 100;
    assert(share < 0.05, asked.stderr);
    for (const way of ["--adapter", "--quantized float", "--quantized requantize"]) {
      assert(asked.stderr.includes(way), way);
    }
    assertEquals(asked.stderr.match(/ -?\d+\.\d\d%$/gm)?.length, modules.length + 1, asked.stderr);
    const { forecast, weights: report, dtype } = await lowrankJson(
      ...args,
      ...["--quantized", "requantize"],
    );
    const kept = shareKept(weights, await weightsIn(`${folder}/out`), updates);
    assert(kept < 0.05, `${kept} is left`);
    assertAlmostEquals(kept, share, 5.1e-4);
    assertEquals(report, forecast);
    assertEquals(dtype, "4 bits");
    const rows: QuantizedWeight[] = forecast;
    assertEquals(rows.map(({ module }) => module).toSorted(), modules.toSorted());
    for (const { module, relativeNorm, weightNorm } of rows) {
      assertAlmostEquals(relativeNorm, 0.01, 1e-6);
      assertAlmostEquals(weightNorm, norm(weights.get(`${module}.weight`)!), 1e-5);
    }
  }));

Deno.test("a larger update survives, and all that it does not change keeps its bytes", () =>
  withFolder(async (folder) => {
    const { base, adapter, weights, updates } = await baseAndAdapter(folder, 0.5);
    const out = `${folder}/out`, args = ["--model", base, "--adapter", adapter, "--output", out];
    await lowrankJson("merge", ...args, "--quantized", "requantize");
    assertAlmostEquals(shareKept(weights, await weightsIn(out), updates), 1, 0.05);
    using before = await openSafetensors(base);
    using after = await openSafetensors(out);
    assertEquals([...after.tensors.keys()].sort(), [...before.tensors.keys()].sort());
    for (const [name, { bytes }] of before.tensors) {
      if (modules.some((module) => name.startsWith(`${module}.weight`))) continue;
      const [old, now] = [before, after].map((file) => file.readBytes(name, 0, bytes));
      assertEquals(await now, await old, name);
    }
    for (const [name, update] of updates) {
      const { tensor } = requantize(await readQuantized(before, name), deltaWeight(update));
      const found = await readQuantized(after, name), values = [tensor, found].map(dequantize);
      assertAllClose(values[1].data, values[0].data, { relative: 1e-5, absolute: 1e-6 });
    }
    const [old, now] = [base, out].map((path) => Deno.readTextFile(`${path}/config.json`));
    assertEquals(await now, await old);
    assertMatch(after.metadata["lowrank.merged"], /\/adapter sha256 /);
  }));

Deno.test("a copy in floats has the dequantized weights with all of the update", () =>
  withFolder(async (folder) => {
    const { base, adapter, weights, updates } = await baseAndAdapter(folder, 0.01);
    const out = `${folder}/out`, args = ["--model", base, "--adapter", adapter, "--output", out];
    const float = ["merge", ...args, "--quantized", "float"];
    const { weights: report, dtype, forecast } = await lowrankJson(...float);
    assertEquals([dtype, forecast], ["F32", undefined]); // Nothing is quantized again.
    for (const { survivingShare } of report) assertAlmostEquals(survivingShare, 1, 1e-4);
    const after = await tensorsOf(out), original = await tensorsOf(model);
    assertEquals([...after.keys()].sort(), [...original.keys()].sort());
    for (const [name, W] of weights) {
      const update = updates.get(name), delta = update && deltaWeight(update).data;
      const sum = Float32Array.from(W.data, (value, i) => value + (delta?.[i] ?? 0));
      const expected = transpose({ shape: W.shape, data: sum });
      assertEquals(after.get(name)!.shape, expected.shape);
      assertAllClose(after.get(name)!.data, expected.data, { relative: 1e-6, absolute: 1e-8 });
    }
    const [config, own] = await Promise.all(
      [out, model].map(async (path) => JSON.parse(await Deno.readTextFile(`${path}/config.json`))),
    );
    assertEquals(config, { ...own, _name_or_path: "gpt2_tiny" });
    await goldenLogits(folder, "--model", out);
    await lowrankJson("merge", ...args, "--quantized", "float", "--dtype", "bf16");
    using file = await openSafetensors(out);
    assertEquals(new Set([...file.tensors.values()].map(({ dtype }) => dtype)), new Set(["BF16"]));
  }));

Deno.test("of a base that was quantized from BF16, the copy has the values that the adapter has seen", () =>
  withFolder(async (folder) => {
    const original = golden("gpt2_tiny_bf16"), own = await tensorsOf(original);
    const { base, adapter, weights, updates } = await baseAndAdapter(folder, 0.01, original);
    const out = `${folder}/out`, args = ["--model", base, "--adapter", adapter, "--output", out];
    const float = ["merge", ...args, "--quantized", "float"];
    const { forecast } = await lowrankJson(...float, "--dtype", "f32", "--float-base", original);
    const after = await tensorsOf(out);
    for (const [name, W] of weights) {
      const update = updates.get(name), delta = update && deltaWeight(update).data;
      const sum = Float32Array.from(W.data, (value, i) => value + (delta?.[i] ?? 0));
      const expected = transpose({ shape: W.shape, data: sum }).data;
      assertAllClose(after.get(name)!.data, expected, { relative: 1e-6, absolute: 1e-8 });
    }
    for (const { module, quantizationNorm } of forecast as QuantizedWeight[]) {
      const W = own.get(`${module}.weight`)!, W4 = transpose(weights.get(`${module}.weight`)!);
      assertAlmostEquals(quantizationNorm!, frobeniusNorm(difference(denseOf(W), denseOf(W4))));
    }
    const merged = await goldenLogits(folder, "--model", out);
    const beside = await goldenLogits(folder, "--model", base, "--adapter", adapter);
    for (const [name, { data }] of merged) {
      assertAllClose(data, beside.get(name)!.data, { relative: 1e-5, absolute: 1e-5 });
    }
    const { dtype } = await lowrankJson(...float);
    assertEquals(dtype, "BF16");
  }));

Deno.test("with the floats that a base was quantized from, its distance from them is reported", () =>
  withFolder(async (folder) => {
    const { base, adapter, weights } = await baseAndAdapter(folder, 0.1),
      own = await tensorsOf(model);
    const args = ["--model", base, "--adapter", adapter, "--output", `${folder}/out`];
    const more = ["--quantized", "requantize", "--float-base", model];
    const { forecast } = await lowrankJson("merge", ...args, ...more);
    for (const { module, quantizationNorm } of forecast as QuantizedWeight[]) {
      const name = `${module}.weight`, W4 = transpose(weights.get(name)!).data;
      const data = own.get(name)!.data.map((value, i) => value - W4[i]);
      assertAlmostEquals(quantizationNorm!, norm({ shape: [1, data.length], data }), 1e-5);
    }
    const { stderr } = await lowrank("merge", ...args, ...more);
    assertMatch(stderr, /^module +\|dW\| +\|dW\| \/ \|W\| +\|q\| +kept$/m);
    assertMatch(stderr, /^\|q\|: how far the weights in 4 bits are from those of --float-base$/m);
    const other = "models/tiny-gpt2";
    await assertFails(
      ["merge", ...args, "--quantized", "float", "--float-base", other],
      `the floats in ${other} must have one "transformer.h.0.attn.c_attn.weight" of [48, 144], found`,
    );
  }));

Deno.test("an adapter that changes no weight in 4 bits is merged without a choice", () =>
  withFolder(async (folder) => {
    const base = `${folder}/base`, adapter = `${folder}/adapter`, out = `${folder}/out`;
    await lowrankJson("quantize", model, base);
    const wpe = { shape: [2, 32], data: new Float32Array(64).fill(0.01) };
    const update = {
      ...{ module: "transformer.wpe", isEmbedding: true, A: wpe, scaling: 1 },
      B: { shape: [48, 2], data: new Float32Array(96).fill(1) },
    };
    await writeAdapter(adapter, { updates: [update] });
    await lowrankJson("merge", "--model", base, "--adapter", adapter, "--output", out);
    assertEquals(await weightsIn(out), await weightsIn(base));
    const [old, now] = await Promise.all([base, out].map((path) => positions(path)));
    assertAllClose(now, old.map((value) => value + 0.02), { absolute: 1e-6, relative: 0 });
  }));

async function positions(folder: string): Promise<Float32Array> {
  using file = await openSafetensors(folder);
  return (await file.read("transformer.wpe.weight")).data as Float32Array;
}

Deno.test("choices that do not fit the base are refused", () =>
  withFolder(async (folder) => {
    const { base, adapter } = await baseAndAdapter(folder, 0.01), out = `${folder}/out`;
    const merge = (path: string, ...more: string[]) => [
      ...["merge", "--model", path, "--adapter", adapter, "--output", out],
      ...more,
    ];
    const floats = `found floats in ${model}`;
    const requantize = ["--quantized", "requantize"];
    await assertFails(merge(model, ...requantize), "--quantized is for a base in 4 bits", floats);
    await assertFails(merge(model, "--float-base", base), "--float-base is the floats of", floats);
    await assertFails(merge(base, ...requantize, "--dtype", "f16"), "--dtype is for floats");
    await assertFails(merge(base, "--quantized", "int8"), "Allowed choices are float, requantize");
    assertEquals(filesIn(folder), ["adapter", "base"]);
  }));

Deno.test("what cannot be done is refused before a weight in 4 bits is read", () =>
  withFolder(async (folder) => {
    const { base, adapter } = await baseAndAdapter(folder, 0.01), out = `${folder}/out`;
    const maps = "transformer.h.0.attn.c_attn.weight.quant_map";
    await spoilTensor(base, maps);
    const merge = (adapter: string, ...more: string[]) => [
      ...["merge", "--model", base, "--adapter", adapter, "--output", out],
      ...more,
    ];
    await assertFails(merge(adapter), "quant_map must have -1 at [0]");
    const requantize = ["--quantized", "requantize"], other = "models/tiny-gpt2";
    await assertFails(merge(adapter, "--dtype", "f16"), "--dtype is for floats");
    await assertFails(
      merge(adapter, ...requantize, "--float-base", other),
      `the floats in ${other} must have one "transformer.h.0.attn.c_attn.weight"`,
    );
    const whole = `${folder}/whole`, name = "transformer.h.1.attn.c_proj.weight";
    const saved = new Map([[name, { shape: [48, 48], data: new Float32Array(48 * 48) }]]);
    const update = { module: "transformer.h.0.attn.c_attn", scaling: 1 };
    const A = { shape: [1, 48], data: new Float32Array(48) };
    const B = { shape: [144, 1], data: new Float32Array(144) };
    await writeAdapter(whole, { updates: [{ ...update, A, B }], saved, fanInFanOut: true });
    await assertFails(merge(whole, ...requantize), `found "${name}", which was trained in full`);
    assertEquals(filesIn(folder), ["adapter", "base", "whole"]);
  }));

/** Sets the first bytes of a tensor in a model's file to zero. */
async function spoilTensor(folder: string, name: string): Promise<void> {
  const path = `${folder}/model.safetensors`;
  using opened = await openSafetensors(path);
  const bytes = await Deno.readFile(path), { offset } = opened.tensors.get(name)!;
  await Deno.writeFile(path, bytes.fill(0, offset, offset + 4));
}

/** Replaces every text in a file by one of the same length. */
async function replaceIn(path: string, from: string, to: string): Promise<void> {
  assertEquals(from.length, to.length);
  const bytes = await Deno.readFile(path), text = new TextDecoder("latin1").decode(bytes);
  for (let at = text.indexOf(from); at >= 0; at = text.indexOf(from, at + 1)) {
    bytes.set(new TextEncoder().encode(to), at);
  }
  await Deno.writeFile(path, bytes);
}

Deno.test("an adapter that was trained on another form of the base is noted", () =>
  withFolder(async (folder) => {
    const { base, updates } = await baseAndAdapter(folder, 0.1), adapter = `${folder}/fp4`;
    const quantizedBase = { code: "fp4", blockSize: 128, doubleQuantization: false } as const;
    await writeAdapter(adapter, {
      ...{ updates: [...updates.values()], fanInFanOut: true, quantizedBase },
    });
    const merge = async (path: string, ...more: string[]) => {
      const args = ["--model", path, "--adapter", adapter, "--output", `${folder}/out`];
      return (await lowrank("merge", ...args, ...more)).stderr;
    };
    const trained =
      `note: the adapter in ${adapter} was trained on a base in fp4 in blocks of 128 ` +
      "with scales in F32, ";
    const own = `${base} is nf4 in blocks of 64 with scales in 8 bits\n`;
    assert((await merge(base, "--quantized", "float")).includes(trained + own));
    assert((await merge(model)).includes(`${trained}${model} is of floats\n`));
    await writeAdapter(adapter, {
      ...{ updates: [...updates.values()], fanInFanOut: true },
      quantizedBase: { code: "nf4", blockSize: 64, doubleQuantization: true },
    });
    assertEquals((await merge(base, "--quantized", "float")).includes("trained on"), false);
    const file = `${adapter}/adapter_model.safetensors`;
    await replaceIn(file, '\\"code\\":\\"nf4\\"', '\\"code\\":\\"nf5\\"');
    await assertFails(
      ["inspect", adapter],
      'metadata "lowrank.quantizedBase" must have a code, a blockSize and doubleQuantization, found',
    );
    // The base has the name of what it was quantized from.
    await writeAdapter(adapter, {
      ...{ updates: [...updates.values()], fanInFanOut: true, baseModelName: "me/gpt2_tiny" },
    });
    assertEquals((await merge(base, "--quantized", "float")).includes("names base"), false);
  }));

Deno.test("inspect compares an adapter with the dequantized weights of its base", () =>
  withFolder(async (folder) => {
    const { base, adapter, updates } = await baseAndAdapter(folder, 0.01);
    const { modules: rows } = await lowrankJson("inspect", adapter, "--base", base);
    assertEquals(rows.length, updates.size);
    for (const { relativeNorm } of rows) assertAlmostEquals(relativeNorm, 0.01, 1e-5);
  }));
