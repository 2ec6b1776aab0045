/** Weights of a base, turned by its architecture whatever the family. */

import { assertEquals, assertRejects } from "@std/assert";
import { hostTensor } from "../../src/core/host_tensor.ts";
import { writeSafetensors } from "../../src/formats/mod.ts";
import type { LowRankUpdate } from "../../src/core/low_rank_update.ts";
import { openBaseWeights } from "../../src/inspect/mod.ts";
import { withFolder } from "../support/folders.ts";

const bert = {
  model_type: "bert",
  hidden_size: 2,
  intermediate_size: 3,
  num_hidden_layers: 1,
  vocab_size: 5,
  max_position_embeddings: 4,
};
const gpt2 = {
  model_type: "gpt2",
  n_embd: 2,
  n_inner: 3,
  n_layer: 1,
  n_positions: 4,
  vocab_size: 5,
};

/** An update of (3, 2), from which only the shape is read. */
function updateOf(module: string): LowRankUpdate {
  const [A, B] = [hostTensor([1, 2], [0, 0]), hostTensor([3, 1], [0, 0, 0])];
  return { module, A, B, scaling: 1 };
}

async function weightOf(config: object, key: string, shape: [number, number], module: string) {
  let weight;
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(config));
    const values = hostTensor(shape, [1, 2, 3, 4, 5, 6]);
    await writeSafetensors(`${folder}/model.safetensors`, new Map([[key, values]]));
    using base = await openBaseWeights(folder);
    const { shape: found, data } = await base.weightOf(updateOf(module));
    weight = [found, [...data]];
  });
  return weight;
}

Deno.test("a BERT's weights are as they are stored, a GPT-2's are turned, with any prefix", async () => {
  const up = "encoder.layer.0.intermediate.dense", asStored = [[3, 2], [1, 2, 3, 4, 5, 6]];
  assertEquals(await weightOf(bert, `${up}.weight`, [3, 2], up), asStored);
  assertEquals(await weightOf(bert, `bert.${up}.weight`, [3, 2], up), asStored);
  const turned = [[3, 2], [1, 4, 2, 5, 3, 6]];
  assertEquals(await weightOf(gpt2, "h.0.mlp.c_fc.weight", [2, 3], "h.0.mlp.c_fc"), turned);
  const full = "transformer.h.0.mlp.c_fc";
  assertEquals(await weightOf(gpt2, "h.0.mlp.c_fc.weight", [2, 3], full), turned);
});

Deno.test("a base of an unknown family is refused", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify({ model_type: "mamba" }));
    await assertRejects(() => openBaseWeights(folder), RangeError, 'found "mamba"');
  }));
