/** A training loop of your own: forward, backward, update. */

import { adamW, crossEntropy, injectLora, loadModel, openDevice, Tape } from "@lowrank/core";

using device = await openDevice();
using model = await loadModel(device, "models/tiny-gpt2");
using adapter = injectLora(model, { rank: 8, seed: 1 });

const inputs = { tokens: { shape: [1, 4], data: Uint32Array.of(5, 6, 7, 8) } };
const targets = { shape: [1, 4], data: Int32Array.of(6, 7, 8, 9) }; // the next token of each

using optimizer = adamW(adapter.parameters, { learningRate: 1e-2 });
for (let step = 0; step < 10; step++) {
  using tape = new Tape(device); // owns everything that this step computes, and frees it
  const loss = crossEntropy(tape, model.forward(tape, inputs), targets);
  tape.backward(loss); // gradients of the adapter alone: the base is frozen
  optimizer.step(tape);
  const [{ data: [value] }] = await device.read(loss);
  console.log(step, value);
}
