import { assert, assertEquals } from "@std/assert";
import {
  crossEntropyBackward,
  crossEntropyForward,
  geluForward,
  type Kernel,
  layerNormForward,
  matmul,
  softmaxForward,
  sumSquares,
} from "../../kernels/mod.ts";
import { onePair } from "../../kernels/matmul/kernel.ts";
import type { HostData } from "../../src/core/tensor.ts";
import { type CpuDevice, openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { Scope } from "../../src/device/arena.ts";

/** Launches a kernel on named arrays and gives one of them as it is then. */
async function outputOf(
  device: CpuDevice,
  kernel: Kernel,
  arrays: Record<string, HostData>,
  scalars: Record<string, number>,
  output: string,
) {
  using scope = new Scope(device);
  const tensors = Object.fromEntries(
    Object.entries(arrays).map(([name, data]) => {
      const tensor = scope.allocate([data.length], kernel.bindings[name].type, "scratch", name);
      device.write(tensor, data);
      return [name, tensor];
    }),
  );
  device.launch(kernel, tensors, scalars);
  return (await device.read(tensors[output]))[0].data;
}

Deno.test("cpu: the exponential is right to 2 units in the last place", async () => {
  using device = await openCpuDevice({ threads: 1 });
  const vocabulary = 100_000;
  const logits = Float32Array.from({ length: vocabulary }, (_, j) => -87.3 * j / vocabulary);
  const arrays = {
    labels: Int32Array.of(0),
    logSumExp: Float32Array.of(0),
    dLoss: Float32Array.of(1),
    logits,
  };
  const scalars = { rows: 1, vocabulary, smoothing: 0, scale: 1 };
  const found = await outputOf(device, crossEntropyBackward, arrays, scalars, "logits");
  let worst = 0;
  for (let j = 1; j < vocabulary; j++) { // the label's own column is a difference
    const exact = Math.exp(logits[j]), unit = 2 ** (Math.floor(Math.log2(exact)) - 23);
    worst = Math.max(worst, Math.abs(found[j] - exact) / unit);
  }
  assert(worst <= 2, `the worst error is ${worst} units`);
});

for (const broken of [NaN, Infinity, -Infinity]) {
  Deno.test(`cpu: ${broken} in the input is seen in the output`, async () => {
    using device = await openCpuDevice({ threads: 1 });
    const width = 19, x = new Float32Array(width).fill(0.5);
    x[7] = broken;
    const zeros = () => new Float32Array(width), one = () => new Float32Array(1);
    const loss = await outputOf(
      device,
      crossEntropyForward,
      {
        ...{ logits: x, labels: Int32Array.of(7), losses: one(), logSumExp: one() },
      },
      { rows: 1, vocabulary: width, smoothing: 0, scale: 1 },
      "losses",
    );
    const scalars = { size: width, exact: 0 };
    const gelu = await outputOf(device, geluForward, { x, y: zeros() }, scalars, "y");
    const norm = await outputOf(
      device,
      layerNormForward,
      {
        ...{ x, weight: zeros(), bias: zeros(), y: zeros(), mean: one(), inverseDeviation: one() },
      },
      { rows: 1, width, epsilon: 1e-5 },
      "y",
    );
    const squares = await outputOf(device, sumSquares, { x, partials: one() }, {
      ...{ size: width, partialOffset: 0 },
    }, "partials");
    assert(!Number.isFinite(loss[0]), `a loss of ${loss[0]}`);
    assert(!Number.isFinite(gelu[7]), `a GELU of ${gelu[7]}`);
    assert(norm.every(Number.isNaN), `normalized to ${norm}`);
    assert(!Number.isFinite(squares[0]), `a sum of squares of ${squares[0]}`);
  });
}

// Quiet and signaling ones, whose lowest bits would reach the exponent if 2^n were added to it.
for (const bits of [0x7fc00000, 0x7fc00001, 0x7fc000ff, 0xffc00081, 0x7f800001, 0xffffffff]) {
  Deno.test(`cpu: the exponential of a NaN of the bits ${bits.toString(16)} is NaN`, async () => {
    using device = await openCpuDevice({ threads: 1 });
    const keys = 9, x = new Float32Array(keys), p = new Float32Array(keys);
    new Uint32Array(x.buffer)[5] = bits;
    const scalars = { batch: 1, rows: 1, keys, hasMask: 0 }, mask = new Uint32Array(1);
    const found = await outputOf(device, softmaxForward, { x, mask, p }, scalars, "p");
    assert(found.every(Number.isNaN), `softmax is ${found}`);
  });
}

Deno.test("cpu: a product over no terms is the bias", async () => {
  using device = await openCpuDevice({ threads: 1 });
  const arrays = {
    a: one(),
    b: one(),
    a2: one(),
    b2: one(),
    bias: Float32Array.of(3, 4),
    c: new Float32Array(2).fill(NaN),
  };
  const scalars = {
    ...{ m: 1, n: 2, k: 0, transposeA: 0, transposeB: 0, aOffset: 0, aStride: 0, bOffset: 0 },
    ...{ bStride: 2, cOffset: 0, cStride: 2, alpha: 1, hasBias: 1, accumulate: 0 },
    ...onePair,
  };
  assertEquals([...await outputOf(device, matmul, arrays, scalars, "c")], [3, 4]);
});

const one = () => new Float32Array(1);
