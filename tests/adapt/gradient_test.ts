import { assertEquals } from "@std/assert";
import type { LoraOptions } from "../../src/adapt/mod.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { assertGradients } from "../support/finite_differences.ts";
import { linear, Parameter, scale, squaredError, type Tape } from "../../src/autograd/mod.ts";
import { magnitudeChange } from "../../src/adapt/lora/site.ts";
import { DenseWeight } from "../../src/autograd/weight.ts";
import { Random } from "../../src/core/random.ts";
import { lossOf, tinyModel, trainedLora } from "./fixtures.ts";

const cases: readonly Partial<LoraOptions>[] = [
  { sites: ["q"] },
  { sites: ["k"] },
  { sites: ["v"] },
  { sites: ["q", "v"], rankStabilized: true },
  { sites: "all" },
  { sites: ["q", "up"], dropout: 0.3 },
  { targetModules: ["c_attn"] },
  { targetModules: "all-linear", dropout: 0.1 },
  { targetModules: "all-linear", loraBias: true, dropout: 0.1 },
  { targetModules: ["c_attn"], bias: "all" },
  { targetModules: ["wte", "wpe"] },
  { sites: ["q"], trainableTokens: [0, 3, 4, 9] },
  { targetModules: ["c_attn"], trainableTokens: { wte: [10], wpe: [0, 1, 4] } },
  { sites: ["q"], modulesToSave: ["lm_head"] },
  { targetModules: ["wte", "lm_head", "c_attn"], dropout: 0.1 },
];

for (const options of cases) {
  Deno.test(`gradients of A and B equal finite differences: ${JSON.stringify(options)}`, async () => {
    using device = new ReferenceDevice();
    using model = tinyModel(device);
    using adapter = trainedLora(model, { rank: 3, alpha: 4, ...options });
    assertEquals(new Set(model.trainable()), new Set(adapter.parameters));
    await assertGradients(device, adapter.parameters, (tape) => lossOf(tape, model));
  });
}

Deno.test("gradients of DoRA's magnitudes equal finite differences", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const options = {
    rank: 3,
    alpha: 4,
    targetModules: "all-linear",
    dropout: 0.1,
    dora: true,
  } as const;
  using adapter = trainedLora(model, options);
  const magnitudes = adapter.parameters.filter(({ name }) => name.endsWith("magnitude_vector"));
  assertEquals(magnitudes.length, adapter.sites.length);
  await assertGradients(device, magnitudes, (tape) => lossOf(tape, model));
});

Deno.test("with the norms held, all gradients of DoRA equal finite differences", async () => {
  using device = new ReferenceDevice();
  using stack = new DisposableStack();
  const random = new Random(4);
  const parameter = (name: string, ...shape: number[]) => {
    const tensor = stack.use(device.allocate(shape, "f32", "adapter", name));
    device.write(
      tensor,
      Float32Array.from({ length: tensor.size }, () => 1 + 0.2 * random.normal()),
    );
    return new Parameter(name, tensor);
  };
  const [before, W] = [parameter("before", 4, 3), parameter("W", 6, 4)];
  const [A, B, magnitude] = [parameter("A", 2, 4), parameter("B", 6, 2), parameter("m", 6)];
  const input = parameter("input", 5, 3).tensor, norms = parameter("norms", 6).tensor;
  const targets = { shape: [5, 6], data: new Float32Array(30).fill(0.5) };
  W.trainable = false;
  const lossOn = (tape: Tape) => {
    const x = linear(tape, input, before), y = linear(tape, x, W);
    const update = scale(tape, linear(tape, linear(tape, x, A), B), 0.7);
    const operands = { x, update, weight: new DenseWeight(W), magnitude, norms };
    return squaredError(tape, magnitudeChange(tape, y, operands), targets, { divisor: 1e5 });
  };
  await assertGradients(device, [before, A, B, magnitude], lossOn);
});
