import { crossEntropy } from "../../src/autograd/mod.ts";
import { hostTensor } from "../../src/core/tensor.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { initGpt2, parseGpt2Config } from "../../src/models/mod.ts";
import { assertGradients } from "../support/finite_differences.ts";

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
  await assertGradients(device, model.trainable(), (tape) => {
    return crossEntropy(tape, model.forward(tape, { tokens }), labels, { smoothing: 0.1 });
  });
});
