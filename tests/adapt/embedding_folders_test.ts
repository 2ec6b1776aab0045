/** Folders with adapted embeddings, heads and trained tokens, without a forward pass: merge, inspect, compare, resize. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  injectLora,
  loadAdapter,
  type LoraAdapter,
  type LoraOptions,
  merge,
} from "../../src/adapt/mod.ts";
import { mergeFolder } from "../../src/adapt/merge/folder.ts";
import { hostTensor } from "../../src/core/tensor.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { rowsChange } from "../../src/adapt/merge/change.ts";
import { readAdapter, writeAdapter } from "../../src/formats/mod.ts";
import { openBaseWeights } from "../../src/inspect/mod.ts";
import { loadModel } from "../../src/models/mod.ts";
import { lowrankJson } from "../cli/lowrank.ts";
import { assertAllClose } from "../support/all_close.ts";
import { golden, tensorsOf } from "../support/golden.ts";
import "../support/open_lapack.ts";
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

Deno.test("trained tokens are merged into their table, and into a head that shares it", async () => {
  const train = ({ tokens: { parameters: [rows] } }: LoraAdapter) =>
    rows.tensor.device.write(
      rows.tensor,
      Float32Array.from({ length: rows.size }, (_, i) => Math.sin(i)),
    );
  for (
    const base of ["gpt2_tiny", "families/llama", "families/llama3_tied", "families/bert_masked"]
  ) {
    await assertMergesAs(base, { trainableTokens: [4, 2, 36], sites: ["q"] }, train);
  }
});

Deno.test("rows take the place of a table's own in each block of it", () => {
  const trained = {
    indices: [5, 0, 3],
    values: hostTensor([3, 2], Float32Array.of(1, 2, 3, 4, 5, 6)),
  };
  const table = Float64Array.from({ length: 12 }, (_, i) => 10 * i);
  const whole = [0, 2, 4].flatMap((top) => {
    const values = table.slice(2 * top, 2 * top + 4), delta = new Float64Array(4);
    rowsChange(trained)(delta, { values, top, width: 2 });
    return [...values.map((value, i) => value + delta[i])];
  });
  assertEquals(whole, [3, 4, 20, 30, 40, 50, 5, 6, 80, 90, 1, 2]);
});

Deno.test("rows that a base's table does not have, or that two adapters train, are refused", () =>
  withFolder(async (folder) => {
    const adapter = golden("adapters/peft_tokens"), other = `${folder}/other`;
    const { updates: [update] } = await readAdapter(adapter, { withSaved: true });
    const write = async (folder: string, indices: number[], width: number) => {
      const values = hostTensor([indices.length, width], new Float32Array(indices.length * width));
      await writeAdapter(folder, {
        updates: [update],
        rows: new Map([["wte", { indices, values }]]),
      });
    };
    const fails = (adapters: string[], words: string) => {
      const request = { model: golden("gpt2_tiny"), adapters, output: `${folder}/out` };
      return assertRejects(() => mergeFolder(request), RangeError, words);
    };
    await write(other, [1, 1], 48);
    await fails([other], "must be 48 wide, of 61 tokens, found token 1 twice");
    await write(other, [61], 48);
    await fails([other], "found token 61");
    await write(other, [3], 47);
    await fails([other], "found 1 x 47 values");
    await write(other, [3], 48);
    await fails(
      [adapter, other],
      "must come from one adapter, found two for transformer.wte.weight",
    );
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
  const words =
    "modules in F32, found transformer.wte.weight in 16 bits: load the model with dtype F32";
  for (const more of [{ modulesToSave: ["wte"] }, { trainableTokens: [1] }]) {
    assertThrows(() => injectLora(model, { rank: 2, ...more }), RangeError, words);
  }
});

Deno.test("a tied base refuses a merge that would change its head too, or its embedding", () =>
  withFolder(async (folder) => {
    const refuses = (base: string, adapter: string, words: string) => {
      const request = { model: golden(base), adapters: [adapter], output: `${folder}/out` };
      return assertRejects(() => mergeFolder(request), RangeError, words);
    };
    for (const [family, base] of [["gpt2", "gpt2_tiny"], ["llama", "families/llama3_tied"]]) {
      const adapter = golden(`state_dicts/${family}/lora_target_embedding`);
      await refuses(base, adapter, "whose weight the head shares and which would change with it");
    }
    const words = "found one of lm_head, whose weight the embedding shares and which would change";
    await refuses("gpt2_tiny", golden("state_dicts/gpt2/lora_target_head"), words);
    // The hidden layer of this head counts as a head; the table is its last weight.
    using device = new ReferenceDevice();
    const base = "families/deberta_v2_masked", adapter = `${folder}/adapter`;
    using model = await loadModel(device, golden(base));
    using lora = trainedLora(model, { targetModules: ["word_embeddings"] });
    await lora.save(adapter);
    await refuses(base, adapter, "whose weight the head shares");
  }));

Deno.test("an update of a tied head is inspected beside the table that is its weight", async () => {
  const adapter = golden("state_dicts/gpt2/lora_target_head"), base = golden("gpt2_tiny");
  const { modules: [row] } = await lowrankJson("inspect", adapter, "--base", base);
  assertEquals(row.name, "lm_head");
  using weights = await openBaseWeights(base);
  const { updates: [update] } = await readAdapter(adapter, { updatesOnly: true });
  const own = await tensorsOf(golden("gpt2_tiny/model.safetensors"));
  assertEquals(await weights.weightOf(update), own.get("transformer.wte.weight"));
  // Another family's head has another name.
  using other = await openBaseWeights(golden("families/bert_masked"));
  const { A, B } = update, rows = B.data.subarray(0, 37 * 8), columns = A.data.subarray(0, 8 * 16);
  const fitting = { ...update, A: hostTensor([8, 16], columns), B: hostTensor([37, 8], rows) };
  await assertRejects(
    () => other.weightOf(fitting),
    RangeError,
    "one weight of lm_head, found none",
  );
  const decoder = { ...fitting, module: "cls.predictions.decoder" };
  assertEquals((await other.weightOf(decoder)).shape, [37, 16]);
});

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
