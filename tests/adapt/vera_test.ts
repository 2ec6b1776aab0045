/** VeRA's folders are PEFT's; its changes of weights from files; what it refuses. */

import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { injectVera, loadAnyAdapter, type VeraOptions } from "../../src/adapt/mod.ts";
import { type LocatedUpdate, mergedTensor } from "../../src/adapt/merge/change.ts";
import { planMerge } from "../../src/adapt/merge/plan.ts";
import { readValues } from "../../src/adapt/named_adapter.ts";
import { parseVera, type VeraFile } from "../../src/adapt/vera/load.ts";
import { drawProjections } from "../../src/adapt/vera/vera.ts";
import { veraUpdates, withinSides } from "../../src/adapt/vera/updates.ts";
import { AdapterFileError } from "../../src/core/errors.ts";
import { readJson } from "../../src/storage/files.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import { deltaWeight } from "../../src/core/update.ts";
import { TorchGenerator } from "../../src/core/random.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/mod.ts";
import { type BaseFile, openBase } from "../../src/models/base_file.ts";
import { loadModel } from "../../src/models/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { writeVera } from "../support/vera_folder.ts";
import { golden, goldenCase, labels, logitsOf, tinyModel, tokens, withFolder } from "./fixtures.ts";

Deno.test("the 10,000th draw of MT19937 is the one that the C++ standard states", () => {
  const generator = new TorchGenerator(5489);
  let bits = 0;
  for (let draw = 0; draw < 10_000; draw++) bits = generator.bits();
  assertEquals(bits, 4123659995);
});

for (const base of ["gpt2", "llama", "bert"]) {
  Deno.test(`the projections of ${base} are those that PEFT drew from the key, to the bit`, async () => {
    const file = golden(`methods/${base}_vera/adapter_model.safetensors`);
    const { tensors } = await readSafetensors(file);
    const [A, B] = ["A", "B"].map((name) => tensors.get(`base_model.vera_${name}`)!);
    const shape = { rank: 8, inputs: A.shape[1], outputs: B.shape[0] };
    assertEquals(drawProjections(7, shape), { A: A.data, B: B.data });
  });
}

Deno.test("a folder of PEFT's is written back: the same tensors to the bit, the same configuration", async () => {
  using device = new ReferenceDevice();
  for (const [base, folder] of [["gpt2", "gpt2_tiny"], ["llama", "families/llama"]]) {
    const theirs = golden(`methods/${base}_vera`);
    using model = await loadModel(device, golden(folder));
    using adapter = await loadAnyAdapter(model, theirs);
    await withFolder(async (ours) => {
      await adapter.save(ours);
      const [written, read] = await Promise.all([ours, theirs].map(async (folder) => {
        const { tensors } = await readSafetensors(`${folder}/adapter_model.safetensors`);
        const config = await readJson(`${folder}/adapter_config.json`) as Record<string, unknown>;
        return {
          config,
          tensors: Object.fromEntries([...tensors].sort(([a], [b]) => a < b ? -1 : 1)),
        };
      }));
      assertEquals(written.tensors, read.tensors);
      // Ours names the layers in full, the task, and the base's folder.
      const { target_modules, task_type, base_model_name_or_path, ...config } = written.config;
      assert(Array.isArray(target_modules) && target_modules.length > 3);
      assertEquals([task_type, typeof base_model_name_or_path], ["CAUSAL_LM", "string"]);
      for (const [name, value] of Object.entries(config)) {
        assertEquals(value, read.config[name], name);
      }
    });
  }
});

Deno.test("without saved projections they are drawn again from the key", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("gpt2_tiny"));
  const { inputs } = await goldenCase("logits", "plain"), folder = golden("methods/gpt2_vera");
  const logitsWith = async (folder: string) => {
    using _ = await loadAnyAdapter(model, folder);
    return await logitsOf(model, inputs);
  };
  await withFolder(async (changed) => {
    await copyFolder(
      folder,
      changed,
      { save_projection: false },
      (name) => name.includes("lambda"),
    );
    assertEquals(await logitsWith(changed), await logitsWith(folder));
  });
});

/** Copies an adapter with other fields, and some of its tensors. */
async function copyFolder(
  from: string,
  to: string,
  fields: Record<string, unknown>,
  isKept: (name: string) => boolean = () => true,
): Promise<void> {
  const config = await readJson(`${from}/adapter_config.json`) as Record<string, unknown>;
  await Deno.writeTextFile(`${to}/adapter_config.json`, JSON.stringify({ ...config, ...fields }));
  const { tensors } = await readSafetensors(`${from}/adapter_model.safetensors`);
  const kept = new Map([...tensors].filter(([name]) => isKept(name)));
  await writeSafetensors(`${to}/adapter_model.safetensors`, kept);
}

const broken: readonly [Record<string, unknown>, RegExp | undefined, string][] = [
  [{ bias: "all" }, undefined, 'bias must be "none"'],
  [
    { r: 9 },
    undefined,
    "vera_A must have 9 rows and at least 192 columns, vera_B 9 columns and at least 192 rows, found [8, 192] and [192, 8]",
  ],
  [{ r: 1e9 }, undefined, "vera_A must have 1000000000 rows and at least 192 columns"],
  [{ r: 0 }, undefined, "r must be an integer of at least 1, found 0"],
  [
    { projection_prng_key: -1 },
    undefined,
    "projection_prng_key must be a whole number in [0, 2^32)",
  ],
  [{ save_projection: false }, undefined, "save_projection must be true where the file has vera_A"],
  [{ r: 1e9, save_projection: false }, /vera_A|vera_B/, "r must be at most 16384 without vera_A"],
  [{ vera_scaling: 2 }, undefined, "vera_scaling must be null, false or empty"],
  [{}, /vera_A/, "found none and [192, 8]"],
  [{}, /h\.1\.mlp\.c_fc/, "vectors of every layer that the configuration selects"],
  [{}, /h\.1\.mlp\.c_fc\.vera_lambda_d/, "vera_lambda_d must be [8], found none"],
  [{}, /lambda/, "VeRA needs vectors of at least one layer, found none"],
];

for (const [fields, without, message] of broken) {
  Deno.test(`a file with ${JSON.stringify(fields)} and without ${without} is refused: ${message}`, () =>
    withFolder(async (folder) => {
      using device = new ReferenceDevice();
      using model = await loadModel(device, golden("gpt2_tiny"));
      const { live } = device.ledger.read(), isKept = (name: string) => !without?.test(name);
      await copyFolder(golden("methods/gpt2_vera"), folder, fields, isKept);
      await assertRejects(() => loadAnyAdapter(model, folder), AdapterFileError, message);
      assertEquals([device.ledger.read().live, model.adapters.size], [live, 0]);
    }));
}

const refused: readonly [VeraOptions, string][] = [
  [{ rank: 0 }, "the rank of VeRA must be a whole number from 1 to 16384, found 0"],
  [{ rank: 16385 }, "the rank of VeRA must be a whole number from 1 to 16384, found 16385"],
  [{ rank: 4, sites: ["q"] }, "by targetModules, found the site transformer.h.0.attn.c_attn:q"],
  [{ rank: 4, targetModules: ["wte"] }, "by targetModules, found the embedding transformer.wte"],
  [{ rank: 4, dInitial: NaN }, "dInitial must be finite in F32, found NaN"],
  [{ rank: 4, dropout: 1 }, "dropout must be in [0, 1), found 1"],
  [{ rank: 4, seed: -1 }, "a seed must be a whole number in [0, 2^32), found -1"],
  [{ rank: 4, targetModules: ["c_atn"] }, 'found "c_atn"'],
];

for (const [options, message] of refused) {
  Deno.test(`injectVera with ${JSON.stringify(options)} is refused: ${message}`, () => {
    using device = new ReferenceDevice();
    using model = tinyModel(device);
    const { live } = device.ledger.read();
    assertThrows(() => injectVera(model, options), RangeError, message);
    assertEquals([device.ledger.read().live, model.adapters.size], [live, 0]);
  });
}

Deno.test("dropout changes what is trained, not what is computed without a seed", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using adapter = injectVera(model, { rank: 4, dInitial: 1, dropout: 0.5 });
  for (const { b } of adapter.sites) device.write(b.tensor, new Float32Array(b.size).fill(0.2));
  const plain = await logitsOf(model),
    dropped = await logitsOf(model, undefined, { dropoutSeed: 1 });
  assertEquals(await logitsOf(model), plain);
  assert(dropped.some((value, i) => value !== plain[i]));
});

Deno.test("training leaves the shared matrices to the bit, whose bytes are as documented", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const { weight } = device.ledger.read().byRole;
  using adapter = injectVera(model, { rank: 4, targetModules: ["c_attn", "c_fc"], seed: 1 });
  const { A, B, shape: { rank, inputs, outputs } } = adapter.projections;
  const bytes = 4 * rank * (inputs + outputs) + 4 * Math.max(outputs, rank);
  assertEquals(device.ledger.read().byRole.weight - weight, bytes);
  const read = () => device.read(A, B, ...adapter.parameters.map(({ tensor }) => tensor));
  const before = await read();
  using trainer = new Trainer(model, { learningRate: 0.1, steps: 3 });
  const batch = { inputs: { tokens }, targets: { shape: [2, 5], data: labels } };
  for (let step = 0; step < 3; step++) trainer.step([batch]);
  const after = await read();
  assertEquals(after.slice(0, 2), before.slice(0, 2));
  after.slice(2).forEach((vector, i) => assertNotEquals(vector, before[2 + i]));
});

/** An adapter of random vectors beside its base. */
async function withVera(
  use: (base: BaseFile, file: VeraFile, folder: string) => Promise<void> | void,
): Promise<void> {
  await withFolder(async (parent) => {
    const folder = await writeVera(`${parent}/vera`);
    using base = await openBase(golden("gpt2_tiny"));
    await use(base, parseVera(await readValues(folder)), folder);
  });
}

/** b ⊙ (B (d ⊙ A)) of a layer, entry by entry. */
async function dense(folder: string, module: string, inputs: number): Promise<Float64Array> {
  const { tensors } = await readSafetensors(`${folder}/adapter_model.safetensors`);
  const of = (name: string) => tensors.get(`base_model.${name}`)!;
  const [A, B] = [of("vera_A"), of("vera_B")], [rank, stride] = A.shape;
  const [b, d] = ["b", "d"].map((letter) => of(`model.${module}.vera_lambda_${letter}`).data);
  return Float64Array.from({ length: b.length * inputs }, (_, at) => {
    const row = Math.floor(at / inputs), column = at % inputs;
    let sum = 0;
    for (let r = 0; r < rank; r++) {
      sum += B.data[row * rank + r] * d[r] * A.data[r * stride + column];
    }
    return b[row] * sum;
  });
}

Deno.test("the update of every layer is Λ_b B Λ_d A, in layers of any width", () =>
  withVera(async (base, file, folder) => {
    const updates = veraUpdates(base, file);
    assertEquals(new Set(updates.map(({ A }) => A.shape[1])), new Set([48, 192]));
    for (const update of updates) {
      const { module, A } = update, expected = await dense(folder, module, A.shape[1]);
      assert(expected.some((value) => Math.abs(value) > 1e-3));
      // ΔW is rounded to F32; sums in another order cancel differently.
      const close = { relative: 2 ** -24, absolute: 1e-14, what: module };
      assertAllClose(deltaWeight(update).data, expected, close);
    }
  }));

Deno.test("a rank above a side of the weight becomes that side, with the same ΔW", () =>
  withVera((base, file) => {
    const [update] = veraUpdates(base, file), { module } = update;
    assertEquals(withinSides(update), update);
    const [outputs, rank] = update.B.shape, wide = 60;
    const A = new Float64Array(wide * 48), B = new Float64Array(outputs * wide);
    A.set(update.A.data);
    for (let i = 0; i < outputs; i++) {
      B.set(update.B.data.subarray(i * rank, (i + 1) * rank), i * wide);
    }
    const padded = {
      ...update,
      A: { shape: [wide, 48], data: A },
      B: { shape: [outputs, wide], data: B },
    };
    const within = withinSides(padded);
    assertEquals([within.module, within.A.shape[0], within.scaling], [module, 48, 1]);
    assertEquals(deltaWeight(within), deltaWeight(update));
  }));

Deno.test("a merge makes the factors of a weight when it writes it, and keeps none", () =>
  withVera(async (base, _, folder) => {
    const { weights } = await planMerge(base, [folder]), made: string[] = [];
    assertEquals(weights.size, 8);
    for (const [key, change] of weights) {
      const located = change.updates as readonly LocatedUpdate[];
      for (const [i, { update, isTransposed }] of located.entries()) {
        const counted = (name: "A" | "B"): HostTensor => ({
          shape: update[name].shape,
          get data() {
            made.push(name);
            return update[name].data;
          },
        });
        const [A, B] = [counted("A"), counted("B")];
        change.updates[i] = { update: { ...update, A, B }, isTransposed };
      }
      const { pieces } = mergedTensor({ action: "cannot merge", file: base.file, key }, change);
      assertEquals(made, []);
      for await (const piece of pieces()) assert(piece.length > 0);
      assertEquals(made.splice(0).sort(), ["A", "B"]);
      assert(change.sums.delta > 0);
    }
  }));

Deno.test("vectors of what is no linear layer are refused", () =>
  withVera((base, file) => {
    const norm = "transformer.h.0.ln_1";
    assertThrows(
      () => veraUpdates(base, { ...file, modules: [norm] }),
      RangeError,
      `VeRA needs linear layers, found ${norm}, whose weight is [48]`,
    );
  }));
