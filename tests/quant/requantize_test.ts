/** The dead zone: how much of an update is left where it is added to a weight in 4 bits. */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { deltaWeight } from "../../src/core/update.ts";
import { ShapeError } from "../../src/core/errors.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import { mean } from "../../src/core/numbers.ts";
import { Random } from "../../src/core/random.ts";
import { denseOf, frobeniusNorm } from "../../src/linalg/mod.ts";
import {
  dequantize,
  quantize,
  type QuantizedTensor,
  type QuantizeOptions,
  requantize,
} from "../../src/quant/mod.ts";

function normal(random: Random, ...shape: number[]): HostTensor {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return { shape, data: Float32Array.from({ length: size }, () => random.normal()) };
}

const norm = (tensor: HostTensor) => frobeniusNorm(denseOf(tensor));

/** A normal weight, and an update of rank 8 in a random direction whose norm is a share of the weight's. */
function weightAndUpdate(seed: number, share: number, [out, width]: readonly [number, number]) {
  const random = new Random(seed), W = normal(random, out, width);
  const factors = { A: normal(random, 8, width), B: normal(random, out, 8) };
  const scaling = share * norm(W) / norm(deltaWeight({ ...factors, scaling: 1 }));
  return { W, delta: deltaWeight({ ...factors, scaling }) };
}

const wide = [512, 512] as const;

function shareLeft(seed: number, share: number, options: QuantizeOptions): number {
  const { W, delta } = weightAndUpdate(seed, share, wide);
  return requantize(quantize(W, options), delta).survivingShare;
}

Deno.test("of an update of 1% of the weight, NF4 keeps under 5%, and of 0.1% too", () => {
  for (const share of [0.01, 0.001]) {
    for (const seed of [1, 2, 3]) {
      const left = shareLeft(seed, share, {});
      assert(left < 0.05, `${left} of an update of ${share} is left`);
    }
  }
});

Deno.test("what is left of a small update is that of one value in each block", () => {
  // A block's largest value moves by its change, the others by what the scale adds to them. The share is a sum of
  // one square a block, and of products without a direction with a third of its size at 4,096 blocks: 6% of it.
  for (const blockSize of [32, 64, 128]) {
    const options = { blockSize, doubleQuantization: false };
    const left = mean([1, 2, 3, 4].map((seed) => shareLeft(seed, 0.005, options)));
    assertAlmostEquals(left * blockSize, 1, 0.25);
  }
});

Deno.test("an update survives once it is as large as the gaps of the code", () => {
  const [small, middle, large] = [0.03, 0.1, 0.3].map((share) => shareLeft(1, share, {}));
  assert(small < 0.15 && middle > 0.6 && middle < 0.95, `${small}, ${middle}`);
  assertAlmostEquals(large, 1, 0.03);
});

Deno.test("the report is what the tensors say, in float64", () => {
  for (const options of [{}, { code: "fp4", blockSize: 32, doubleQuantization: false }] as const) {
    const { W, delta } = weightAndUpdate(5, 0.2, [13, 101]), tensor = quantize(W, options);
    const { tensor: after, ...report } = requantize(tensor, delta);
    const [before, now] = [tensor, after].map((each) => Array.from(dequantize(each).data));
    const change = Array.from(delta.data);
    const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i], 0);
    const step = now.map((value, i) => value - before[i]);
    const error = step.map((value, i) => value - change[i]);
    const whole = dot(change, change);
    assertAlmostEquals(report.survivingShare, dot(step, change) / whole, 1e-12);
    assertAlmostEquals(report.relativeError, Math.sqrt(dot(error, error) / whole), 1e-12);
    assertAlmostEquals(report.deltaNorm, Math.sqrt(whole), 1e-9);
    assertAlmostEquals(report.weightNorm, Math.sqrt(dot(before, before)), 1e-9);
    const sum = before.map((value, i) => Math.fround(value + change[i]));
    assertEquals(after, quantize({ shape: W.shape, data: Float32Array.from(sum) }, options));
  }
});

Deno.test("the form stays: code, block, scales and type, also at odd lengths and in constant blocks", () => {
  const shapes = [[1, 1], [3, 7], [5, 33], [2, 64]], values = [0, 0.25, -3];
  const form = ({ code, blockSize, absmax, type, shape }: QuantizedTensor) => [
    ...[code, blockSize, type, shape, absmax instanceof Float32Array],
  ];
  for (const shape of shapes) {
    for (const value of values) {
      const size = shape[0] * shape[1], data = new Float32Array(size).fill(value);
      const options = { code: "fp4", blockSize: 32, type: "bfloat16" } as const;
      const tensor = quantize({ shape, data }, options);
      const nothing = { shape, data: new Float32Array(size) };
      const { tensor: after, survivingShare, relativeError } = requantize(tensor, nothing);
      assertEquals(form(after), form(tensor));
      assertEquals([survivingShare, relativeError], [1, 0]);
      // A constant update of a constant block moves its scale: all of it survives.
      const plain = quantize({ shape, data }, { ...options, doubleQuantization: false });
      const whole = requantize(plain, { shape, data: data.map(() => value === 0 ? 1 : value / 8) });
      assertAlmostEquals(whole.survivingShare, 1, 1e-5);
    }
  }
});

Deno.test("an update that does not fit or is not finite is refused", () => {
  const tensor = quantize({ shape: [2, 3], data: new Float32Array(6).fill(1) });
  const delta = (shape: number[], ...data: number[]) => ({ shape, data: Float32Array.from(data) });
  assertThrows(
    () => requantize(tensor, delta([3, 2], 1, 2, 3, 4, 5, 6)),
    ShapeError,
    "an update to requantize must have shape [2, 3], found [3, 2]",
  );
  for (const value of [NaN, Infinity]) {
    assertThrows(
      () => requantize(tensor, delta([2, 3], 0, 0, 0, 0, value, 0)),
      RangeError,
      `values of an update must be finite in F32, found ${value} at [1, 1]`,
    );
  }
  assertThrows(
    () => requantize(tensor, { shape: [2, 3], data: new Uint32Array(6) }),
    TypeError,
    "values of an update must be floats, found a Uint32Array",
  );
  const huge = quantize({ shape: [1, 2], data: Float32Array.of(3e38, 0) });
  assertThrows(
    () => requantize(huge, delta([1, 2], 3e38, 0)),
    RangeError,
    "values to quantize must be finite in F32, found Infinity at [0, 0]",
  );
  assertThrows(
    () => requantize({ ...tensor, packed: tensor.packed.slice(1) }, delta([2, 3])),
    ShapeError,
    "needs 3 packed bytes, found 2",
  );
});
