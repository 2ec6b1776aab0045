import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  AdapterFileError,
  alphaOf,
  type HostTensor,
  readAdapter,
  readSafetensors,
  writeSafetensors,
} from "../../src/formats/mod.ts";
import { deltaWeight } from "../../src/core/update.ts";
import { assertAllClose } from "../support/all_close.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import {
  goodConfig,
  goodTensors,
  matrix,
  moduleName,
  spoilLastValue,
  writeRawAdapter,
} from "./adapter_folders.ts";

const golden = new URL("../golden/adapters/", import.meta.url).pathname;

Deno.test("ranks, alphas, scalings and ΔW are those that PEFT resolves", async () => {
  type Resolved = Record<string, { rank: number; alpha: number; scaling: number }>;
  const expected: Record<string, Resolved> = JSON.parse(
    await Deno.readTextFile(`${golden}modules.json`),
  );
  const deltas = (await readSafetensors(`${golden}deltas.safetensors`)).tensors;
  for (const [name, modules] of Object.entries(expected)) {
    const adapter = await readAdapter(golden + name);
    const resolved = adapter.updates.map((update) => {
      const { module, A: { shape: [rank] }, scaling } = update;
      return [module, { rank, alpha: alphaOf(update, adapter.config), scaling }] as const;
    });
    assertEquals(Object.fromEntries(resolved), modules, name);
    for (const update of adapter.updates) {
      const key = `delta.${name}.${update.module}`;
      assertAllClose(deltaWeight(update).data, deltas.get(key)!.data, { what: key });
    }
  }
});

Deno.test("a good folder is read", () =>
  withFolder(async (folder) => {
    await writeRawAdapter(folder);
    const { config, updates, leftOut } = await readAdapter(folder);
    assertEquals(leftOut, []);
    assertEquals([config.rank, config.alpha, config.targetModules], [2, 4, ["c_attn"]]);
    const [A, B] = Object.values(goodTensors);
    assertEquals(updates, [{ module: moduleName, A, B, scaling: 2 }]);
  }));

Deno.test("layers come in the order of their numbers", () =>
  withFolder(async (folder) => {
    const layers = [10, 2, 1].flatMap((layer): [string, HostTensor][] => [
      [`base_model.model.h.${layer}.c_attn.lora_A.weight`, matrix(2, 3)],
      [`base_model.model.h.${layer}.c_attn.lora_B.weight`, matrix(4, 2)],
    ]);
    await writeRawAdapter(folder, goodConfig, Object.fromEntries(layers));
    const names = (await readAdapter(folder)).updates.map(({ module }) => module);
    assertEquals(names, ["h.1.c_attn", "h.2.c_attn", "h.10.c_attn"]);
  }));

/** Reads a spoiled adapter and expects a refusal that holds `words`. */
async function refuses(
  words: string,
  config: unknown,
  tensors: Readonly<Record<string, HostTensor>> = goodTensors,
): Promise<void> {
  await withFolder(async (folder) => {
    await writeRawAdapter(folder, config, tensors);
    const error = await assertRejects(() => readAdapter(folder), AdapterFileError);
    assertStringIncludes(error.message, `cannot read the adapter in ${folder}: `);
    assertStringIncludes(error.message, words);
  });
}

const [keyA, keyB] = Object.keys(goodTensors);
const [A, B] = Object.values(goodTensors);

Deno.test("tensors that are no pair of A and B are refused by name", async () => {
  const cases: [string, Record<string, HostTensor>][] = [
    ["at least one pair of A and B, found no tensor", {}],
    [`A and B must come in pairs, found no "${keyB}"`, { [keyA]: A }],
    [`A and B must come in pairs, found no "${keyA}"`, { [keyB]: B }],
    ['must begin with "base_model.model.", found "transformer.h', { [keyA.slice(17)]: A }],
    ["an embedding or a linear layer, found A or B of both", {
      [keyA.replace("lora_A.weight", "lora_embedding_A")]: A,
    }],
    ["biases of B need withSaved: true", { [keyB.replace("weight", "bias")]: B }],
    ["magnitudes of DoRA need use_dora", { [keyA.replace("A.weight", "magnitude_vector")]: A }],
    ["every tensor must be some module's lora_A", { "base_model.model.score.weight": A }],
    ["found", { [keyA.replace("lora_A", "lora_A.default")]: A }],
    ["every tensor must be some module's", { "base_model.model..lora_A.weight.x": A }],
  ];
  for (const [words, tensors] of cases) {
    const isPair = words.includes("pair");
    await refuses(words, goodConfig, isPair ? tensors : { ...goodTensors, ...tensors });
  }
});

/** A classifier of PEFT's, and one whose path only ends with the name. */
const saved = {
  "base_model.model.classifier.dense.weight": A,
  "base_model.model.pre_classifier.bias": B,
};
const savedConfig = { ...goodConfig, modules_to_save: ["classifier"] };

Deno.test("modules that were trained whole are refused, unless updates alone are asked for", () =>
  withFolder(async (folder) => {
    await refuses('alone are read (fully trained modules), found ["classifier"]', savedConfig);
    await writeRawAdapter(folder, savedConfig, { ...goodTensors, ...saved });
    const { updates, leftOut } = await readAdapter(folder, { updatesOnly: true });
    assertEquals(leftOut, ["classifier.dense.weight", "pre_classifier.bias"]);
    await writeRawAdapter(folder);
    assertEquals(updates, (await readAdapter(folder, { updatesOnly: true })).updates);
  }));

Deno.test("with updates alone, biases and tokens are left out by name, but never DoRA", async () => {
  const leftOut = async (name: string) => {
    const read = () => readAdapter(golden + name);
    await assertRejects(read, AdapterFileError, "where A and B alone are read");
    const adapter = await readAdapter(golden + name, { updatesOnly: true });
    assertEquals([adapter.saved.size, adapter.biases.size, adapter.rows.size], [0, 0, 0]);
    return adapter.leftOut;
  };
  assertEquals((await leftOut("peft_lora_bias")).length, 8);
  assertEquals((await leftOut("peft_bias_only"))[0], "transformer.h.0.attn.c_attn.base_layer.bias");
  assertEquals((await leftOut("peft_bias_all")).length, 13);
  const tokens = "transformer.wte.token_adapter.trainable_tokens_delta";
  assertEquals(await leftOut("peft_tokens"), [tokens]);
  await assertRejects(() => leftOut("peft_dora"), AdapterFileError, "that weight, found true");
});

Deno.test("with updates alone, what no saved module explains is refused still", () =>
  withFolder(async (folder) => {
    const read = () => readAdapter(folder, { updatesOnly: true });
    const refusal = async (config: unknown, key: string, words: string) => {
      await writeRawAdapter(folder, config, { ...goodTensors, ...saved, [key]: A });
      assertStringIncludes((await assertRejects(read, AdapterFileError)).message, words);
    };
    await refusal(savedConfig, "base_model.model.score.weight", "every tensor must be some");
    const magnitude = "base_model.model.classifier.lora_magnitude_vector";
    await refusal(savedConfig, magnitude, "magnitudes of DoRA need use_dora");
    await refusal(goodConfig, keyA, "every tensor must be some");
    await refusal({ ...savedConfig, use_dora: true }, keyA, "DoRA's change of a weight depends on");
    await refusal({ ...savedConfig, modules_to_save: [1] }, keyA, "must be names");
  }));

Deno.test("shapes and types that do not fit the configuration are refused", async () => {
  const spoil = (key: string, tensor: HostTensor) => ({ ...goodTensors, [key]: tensor });
  await refuses("shape (3, in), found [2, 3]", { ...goodConfig, r: 3 });
  await refuses("shape (3, in)", { ...goodConfig, rank_pattern: { c_attn: 3 } });
  await refuses("shape (out, 2), found [4, 3]", goodConfig, spoil(keyB, matrix(4, 3)));
  await refuses("shape (2, in), found [6]", goodConfig, spoil(keyA, { ...A, shape: [6] }));
  await refuses(
    "shape (2, in), found [2, 3, 1, 1]",
    goodConfig,
    spoil(keyA, { ...A, shape: [2, 3, 1, 1] }),
  );
  const integers = { shape: [2, 3], data: new Int32Array(6) };
  await refuses("must hold real numbers, found I32", goodConfig, spoil(keyA, integers));
});

Deno.test("weights that the configuration does not select are refused", async () => {
  const unselected = `must select every module that has weights, found "${moduleName}"`;
  await refuses(unselected, { ...goodConfig, target_modules: ["q_proj"] });
  await refuses(unselected, { ...goodConfig, target_modules: ["attn"] });
  await refuses(unselected, { ...goodConfig, target_modules: "c_attn" });
  await refuses(unselected, { ...goodConfig, exclude_modules: ["c_attn"] });
  await refuses(unselected, { ...goodConfig, layers_to_transform: [1] });
  await refuses(unselected, { ...goodConfig, layers_to_transform: 0, layers_pattern: "layers" });
});

Deno.test("folders that are incomplete or broken are refused with the reason", () =>
  withFolder(async (folder) => {
    const refusal = async (words: string) => {
      const error = await assertRejects(() => readAdapter(folder), AdapterFileError);
      assertStringIncludes(error.message, words);
    };
    await refusal("adapter_config.json: it does not exist");
    await Deno.writeTextFile(`${folder}/adapter_config.json`, JSON.stringify(goodConfig));
    await refusal("adapter_model.safetensors: it does not exist");
    await Deno.writeTextFile(`${folder}/adapter_model.bin`, "");
    await refusal(
      "found adapter_model.bin (a pickle can run code): convert it in its folder by python -c 'import",
    );
    await Deno.writeTextFile(`${folder}/adapter_model.safetensors`, "x".repeat(443));
    await refusal("not a safetensors file: the header must end within the file's 443 bytes");
    await Deno.writeTextFile(`${folder}/adapter_config.json`, '{"r": NaN}');
    await refusal("adapter_config.json: it is not JSON");
    await Deno.remove(folder, { recursive: true });
    await refusal("it does not exist");
    await Deno.mkdir(folder);
  }));

Deno.test("a scaling that F32 cannot hold is refused, however it comes about", async () => {
  const scaling = `the scaling of ${moduleName} must be finite in F32, found`;
  await refuses(`${scaling} 5e+307`, { ...goodConfig, lora_alpha: 1e308 });
  const alpha_pattern = { c_attn: -1e300 };
  await refuses(`${scaling} -5e+299`, { ...goodConfig, alpha_pattern });
  const lost = `the scaling of ${moduleName} must not vanish in F32, found 5e-301`;
  await refuses(lost, { ...goodConfig, lora_alpha: 1e-300 });
});

Deno.test("a value that is not finite is refused by name, unless it is let pass", () =>
  withFolder(async (folder) => {
    await writeRawAdapter(folder);
    await spoilLastValue(`${folder}/adapter_model.safetensors`);
    const error = await assertRejects(() => readAdapter(folder), AdapterFileError);
    assertStringIncludes(
      error.message,
      `the values of "base_model.model.${moduleName}.lora_B.weight" must be finite in F32, ` +
        'found NaN at [3, 1]; allow: ["nonFinite"] lets it pass',
    );
    const { updates: [{ B }] } = await readAdapter(folder, { allow: ["nonFinite"] });
    assertEquals(B.data.at(-1), NaN);
  }));

Deno.test("sites in the metadata that nest without end are refused at once", () =>
  withFolder(async (folder) => {
    await writeRawAdapter(folder);
    const metadata = { "lowrank.sites": "[".repeat(10_000_000) };
    const path = `${folder}/adapter_model.safetensors`;
    await writeSafetensors(path, Object.entries(goodTensors), { metadata });
    const error = await assertRejects(() => readAdapter(folder), AdapterFileError);
    assertStringIncludes(
      error.message,
      'metadata "lowrank.sites" must be a JSON object of modules',
    );
  }));

Deno.test("the system's error is the cause, and no sentence is in the chain twice", () =>
  withFolder(async (folder) => {
    const error = await assertRejects(() => readAdapter(folder), AdapterFileError);
    assert(error.cause instanceof Deno.errors.NotFound);
    await Deno.writeTextFile(`${folder}/adapter_config.json`, "[]");
    assertEquals(
      (await assertRejects(() => readAdapter(folder), AdapterFileError)).cause,
      undefined,
    );
  }));
