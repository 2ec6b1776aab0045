import { assertEquals } from "@std/assert";
import { crossEntropy, Tape } from "../../src/autograd/mod.ts";
import { hostTensor } from "../../src/core/tensor.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { type Gpt2, initGpt2, parseGpt2Config } from "../../src/models/mod.ts";

const config = parseGpt2Config({ vocab_size: 7, n_positions: 4, n_embd: 6, n_layer: 1, n_head: 2 });
const tokens = hostTensor([1, 4], Uint32Array.of(1, 2, 3, 4));

/** Gradients by name of whatever is trainable. */
async function gradients(model: Gpt2): Promise<Record<string, number[]>> {
  using tape = new Tape(model.device);
  tape.backward(crossEntropy(tape, model.forward(tape, { tokens }), [2, 3, 4, 5]));
  const parameters = model.trainable();
  const values = await model.device.read(...parameters.map((p) => tape.gradientOf(p)!));
  return Object.fromEntries(parameters.map(({ name }, i) => [name, [...values[i].data]]));
}

for (
  const [what, pattern] of [["biases", /\.bias$/], ["norms' weights", /ln_.*\.weight$/]] as const
) {
  Deno.test(`training ${what} alone gives them the gradients that full training gives`, async () => {
    using device = new ReferenceDevice();
    using model = initGpt2(device, config, { seed: 2 });
    const full = await gradients(model);
    for (const parameter of model.parameters.values()) {
      parameter.trainable = pattern.test(parameter.name);
    }
    const part = await gradients(model);
    assertEquals(Object.keys(part).length > 2, true);
    for (const [name, values] of Object.entries(part)) assertEquals(values, full[name]);
  });
}
