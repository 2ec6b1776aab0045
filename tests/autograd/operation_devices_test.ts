/** Single operations: outputs, gradients and bytes are the reference's, and its gradients are slopes. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { Parameter, Tape } from "../../src/autograd/mod.ts";
import { sizeOf } from "../../src/core/tensor.ts";
import type { Device, Tensor } from "../../src/device/device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { normals } from "../kernels/cases/values.ts";
import { assertAllClose } from "../support/all_close.ts";
import { allDevices, testOn } from "../support/devices.ts";
import { type OperationCase, operations } from "./operation_cases.ts";

/** A result, the gradient of each leaf if it is trained, and the bytes of the peak. */
interface Outcome {
  readonly out: ArrayLike<number>;
  readonly gradients: readonly (ArrayLike<number> | undefined)[];
  readonly peak: number;
}

/** The leaves' values. */
function valuesOf({ shapes }: OperationCase): Float64Array[] {
  return shapes.map((shape, i) => Float64Array.from(normals(i + 1, sizeOf(shape))));
}

/** The weight of each element of the result in the loss whose gradients are taken. */
const weightsOf = (size: number): Float32Array => normals(9, size);

/** Runs an operation and its backward. */
async function outcomeOf(
  device: Device,
  operation: OperationCase,
  values: readonly Float64Array[],
  frozen: readonly number[] = [],
): Promise<Outcome> {
  device.ledger.resetPeak();
  using tape = new Tape(device);
  const { out, leaves } = differentiate(tape, operation, values, frozen);
  const { peak } = device.ledger.read();
  const given = leaves.map((leaf) => tape.gradientOf(leaf));
  const held = given.filter((tensor) => tensor !== undefined);
  const [first, ...rest] = await device.read(out, ...held);
  const gradients = given.map((tensor) => tensor && rest.shift()!.data);
  return { out: first.data, gradients, peak };
}

function differentiate(
  tape: Tape,
  { shapes, run }: OperationCase,
  values: readonly Float64Array[],
  frozen: readonly number[],
) {
  const leaves = values.map((data, i) => {
    const leaf = new Parameter(`leaf ${i}`, written(tape, shapes[i], data));
    leaf.trainable = !frozen.includes(i);
    return leaf;
  });
  const activations = leaves.map((leaf) =>
    tape.record(leaf.tensor, [leaf], (gradient) => tape.pass(leaf, gradient), [])
  );
  const out = run(tape, activations, leaves);
  const weights = written(tape, out.shape, weightsOf(out.size));
  const loss = tape.activation([1], "weighted sum");
  tape.backward(tape.record(loss, [out], () => tape.pass(out, weights), [weights]));
  return { out, leaves };
}

function predictedPeak(
  operation: OperationCase,
  values: readonly Float64Array[],
  frozen: readonly number[],
): number {
  using dry = new DryDevice();
  using tape = new Tape(dry);
  differentiate(tape, operation, values, frozen);
  return dry.ledger.read().peak;
}

function written(tape: Tape, shape: readonly number[], data: Float32Array | Float64Array): Tensor {
  const tensor = tape.allocate(shape, "f32", "activation", "values");
  tape.device.write(tensor, data);
  return tensor;
}

/** Fails unless a device agrees with the reference to 1e-5 of the largest value. */
async function checkOperation(
  device: Device,
  operation: OperationCase,
  frozen: readonly number[],
): Promise<void> {
  using reference = new ReferenceDevice();
  const values = valuesOf(operation), { live } = device.ledger.read();
  const found = await outcomeOf(device, operation, values, frozen);
  const expected = await outcomeOf(reference, operation, values, frozen);
  const what = `${operation.name}, frozen ${frozen}`;
  assertSame(`${what}: out`, found.out, expected.out);
  expected.gradients.forEach((gradient, i) => {
    assertEquals(gradient === undefined, frozen.includes(i), `${what}: gradient ${i}`);
    if (gradient) assertSame(`${what}: gradient ${i}`, found.gradients[i]!, gradient);
  });
  assertEquals(found.peak - live, predictedPeak(operation, values, frozen), `${what}: peak`);
  assertEquals(device.ledger.read().live, live, `${what}: bytes that stay`);
}

function assertSame(what: string, found: ArrayLike<number>, expected: ArrayLike<number>): void {
  const wanted = Array.from(expected), largest = Math.max(...wanted.map(Math.abs));
  assertAllClose(Array.from(found), wanted, { absolute: 1e-5 * largest, what });
}

// With everything trained and with each leaf frozen in turn.
await testOn(
  allDevices,
  operations.map((operation) => ({
    name: `${operation.name} is the reference's, in the bytes that dry predicts, and leaves none`,
    run: async (device) => {
      await checkOperation(device, operation, []);
      if (operation.shapes.length === 1) return;
      for (const frozen of operation.shapes.keys()) {
        await checkOperation(device, operation, [frozen]);
      }
    },
  })),
);

const dot = (x: ArrayLike<number>, y: ArrayLike<number>): number =>
  Array.from(x).reduce((sum, value, i) => sum + value * y[i], 0);

for (const operation of operations) {
  // Central differences err by step² |f'''| / 6 and by 1e-16 |f| / step.
  Deno.test(`the gradient is the slope: ${operation.name}`, async () => {
    using device = new ReferenceDevice();
    const step = 1e-5, values = valuesOf(operation);
    const { gradients } = await outcomeOf(device, operation, values);
    const directions = values.map(({ length }, i) => normals(20 + i, length));
    const lossAt = async (factor: number) => {
      const moved = values.map((data, i) => data.map((x, at) => x + factor * directions[i][at]));
      const { out } = await outcomeOf(device, operation, moved);
      return dot(weightsOf(out.length), out);
    };
    const slope = (await lossAt(step) - await lossAt(-step)) / (2 * step);
    const expected = directions.reduce((sum, d, i) => sum + dot(d, gradients[i]!), 0);
    assertAlmostEquals(slope, expected, 1e-7 * Math.max(1, Math.abs(slope)));
  });
}
