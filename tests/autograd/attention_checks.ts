/** Attention on every layout of q, k and v: the same outputs and gradients on each device. @module */

import {
  add,
  attention,
  type AttentionInputs,
  type AttentionOptions,
  fusedInputs,
  Parameter,
  Tape,
} from "../../src/autograd/mod.ts";
import { sizeOf } from "../../src/core/shape.ts";
import type { Device, Tensor } from "../../src/device/device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { normals } from "../kernels/cases/values.ts";
import { assertAllClose } from "../support/all_close.ts";

/** Tensors by their columns, and what of them are q, k and v. */
export interface Layout {
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
export const grouped: Layout = {
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
export const layouts: readonly Layout[] = [
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
export const sights: readonly (Omit<AttentionOptions, "mask"> & { readonly width: number })[] = [
  { batch: 2, time: 5, heads: 4, width: 12, causal: true },
  { batch: 2, time: 17, heads: 3, width: 15, causal: false },
  { batch: 1, time: 33, heads: 1, width: 33, causal: true },
];

/** What a layout gives: attention's output and the gradient of each tensor, `frozen` ones apart. */
export interface Outcome {
  readonly out: ArrayLike<number>;
  readonly gradients: readonly (ArrayLike<number> | undefined)[];
}

/** Values of a layout's tensors, from seeds. */
export function valuesOf(layout: Layout, { batch, time, heads, width }: (typeof sights)[number]) {
  return layout.columns(width, heads).map((columns, i) => normals(i + 1, batch * time * columns));
}

/** The weights of the outputs in the loss of which {@link outcomeOf} takes the gradients. */
export function lossWeights({ batch, time, width }: (typeof sights)[number]): Float32Array {
  return normals(9, batch * time * width);
}

/** Runs attention and its backward. */
export async function outcomeOf(
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
export async function checkAgainstReference(device: Device, layout: Layout): Promise<void> {
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
