/** Encoders and Llama's family: configurations that are run, and folders, whole and in shards. @module */

import fc from "npm:fast-check@4.10.2";
import { architectureOf, storedShape } from "../../../src/architectures/mod.ts";
import { parseLlamaConfig } from "../../../src/architectures/families/llama.ts";
import { ShapeError } from "../../../src/core/errors.ts";
import { Tape } from "../../../src/autograd/mod.ts";
import { DryDevice } from "../../../src/device/dry.ts";
import { ReferenceDevice } from "../../../src/device/reference.ts";
import { allocateModel, loadModel, outputsOf, readConfig } from "../../../src/models/mod.ts";
import { areFinite, type Files, inMemory, type Kind, sound } from "../kind.ts";
import { jsonFiles } from "../mutations.ts";
import { type GoodTensor, safetensors, safetensorsFiles } from "../tensors.ts";

const encoder = {
  model_type: "bert",
  architectures: ["BertForSequenceClassification"],
  vocab_size: 9,
  hidden_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 6,
  max_position_embeddings: 8,
  type_vocab_size: 2,
  hidden_act: "gelu",
  layer_norm_eps: 1e-12,
  pad_token_id: 0,
  id2label: { 0: "no", 1: "yes" },
};
const decoder = {
  model_type: "llama",
  architectures: ["LlamaForCausalLM"],
  vocab_size: 9,
  hidden_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  intermediate_size: 6,
  max_position_embeddings: 8,
  tie_word_embeddings: false,
};
const stretched = {
  rope_type: "llama3",
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 8,
};

const runnable = [
  encoder,
  { ...encoder, architectures: ["BertForMaskedLM"], tie_word_embeddings: false },
  { ...encoder, model_type: "mpnet", architectures: ["MPNetForMaskedLM"], pad_token_id: 1 },
  { ...encoder, model_type: "roberta", architectures: ["RobertaForMaskedLM"], pad_token_id: 1 },
  decoder,
  { ...decoder, rope_theta: 500000, rope_scaling: stretched, head_dim: 6 },
  { ...decoder, rope_parameters: { rope_type: "linear", factor: 2, rope_theta: 100 } },
  { ...decoder, model_type: "mistral", architectures: ["MistralModel"], sliding_window: 4 },
  { ...decoder, model_type: "qwen2", architectures: ["Qwen2ForSequenceClassification"] },
  { ...decoder, model_type: "qwen3", architectures: ["Qwen3ForCausalLM"], head_dim: 6 },
  { ...decoder, model_type: "gpt_neox", architectures: ["GPTNeoXForCausalLM"], rotary_pct: 0.5 },
];

const seasoning = {
  values: [200, 1e9, 2 ** 31, 2 ** 40, 2 ** 52, 6, 7, "silu", "relu", "yarn", stretched, {
    0: "a",
  }],
  keys: [
    ...runnable.flatMap((config) => Object.keys(config)),
    ...["partial_rotary_factor", "attention_bias", "mlp_bias", "use_sliding_window", "rope_type"],
    ...["is_decoder", "position_embedding_type", "num_labels", "problem_type", "factor"],
    ...["rotary_emb_base", "use_parallel_residual", "rope_parameters", "hidden_dropout"],
  ],
};

/** Configurations of models that run, built and run on the device that computes nothing. */
export const runnableConfigs: Kind = {
  name: "configurations of models that run",
  inputs: jsonFiles(fc.constantFrom(...runnable), seasoning)
    .map((bytes): Files => ({ "config.json": bytes })),
  refusals: [SyntaxError, RangeError],
  read: async (files) => {
    const config = await readConfig(inMemory(files));
    using device = new DryDevice();
    using model = allocateModel(device, config);
    const { positions, vocabulary } = model;
    sound(Number.isSafeInteger(positions) && positions > 0, `${positions} positions`);
    sound(Number.isSafeInteger(vocabulary) && vocabulary > 0, `${vocabulary} tokens`);
    if (["llama", "mistral", "qwen2", "qwen3"].includes(`${config.model_type}`)) {
      sound(
        areFinite(parseLlamaConfig(model.configJson()).frequencies),
        "frequencies that are not finite",
      );
    }
    using tape = new Tape(device);
    model.forward(tape, { tokens: { shape: [1, 1], data: Uint32Array.of(vocabulary - 1) } });
  },
};

/** The tensors of a configuration's files, all values small. */
function tensorsOf(config: (typeof runnable)[number], dtype: string): GoodTensor[] {
  return architectureOf(config).tensors.map((spec) => ({
    name: spec.name,
    shape: storedShape(spec),
    dtype,
    ...(dtype === "F32" && { values: Array(spec.shape.reduce((a, b) => a * b, 1)).fill(0.125) }),
  }));
}

const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const index = "model.safetensors.index.json";
const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];

/** A whole folder. */
const whole = runnable.flatMap((config) =>
  ["F32", "BF16", "F16"].map((dtype): Files => ({
    "config.json": bytesOf(config),
    "model.safetensors": safetensors(tensorsOf(config, dtype), { format: "pt" }),
  }))
);

/** The same in two files with an index. */
const sharded = runnable.map((config): Files => {
  const tensors = tensorsOf(config, "F32"), half = tensors.length >> 1;
  const parts = [tensors.slice(0, half), tensors.slice(half)];
  const weight_map = Object.fromEntries(
    parts.flatMap((part, i) => part.map(({ name }) => [name, shards[i]])),
  );
  return {
    "config.json": bytesOf(config),
    [index]: bytesOf({ metadata: { total_size: 1 }, weight_map }),
    ...Object.fromEntries(parts.map((part, i) => [shards[i], safetensors(part)])),
  };
});

const textOf = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes));
const shardNames = { values: [...shards, "../model.safetensors", index], keys: ["weight_map"] };

/** Folders of models that run, loaded onto the reference device and run. */
export const familyFolders: Kind = {
  name: "folders of encoders and of Llama's family",
  inputs: fc.constantFrom(...whole, ...sharded).chain((files) => {
    const names = Object.keys(files);
    return fc.constantFrom(...names).chain((name) =>
      (name === "config.json"
        ? jsonFiles(fc.constant(textOf(files[name])), seasoning)
        : name === index
        ? jsonFiles(fc.constant(textOf(files[name])), shardNames)
        : safetensorsFiles(fc.constant(files[name]))).map((bytes) => ({ ...files, [name]: bytes }))
    );
  }),
  // A shard that is missing is an Error.
  refusals: [SyntaxError, RangeError, ShapeError, TypeError, Error],
  read: async (files) => {
    using device = new ReferenceDevice();
    using model = await loadModel(device, inMemory(files));
    const parameters = [...model.parameters.values()];
    const values = await device.read(...parameters.map(({ tensor }) => tensor));
    for (const [i, { data }] of values.entries()) {
      sound(areFinite(data), `values of ${parameters[i].name} that are not finite`);
    }
    const tokens = { shape: [1, 1], data: Uint32Array.of(model.vocabulary - 1) };
    const { data } = await outputsOf(model, { tokens });
    sound(data.length > 0, "a model without outputs");
  },
  folder: (files) => ({
    ...files,
    "cases.json": bytesOf({ cases: { a: { input_ids: [[1, 2]] } } }),
  }),
  command: (folder) => [
    ...["logits", "--model", folder, "--input", `${folder}/cases.json`],
    ...["--output", `${folder}/logits.safetensors`],
  ],
};
