/** `lowrank merge` of classifiers' adapters into bases without a classifier: the new model has the new head. */

import { assertEquals } from "@std/assert";
import { type HostTensor, hostTensor } from "../../src/core/tensor.ts";
import { Random } from "../../src/core/random.ts";
import { openSafetensors, writeAdapter, writeSafetensors } from "../../src/formats/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { golden, goldenJson, tensorsOf } from "../support/golden.ts";
import { writeJson } from "./arguments.ts";
import { assertFails, lowrankJson } from "./lowrank.ts";

/** A base that predicts tokens, a layer of it, the shapes of a new head, and the class that has it. */
interface Family {
  readonly base: string;
  readonly module: string;
  readonly head: Readonly<Record<string, readonly number[]>>;
  readonly type: string;
  /** Tensors that files of this family have beside those of their head. */
  readonly besides?: Readonly<Record<string, readonly number[]>>;
}

const pooler = { "bert.pooler.dense.weight": [16, 16], "bert.pooler.dense.bias": [16] };
const debertaHead = {
  "pooler.dense.weight": [16, 16],
  "pooler.dense.bias": [16],
  "classifier.weight": [3, 16],
  "classifier.bias": [3],
};
const families: Readonly<Record<string, Family>> = {
  RoBERTa: {
    base: "families/roberta_masked",
    module: "roberta.encoder.layer.0.attention.self.query",
    head: {
      "classifier.dense.weight": [16, 16],
      "classifier.dense.bias": [16],
      "classifier.out_proj.weight": [3, 16],
      "classifier.out_proj.bias": [3],
    },
    type: "RobertaForSequenceClassification",
    besides: { "roberta.pooler.dense.weight": [16, 16], "roberta.pooler.dense.bias": [16] },
  },
  BERT: {
    base: "families/bert_masked",
    module: "bert.encoder.layer.1.attention.self.value",
    head: { "classifier.weight": [3, 16], "classifier.bias": [3] },
    type: "BertForSequenceClassification",
    besides: {
      ...pooler,
      "cls.seq_relationship.weight": [2, 16],
      "cls.seq_relationship.bias": [2],
    },
  },
  DeBERTa: {
    base: "families/deberta_masked",
    module: "deberta.encoder.layer.0.attention.self.in_proj",
    head: debertaHead,
    type: "DebertaForSequenceClassification",
  },
  "DeBERTa v2": {
    base: "families/deberta_v2_masked",
    module: "deberta.encoder.layer.1.attention.self.value_proj",
    head: debertaHead,
    type: "DebertaV2ForSequenceClassification",
  },
  Llama: {
    base: "families/llama",
    module: "model.layers.0.self_attn.q_proj",
    head: { "score.weight": [3, 16] },
    type: "LlamaForSequenceClassification",
  },
  Qwen2: {
    base: "families/qwen2",
    module: "model.layers.1.self_attn.v_proj",
    head: { "score.weight": [3, 16] },
    type: "Qwen2ForSequenceClassification",
  },
};

const random = new Random(7);
const draw = (shape: readonly number[]): HostTensor =>
  hostTensor(shape, random.uniformWithin(0.5, shape.reduce((product, extent) => product * extent)));
const drawAll = (shapes: Family["head"]) =>
  new Map(Object.entries(shapes).map(([name, shape]) => [name, draw(shape)]));

/** Writes a base, whose tensors may have other names, in one file or in two. */
async function writeBase(
  folder: string,
  { base, besides = {} }: Family,
  rename: (name: string) => string = (name) => name,
  isSharded = false,
): Promise<void> {
  await Deno.mkdir(folder);
  const config = await goldenJson(`${base}/config.json`);
  await writeJson(`${folder}/config.json`, { ...config, pad_token_id: config.pad_token_id ?? 0 });
  const tensors = [...await tensorsOf(golden(`${base}/model.safetensors`)), ...drawAll(besides)]
    .map(([name, tensor]) => [rename(name), tensor] as const);
  if (!isSharded) return await writeSafetensors(`${folder}/model.safetensors`, tensors);
  const parts = [tensors.slice(0, 9), tensors.slice(9)], map: Record<string, string> = {};
  for (const [i, part] of parts.entries()) {
    await writeSafetensors(`${folder}/part-${i}.safetensors`, part);
    for (const [name] of part) map[name] = `part-${i}.safetensors`;
  }
  const index = { metadata: { total_size: 1 }, weight_map: map };
  await writeJson(`${folder}/model.safetensors.index.json`, index);
}

async function writeHead(
  folder: string,
  { base, module, head }: Family,
  labels?: string[],
  targetModules?: string[],
) {
  const weights = await tensorsOf(golden(`${base}/model.safetensors`));
  const [outputs, inputs] = weights.get(`${module}.weight`)!.shape;
  await writeAdapter(folder, {
    updates: [{ module, A: draw([2, inputs]), B: draw([outputs, 2]), scaling: 1 }],
    saved: drawAll(head),
    savedModules: [...new Set(Object.keys(head).map((name) => name.split(".")[0]))],
    ...{ labels, targetModules },
  });
}

/** The logits of two rows, by the base with the adapter, or by the merged model. */
async function logitsOf(folder: string, ...model: string[]): Promise<HostTensor> {
  const cases = { a: { input_ids: [[3, 9, 20, 5], [7, 8, 2, 0]] } };
  const input = await writeJson(`${folder}/in.json`, { cases }), output = `${folder}/out`;
  await lowrankJson("logits", "--model", ...model, "--input", input, "--output", output);
  return (await tensorsOf(output)).get("logits.a")!;
}

async function checkMerged(folder: string, family: Family, labels?: string[]): Promise<void> {
  const [base, adapter, merged] = ["base", "adapter", "merged"].map((name) => `${folder}/${name}`);
  await writeHead(adapter, family, labels);
  const wanted = await logitsOf(folder, base, "--adapter", adapter);
  await lowrankJson("merge", "--model", base, "--adapter", adapter, "--output", merged);
  const found = await logitsOf(folder, merged);
  assertEquals(found.shape, [2, 3]);
  assertAllClose(found.data, wanted.data, { absolute: 5e-6, relative: 0 });
  const config = JSON.parse(await Deno.readTextFile(`${merged}/config.json`));
  const names = labels ?? ["0", "1", "2"];
  assertEquals([config.architectures, Object.values(config.id2label)], [[family.type], names]);
  using file = await openSafetensors(merged);
  const heads = [...file.tensors.keys()].filter((name) =>
    !/embeddings|layers?\.\d|norm|encoder\./.test(name)
  );
  const kept = family.type.startsWith("Bert") ? Object.keys(pooler) : [];
  const table = heads.filter((name) => /embed_tokens/.test(name));
  assertEquals(heads.sort(), [...Object.keys(family.head), ...kept, ...table].sort());
}

for (const [name, family] of Object.entries(families)) {
  Deno.test(`${name}: a new head takes the old one's place, and the logits are the adapter's`, () =>
    withFolder(async (folder) => {
      await writeBase(`${folder}/base`, family);
      await checkMerged(folder, family, ["no", "maybe", "yes"]);
    }));
}

Deno.test("a base in shards stays in them, and labels without names are numbers", () =>
  withFolder(async (folder) => {
    await writeBase(`${folder}/base`, families.BERT, undefined, true);
    await checkMerged(folder, families.BERT);
    const [before, after] = ["base", "merged"].map((part) =>
      filesIn(`${folder}/${part}`).filter((name) => /^part-\d\.safetensors$/.test(name))
    );
    assertEquals([after, after.length], [before, 2]);
  }));

Deno.test("PEFT's all-linear names a classifier's layers too, which were trained in full", () =>
  withFolder(async (folder) => {
    const [base, adapter, output] = ["base", "adapter", "merged"].map((name) =>
      `${folder}/${name}`
    );
    await writeBase(base, families.RoBERTa);
    const targets = ["0.attention.self.query", "classifier.dense", "classifier.out_proj"];
    await writeHead(adapter, families.RoBERTa, undefined, targets);
    assertEquals((await logitsOf(folder, base, "--adapter", adapter)).shape, [2, 3]);
    const files = ["--model", base, "--adapter", adapter, "--output", output];
    assertEquals((await lowrankJson("merge", ...files)).weights.length, 1);
  }));

Deno.test("a base whose norms have the names of the first files is read and merged", () =>
  withFolder(async (folder) => {
    const old = (name: string) =>
      name.replace(/LayerNorm\.weight$/, "LayerNorm.gamma").replace(
        /LayerNorm\.bias$/,
        "LayerNorm.beta",
      );
    await writeBase(`${folder}/base`, families.BERT, old);
    await checkMerged(folder, families.BERT);
  }));

Deno.test("a base without its trunk's prefix gets it beside a head", () =>
  withFolder(async (folder) => {
    await writeBase(`${folder}/base`, families.Qwen2, (name) => name.replace(/^model\./, ""));
    await checkMerged(folder, families.Qwen2);
    using file = await openSafetensors(`${folder}/merged`);
    assertEquals(file.tensors.has("model.embed_tokens.weight"), true);
  }));

Deno.test("a head that is not all of a classifier's, or of another width, is refused", () =>
  withFolder(async (folder) => {
    const [base, adapter, output] = ["base", "adapter", "merged"].map((name) =>
      `${folder}/${name}`
    );
    const fails = async (family: Family, sentence: string) => {
      await writeHead(adapter, family);
      const files = ["--model", base, "--adapter", adapter, "--output", output];
      await assertFails(["merge", ...files], "cannot merge the adapter in", sentence);
      await Deno.remove(adapter, { recursive: true });
    };
    const { besides: _, ...bert } = families.BERT;
    await writeBase(base, bert);
    await fails(bert, "found no bert.pooler.dense.weight in");
    await Deno.remove(base, { recursive: true });
    await writeBase(base, families.RoBERTa);
    const { "classifier.dense.bias": _bias, ...rest } = families.RoBERTa.head;
    await fails({ ...families.RoBERTa, head: rest }, "found no classifier.dense.bias in");
    const wide = { ...families.RoBERTa.head, "classifier.dense.bias": [15] };
    await fails(
      { ...families.RoBERTa, head: wide },
      "classifier.dense.bias must be [16], found [15]",
    );
    const more = { ...families.RoBERTa.head, "classifier.more.bias": [1] };
    await fails({ ...families.RoBERTa, head: more }, "found no classifier.more.bias in");
    assertEquals(filesIn(folder), ["base"]);
  }));
