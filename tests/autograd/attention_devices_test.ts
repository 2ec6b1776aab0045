/** Attention on every layout of q, k and v: gradients are slopes, and each device gives the reference's. */

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  add,
  attention,
  type AttentionInputs,
  type AttentionOptions,
  fusedInputs,
  Parameter,
  Tape,
} from "../../src/autograd/mod.ts";
import { ShapeError } from "../../src/core/errors.ts";
import { sizeOf } from "../../src/core/shape.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { Device, Tensor } from "../../src/device/device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { normals } from "../kernels/cases/values.ts";
import { ownCpu } from "../kernels/devices.ts";
import { assertAllClose } from "../support/all_close.ts";
import { testOn, webgpu } from "../support/devices.ts";

/** Tensors by their columns, and what of them are q, k and v. */
interface Layout {
  readonly name: string;
  readonly columns: (width: number, heads: number) => readonly number[];
  readonly inputs: (tensors: readonly Tensor[], width: number, heads: number) => AttentionInputs;
  /** Attention is taken twice, so that a gradient is there when the first one's is added. */
  readonly twice?: boolean;
}

const fused: Layout = {
  name: "fused",
  columns: (width) => [3 * width],
  inputs: ([qkv]) => fusedInputs(qkv),
};

/** Of 4 heads, two share one of keys and values; of 3, or of 1, all. */
const groupedWidth = (width: number, heads: number): number =>
  heads % 2 === 0 ? width / 2 : width / heads;

/** Fewer heads of keys and values than of queries, in tensors of their own. */
const grouped: Layout = {
  name: "grouped heads",
  columns: (width, heads) => [width, groupedWidth(width, heads), groupedWidth(width, heads)],
  inputs: ([q, k, v], width, heads) => {
    const kvWidth = groupedWidth(width, heads);
    return {
      q: { tensor: q, width },
      k: { tensor: k, width: kvWidth },
      v: { tensor: v, width: kvWidth },
    };
  },
};

/** All of them. */
const layouts: readonly Layout[] = [
  fused,
  { ...fused, name: "fused, with another reader", twice: true },
  {
    name: "separate",
    columns: (width) => [width, width, width],
    inputs: ([q, k, v], width) => ({
      q: { tensor: q, width },
      k: { tensor: k, width },
      v: { tensor: v, width },
    }),
  },
  {
    name: "windows with columns around them",
    columns: (width) => [width + 3, 2 * width + 5],
    inputs: ([q, kv], width) => ({
      q: { tensor: q, offset: 2, width },
      k: { tensor: kv, offset: width + 3, width },
      v: { tensor: kv, offset: 1, width },
    }),
    twice: true,
  },
  {
    name: "one tensor as q, k and v",
    columns: (width) => [width],
    inputs: ([tensor], width) => ({
      q: { tensor, width },
      k: { tensor, width },
      v: { tensor, width },
    }),
  },
  grouped,
  {
    name: "grouped heads in windows of one tensor",
    columns: (width) => [3 * width],
    inputs: ([tensor], width, heads) => ({
      q: { tensor, width },
      k: { tensor, offset: width, width: groupedWidth(width, heads) },
      v: { tensor, offset: 2 * width, width: groupedWidth(width, heads) },
    }),
    twice: true,
  },
];

/** Extents with and without a causal mask and one of keys, of which a whole sequence is hidden. */
const sights: readonly (Omit<AttentionOptions, "mask"> & { readonly width: number })[] = [
  { batch: 2, time: 5, heads: 4, width: 12, causal: true },
  { batch: 2, time: 17, heads: 3, width: 15, causal: false },
  { batch: 1, time: 33, heads: 1, width: 33, causal: true },
];

/** What a layout gives: attention's output and the gradient of each tensor, `frozen` ones apart. */
interface Outcome {
  readonly out: ArrayLike<number>;
  readonly gradients: readonly (ArrayLike<number> | undefined)[];
}

/** Values of a layout's tensors, from seeds. */
function valuesOf(layout: Layout, { batch, time, heads, width }: (typeof sights)[number]) {
  return layout.columns(width, heads).map((columns, i) => normals(i + 1, batch * time * columns));
}

/** The weights of the outputs in the loss of which {@link outcomeOf} takes the gradients. */
function lossWeights({ batch, time, width }: (typeof sights)[number]): Float32Array {
  return normals(9, batch * time * width);
}

/** Runs attention and its backward. */
async function outcomeOf(
  device: Device,
  layout: Layout,
  { width, ...extents }: (typeof sights)[number],
  hasMask: boolean,
  values: readonly (Float32Array | Float64Array)[],
  frozen: readonly number[] = [],
): Promise<Outcome> {
  using tape = new Tape(device);
  const { batch, time, heads } = extents, tokens = batch * time;
  const leaves = values.map((data, i) => {
    const leaf = new Parameter(`tensor ${i}`, written(tape, [tokens, data.length / tokens], data));
    leaf.trainable = !frozen.includes(i);
    return leaf;
  });
  const tensors = leaves.map((leaf) =>
    tape.record(leaf.tensor, [leaf], (gradient) => tape.pass(leaf, gradient))
  );
  const mask = hasMask ? maskOf(tape, batch, time) : undefined;
  const attend = () => attention(tape, layout.inputs(tensors, width, heads), { ...extents, mask });
  const out = layout.twice ? add(tape, attend(), attend()) : attend();
  const weights = written(tape, out.shape, lossWeights({ width, ...extents }));
  const loss = tape.activation([1], "weighted sum");
  tape.backward(tape.record(loss, [out], () => tape.pass(out, weights)));
  const given = leaves.map((leaf) => tape.gradientOf(leaf));
  const [first, ...rest] = await device.read(
    out,
    ...given.filter((tensor) => tensor !== undefined),
  );
  return { out: first.data, gradients: given.map((tensor) => tensor && rest.shift()!.data) };
}

/** Fails unless a device agrees with the reference to 1e-5 of the largest value. */
async function checkAgainstReference(device: Device, layout: Layout): Promise<void> {
  using reference = new ReferenceDevice();
  for (const sight of sights) {
    for (const hasMask of [false, true]) {
      const values = valuesOf(layout, sight);
      const found = await outcomeOf(device, layout, sight, hasMask, values);
      const expected = await outcomeOf(reference, layout, sight, hasMask, values);
      const what = `${layout.name}, ${sight.batch} x ${sight.time}, mask ${hasMask}`;
      assertSame(`${what}: out`, found.out, expected.out);
      expected.gradients.forEach((gradient, i) =>
        assertSame(`${what}: gradient ${i}`, found.gradients[i]!, gradient!)
      );
    }
  }
}

function assertSame(what: string, found: ArrayLike<number>, expected: ArrayLike<number>): void {
  const wanted = Array.from(expected), largest = Math.max(...wanted.map(Math.abs));
  assertAllClose(Array.from(found), wanted, { absolute: 1e-5 * largest, what });
}

function written(tape: Tape, shape: readonly number[], data: Float32Array | Float64Array): Tensor {
  if (data.length !== sizeOf(shape)) throw new Error(`${data.length} values for [${shape}]`);
  const tensor = tape.allocate(shape, "f32", "activation", "values");
  tape.device.write(tensor, data);
  return tensor;
}

/** Every third key is hidden, and of several sequences all of the first. */
function maskOf(tape: Tape, batch: number, time: number): Tensor {
  const mask = tape.allocate([batch, time], "u32", "activation", "mask");
  const shown = (at: number) => Number(at % 3 !== 1 && (batch === 1 || at >= time));
  tape.device.write(mask, Uint32Array.from({ length: batch * time }, (_, at) => shown(at)));
  return mask;
}

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
