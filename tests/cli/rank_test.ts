/** `lowrank inspect --base`, `compare` and `resize`: what adapters say without a device. */

import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { truncationError } from "../../src/analysis/mod.ts";
import { hostTensor } from "../../src/core/host_tensor.ts";
import { openSafetensors, readAdapter, writeAdapter } from "../../src/formats/mod.ts";
import {
  goodConfig,
  goodTensors,
  matrix,
  moduleName,
  writeRawAdapter,
} from "../formats/adapter_folders.ts";
import { filesIn, withFolder } from "../support/folders.ts";
import { golden, tensorsOf } from "../support/golden.ts";
import "../support/open_lapack.ts";
import { assertFails, lowrank, lowrankJson, model } from "./lowrank.ts";

const adapter = golden("adapters/peft_all_linear"), other = golden("adapters/peft_c_attn");

Deno.test("inspect prints every measure, and the suggested rank keeps to the error", async () => {
  const { modules } = await lowrankJson("inspect", adapter, "--error", "0.4");
  for (const each of modules) {
    const { name, rank, singularValues, suggestedRank, wastedRank } = each;
    assert(truncationError(singularValues, suggestedRank).relative <= 0.4, name);
    assert(truncationError(singularValues, suggestedRank - 1).relative > 0.4, name);
    assertEquals(wastedRank, rank - suggestedRank);
    assertEquals(each.numericalRank, rank);
    for (const measure of ["effectiveRank", "participationRatio", "nuclearRatio"]) {
      assert(each[measure] > 1 && each[measure] <= rank, `${measure} of ${name}`);
    }
    assert(each.energyRank90 <= each.energyRank99 && each.energyRank99 <= rank);
    assertEquals(each.amplification, undefined);
  }
});

/** The adapter of the rank study whose q and v share a weight. */
const fused = "models/rank-study/qv-r8-seed1";

Deno.test("inspect begins with a summary, names sites by their roles, and fits 100 columns", async () => {
  for (const base of [[], ["--base", "models/tiny-gpt2"]]) {
    const { stdout } = await lowrank("inspect", fused, ...base);
    const lines = stdout.split("\n");
    assertEquals(lines.slice(0, 4), [
      "base: tiny-gpt2",
      "adapts: 4 sites (q, v) in 2 weights; names begin with transformer.h.",
      "trained: 16,384 values; rank 8; scaling 2",
      "in PEFT: r = 16, as it sees the 2 sites of a weight as one module of rank 8 + 8",
    ]);
    const rows = lines.filter((line) => /^\d\.attn/.test(line)).map((line) => line.split(" ")[0]);
    const sites = [0, 1].flatMap((h) => ["q", "v"].map((role) => `${h}.attn.c_attn:${role}`));
    assertEquals(rows, base.length > 0 ? [...sites, ...sites] : sites);
    assertEquals(lines.filter((line) => line.length > 100 || /\de[+-]\d/.test(line)), []);
  }
});

Deno.test("inspect, compare and resize of no folder, of a model's or of a file, say what it is", async () => {
  const none = "cannot read the adapter in nowhere: there is no such folder\n";
  const wrong = `cannot read the adapter in ${model}: it holds a model (model.safetensors), and`;
  for (const [folder, sentence] of [["nowhere", none], [model, wrong]]) {
    await assertFails(["inspect", folder], sentence);
    await assertFails(["compare", adapter, folder], sentence);
    await assertFails(["resize", folder, "--rank", "1", "--output", "out"], sentence);
    const prompt = ["--model", "models/tiny-gpt2", "--prompt", "we"];
    await assertFails(["generate", ...prompt, "--adapter", folder], sentence);
  }
  const file = `${adapter}/adapter_model.safetensors`;
  const rule =
    `in ${file}: it is a file, and an adapter is a folder: convert it first (lowrank convert)`;
  await assertFails(["inspect", file], rule);
  await assertFails(["merge", "--model", model, "--adapter", file, "--output", "out"], rule);
});

Deno.test("inspect and compare ignore a fully trained classifier, and say so", () =>
  withFolder(async (folder) => {
    const config = { ...goodConfig, modules_to_save: ["classifier"] };
    const key = "base_model.model.classifier.bias";
    await writeRawAdapter(folder, config, { ...goodTensors, [key]: matrix(1, 3) });
    const said = `left out of ${folder}, beside A and B: classifier.bias\n`;
    for (const command of [["inspect", folder], ["compare", folder, folder]]) {
      const { stdout, stderr } = await lowrank(...command);
      assertStringIncludes(stdout, moduleName.split(".").at(-1)!);
      assertStringIncludes(stderr, said);
    }
  }));

Deno.test("the frozen tables that PEFT saves below updates are not said to be left out", async () => {
  for (const name of ["lora_target_embedding", "lora_target_head"]) {
    const folder = golden(`state_dicts/llama/${name}`);
    const { code, stderr } = await lowrank("inspect", folder);
    assertEquals([code, stderr], [0, ""], name);
  }
});

Deno.test("resize copies a classifier with PEFT's name for it and its labels", () =>
  withFolder(async (folder) => {
    const [from, to] = [`${folder}/from`, `${folder}/to`];
    const config = { ...goodConfig, modules_to_save: ["score"], task_type: "SEQ_CLS" };
    await Deno.mkdir(from);
    const key = "base_model.model.score.weight";
    await writeRawAdapter(from, config, { ...goodTensors, [key]: matrix(2, 3) });
    const resize = ["resize", from, "--rank", "1", "--output", to];
    const copied = async (labels?: string[]) => {
      await lowrankJson(...resize);
      const { saved, updates } = await readAdapter(to, { withSaved: true });
      assertEquals([...saved], [["score.weight", matrix(2, 3)]]);
      assertEquals(updates[0].A.shape[0], 1);
      const { modules_to_save, task_type } = JSON.parse(
        await Deno.readTextFile(`${to}/adapter_config.json`),
      );
      assertEquals([modules_to_save, task_type], [["score"], "SEQ_CLS"]);
      using file = await openSafetensors(`${to}/adapter_model.safetensors`);
      assertEquals(file.metadata["lowrank.labels"], labels && JSON.stringify(labels));
    };
    await copied();
    const { updates, saved } = await readAdapter(from, { withSaved: true });
    await writeAdapter(from, {
      ...{ updates, saved, labels: ["sea", "war"], savedModules: ["score"] },
      taskType: "SEQ_CLS",
    });
    await copied(["sea", "war"]);
  }));

Deno.test("resize stores values as the adapter does, or as told", () =>
  withFolder(async (folder) => {
    const { updates } = await readAdapter(adapter), bf16 = `${folder}/bf16`;
    await writeAdapter(bf16, { updates, dtype: "BF16" });
    const resize = async (from: string, ...more: string[]) => {
      const output = `${folder}/out`;
      const { dtype } = await lowrankJson(
        "resize",
        from,
        "--rank",
        "2",
        "--output",
        output,
        ...more,
      );
      using file = await openSafetensors(`${output}/adapter_model.safetensors`);
      return [dtype, ...new Set([...file.tensors.values()].map((entry) => entry.dtype))];
    };
    assertEquals(await resize(adapter), ["F32", "F32"]);
    assertEquals(await resize(bf16), ["BF16", "BF16"]);
    assertEquals(await resize(bf16, "--dtype", "f16"), ["F16", "F16"]);
  }));

Deno.test("inspect --base: norms of the adapted weights, which GPT-2 stores transposed", async () => {
  const { modules } = await lowrankJson("inspect", adapter, "--base", model);
  const weights = await tensorsOf(`${model}/model.safetensors`);
  for (const { name, frobenius, relativeNorm, amplification } of modules) {
    const norm = Math.hypot(...weights.get(`${name}.weight`)!.data);
    assertAlmostEquals(amplification.weightNorm / norm, 1, 1e-12);
    assertAlmostEquals(relativeNorm, frobenius / norm, 1e-12);
    assertAlmostEquals(amplification.factor, frobenius / amplification.inDelta, 1e-9);
    assert(amplification.inDelta <= amplification.inWeight);
  }
  const { stdout } = await lowrank("inspect", adapter, "--base", model);
  assertStringIncludes(stdout, "|dW|/|W|  factor  random  ratio\n");
  assertStringIncludes(stdout, "factor: how many times as strong as W the update is");
  // Names without the prefix, as the hub's own gpt2 has them.
  const bare = await lowrankJson("inspect", adapter, "--base", golden("gpt2_tiny_bare"));
  assertEquals(bare.modules.length, modules.length);
});

Deno.test("inspect --base: a base that lacks a module, or has another shape, is named", () =>
  withFolder(async (folder) => {
    const A = { shape: [1, 48], data: new Float32Array(48).fill(1) };
    const B = { shape: [48, 1], data: new Float32Array(48).fill(1) };
    const write = (name: string) =>
      writeAdapter(folder, { updates: [{ module: name, A, B, scaling: 1 }] });
    await write("transformer.h.7.attn.c_proj");
    await assertFails(
      ["inspect", folder, "--base", model],
      "must have one weight of transformer.h.7.attn.c_proj, found none",
    );
    await write("transformer.h.0.attn.c_attn");
    await assertFails(
      ["inspect", folder, "--base", model],
      "the weight of transformer.h.0.attn.c_attn in ",
      "must have its update's shape [48, 48], found [144, 48]",
    );
  }));

Deno.test("inspect and compare name the module that has a NaN", () =>
  withFolder(async (folder) => {
    const write = (a: readonly number[], b: readonly number[]) =>
      writeRawAdapter(folder, { ...goodConfig, r: 1, target_modules: ["query"] }, {
        "base_model.model.layer.4.query.lora_A.weight": hostTensor([1, 3], a),
        "base_model.model.layer.4.query.lora_B.weight": hostTensor([2, 1], b),
      });
    const finite = (letter: string) =>
      `the adapter in ${folder}: the values of "base_model.model.layer.4.query.lora_${letter}.weight" ` +
      "must be finite in F32, found NaN at";
    await write([1, NaN, 3], [1, 2]);
    await assertFails(["inspect", folder], `${finite("A")} [0, 1]`);
    await assertFails(["compare", folder, folder], `${finite("A")} [0, 1]`);
    await write([1, 1, 1], [NaN, NaN]);
    await assertFails(["compare", folder, folder], `${finite("B")} [0, 0]`);
  }));

Deno.test("resize: the error is the distance of the dense updates, and PEFT's fields are kept", () =>
  withFolder(async (folder) => {
    const { modules } = await lowrankJson("resize", adapter, "--rank", "3", "--output", folder);
    const resized = await readAdapter(folder), original = await readAdapter(adapter);
    const deltas = await tensorsOf(golden("adapters/deltas.safetensors"));
    for (const [i, { name, rank, before, error }] of modules.entries()) {
      assertEquals([rank, before], [Math.min(3, before), original.updates[i].A.shape[0]]);
      const delta = deltas.get(`delta.peft_all_linear.${name}`)!.data;
      const { A, B, scaling } = resized.updates.find(({ module }) => module === name)!;
      assertEquals(scaling, original.updates[i].scaling);
      const [, width] = A.shape;
      const difference = Array.from(delta, (value, at) => {
        let sum = 0;
        for (let p = 0; p < rank; p++) {
          sum += B.data[Math.floor(at / width) * rank + p] * A.data[p * width + at % width];
        }
        return value - scaling * sum;
      });
      assertAlmostEquals(Math.hypot(...difference) / Math.hypot(...delta), error, 1e-6);
    }
    const { config } = resized;
    assertEquals(
      [config.taskType, config.fanInFanOut, config.baseModelName],
      [original.config.taskType, true, original.config.baseModelName],
    );
  }));

Deno.test("resize refuses a scaling that is infinite, or A and B that become so, and writes nothing", () =>
  withFolder(async (folder) => {
    const out = `${folder}/out`;
    for (
      const [alpha, value, message] of [
        [1e308, 100, "the scaling of layer.4.query must be finite in F32, found 5e+307"],
        [1, 3e38, "the factors of the update of layer.4.query must be finite in F32, found"],
      ] as const
    ) {
      const config = { ...goodConfig, r: 2, lora_alpha: alpha, target_modules: ["query"] };
      await writeRawAdapter(folder, config, {
        "base_model.model.layer.4.query.lora_A.weight": hostTensor([2, 3], Array(6).fill(value)),
        "base_model.model.layer.4.query.lora_B.weight": hostTensor([2, 2], Array(4).fill(value)),
      });
      await assertFails(["resize", folder, "--rank", "1", "--output", out], message);
      assertEquals(filesIn(folder), ["adapter_config.json", "adapter_model.safetensors"]);
    }
  }));

Deno.test("resize --energy keeps the share, and the table says where it was written", () =>
  withFolder(async (folder) => {
    const { modules } = await lowrankJson("resize", adapter, "--energy", "0.8", "--output", folder);
    const ranks = modules.map(({ rank }: { rank: number }) => rank);
    assert(new Set(ranks).size > 1);
    for (const { error } of modules) assert(error <= Math.sqrt(0.2) + 1e-12);
    const { stdout } = await lowrank(
      "resize",
      adapter,
      "--energy",
      "1",
      "--output",
      `${folder}/all`,
    );
    assertStringIncludes(stdout, `wrote the adapter to ${folder}/all`);
    const [, value] = /nothing to reduce: .*; --energy (0\.\d+) would/.exec(stdout)!;
    const less = await lowrankJson("resize", adapter, "--energy", value, "--output", folder);
    assert(less.modules.some(({ rank, before }: Record<string, number>) => rank < before));
    const same = await lowrank("resize", adapter, "--rank", "6", "--output", `${folder}/all`);
    assertStringIncludes(same.stdout, "nothing to reduce: --rank 5 or lower would\n");
  }));

Deno.test("resize refuses no rule, two rules, and overwriting its input", () =>
  withFolder(async (folder) => {
    const to = ["--output", folder];
    await assertFails(
      ["resize", adapter, ...to],
      "needs one of --rank and --energy, found neither",
    );
    await assertFails(
      ["resize", adapter, "--rank", "1", "--energy", "0.5", ...to],
      "needs one of --rank and --energy, found both",
    );
    await assertFails(["resize", adapter, "--energy", "1.5", ...to], "at most 1");
    await assertFails(["resize", adapter, "--rank", "0", ...to], "of at least 1");
    await assertFails(
      ["resize", adapter, "--rank", "1", "--output", adapter],
      "must not be the input folder",
    );
    await assertFails(
      ["resize", adapter, "--rank", "1", "--output", model],
      "already holds a model",
    );
  }));

Deno.test("compare: an adapter with itself is 1 on the diagonal, with another near chance", () =>
  withFolder(async (folder) => {
    for (const space of ["A", "delta-left", "delta-right"]) {
      const { modules } = await lowrankJson("compare", adapter, adapter, "--of", space);
      for (const { phi, principalAngles } of modules) {
        phi.forEach((row: number[], i: number) => assertAlmostEquals(row[i], 1, 1e-12));
        for (const angle of principalAngles) assertAlmostEquals(angle, 0, 1e-7);
      }
    }
    const page = `${folder}/page.html`;
    const { modules } = await lowrankJson("compare", other, adapter, "--html", page);
    const said = (await lowrank("compare", other, adapter, "--html", page)).stdout;
    assertStringIncludes(said, `\nwrote the page to ${page}\n`);
    assertEquals(modules.length, 2);
    for (const { phi, dimensions, randomBaseline, principalAngles } of modules) {
      assertEquals(dimensions, 48);
      assertAlmostEquals(randomBaseline, Math.max(phi.length, phi[0].length) / 48, 1e-15);
      assertEquals(principalAngles.length, Math.min(phi.length, phi[0].length));
    }
    const html = await Deno.readTextFile(page);
    for (const { name } of modules) assertStringIncludes(html, name);
    assertStringIncludes(html, '"heatmap"');
  }));

Deno.test("compare counts modules that only one adapter has, and refuses if none is shared", () =>
  withFolder(async (folder) => {
    const { stderr, stdout } = await lowrank("compare", adapter, other);
    assertEquals(stderr, "left out: 6 modules that only one of the two has\n");
    assertStringIncludes(stdout, "in parentheses:\nwhat it would be for random directions");
    const A = { shape: [1, 3], data: Float32Array.of(1, 2, 3) };
    const B = { shape: [2, 1], data: Float32Array.of(1, 2) };
    await writeAdapter(folder, { updates: [{ module: "layer.4.query", A, B, scaling: 1 }] });
    await assertFails(["compare", adapter, folder], "must share a module", "layer.4.query");
    const zero = { shape: [2, 1], data: new Float32Array(2) };
    await writeAdapter(folder, { updates: [{ module: "layer.4.query", A, B: zero, scaling: 1 }] });
    await assertFails(
      ["compare", folder, folder, "--of", "delta-left"],
      "layer.4.query must not be zero",
    );
  }));
