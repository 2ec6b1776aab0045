/** A small RoBERTa with a tokenizer, and a classifier's adapter of it. @module */

import { jsonText } from "../../src/storage/files.ts";
import { hostTensor } from "../../src/core/tensor.ts";
import { Random } from "../../src/core/random.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { writeAdapter } from "../../src/formats/mod.ts";
import { allocateModel, saveModel } from "../../src/models/mod.ts";
import { saveTokenizer, tokenizerJson, trainBytePairs } from "../../src/tokenizer/mod.ts";

const width = 16, layers = 2;

const config = {
  model_type: "roberta",
  architectures: ["RobertaForMaskedLM"],
  vocab_size: 265,
  hidden_size: width,
  num_hidden_layers: layers,
  num_attention_heads: 2,
  intermediate_size: 24,
  max_position_embeddings: 130,
  type_vocab_size: 1,
  pad_token_id: 1,
};

/** Writes both folders: random weights, and an adapter of rank 8 on queries and values with a head. */
export async function writeRoberta(base: string, adapter: string): Promise<void> {
  using device = await openCpuDevice({ threads: 1 });
  using model = allocateModel(device, config);
  const random = new Random(1),
    tensor = (...shape: number[]) =>
      hostTensor(shape, random.uniformWithin(1, shape.reduce((product, n) => product * n)));
  for (const { tensor, size } of model.parameters.values()) {
    device.write(tensor, random.uniformWithin(0.5, size));
  }
  await saveModel(model, base);
  const vocabulary = trainBytePairs(["a man makes music"], {
    vocabularySize: 260,
    specialToken: "</s>",
  });
  await saveTokenizer(base, vocabulary);
  const json = tokenizerJson(vocabulary), [end] = json.added_tokens as object[];
  const added_tokens = [end, { ...end, id: vocabulary.tokens.length, content: "<s>" }];
  await Deno.writeTextFile(`${base}/tokenizer.json`, jsonText({ ...json, added_tokens }));
  await writeAdapter(adapter, {
    updates: Array.from({ length: layers }, (_, i) =>
      ["query", "value"].map((name) => ({
        module: `roberta.encoder.layer.${i}.attention.self.${name}`,
        A: tensor(8, width),
        B: tensor(width, 8),
        scaling: 2,
      }))).flat(),
    saved: new Map([
      ["classifier.dense.weight", tensor(width, width)],
      ["classifier.dense.bias", tensor(width)],
      ["classifier.out_proj.weight", tensor(3, width)],
      ["classifier.out_proj.bias", tensor(3)],
    ]),
    savedModules: ["classifier"],
  });
}
