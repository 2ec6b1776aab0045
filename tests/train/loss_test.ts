/** Losses beside the cross-entropy of next tokens: classes, values, a teacher's outputs, one's own. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { injectLora } from "../../src/adapt/mod.ts";
import {
  crossEntropy,
  klDivergence,
  type Loss,
  squaredError,
  Tape,
} from "../../src/autograd/mod.ts";
import { ShapeError } from "../../src/core/errors.ts";
import { type HostTensor, hostTensor } from "../../src/core/tensor.ts";
import { Random } from "../../src/core/random.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { loadModel } from "../../src/models/mod.ts";
import { Perceptron } from "../../src/models/families/perceptron.ts";
import {
  type Batch,
  countTargets,
  evaluate,
  runTrainer,
  train,
  Trainer,
} from "../../src/train/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { golden } from "../support/golden.ts";

const shape = { widths: [3, 4], biases: true };

type RowBatch = Batch<HostTensor>;

/** Targets that rows can be compared with. */
const targetsOf = {
  floats: (rows: number, random: Random) =>
    hostTensor([rows, 4], Float32Array.from({ length: 4 * rows }, () => random.normal())),
  classes: (rows: number, random: Random) =>
    hostTensor([rows], Int32Array.from({ length: rows }, () => random.integer(4))),
};

function batchOf(rows: number, seed: number, kind: keyof typeof targetsOf): RowBatch {
  const random = new Random(seed);
  const inputs = Float32Array.from({ length: rows * 3 }, () => random.normal());
  return { inputs: hostTensor([rows, 3], inputs), targets: targetsOf[kind](rows, random) };
}

function rowsOf({ shape: [, ...width], data }: HostTensor, from: number, to: number): HostTensor {
  const size = width[0] ?? 1;
  return hostTensor([to - from, ...width], data.slice(size * from, size * to));
}

const part = ({ inputs, targets }: RowBatch, from: number, to: number): RowBatch => ({
  inputs: rowsOf(inputs, from, to),
  targets: rowsOf(targets, from, to),
});

const cases: Record<string, { loss: Loss; kind: keyof typeof targetsOf }> = {
  "a teacher's outputs": { loss: klDivergence, kind: "floats" },
  "values": { loss: squaredError, kind: "floats" },
  "classes": { loss: crossEntropy, kind: "classes" },
  "classes, by a closure": {
    loss: (tape, outputs, targets, options) =>
      crossEntropy(tape, outputs, targets, { smoothing: 0.1, ...options }),
    kind: "classes",
  },
};

for (const [what, { loss, kind }] of Object.entries(cases)) {
  Deno.test(`${what}: evaluation is the operation's mean over rows, batch by batch`, async () => {
    using device = await openCpuDevice({ threads: 1 });
    using model = Perceptron.init(device, shape, 1);
    const batch = batchOf(7, 2, kind), { targets } = batch;
    using tape = new Tape(device, { record: false });
    const whole = loss(tape, model.forward(tape, batch.inputs), targets, { divisor: 7 });
    const [{ data: [expected] }] = await device.read(whole);
    const parts = [part(batch, 0, 2), part(batch, 2, 7)];
    const { loss: found, counted } = await evaluate(model, parts, { loss });
    assertEquals([counted, countTargets(targets)], [7, 7]);
    assertAllClose([found], [expected], { absolute: 1e-6 * Math.max(1, expected), what });
  });

  Deno.test(`${what}: two parts of a batch make the step that the whole makes`, async () => {
    using device = await openCpuDevice({ threads: 1 });
    const batch = batchOf(7, 2, kind), options = { learningRate: 0.1, steps: 1, loss };
    const after = async (batches: readonly RowBatch[]) => {
      using model = Perceptron.init(device, shape, 1);
      using trainer = new Trainer(model, { ...options, accumulation: batches.length });
      assertEquals(trainer.step(batches).counted, 7);
      const [{ loss, gradientNorm }] = await trainer.ring.read(1);
      return [loss, gradientNorm];
    };
    const whole = await after([batch]), parts = await after([part(batch, 0, 2), part(batch, 2, 7)]);
    assertAllClose(parts, whole, { absolute: 1e-5 * Math.max(...whole), what });
  });

  Deno.test(`${what}: training lowers the loss`, async () => {
    using device = await openCpuDevice({ threads: 1 });
    using model = Perceptron.init(device, shape, 1);
    using trainer = new Trainer(model, { learningRate: 0.05, steps: 60, loss });
    const losses: number[] = [];
    for await (const { loss } of runTrainer(trainer, [batchOf(5, 2, kind)])) losses.push(loss);
    assert(losses.at(-1)! < losses[0] / 2, `${losses[0]} to ${losses.at(-1)}`);
  });
}

Deno.test("integers count where they are not negative, floats by the row", () => {
  assertEquals(countTargets(hostTensor([2, 2], Int32Array.of(3, -100, 0, -1))), 2);
  assertEquals(countTargets(hostTensor([2, 2], Uint32Array.of(3, 1, 0, 5))), 4);
  assertEquals(countTargets(hostTensor([2, 2], Float32Array.of(-1, -1, -1, -1))), 2);
  assertEquals(countTargets(hostTensor([2, 2], Float64Array.of(-1, -1, -1, -1))), 2);
});

Deno.test("targets of another shape or kind than the loss takes are refused", async () => {
  using device = await openCpuDevice({ threads: 1 });
  using model = Perceptron.init(device, shape, 1);
  const { inputs } = batchOf(2, 1, "floats"), options = { learningRate: 0.1, steps: 1 };
  const refused = async (
    targets: HostTensor,
    loss: Loss,
    error: typeof ShapeError | typeof TypeError,
    message: string,
  ) => {
    await assertRejects(() => evaluate(model, [{ inputs, targets }], { loss }), error, message);
    using trainer = new Trainer(model, { ...options, loss });
    assertThrows(() => trainer.step([{ inputs, targets }]), error, message);
    assertEquals(trainer.steps, 0);
  };
  const floats = (...shape: number[]) => hostTensor(shape, new Float32Array(8));
  await refused(floats(8), klDivergence, ShapeError, "teacher's logits must have shape [2, 4]");
  await refused(floats(4, 2), squaredError, ShapeError, "must have shape [2, 4], found [4, 2]");
  await refused(
    hostTensor([2], new Float32Array(2)),
    crossEntropy,
    TypeError,
    "labels must be integers",
  );
  const integers = hostTensor([2, 4], new Int32Array(8));
  await refused(integers, crossEntropy, ShapeError, "2 rows of logits need 2 labels, found 8");
  for (const loss of [klDivergence, squaredError]) {
    await refused(integers, loss, TypeError, "must be floats, found integers");
  }
});

Deno.test("below a new head, which begins as zero, nothing is learned without it: the first step says so", async () => {
  using device = await openCpuDevice({ threads: 1 });
  using model = await loadModel(device, golden("families/bert_masked"), { labels: ["a", "b"] });
  const tokens = hostTensor([2, 3], Uint32Array.of(1, 2, 3, 4, 5, 6));
  const batches = [{ inputs: { tokens }, targets: hostTensor([2], Int32Array.of(0, 1)) }];
  const options = { learningRate: 1e-2, steps: 2, seed: 1 };
  {
    using alone = injectLora(model, { rank: 2, seed: 1 });
    const message =
      "training needs a gradient, found 0 for every trained value at step 1: below a new head";
    await assertRejects(() => train(alone, batches, options).finish(), RangeError, message);
  }
  using both = injectLora(model, { rank: 2, seed: 1, modulesToSave: ["classifier"] });
  const { loss } = await train(both, batches, options).finish();
  assert(loss[1] < loss[0]);
});
