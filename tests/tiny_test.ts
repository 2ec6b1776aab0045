/** The whole library in one test: read it from top to bottom before anything else. */

import { assert, assertEquals } from "@std/assert";
import { spectrum } from "@lowrank/core/analysis";
import { architectureOf, countParameters } from "@lowrank/core/architectures";
import { readAdapter } from "@lowrank/core/formats";
import {
  adamW,
  crossEntropy,
  evaluate,
  generate,
  injectLora,
  loadAdapter,
  loadModel,
  loadTokenizer,
  merge,
  openDevice,
  promptedBatches,
  saveModel,
  Tape,
  train,
  unmerge,
} from "@lowrank/core";
import { withFolder } from "../scripts/support/folders.ts";

const base = "models/tiny-gpt2";

const texts = [
  { prompt: "rank:", completion: " how many directions a matrix has" },
  { prompt: "adapter:", completion: " a small change of a large model" },
];

Deno.test("a tour: count, adapt, train, save, look, load, merge, speak", () =>
  withFolder(async (folder) => {
    // What a model is: tensors and linear layers, from its configuration alone.
    const config = JSON.parse(await Deno.readTextFile(`${base}/config.json`));
    const { tensors, linears } = architectureOf(config);
    assertEquals(countParameters(tensors), 1_858_560);
    assertEquals(Object.keys(linears[2].parts), ["q", "k", "v"]);

    // A model on a device, and LoRA on its query and value projections. B is zero at first.
    using device = await openDevice({ kind: "cpu" });
    using model = await loadModel(device, base);
    const tokenizer = await loadTokenizer(base);
    const batches = [...promptedBatches(tokenizer, texts, {
      ...{ examples: 2, batch: 2, length: 24, seed: 1 },
    })];
    const before = await evaluate(model, batches);
    using adapter = injectLora(model, { rank: 4, alpha: 8, sites: ["q", "v"], seed: 1 });
    assertEquals((await evaluate(model, batches)).loss, before.loss);
    assertEquals(adapter.parameterCount, 2 * 2 * 4 * (256 + 256)); // layers · sites · r · (in + out)

    // Training changes A and B alone.
    const options = { learningRate: 1e-2, steps: 20, seed: 1 };
    for await (const { loss } of train(model, batches, options)) assert(Number.isFinite(loss));
    const after = await evaluate(model, batches);
    assert(after.loss < before.loss, `${before.loss} to ${after.loss}`);

    // The loop inside: a tape owns what a step computes.
    using optimizer = adamW(model.trainable(), { learningRate: 1e-3 });
    for (const { inputs, targets } of batches) {
      using tape = new Tape(device);
      const loss = crossEntropy(tape, model.forward(tape, inputs), targets.data);
      tape.backward(loss);
      optimizer.step(tape);
    }

    // A PEFT folder, read without a device: the spectrum of every update.
    await adapter.save(`${folder}/adapter`);
    const { updates } = await readAdapter(`${folder}/adapter`);
    for (const update of updates) assert(spectrum(update).stableRank <= 4);

    // Merged, the model has no adapter and says the same; the base keeps its bits.
    const adapted = (await evaluate(model, batches)).loss;
    const merged = merge(model, adapter);
    assert(Math.abs((await evaluate(merged, batches)).loss - adapted) < 1e-4);
    await saveModel(merged, `${folder}/model`);
    assert(unmerge(merged) === model);
    adapter.remove();
    assertEquals((await evaluate(model, batches)).loss, before.loss);

    // Loaded again, it is the same adapter, and continues a prompt.
    using loaded = await loadAdapter(model, `${folder}/adapter`);
    assertEquals(await loaded.read(), updates);
    const prompt = tokenizer.encode("rank:");
    const ids = await Array.fromAsync(generate(model, prompt, { maxNewTokens: 4 }));
    assertEquals(ids.length, 4);
  }));
