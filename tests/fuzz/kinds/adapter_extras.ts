/** Tensors beside A and B: magnitudes, biases, whole modules, rows of tables, labels. @module */

import fc from "npm:fast-check@4.10.2";
import { AdapterFileError } from "../../../src/core/errors.ts";
import { readAdapter, readAdapterLabels } from "../../../src/formats/mod.ts";
import { areFinite, type Files, inMemory, type Kind, sound } from "../kind.ts";
import { jsonFiles } from "../mutations.ts";
import { type GoodTensor, safetensors, safetensorsFiles } from "../tensors.ts";
import { checkUpdate } from "./adapters.ts";

const configName = "adapter_config.json", weightsName = "adapter_model.safetensors";
const at = "base_model.model.", module = "model.layers.0.self_attn.q_proj";
const factors: GoodTensor[] = [
  { name: `${at}${module}.lora_A.weight`, shape: [2, 3], values: [1, 2, 3, 4, 5, 6] },
  { name: `${at}${module}.lora_B.weight`, shape: [4, 2], values: [1, 2, 3, 4, 5, 6, 7, 8] },
];

const vector = (name: string, size = 4): GoodTensor => ({
  name: `${at}${name}`,
  shape: [size],
  values: Array(size).fill(0.5),
});
const matrix = (name: string, rows: number): GoodTensor => ({
  name: `${at}${name}`,
  shape: [rows, 3],
  values: Array(3 * rows).fill(0.25),
});

/** A configuration's fields, with the tensors that they explain. */
const variants: readonly (readonly [fields: object, tensors: readonly GoodTensor[]])[] = [
  [{ use_dora: true }, [vector(`${module}.lora_magnitude_vector`)]],
  [{ lora_bias: true }, [vector(`${module}.lora_B.bias`)]],
  [{ bias: "lora_only" }, [vector(`${module}.base_layer.bias`)]],
  [{ bias: "all" }, [vector(`${module}.base_layer.bias`), vector("model.norm.bias")]],
  [{ modules_to_save: ["score"] }, [matrix("score.weight", 2)]],
  [{ modules_to_save: ["classifier"], task_type: "SEQ_CLS" }, [
    matrix("classifier.dense.weight", 3),
    vector("classifier.out_proj.bias", 2),
  ]],
  [{ trainable_token_indices: [1, 5] }, [
    matrix("model.embed_tokens.token_adapter.trainable_tokens_delta", 2),
  ]],
  [{ trainable_token_indices: { embed_tokens: [0] } }, [
    matrix("model.embed_tokens.token_adapter.trainable_tokens_delta", 1),
  ]],
];

const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const goodFolders = variants.map(([fields, tensors]) => ({
  config: { peft_type: "LORA", r: 2, lora_alpha: 4, target_modules: ["q_proj"], ...fields },
  weights: safetensors([...factors, ...tensors], {
    format: "pt",
    "lowrank.labels": '["no", "yes"]',
  }),
}));

const seasoning = {
  values: ["all", "lora_only", ["score"], [0, 1], [-1], { embed_tokens: [1, 1] }, { "": [0] }],
  keys: ["use_dora", "lora_bias", "bias", "modules_to_save", "trainable_token_indices"],
};

/** Folders with all of it, of which the configuration or the weights are corrupted. */
export const adapterExtras: Kind = {
  name: "what adapters have beside A and B",
  inputs: fc.constantFrom(...goodFolders).chain(({ config, weights }) =>
    fc.oneof(
      jsonFiles(fc.constant(config), seasoning)
        .map((bytes): Files => ({ [configName]: bytes, [weightsName]: weights })),
      safetensorsFiles(fc.constant(weights))
        .map((bytes): Files => ({ [configName]: bytesOf(config), [weightsName]: bytes })),
    )
  ),
  refusals: [AdapterFileError],
  read: async (files) => {
    const folder = inMemory(files);
    const { updates, saved, biases, rows } = await readAdapter(folder, { withSaved: true });
    for (const update of updates) {
      checkUpdate(update);
      for (const vector of [update.magnitude, update.bias]) {
        if (!vector) continue;
        sound(`${vector.shape}` === `${update.B.shape[0]}`, `a vector of ${vector.shape}`);
        sound(areFinite(vector.data), "a vector that is not finite");
      }
    }
    for (const [name, { shape, data }] of [...saved, ...biases]) {
      const size = shape.reduce((product, extent) => product * extent, 1);
      sound(data.length === size && areFinite(data), `${name} of ${shape}`);
    }
    for (const [table, { indices, values }] of rows) {
      sound(values.shape[0] === indices.length, `${indices.length} rows of ${table}`);
      sound(areFinite(values.data), `rows of ${table} that are not finite`);
    }
    const labels = await readAdapterLabels(folder);
    sound(labels === undefined || labels.length > 1, `the labels ${labels}`);
  },
};
