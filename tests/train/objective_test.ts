/** What a trainer lowers beside the cross-entropy of labels. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { klDivergence, squaredError, Tape } from "../../src/autograd/mod.ts";
import { ShapeError } from "../../src/core/errors.ts";
import { hostTensor } from "../../src/core/host_tensor.ts";
import { Random } from "../../src/core/random.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { Perceptron } from "../../experiments/planted/perceptron.ts";
import {
  type Batch,
  evaluate,
  type ObjectiveName,
  runTrainer,
  Trainer,
} from "../../src/train/mod.ts";
import { assertAllClose } from "../support/all_close.ts";

const shape = { widths: [3, 4], biases: true };

function batchOf(rows: number, seed: number): Batch {
  const random = new Random(seed);
  const normals = (width: number) =>
    hostTensor([rows, width], Float32Array.from({ length: rows * width }, () => random.normal()));
  return { inputs: normals(3), targets: normals(4) };
}

const part = ({ inputs, targets }: Batch, from: number, to: number): Batch => ({
  inputs: hostTensor([to - from, 3], inputs.data.slice(3 * from, 3 * to)),
  targets: hostTensor([to - from, 4], targets.data.slice(4 * from, 4 * to)),
});

const operations = { "kl-divergence": klDivergence, "squared-error": squaredError } as const;

for (const [name, operation] of Object.entries(operations)) {
  const objective = name as ObjectiveName;

  Deno.test(`${name}: evaluation is the operation's mean over rows, batch by batch`, async () => {
    using device = await openCpuDevice({ threads: 1 });
    using model = Perceptron.init(device, shape, 1);
    const batch = batchOf(7, 2);
    using tape = new Tape(device, { record: false });
    const loss = operation(tape, model.forward(tape, batch.inputs), batch.targets);
    const [{ data: [expected] }] = await device.read(loss);
    const { loss: found, tokens } = await evaluate(
      model,
      [part(batch, 0, 2), part(batch, 2, 7)],
      objective,
    );
    assertEquals(tokens, 7);
    assertAllClose([found], [expected], { absolute: 1e-6 * Math.max(1, expected), what: name });
  });

  Deno.test(`${name}: two parts of a batch make the step that the whole makes`, async () => {
    using device = await openCpuDevice({ threads: 1 });
    const batch = batchOf(7, 2), options = { learningRate: 0.1, steps: 1, objective };
    const after = async (batches: readonly Batch[]) => {
      using model = Perceptron.init(device, shape, 1);
      using trainer = new Trainer(model, { ...options, accumulation: batches.length });
      trainer.step(batches);
      const [{ loss, gradientNorm }] = await trainer.ring.read(1);
      return [loss, gradientNorm];
    };
    const whole = await after([batch]), parts = await after([part(batch, 0, 2), part(batch, 2, 7)]);
    assertAllClose(parts, whole, { absolute: 1e-5 * Math.max(...whole), what: name });
  });

  Deno.test(`${name}: training lowers it`, async () => {
    using device = await openCpuDevice({ threads: 1 });
    using model = Perceptron.init(device, shape, 1);
    using trainer = new Trainer(model, { learningRate: 0.05, steps: 60, objective });
    const losses: number[] = [];
    for await (const { loss } of runTrainer(trainer, [batchOf(5, 2)])) losses.push(loss);
    assert(losses.at(-1)! < losses[0] / 2, `${losses[0]} to ${losses.at(-1)}`);
  });
}

Deno.test("an unknown objective is refused, and targets that do not fit", async () => {
  using device = await openCpuDevice({ threads: 1 });
  using model = Perceptron.init(device, shape, 1);
  const options = { learningRate: 0.1, steps: 1 };
  assertThrows(
    () => new Trainer(model, { ...options, objective: "hinge" as ObjectiveName }),
    RangeError,
    "kl-divergence, squared-error, found hinge",
  );
  const { inputs } = batchOf(2, 1), flat = hostTensor([8], new Float32Array(8));
  await assertRejects(
    () => evaluate(model, [{ inputs, targets: flat }], "kl-divergence"),
    ShapeError,
    "(rows, outputs), found",
  );
  using trainer = new Trainer(model, { ...options, objective: "squared-error" });
  assertThrows(
    () => trainer.step([{ inputs, targets: hostTensor([2, 3], new Float32Array(6)) }]),
    ShapeError,
  );
});
