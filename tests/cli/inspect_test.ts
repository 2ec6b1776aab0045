/** `lowrank inspect`: every measure of an adapter, beside a base of any family, and its summaries. */

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { spectrum, truncationError } from "../../src/analysis/mod.ts";
import { hostTensor } from "../../src/core/tensor.ts";
import { digits, median } from "../../src/core/numbers.ts";
import { Random } from "../../src/core/random.ts";
import { writeAdapter, writeSafetensors } from "../../src/formats/mod.ts";
import type { UpdateRow } from "../../src/inspect/mod.ts";
import { gaussian } from "../../src/linalg/mod.ts";
import {
  goodConfig,
  goodTensors,
  matrix,
  moduleName,
  writeRawAdapter,
} from "../formats/adapter_folders.ts";
import { randomUpdate } from "./random_update.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { golden, goldenJson, tensorsOf } from "../support/golden.ts";
import "../support/open_lapack.ts";
import { assertFails, lowrank, lowrankJson, model } from "./lowrank.ts";

const adapter = golden("adapters/peft_all_linear");

/** The adapter of the rank study whose q and v share a weight. */
const fused = "models/rank-study/qv-r8-seed1";

/** Left singular vectors of W + ΔW, among the first 10, with no |cosine| of 0.5 in W: by NumPy's SVD. */
const numpyIntruders = [5, 2, 6, 1, 2, 5, 7, 6];

Deno.test("inspect finds PEFT's ranks and scalings, and the norm of every update", async () => {
  const { modules } = await lowrankJson("inspect", adapter);
  const resolved = (await goldenJson("adapters/modules.json")).peft_all_linear;
  const deltas = await tensorsOf(golden("adapters/deltas.safetensors"));
  assertEquals(modules.length, Object.keys(resolved).length);
  for (const { name, rank, scaling, frobenius, singularValues, stableRank } of modules) {
    assertEquals([rank, scaling], [resolved[name].rank, resolved[name].scaling]);
    assertAlmostEquals(
      frobenius,
      Math.hypot(...deltas.get(`delta.peft_all_linear.${name}`)!.data),
      1e-5 * frobenius,
    );
    assertEquals(singularValues.length, rank);
    assert(stableRank >= 1 && stableRank <= rank);
  }
});

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

Deno.test("inspect counts no value of a frozen A as trained", () =>
  withFolder(async (folder) => {
    const update = { module: "q", A: hostTensor([1, 2], [1, 0]), B: hostTensor([3, 1], [1, 2, 3]) };
    const updates = [{ ...update, scaling: 1 }];
    await writeAdapter(folder, { updates, freezeA: true });
    const { stdout } = await lowrank("inspect", folder);
    assertStringIncludes(stdout, "\ntrained: 3 values (B alone); rank 1; scaling 1\n");
  }));

Deno.test("inspect of many modules begins with the medians of each kind of layer", () =>
  withFolder(async (folder) => {
    const A = hostTensor([1, 2], [1, 0]);
    const updates = [3, 4].flatMap((size, kind) =>
      Array.from({ length: 13 }, (_, layer) => ({
        module: `model.layers.${layer}.${["attn.q", "mlp.up"][kind]}`,
        ...{
          A,
          B: hostTensor([size, 1], [layer + 1, ...Array(size - 1).fill(0)]),
          scaling: 1 + kind,
        },
      }))
    );
    await writeAdapter(folder, { updates, baseModelName: "some" });
    const { stdout } = await lowrank("inspect", folder);
    assertEquals(stdout.split("\n").slice(0, 9), [
      "base: some",
      "adapts: 26 sites (q, up) in 26 weights; names begin with model.layers.",
      "trained: 143 values; rank 1; scaling 1 to 2",
      "",
      "medians by kind  sites  rank  |dW|   stable  effective  90%  needed",
      "attn.q              13  1     7.000  1.00    1.00       1.0  1.0",
      "mlp.up              13  1     14.00  1.00    1.00       1.0  1.0",
      "",
      "site       rank  |dW|   largest  spectrum  stable  effective  90%  needed",
    ]);
    const { modules, kinds } = await lowrankJson("inspect", folder);
    assertEquals([modules.length, kinds[1].frobenius], [26, 14]);
    await writeAdapter(folder, { updates: updates.slice(0, 24) });
    assertEquals((await lowrank("inspect", folder)).stdout.includes("medians by kind"), false);
  }));

Deno.test("inspect and compare show each site of a module separately, with its rows of the base", () =>
  withFolder(async (folder) => {
    const random = new Random(2), name = "transformer.h.1.attn.c_attn";
    const rows = [{ start: 0, count: 48 }, { start: 96, count: 48 }];
    const sites = rows.map((rows) => randomUpdate(name, 2, [144, 48], rows, random));
    await writeAdapter(folder, { updates: sites });
    const { modules } = await lowrankJson("inspect", folder, "--base", model);
    const names = [`${name}[0:48]`, `${name}[96:144]`];
    assertEquals(modules.map((one: { name: string }) => one.name), names);
    const { data } = (await tensorsOf(`${model}/model.safetensors`)).get(`${name}.weight`)!;
    sites.forEach((site, i) => {
      assertEquals(modules[i].singularValues, spectrum(site).singularValues);
      const own = data.filter((_, at) => Math.floor(at % 144 / 48) === 2 * i); // stored (in, out)
      assertAlmostEquals(modules[i].amplification.weightNorm / Math.hypot(...own), 1, 1e-12);
    });
    const compared = await lowrankJson("compare", folder, folder);
    assertEquals(compared.modules.map((one: { name: string }) => one.name), names);
    for (const { phi } of compared.modules) assertAlmostEquals(phi[1][1], 1, 1e-12);
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

Deno.test("inspect --base reads a base that no forward pass is known of", () =>
  withFolder(async (folder) => {
    await Deno.copyFile(`${model}/model.safetensors`, `${folder}/model.safetensors`);
    await Deno.writeTextFile(`${folder}/config.json`, '{"model_type": "mamba"}');
    const c_attn = golden("adapters/peft_c_attn");
    const known = await lowrankJson("inspect", c_attn, "--base", model);
    assertEquals(await lowrankJson("inspect", c_attn, "--base", folder), known);
    await assertFails(
      ["inspect", adapter, "--base", folder],
      `the weight of transformer.h.0.attn.c_proj in ${folder} must not be square where the architecture`,
    );
  }));

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

Deno.test("inspect --intruders counts the directions that NumPy finds in no weight of the base", async () => {
  const { modules } = await lowrankJson("inspect", adapter, "--base", model, "--intruders");
  const counts = modules.map((row: { intruders: { count: number } }) => row.intruders.count);
  assertEquals(counts, numpyIntruders);
  const { stdout } = await lowrank("inspect", adapter, "--base", model, "--intruders");
  assertStringIncludes(stdout, "|dW|/|W|  factor  random  ratio  intruders\n0.attn.c_attn ");
  assertEquals(stdout.match(/ \d of 10$/gm)?.length, 8);
  await assertFails(
    ["inspect", adapter, "--intruders"],
    "--intruders needs the base's weights: give --base too",
  );
});

Deno.test("one layer with a huge factor does not become that of its kind, and chance is beside it", () =>
  withFolder(async (folder) => {
    const [base, adapter] = [`${folder}/base`, `${folder}/adapter`], size = 4;
    const random = new Random(3),
      draw = (rows: number, columns: number) =>
        hostTensor([rows, columns], gaussian(rows, columns, random).data);
    const layers = Array.from({ length: 25 }, (_, layer) => `model.layers.${layer}.mlp.up`);
    const weights = layers.map((_, layer) => {
      const W = draw(size, size + 1);
      if (layer > 0) return W;
      // The update of layer 0 reads and writes where W has next to nothing.
      W.data.fill(0, 0, size + 1);
      W.data[0] = 1e-6;
      return W;
    });
    const one = (length: number) => Array.from({ length }, (_, i) => i === 0 ? 1 : 0);
    const updates = layers.map((module, layer) => ({
      module,
      A: layer > 0 ? draw(1, size + 1) : hostTensor([1, size + 1], one(size + 1)),
      B: layer > 0 ? draw(size, 1) : hostTensor([size, 1], one(size)),
      scaling: 1,
    }));
    await writeAdapter(adapter, { updates });
    await Deno.mkdir(base);
    await Deno.writeTextFile(`${base}/config.json`, '{"model_type": "some"}');
    const tensors = layers.map((name, i) => [`${name}.weight`, weights[i]] as const);
    await writeSafetensors(`${base}/model.safetensors`, tensors);
    const { modules, kinds: [kind] } = await lowrankJson("inspect", adapter, "--base", base);
    const factors = modules.map(({ amplification }: UpdateRow) => amplification!.factor);
    assert(factors[0] > 1e5);
    assertAlmostEquals(kind.factor, median(factors), 1e-9);
    assertNotEquals(digits(kind.timesRandom, 3), digits(kind.factor / kind.randomFactor, 3));
    assert(kind.factor < 10 && kind.randomFactor < 10, `${kind.factor}`);
    const { stdout } = await lowrank("inspect", adapter, "--base", base);
    const note =
      "medians by kind: of each column on its own, so that ratio is not factor / random there";
    assertStringIncludes(stdout, note);
    const shown = stdout.split("\n").find((line) =>
      /^mlp.up .* [\d.]+ .*[\d.]+$/.test(line) && !line.includes(" 25 ")
    )!;
    assertEquals(
      shown.split(/ +/).slice(2).map(Number),
      [kind.factor, kind.randomFactor, kind.timesRandom].map((value) => Number(digits(value, 3))),
    );
  }));

Deno.test("the guide of a first adapter shows the tables that inspect --base prints", async () => {
  const guide = await Deno.readTextFile("docs/first_adapter.md");
  const titles = guide.match(/(?<=^ {4})site {2}.*$/gm)!;
  const fused = "models/rank-study/qv-r8-seed1";
  const { stdout } = await lowrank("inspect", fused, "--base", "models/tiny-gpt2");
  const printed = stdout.match(/^site {2}.*$/gm)!;
  const words = (lines: readonly string[]) => lines.map((line) => line.split(/\s+/));
  assertEquals(words(titles), words(printed));
  for (const name of words(printed).flat().filter((word) => /^[a-z]{5,}$/.test(word))) {
    assertStringIncludes(guide, `\`${name}\``, "explained");
  }
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
  const rule = `in ${file}: it is a file, and an adapter is a folder: give ${adapter}\n`;
  await assertFails(["inspect", file], rule);
  await assertFails(["merge", "--model", model, "--adapter", file, "--output", "out"], rule);
});

Deno.test("a folder that is nearly an adapter's is told from it, and what to do", () =>
  withFolder(async (folder) => {
    const place = `cannot read the adapter in ${folder}`, own = `${folder}/mine`;
    await Deno.mkdir(own);
    await writeRawAdapter(own);
    const fails = (given: string, fault: string) =>
      assertFails(["inspect", given], `cannot read the adapter in ${given}: ${fault}\n`);
    await assertFails(
      ["inspect", folder],
      `${place}: it has folders of adapters: give one, such as ${own}`,
    );
    await fails(`${folder}/mime`, `there is no such folder (did you mean ${own}?)`);
    const hub = "there is no such folder: for the one on the Hugging Face hub, give hf:me/mine";
    await fails("me/mine", hub);
    await fails(
      `${own}/adapter_config.json`,
      `it is a file, and an adapter is a folder: give ${own}`,
    );
    await Deno.remove(`${own}/adapter_config.json`);
    await fails(
      own,
      "it has adapter_model.safetensors but no adapter_config.json: lowrank convert writes a folder with both",
    );
    const file = `${own}/adapter_model.safetensors`;
    await fails(
      file,
      "it is a file, and an adapter is a folder: convert it first (lowrank convert)",
    );
  }));

Deno.test("methods of PEFT's that are not read are refused by PEFT's names", () =>
  withFolder(async (folder) => {
    const rule = "inspect needs LoRA or VeRA";
    for (const peft_type of ["LOHA", "PROMPT_TUNING"]) {
      await writeRawAdapter(folder, { ...goodConfig, peft_type });
      await assertFails(["inspect", folder], `${rule}, found "${peft_type}" in ${folder}\n`);
    }
    await writeRawAdapter(folder, { ...goodConfig, use_dora: true });
    await assertFails(["inspect", folder], "lowrank combine --base writes it as A and B\n");
  }));

Deno.test("a base that is an adapter, has no folder, or is given by its file, is told as such", async () => {
  const of = (base: string) => ["inspect", fused, "--base", base];
  await assertFails(
    of(fused),
    "--base needs the base model, found an adapter in",
    "give --base tiny-gpt2\n",
  );
  await assertFails(of("tiny-gpt2"), "found none at tiny-gpt2 (did you mean models/tiny-gpt2?)\n");
  const combine = ["combine", fused, "--output", "out", "--base", "tiny-gpt2"];
  await assertFails(combine, "--base needs a folder on this machine, found none at tiny-gpt2");
  const { stderr } = await lowrank(...of("models/tiny-gpt2/model.safetensors"));
  assertEquals(stderr, ""); // not that the adapter names another base
});
