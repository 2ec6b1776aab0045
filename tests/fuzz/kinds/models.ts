/** Models: configurations of every family, and whole folders. @module */

import fc from "npm:fast-check@4.10.2";
import { countModules } from "../../../src/accounting/mod.ts";
import { architectureOf, storedShape } from "../../../src/architectures/mod.ts";
import { ShapeError } from "../../../src/core/errors.ts";
import { ReferenceDevice } from "../../../src/device/reference.ts";
import { loadModel } from "../../../src/models/mod.ts";
import { readConfigJson } from "../../../src/models/files.ts";
import { areFinite, type Files, inMemory, type Kind, sound } from "../kind.ts";
import { jsonFiles } from "../mutations.ts";
import { safetensors, safetensorsFiles } from "../tensors.ts";

const gpt2 = {
  model_type: "gpt2",
  architectures: ["GPT2LMHeadModel"],
  vocab_size: 5,
  n_positions: 4,
  n_embd: 4,
  n_layer: 1,
  n_head: 2,
};

const bert = {
  model_type: "bert",
  architectures: ["BertForSequenceClassification"],
  vocab_size: 9,
  hidden_size: 8,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 16,
  max_position_embeddings: 8,
  type_vocab_size: 2,
  id2label: { 0: "no", 1: "yes" },
};

const llama = {
  model_type: "llama",
  architectures: ["LlamaForCausalLM"],
  vocab_size: 9,
  hidden_size: 8,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  intermediate_size: 16,
  tie_word_embeddings: false,
};

const t5 = {
  model_type: "t5",
  architectures: ["T5ForConditionalGeneration"],
  vocab_size: 9,
  d_model: 8,
  d_kv: 4,
  d_ff: 16,
  num_layers: 2,
  num_heads: 2,
  feed_forward_proj: "gated-gelu",
};

const goodConfigs = [
  gpt2,
  bert,
  llama,
  t5,
  { ...bert, model_type: "roberta" },
  { ...bert, model_type: "deberta-v2", relative_attention: true, pos_att_type: ["p2c", "c2p"] },
];

const seasoning = {
  values: [4096, 4097, 1e9, 2 ** 40, "gpt2", "t5", "llama", ["GPT2Model"], ["X"], "gated-gelu"],
  keys: goodConfigs.flatMap((config) => Object.keys(config)),
};

/** Configurations, counted. */
export const modelConfigs: Kind = {
  name: "model configurations",
  inputs: jsonFiles(fc.constantFrom(...goodConfigs), seasoning)
    .map((bytes): Files => ({ "config.json": bytes })),
  refusals: [SyntaxError, RangeError],
  read: async (files) => {
    const architecture = architectureOf(await readConfigJson(inMemory(files)));
    const extents = architecture.tensors.flatMap(({ shape }) => shape);
    sound(extents.every((extent) => Number.isSafeInteger(extent) && extent >= 0), "odd extents");
    const total = countModules(architecture).reduce((sum, { parameters }) => sum + parameters, 0);
    sound(Number.isSafeInteger(total), `${total} parameters`);
  },
  command: (folder) => ["count", `${folder}/config.json`],
};

const specs = architectureOf(gpt2).tensors;
const goodWeights = safetensors(
  specs.map((spec) => ({ name: spec.name, shape: storedShape(spec) })),
  { format: "pt" },
);
const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** Folders of a small GPT-2, loaded onto the reference device. */
export const modelFolders: Kind = {
  name: "model folders",
  inputs: fc.oneof(
    jsonFiles(fc.constant(gpt2), seasoning)
      .map((config): Files => ({ "config.json": config, "model.safetensors": goodWeights })),
    safetensorsFiles(fc.constant(goodWeights))
      .map((weights): Files => ({ "config.json": bytesOf(gpt2), "model.safetensors": weights })),
  ),
  refusals: [SyntaxError, RangeError, ShapeError, TypeError],
  read: async (files) => {
    using device = new ReferenceDevice();
    using model = await loadModel(device, inMemory(files));
    const parameters = [...model.parameters.values()];
    const values = await device.read(...parameters.map(({ tensor }) => tensor));
    for (const [i, { data }] of values.entries()) {
      sound(areFinite(data), `values of ${parameters[i].name} that are not finite`);
    }
  },
  folder: (files) => ({
    ...files,
    "cases.json": bytesOf({ cases: { a: { input_ids: [[1, 2]] } } }),
  }),
  command: (folder) => {
    const files = ["--input", `${folder}/cases.json`, "--output", `${folder}/logits.safetensors`];
    return ["logits", "--model", folder, ...files];
  },
};
