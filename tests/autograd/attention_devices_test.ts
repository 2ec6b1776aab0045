/** Attention on every layout of q, k and v: gradients are slopes, and each device gives the reference's. */

import { assertEquals, assertThrows } from "@std/assert";
import { attention, fusedInputs, Tape } from "../../src/autograd/mod.ts";
import { ShapeError } from "../../src/core/errors.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { Device } from "../../src/device/device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { ownCpu } from "../kernels/devices.ts";
import { testOn, webgpu } from "../support/devices.ts";
import {
  assertSame,
  assertSlope,
  fused,
  grouped,
  type Layout,
  layouts,
  outcomeOf,
  type Sight,
  valuesOf,
} from "./attention_layouts.ts";

/** Extents with and without a causal mask. */
const sights: readonly (Sight & { readonly extents: { batch: number; time: number } })[] = [
  { extents: { batch: 2, time: 5 }, heads: 4, width: 12, causal: true },
  { extents: { batch: 2, time: 17 }, heads: 3, width: 15, causal: false },
  { extents: { batch: 1, time: 33 }, heads: 1, width: 33, causal: true },
];

/** With every third key hidden, and of several sequences all of the first. */
function masked(sight: (typeof sights)[number]): Sight {
  const { batch, time } = sight.extents;
  const shown = (at: number) => Number(at % 3 !== 1 && (batch === 1 || at >= time));
  return { ...sight, mask: Uint32Array.from({ length: batch * time }, (_, at) => shown(at)) };
}

/** All of them, with and without such a mask. */
const allSights = sights.flatMap((sight): Sight[] => [sight, masked(sight)]);

/** Fails unless a device agrees with the reference to 1e-5 of the largest value. */
async function checkAgainstReference(device: Device, layout: Layout): Promise<void> {
  using reference = new ReferenceDevice();
  for (const sight of allSights) {
    const values = valuesOf(layout, sight);
    const found = await outcomeOf(device, layout, sight, values);
    const expected = await outcomeOf(reference, layout, sight, values);
    const what = `${layout.name}, ${JSON.stringify(sight.extents)}, mask ${!!sight.mask}`;
    assertSame(`${what}: out`, found.out, expected.out);
    expected.gradients.forEach((gradient, i) =>
      assertSame(`${what}: gradient ${i}`, found.gradients[i]!, gradient!)
    );
  }
}

for (const layout of layouts) {
  Deno.test(`attention's gradient is its slope: ${layout.name}`, async () => {
    for (const sight of allSights.slice(0, 4)) await assertSlope(layout, sight);
  });
}

await testOn(
  [ownCpu, webgpu],
  layouts.map((layout) => ({
    name: `attention and its gradient are the reference's: ${layout.name}`,
    run: (device) => checkAgainstReference(device, layout),
  })),
);

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
  const [sight] = sights, { width } = sight, [, , separate] = layouts;
  const [qkv] = valuesOf(fused, sight);
  const part = (data: ArrayLike<number>, index: number) =>
    Array.from(data).filter((_, at) => Math.floor(at % (3 * width) / width) === index);
  const parts = [0, 1, 2].map((index) => Float32Array.from(part(qkv, index)));
  const whole = await outcomeOf(device, fused, masked(sight), [qkv]);
  const apart = await outcomeOf(device, separate, masked(sight), parts);
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
  const found = await outcomeOf(device, grouped, masked(sight), [q, k, v]);
  const expected = await outcomeOf(device, separate, masked(sight), [q, repeated(k), repeated(v)]);
  assertEquals(found.out, expected.out);
  const [dq, dk, dv] = expected.gradients;
  assertEquals(found.gradients, [dq, summed(dk!), summed(dv!)]);
});

Deno.test("attention gives no gradient to what is frozen, and the same to the rest", async () => {
  using device = new ReferenceDevice();
  const [sight] = sights, [, , separate] = layouts, values = valuesOf(separate, sight);
  const all = await outcomeOf(device, separate, sight, values);
  const some = await outcomeOf(device, separate, sight, values, { frozen: [1] });
  assertEquals(some.gradients, all.gradients.with(1, undefined));
});
