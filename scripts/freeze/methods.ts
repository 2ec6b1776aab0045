/** Every method, trained for three steps, saved, loaded, merged: numbers to the bit and hashes of files. @module */

import { digest, entry, families } from "./places.ts";
import { attempt } from "./specs.ts";

/** LoRA's variants and the methods' options, beside each kind with its defaults. */
export const variants: Readonly<Record<string, Record<string, unknown>>> = {
  "lora all": { kind: "lora", rank: 2, alpha: 3, sites: "all" },
  "lora all-linear": { kind: "lora", rank: 2, alpha: 4, targetModules: "all-linear" },
  "lora by pattern": { kind: "lora", rank: 2, targetModules: ".*(c_attn|query|q_proj|query_proj)" },
  "lora gaussian": { kind: "lora", rank: 2, init: "gaussian" },
  "lora dropout": { kind: "lora", rank: 2, dropout: 0.2 },
  rslora: { kind: "lora", rank: 3, alpha: 2, rankStabilized: true, sites: "all" },
  dora: { kind: "lora", rank: 2, dora: true, targetModules: "all-linear" },
  "dora dropout": { kind: "lora", rank: 2, dora: true, targetModules: "all-linear", dropout: 0.1 },
  pissa: { kind: "lora", rank: 2, init: "pissa" },
  olora: { kind: "lora", rank: 2, init: "olora" },
  loftq: { kind: "lora", rank: 2, init: "loftq" },
  "bias of B": { kind: "lora", rank: 2, loraBias: true, targetModules: "all-linear" },
  "bias all": { kind: "lora", rank: 2, bias: "all" },
  "bias lora_only": { kind: "lora", rank: 2, bias: "lora_only", targetModules: "all-linear" },
  "rank pattern": {
    ...{ kind: "lora", rank: 2, alpha: 2, targetModules: "all-linear" },
    ...{ rankPattern: { "0\\..*": 3 }, alphaPattern: { "1\\..*": 5 } },
  },
  "trainable tokens": { kind: "lora", rank: 2, trainableTokens: [1, 4, 7] },
  "bitfit with head": { kind: "bitfit", modulesToSave: ["classifier"] },
  "top layer": { kind: "top-layers", layers: 1 },
  "vera of 5": { kind: "vera", rank: 5, dInitial: 0.7, targetModules: "all-linear" },
  "bottleneck houlsby": { kind: "bottleneck", variant: "houlsby", size: 3, nonLinearity: "swish" },
  "bottleneck lin": { kind: "bottleneck", variant: "lin", size: 3 },
  "bottleneck pfeiffer": { kind: "bottleneck", variant: "pfeiffer", size: 3 },
  "bottleneck drop": { kind: "bottleneck", variant: "drop", size: 3, leaveOut: [0] },
  "prefix-embedding of 3": { kind: "prefix-embedding", length: 3 },
  "prefix-layer of 3": { kind: "prefix-layer", length: 3 },
  "prefix-tuning of 3": { kind: "prefix-tuning", length: 3 },
  "lora+prefix-embedding of 3": { kind: "lora+prefix-embedding", rank: 2, length: 3 },
  "lora+prefix-layer of 3": { kind: "lora+prefix-layer", rank: 2, length: 3 },
  "an unknown option": { kind: "lora", rank: 2, ranks: 3 },
  "rank 0": { kind: "lora", rank: 0 },
  "an unknown kind": { kind: "adalora" },
  "full with options": { kind: "full", rank: 2 },
};

/** The names of embeddings and of a module to save in a family. */
const namedIn: Readonly<Record<string, readonly [embeddings: string, saved: string]>> = {
  gpt2: ["wte", "ln_f"],
  bert: ["word_embeddings", "classifier"],
  llama: ["embed_tokens", "lm_head"],
};

/** Variants that name a family's modules. */
const ofFamily = (family: string): Record<string, Record<string, unknown>> => {
  const [embeddings, saved] = namedIn[family];
  return {
    embeddings: { kind: "lora", rank: 2, targetModules: [embeddings] },
    "modules to save": { kind: "lora", rank: 2, modulesToSave: [saved] },
    "vera with a module": { kind: "vera", rank: 4, modulesToSave: [saved] },
    "no such module": { kind: "lora", rank: 2, modulesToSave: ["nothing"] },
    "no such target": { kind: "lora", rank: 2, targetModules: ["nothing"] },
  };
};

/** Options of kinds whose own defaults do not fit such small models. */
const small: Readonly<Record<string, object>> = {
  lora: { rank: 2 },
  vera: { rank: 4 },
  "top-layers": { layers: 1 },
  bottleneck: { size: 2 },
  "prefix-embedding": { length: 2 },
  "prefix-layer": { length: 2 },
  "prefix-tuning": { length: 2 },
  "lora+prefix-embedding": { rank: 2, length: 2 },
  "lora+prefix-layer": { rank: 2, length: 2 },
};

const tokens = { shape: [2, 6], data: Uint32Array.of(1, 4, 9, 10, 0, 3, 3, 7, 2, 6, 5, 2) };

// deno-lint-ignore no-explicit-any -- a model
const batchOf = (model: any) => ({
  inputs: { tokens },
  targets: model.architecture.head === "classes"
    ? { shape: [2], data: Int32Array.of(2, 0) }
    : { shape: [2, 6], data: Int32Array.of(4, 9, 10, 0, 3, -100, 7, 2, 6, 5, 2, -100) },
});

/** Results of one method: a few lines of numbers and hashes. */
export type Found = Record<string, unknown>;

/**
 * Makes all of them in the current folder, which has the golden models in `bases` and gets `adapters`.
 */
export async function readMethods(): Promise<Record<string, Found>> {
  const { methodKinds } = await entry("./runs"), found: Record<string, Found> = {};
  for (const family of Object.keys(families)) {
    for (const kind of methodKinds as string[]) {
      found[`${family}: ${kind}`] = await made(family, kind, { kind, ...small[kind] });
    }
  }
  for (const family of ["gpt2", "bert", "llama"]) {
    for (const [name, spec] of Object.entries({ ...variants, ...ofFamily(family) })) {
      found[`${family}: ${name}`] = await made(family, name, spec);
    }
  }
  for (const dtype of ["F16", "BF16"]) {
    for (const kind of methodKinds as string[]) {
      const spec = { kind, ...small[kind] };
      found[`gpt2 in ${dtype}: ${kind}`] = await made("gpt2", `${dtype} ${kind}`, spec, { dtype });
    }
  }
  for (const dtype of ["nf4", "fp4", "bf16"]) {
    for (const name of ["lora", "dora", "vera", "bitfit"]) {
      const spec = name === "dora" ? variants.dora : { kind: name, ...small[name] };
      const load = dtype === "bf16" ? { dtype: "BF16" } : { dtype };
      found[`gpt2 stored as ${dtype}: ${name}`] = await made(
        "gpt2",
        `${dtype} ${name}`,
        spec,
        {},
        load,
      );
    }
  }
  return found;
}

async function made(
  family: string,
  name: string,
  spec: Record<string, unknown>,
  save: object = {},
  load: object = {},
): Promise<Found> {
  const found: Found = {};
  const error = await attempt(async () => {
    await make(found, family, `adapters/${family}/${name.replaceAll(" ", "_")}`, spec, save, load);
    return "";
  });
  return error === "" ? found : { ...found, error };
}

async function make(
  found: Found,
  family: string,
  folder: string,
  spec: Record<string, unknown>,
  save: object,
  load: object,
): Promise<void> {
  const { openDevice } = await entry("./device"), { applyMethod } = await entry("./runs");
  const { loadModel, saveModel, countTrainable, outputsOf } = await entry("./models");
  const { merge, loadAnyAdapter } = await entry("./adapt"), { train } = await entry("./train");
  using device = await openDevice({ kind: "cpu", threads: 1 });
  const isLoftq = spec.init === "loftq", base = `bases/${families[family]}`;
  using model = await loadModel(device, base, isLoftq ? { dtype: "nf4" } : load);
  using adapter = await applyMethod(model, spec, 5, isLoftq ? base : undefined);
  found.trainable = countTrainable(model);
  const batch = batchOf(model), losses: unknown[] = [];
  const logits = async (of: unknown) => {
    const { shape, data } = await outputsOf(of, { tokens });
    return `${shape.join(" x ")} ${await digest(
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    )}`;
  };
  found.start = await logits(model);
  for await (
    const { loss, gradientNorm, learningRate } of train(model, [batch], { steps: 3, seed: 9 })
  ) {
    losses.push([loss, gradientNorm, learningRate]);
  }
  found.losses = losses;
  found.logits = await logits(model);
  found.ledger = await digest(JSON.stringify(device.ledger.read()));
  if (!adapter) {
    await saveModel(model, folder);
    found.files = await hashesIn(folder);
    return;
  }
  await adapter.save(folder, save);
  found.files = await hashesIn(folder);
  found.merged = await attempt(async () => {
    using merged = merge(model, adapter);
    await saveModel(merged, `${folder}_merged`);
    return `${await logits(merged)} ${JSON.stringify(await hashesIn(`${folder}_merged`))}`;
  });
  adapter.remove();
  found.loaded = await attempt(async () => {
    using loaded = await loadAnyAdapter(model, folder);
    const parameters = loaded.parameters.map(({ name, shape }: { name: string; shape: number[] }) =>
      `${name} ${shape}`
    );
    return `${await logits(model)} ${await digest(parameters.join("\n"))}`;
  });
}

/** Makes the adapters of GPT-2 alone, where they are not there: what the command line reads. */
export async function makeGpt2(): Promise<void> {
  if (filesIn("adapters/gpt2").length > 0) return;
  const { methodKinds } = await entry("./runs");
  for (const kind of methodKinds as string[]) await made("gpt2", kind, { kind, ...small[kind] });
  for (const [name, spec] of Object.entries({ ...variants, ...ofFamily("gpt2") })) {
    await made("gpt2", name, spec);
  }
}

/** Hashes of the files in a folder, by path; a text's without this machine's paths. */
export async function hashesIn(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const path of filesIn(folder)) {
    const bytes = await Deno.readFile(path === "" ? folder : `${folder}/${path}`);
    found[path] = /\.(md|json|html|jsonl|txt)$/.test(path)
      ? await digest(portable(path, new TextDecoder().decode(bytes)))
      : await digest(bytes);
  }
  return found;
}

/** Paths of all files in a folder, sorted. */
export function filesIn(folder: string): string[] {
  try {
    if (Deno.statSync(folder).isFile) return [""];
  } catch {
    return [];
  }
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesIn(`${folder}/${name}`).map((path) => `${name}/${path}`) : [name]
  ).sort();
}

const clocks =
  /"(seconds|ms|stepMs|millisecondsPerStep|ended|started|began|made|date|host|pid|commit|process|time|deno|v8)":\s*("[^"]*"|[\d.eE+-]+|\[[^\]]*\])/g;

/** Without this folder, times, and what else differs from run to run. */
export function portable(path: string, text: string): string {
  if (path.endsWith("times.json")) return "times";
  return text.replaceAll(Deno.cwd(), "<here>").replace(clocks, '"$1": "…"');
}
