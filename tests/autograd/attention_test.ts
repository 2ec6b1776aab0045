import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { attention, fusedInputs, Tape } from "../../src/autograd/mod.ts";
import { ShapeError } from "../../src/core/errors.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { normals } from "../kernels/cases/values.ts";
import {
  checkAgainstReference,
  grouped,
  layouts,
  lossWeights,
  outcomeOf,
  sights,
  valuesOf,
} from "./attention_checks.ts";

const dot = (x: ArrayLike<number>, y: ArrayLike<number>): number =>
  Array.from(x).reduce((sum, value, i) => sum + value * y[i], 0);

for (const layout of layouts) {
  // Central differences err by step² |f'''| / 6 and by 1e-16 |f| / step.
  Deno.test(`attention's gradient is its slope: ${layout.name}`, async () => {
    using device = new ReferenceDevice();
    const step = 1e-5;
    for (const sight of sights.slice(0, 2)) {
      for (const hasMask of [false, true]) {
        const values = valuesOf(layout, sight).map((data) => Float64Array.from(data));
        const { gradients } = await outcomeOf(device, layout, sight, hasMask, values);
        const directions = values.map(({ length }, i) => normals(20 + i, length));
        const lossAt = async (factor: number) => {
          const moved = values.map((data, i) =>
            data.map((x, at) => x + factor * directions[i][at])
          );
          const { out } = await outcomeOf(device, layout, sight, hasMask, moved);
          return dot(lossWeights(sight), out);
        };
        const slope = (await lossAt(step) - await lossAt(-step)) / (2 * step);
        const expected = directions.reduce((sum, d, i) => sum + dot(d, gradients[i]!), 0);
        assertAlmostEquals(slope, expected, 1e-7 * Math.max(1, Math.abs(slope)));
      }
    }
  });

  Deno.test(`cpu: attention and its gradient are the reference's: ${layout.name}`, async () => {
    using device = await openCpuDevice({ threads: 2 });
    await checkAgainstReference(device, layout);
  });
}

Deno.test("heads that no tile of the CPU device fits are refused on every device", async () => {
  using cpu = await openCpuDevice({ threads: 1, blas: false });
  using reference = new ReferenceDevice();
  for (const device of [cpu, reference]) {
    using tape = new Tape(device);
    const options = { batch: 1, time: 1, heads: 1, causal: true };
    const attend = (width: number) => {
      attention(tape, fusedInputs(tape.activation([1, 3 * width], "qkv")), options);
    };
    attend(2048);
    const sentence = "attention needs heads of at most 2048 columns, found 2049";
    assertThrows(() => attend(2049), ShapeError, sentence);
  }
});

Deno.test("attention's layouts agree: a window is no other than its own copy", async () => {
  using device = new ReferenceDevice();
  const [sight] = sights, { width } = sight, [fused, , separate] = layouts;
  const [qkv] = valuesOf(fused, sight);
  const part = (data: ArrayLike<number>, index: number) =>
    Array.from(data).filter((_, at) => Math.floor(at % (3 * width) / width) === index);
  const parts = [0, 1, 2].map((index) => Float32Array.from(part(qkv, index)));
  const whole = await outcomeOf(device, fused, sight, true, [qkv]);
  const apart = await outcomeOf(device, separate, sight, true, parts);
  assertEquals(apart.out, whole.out);
  apart.gradients.forEach((gradient, index) =>
    assertEquals(Array.from(gradient!), part(whole.gradients[0]!, index))
  );
});

Deno.test("grouped heads are those of keys and values repeated, and add up their gradients", async () => {
  using device = new ReferenceDevice();
  const [sight] = sights, [, , separate] = layouts, { width, heads } = sight;
  const headWidth = width / heads, columns = width / 2;
  const [q, k, v] = valuesOf(grouped, sight);
  /** The column that serves a column of q: heads 0 and 1 read head 0, heads 2 and 3 head 1. */
  const serving = (column: number) =>
    Math.floor(column / (2 * headWidth)) * headWidth + column % headWidth;
  const repeated = (data: Float32Array) =>
    Float32Array.from({ length: data.length * 2 }, (_, at) => {
      const column = at % width;
      return data[(at - column) / 2 + serving(column)];
    });
  const summed = (gradient: ArrayLike<number>) => {
    const sums = new Float64Array(gradient.length / 2);
    for (let at = 0; at < gradient.length; at++) {
      const column = at % width;
      sums[(at - column) / width * columns + serving(column)] += gradient[at];
    }
    return sums;
  };
  const found = await outcomeOf(device, grouped, sight, true, [q, k, v]);
  const expected = await outcomeOf(device, separate, sight, true, [q, repeated(k), repeated(v)]);
  assertEquals(found.out, expected.out);
  const [dq, dk, dv] = expected.gradients;
  assertEquals(found.gradients, [dq, summed(dk!), summed(dv!)]);
});

Deno.test("attention gives no gradient to what is frozen, and the same to the rest", async () => {
  using device = new ReferenceDevice();
  const [sight] = sights, [, , separate] = layouts, values = valuesOf(separate, sight);
  const all = await outcomeOf(device, separate, sight, false, values);
  const some = await outcomeOf(device, separate, sight, false, values, [1]);
  assertEquals(some.gradients, all.gradients.with(1, undefined));
});
