import { assert } from "@std/assert";
import { crossEntropy, Tape } from "../../src/autograd/mod.ts";
import { hostTensor } from "../../src/core/host_tensor.ts";
import { Random } from "../../src/core/random.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { initGpt2, parseGpt2Config } from "../../src/models/mod.ts";

const config = parseGpt2Config({
  vocab_size: 11,
  n_positions: 8,
  n_embd: 12,
  n_layer: 2,
  n_head: 3,
  layer_norm_epsilon: 1e-5,
});
const tokens = hostTensor([2, 5], Uint32Array.of(1, 4, 9, 10, 0, 3, 3, 7, 2, 6));
const labels = Int32Array.of(4, 9, -100, 0, 5, 3, 7, 2, 6, -100);

Deno.test("whole model: every gradient equals finite differences on the reference device", async () => {
  using device = new ReferenceDevice();
  using model = initGpt2(device, config, { seed: 3, dropout: 0.2 });
  const run = (backward: boolean) => {
    const tape = new Tape(device, { dropoutSeed: 5 });
    const loss = crossEntropy(tape, model.forward(tape, { tokens }), labels, { smoothing: 0.1 });
    if (backward) tape.backward(loss);
    return { tape, loss };
  };
  const lossNow = async () => {
    const { tape, loss } = run(false);
    using _ = tape;
    return (await device.read(loss))[0].data[0];
  };
  using tape = run(true).tape;
  const random = new Random(9), step = 1e-5;
  for (const parameter of model.trainable()) {
    const [gradient] = await device.read(tape.gradientOf(parameter)!);
    const [value] = await device.read(parameter.tensor);
    for (let trial = 0; trial < 3; trial++) {
      const at = random.integer(parameter.size), original = value.data[at];
      const shifted = async (by: number) => {
        value.data[at] = original + by;
        device.write(parameter.tensor, value.data);
        return await lossNow();
      };
      const slope = (await shifted(step) - await shifted(-step)) / (2 * step);
      await shifted(0);
      // Central differences err by step² · f''' and by rounding eps / step, both far below 1e-8 here.
      const error = Math.abs(slope - gradient.data[at]);
      assert(error < 1e-8, `${parameter.name}[${at}]: ${gradient.data[at]} against ${slope}`);
    }
  }
});
