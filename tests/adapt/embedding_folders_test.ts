/** Folders with adapted embeddings, heads and trained tokens, without a forward pass: merge, inspect, compare, resize. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  injectLora,
  loadAdapter,
  type LoraAdapter,
  type LoraOptions,
  merge,
} from "../../src/adapt/mod.ts";
import { mergeFolder } from "../../src/adapt/merge_folder.ts";
import { hostTensor } from "../../src/core/host_tensor.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import { openBaseWeights } from "../../src/inspect/mod.ts";
import { loadModel } from "../../src/models/mod.ts";
import { lowrankJson } from "../cli/lowrank.ts";
import { assertAllClose } from "../support/all_close.ts";
import { golden } from "../support/golden.ts";
import { logitsOf, trainedLora, withFolder } from "./fixtures.ts";

const tokens = hostTensor([2, 3], Uint32Array.of(1, 2, 3, 6, 5, 4));

/** Merges an adapter's folder into a base's, and compares the merged model with the adapted one. */
async function assertMergesAs(
  base: string,
  options: Partial<LoraOptions>,
  train: (adapter: LoraAdapter) => Promise<void> | void = () => {},
): Promise<void> {
  await withFolder(async (folder) => {
    const adapterFolder = `${folder}/adapter`, output = `${folder}/merged`, model = golden(base);
    using device = new ReferenceDevice();
    using own = await loadModel(device, model);
    using adapter = trainedLora(own, options);
    await train(adapter);
    await adapter.save(adapterFolder);
    const adapted = await logitsOf(own, { tokens });
    await mergeFolder({ model, adapters: [adapterFolder], output });
    using merged = await loadModel(device, output);
    const found = await logitsOf(merged, { tokens });
    assertAllClose(found, adapted, { relative: 0, absolute: 5e-6 });
  });
}

Deno.test("a folder's embeddings and its untied head are merged as in the model", async () => {
  for (const targetModules of [["embed_tokens"], ["lm_head"], ["embed_tokens", "lm_head"]]) {
    await assertMergesAs("families/llama", { targetModules });
  }
  await assertMergesAs("families/bert_classifier", {
    targetModules: ["word_embeddings", "position_embeddings", "token_type_embeddings"],
  });
});

Deno.test("a head of its own unties the folder that it is merged into", () =>
  assertMergesAs("families/llama3_tied", { modulesToSave: ["lm_head"] }, async (adapter) => {
    const weight = adapter.modules.copyOf("lm_head.weight");
    const [{ data }] = await weight.device.read(weight);
    weight.device.write(weight, data.map((value, i) => value + 0.1 * Math.sin(i)));
  }));

Deno.test("the embedding that PEFT saves with its update takes the place of the base's, then is updated", () =>
  withFolder(async (folder) => {
    using device = new ReferenceDevice();
    const model = golden("families/llama"), output = `${folder}/merged`;
    // It was made on another model of these sizes, so that its saved table is not the base's.
    const adapter = golden("state_dicts/llama/lora_target_embedding");
    using own = await loadModel(device, model);
    const base = await logitsOf(own, { tokens });
    using loaded = await loadAdapter(own, adapter);
    assertEquals(loaded.modules.parameters.length, 0, "the table is not trained");
    const adapted = await logitsOf(own, { tokens });
    assert(adapted.some((value, i) => Math.abs(value - base[i]) > 1e-2));
    using inPlace = merge(own, loaded);
    assertAllClose(await logitsOf(inPlace, { tokens }), adapted, { relative: 0, absolute: 5e-6 });
    await mergeFolder({ model, adapters: [adapter], output });
    using merged = await loadModel(device, output);
    assertAllClose(await logitsOf(merged, { tokens }), adapted, { relative: 0, absolute: 5e-6 });
  }));

Deno.test("tables that stay in 16 bits are adapted, and not trained in full", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("gpt2_tiny_f16"), { dtype: "auto" });
  const base = await logitsOf(model, { tokens });
  using adapter = trainedLora(model, { targetModules: ["wte", "lm_head"] });
  const adapted = await logitsOf(model, { tokens });
  assert(adapted.some((value, i) => Math.abs(value - base[i]) > 1e-2));
  adapter.remove();
  using own = trainedLora(model, { modulesToSave: ["lm_head"] });
  assertEquals(own.modules.untied, ["lm_head"]);
  own.remove();
  const words = "training transformer.wte needs its weight in F32, found one that stays in 16 bits";
  for (const more of [{ modulesToSave: ["wte"] }, { trainableTokens: [1] }]) {
    assertThrows(() => injectLora(model, { rank: 2, ...more }), RangeError, words);
  }
});

Deno.test("a tied base refuses a merge that would change its head too", () =>
  withFolder(async (folder) => {
    const words = "which the head shares and which would change with it";
    for (const [family, base] of [["gpt2", "gpt2_tiny"], ["llama", "families/llama3_tied"]]) {
      const adapters = [golden(`state_dicts/${family}/lora_target_embedding`)];
      const merge = () => mergeFolder({ model: golden(base), adapters, output: `${folder}/out` });
      await assertRejects(merge, RangeError, words);
    }
  }));

Deno.test("inspect, compare and resize read PEFT's adapter of an embedding", () =>
  withFolder(async (folder) => {
    const adapter = golden("state_dicts/llama/lora_target_embedding"), output = `${folder}/small`;
    const base = golden("families/llama3_tied"), module = "model.embed_tokens";
    const { modules: [row] } = await lowrankJson("inspect", adapter, "--base", base);
    assertEquals([row.name, row.rank], [module, 8]);
    const resized = await lowrankJson("resize", adapter, "--rank", "3", "--output", output);
    const [{ error }] = resized.modules;
    const [small] = (await readAdapter(output, { withSaved: true })).updates;
    assertEquals([small.isEmbedding, small.A.shape, small.B.shape], [true, [3, 37], [16, 3]]);
    const compared = await lowrankJson("compare", adapter, output);
    assert(JSON.stringify(compared).includes(module) && error > 0);
    using device = new ReferenceDevice();
    using model = await loadModel(device, base);
    using loaded = await loadAdapter(model, output);
    assertEquals(loaded.sites.map(({ name, rank }) => [name, rank]), [[module, 3]]);
    using weights = await openBaseWeights(base);
    assertEquals((await weights.weightOf(small)).shape, [16, 37]);
  }));
