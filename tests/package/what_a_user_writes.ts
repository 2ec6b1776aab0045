/**
 * A user's program, as in section 1 of the architecture; `install_test.ts` runs it in a folder of
 * its own with the package by path, over HTTP and packed. It prints what it found as JSON.
 *
 * @module
 */

import { adamW, crossEntropy, injectLora, loadModel, merge } from "@lowrank/core";
import { openDevice, Tape, train } from "@lowrank/core";
import { readAdapter, siteName } from "@lowrank/core/formats";
import { spectrum } from "@lowrank/core/analysis";

const shape = [2, 12];
const tokens = Array.from({ length: 24 }, (_, i) => (i * i) % 61);
const batches = [{
  inputs: { tokens: { shape, data: Uint32Array.from(tokens) } },
  targets: { shape, data: Int32Array.from(tokens, (_, i) => tokens[(i + 1) % 24]) },
}];

/** Trains two steps of LoRA with so many threads, saves and merges. */
async function adapt(threads?: number) {
  const losses: number[] = [];
  using device = await openDevice(threads ? { kind: "cpu", threads } : {});
  using model = await loadModel(device, "models/tiny-gpt2");
  using adapter = injectLora(model, { rank: 8, alpha: 16, sites: ["q", "v"], seed: 1 });
  const options = { learningRate: 2e-3, steps: 2, seed: 1 };
  for await (const { loss } of train(model, batches, options)) losses.push(loss);
  await adapter.save("out/adapter");
  using merged = merge(model, adapter);
  return { device: device.description, losses, mergedParameters: merged.parameters.size };
}

async function ownLoop() {
  const losses: number[] = [];
  using device = await openDevice();
  using model = await loadModel(device, "models/tiny-gpt2");
  const optimizer = adamW(model.trainable(), { learningRate: 1e-3 });
  for (const { inputs, targets } of batches) {
    using tape = new Tape(device);
    const loss = crossEntropy(tape, model.forward(tape, inputs), targets);
    tape.backward(loss);
    optimizer.step(tape);
    losses.push((await device.read(loss))[0].data[0]);
  }
  return losses;
}

async function look() {
  const ranks: Record<string, number> = {};
  for (const update of (await readAdapter("out/adapter")).updates) {
    ranks[siteName(update)] = spectrum(update).stableRank;
  }
  return ranks;
}

const [adapted, threaded] = [await adapt(), await adapt(2)];
console.log(JSON.stringify({ adapted, threaded, own: await ownLoop(), stableRanks: await look() }));
