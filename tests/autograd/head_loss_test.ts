/** Head and loss over the rows with a target, block by block. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type ForwardModel,
  type HeadLossOptions,
  lossOfBatch,
  type TwoParts,
} from "../../src/autograd/loss.ts";
import {
  add,
  crossEntropy,
  embedding,
  klDivergence,
  linear,
  Parameter,
  scale,
  squaredError,
  Tape,
} from "../../src/autograd/mod.ts";
import { ShapeError } from "../../src/core/errors.ts";
import { type HostTensor, hostTensor } from "../../src/core/tensor.ts";
import { Random } from "../../src/core/random.ts";
import type { Device, Tensor } from "../../src/device/device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { assertAllClose } from "../support/all_close.ts";

interface Inputs {
  readonly tokens: HostTensor;
}

function parameterOn(device: Device, name: string, shape: readonly number[]): Parameter {
  const tensor = device.allocate(shape, "f32", "weight", name), random = new Random(5);
  if (device.kind !== "dry") {
    device.write(tensor, Float32Array.from({ length: tensor.size }, () => random.normal()));
  }
  return new Parameter(name, tensor);
}

/** A table of states, one for each token, and a head that writes down how many rows it is given. */
function modelOn(device: Device, tokens: number, width: number, outputs: number) {
  const table = parameterOn(device, "states", [tokens, width]);
  const weight = parameterOn(device, "head", [outputs, width]), seen: number[] = [];
  const head = (tape: Tape, x: Tensor) => {
    seen.push(x.shape[0]);
    return linear(tape, x, weight);
  };
  const states: TwoParts<Inputs>["states"] = (tape, _, { rows } = {}) =>
    embedding(tape, table, rows ?? Array.from({ length: tokens }, (_, row) => row));
  const model: ForwardModel<Inputs> = {
    parts: { states, head: { outputs, forward: head }, picksRows: true },
    forward: (tape, inputs) => head(tape, states(tape, inputs)),
  };
  const inputs = { tokens: hostTensor([1, tokens], new Uint32Array(tokens)) };
  return { model, inputs, parameters: [table, weight], seen };
}

type Made = ReturnType<typeof modelOn>;

/** The loss and all gradients. */
async function differentiate(
  { parameters }: Made,
  device: Device,
  lossOn: (tape: Tape) => Tensor,
): Promise<number[]> {
  using tape = new Tape(device), value = lossOn(tape);
  tape.backward(value);
  const gradients = parameters.map((parameter) => tape.gradientOf(parameter)!);
  return (await device.read(value, ...gradients)).flatMap(({ data }) => [...data]);
}

const tokens = 7, width = 3, outputs = 5, exact = { absolute: 1e-12, relative: 0 };
const labels = hostTensor([1, tokens], Int32Array.of(1, -100, 4, 0, -1, -100, 2));
const floats = () => {
  const random = new Random(8);
  return hostTensor(
    [tokens, outputs],
    Float32Array.from({ length: tokens * outputs }, () => random.normal()),
  );
};

/** Losses with targets that they take. */
const cases: Readonly<Record<string, [HeadLossOptions["loss"], HostTensor]>> = {
  "cross-entropy": [crossEntropy, labels],
  "smoothed labels": [
    (tape, logits, targets, options) =>
      crossEntropy(tape, logits, targets, { smoothing: 0.2, ...options }),
    labels,
  ],
  "a teacher's outputs": [klDivergence, floats()],
  "squared error": [squaredError, floats()],
};

for (const [name, [loss, targets]] of Object.entries(cases)) {
  Deno.test(`${name}: blocks of rows have the loss and gradients of all outputs at once`, async () => {
    using device = new ReferenceDevice();
    const made = modelOn(device, tokens, width, outputs), { model, inputs } = made;
    const whole = (tape: Tape) => loss(tape, model.forward(tape, inputs), targets, { divisor: 3 });
    const expected = await differentiate(made, device, whole);
    for (const mostOutputs of [1, 2 * outputs, 3 * outputs, undefined]) {
      const inBlocks = (tape: Tape) =>
        lossOfBatch(tape, model, { inputs, targets }, { loss, divisor: 3, mostOutputs });
      assertAllClose(await differentiate(made, device, inBlocks), expected, exact);
    }
  });
}

Deno.test("the head is given the rows with a label, one where there is none, all for floats", () => {
  using device = new ReferenceDevice();
  const { model, inputs, seen } = modelOn(device, tokens, width, outputs);
  const run = (targets: HostTensor, loss: HeadLossOptions["loss"], mostOutputs?: number) => {
    using tape = new Tape(device);
    lossOfBatch(tape, model, { inputs, targets }, { loss, divisor: 2, mostOutputs });
    return seen.splice(0);
  };
  assertEquals(run(labels, crossEntropy), [4]);
  assertEquals(run(labels, crossEntropy, 2 * outputs), [2, 2]);
  assertEquals(run(hostTensor([1, tokens], new Int32Array(tokens)), crossEntropy), [tokens]);
  assertEquals(run(hostTensor([1, tokens], new Int32Array(tokens).fill(-100)), crossEntropy), [1]);
  assertEquals(run(floats(), squaredError, 3 * outputs), [3, 3, 1]);
  assertEquals(run(floats(), squaredError, 3 * outputs - 1), [2, 2, 2, 1]);
});

Deno.test("terms of a sum each have the gradient 1, whichever came first", async () => {
  using device = new ReferenceDevice();
  const made = modelOn(device, tokens, width, outputs), { model, inputs } = made;
  const others = hostTensor([1, tokens], labels.data.toReversed() as Int32Array);
  const options = { loss: crossEntropy, divisor: 3, mostOutputs: 2 * outputs };
  const early = (tape: Tape) =>
    add(
      tape,
      lossOfBatch(tape, model, { inputs, targets: labels }, options),
      lossOfBatch(tape, model, { inputs, targets: others }, options),
    );
  const late = (tape: Tape) => {
    const [first, second] = [labels, others].map((targets) =>
      crossEntropy(tape, model.forward(tape, inputs), targets, { divisor: 3 })
    );
    return add(tape, first, second);
  };
  assertAllClose(
    await differentiate(made, device, early),
    await differentiate(made, device, late),
    exact,
  );
});

Deno.test("of 32,768 tokens with a vocabulary of 50,257, outputs take at most 128 MiB, gradients written over them", () => {
  using device = new DryDevice();
  const many = 2 ** 15, vocabulary = 50_257;
  const { model, inputs } = modelOn(device, many, 2, vocabulary);
  const targets = hostTensor([1, many], new Int32Array(many));
  const { live } = device.ledger.read();
  {
    using tape = new Tape(device);
    tape.backward(
      lossOfBatch(tape, model, { inputs, targets }, { loss: crossEntropy, divisor: many }),
    );
    const besideOutputs = 4 * (2 * vocabulary + 100 * many); // dW, and what a token has of its own.
    const { peak } = device.ledger.read();
    assert(peak - live < 2 ** 27 + besideOutputs, `${(peak - live) / 2 ** 20} MiB`);
  }
  assertEquals(device.ledger.read().live, live);
});

Deno.test("labels that do not fit are left for the loss to refuse, by their own position", () => {
  using device = new ReferenceDevice();
  const { model, inputs } = modelOn(device, tokens, width, outputs);
  const run = (...values: number[]) => {
    using tape = new Tape(device);
    const targets = hostTensor([values.length], Int32Array.from(values));
    lossOfBatch(tape, model, { inputs, targets }, { loss: crossEntropy, divisor: 1 });
  };
  assertThrows(
    () => run(1, -100, -100, 4, 5, 0, 0),
    RangeError,
    "below the vocabulary of 5, found 5 at position 4",
  );
  assertThrows(() => run(1, 2), ShapeError, "7 rows of logits need 7 labels, found 2");
});

Deno.test("a head that gives what it gets may be computed in blocks", async () => {
  using device = new ReferenceDevice();
  const made = modelOn(device, tokens, width, width), { model, inputs, parameters } = made;
  const parts = { ...model.parts!, head: { outputs: width, forward: (_: Tape, x: Tensor) => x } };
  const targets = hostTensor([tokens, width], new Float32Array(tokens * width).fill(0.5));
  const found = await Promise.all([1, 2 * width, undefined].map(async (mostOutputs) => {
    using tape = new Tape(device);
    const options = { loss: squaredError, divisor: 1, mostOutputs };
    const value = lossOfBatch(tape, { ...model, parts }, { inputs, targets }, options);
    tape.backward(value);
    const read = await device.read(value, tape.gradientOf(parameters[0])!);
    return read.flatMap(({ data }) => [...data]);
  }));
  assertAllClose(found[0], found[2], exact);
  assertAllClose(found[1], found[2], exact);
});

Deno.test("backward after a part that ran early has the seed 1, and no second use of that part", () => {
  using device = new ReferenceDevice();
  const { model, inputs, parameters: [table] } = modelOn(device, tokens, width, outputs);
  const options = { loss: crossEntropy, divisor: 1 };
  {
    using tape = new Tape(device);
    const value = lossOfBatch(tape, model, { inputs, targets: labels }, options);
    assertThrows(() => tape.backward(value, 5), RangeError, "needs the seed 1, found 5");
  }
  {
    using tape = new Tape(device);
    let inner: Tensor | undefined;
    tape.early(() => scale(tape, inner = scale(tape, embedding(tape, table, [0]), 2), 3));
    assertThrows(() => scale(tape, inner!, 2), RangeError, "found a second use after backward");
  }
  {
    using tape = new Tape(device);
    const nothing = tape.early(() => scale(tape, tape.activation([1], "frozen"), 2));
    assertThrows(() => tape.backward(nothing), RangeError, "depends on none");
  }
});
