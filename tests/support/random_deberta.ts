/** Folders of random DeBERTas with a tokenizer. @module */

import { Random } from "../../src/core/random.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { allocateModel, saveModel } from "../../src/models/mod.ts";

const shared = {
  ...{ vocab_size: 1024, hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 4 },
  ...{ intermediate_size: 24, max_position_embeddings: 64, relative_attention: true },
  ...{ position_biased_input: false, pos_att_type: "c2p|p2c" },
};
/** Fields of the configuration that only one version has, by model type. */
export const debertas = {
  deberta: { architectures: ["DebertaForMaskedLM"] },
  "deberta-v2": {
    ...{ architectures: ["DebertaV2ForMaskedLM"], conv_kernel_size: 3, conv_act: "gelu" },
    ...{ share_att_key: true, norm_rel_ebd: "layer_norm", position_buckets: 8 },
  },
};

/** A folder with a random model and the tokenizer of `models/tiny-gpt2`. */
export async function saveRandomDeberta(folder: string, fields: object): Promise<void> {
  using device = new ReferenceDevice();
  using model = allocateModel(device, { ...shared, ...fields });
  const random = new Random(1);
  for (const { tensor, size, name } of model.parameters.values()) {
    const center = name.endsWith("LayerNorm.weight") ? 1 : 0;
    const values = Float32Array.from({ length: size }, () => center + random.normal() / 5);
    device.write(tensor, values);
  }
  await saveModel(model, folder);
  for (const file of ["tokenizer.json", "tokenizer_config.json"]) {
    await Deno.copyFile(`models/tiny-gpt2/${file}`, `${folder}/${file}`);
  }
}
