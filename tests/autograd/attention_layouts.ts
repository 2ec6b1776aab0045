/** Layouts of q, k and v, and attention and its gradient on them, of padded and packed sequences. @module */

import { assertAlmostEquals } from "@std/assert";
import {
  add,
  attention,
  type AttentionInputs,
  fusedInputs,
  packSequences,
  Parameter,
  Tape,
} from "../../src/autograd/mod.ts";
import { sizeOf } from "../../src/core/tensor.ts";
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

export const fused: Layout = {
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

/** Extents of attention, within as many tokens of each sequence or within packed ones. */
export interface Sight {
  readonly heads: number;
  readonly width: number;
  readonly causal: boolean;
  /** Sequences and tokens of each. */
  readonly extents: { readonly batch: number; readonly time: number } | {
    readonly lengths: readonly number[];
  };
  /** (batch, time), 0 for a hidden key. */
  readonly mask?: Uint32Array;
}

/** Tokens of all sequences. */
export function tokensOf({ extents }: Sight): number {
  if ("batch" in extents) return extents.batch * extents.time;
  return extents.lengths.reduce((sum, length) => sum + length, 0);
}

/** Values of a layout's tensors, from seeds. */
export function valuesOf(layout: Layout, sight: Sight): Float32Array[] {
  const { width, heads } = sight, tokens = tokensOf(sight);
  return layout.columns(width, heads).map((columns, i) => normals(i + 1, tokens * columns));
}

/** The weights of the outputs in the loss of which {@link outcomeOf} takes the gradients, from a seed. */
export function lossWeights(sight: Sight): Float32Array {
  return normals(9, tokensOf(sight) * sight.width);
}

/** Results in a layout: attention's output and each tensor's gradient, `frozen` ones apart. */
export interface Outcome {
  readonly out: ArrayLike<number>;
  readonly gradients: readonly (ArrayLike<number> | undefined)[];
}

/** Options of a run of attention's backward. */
interface Choices {
  /** Tensors without a gradient. Default: none. */
  readonly frozen?: readonly number[];
  /** The gradient of the output. Default: {@link lossWeights}. */
  readonly weights?: Float32Array;
}

/** Runs attention and its backward. */
export async function outcomeOf(
  device: Device,
  layout: Layout,
  sight: Sight,
  values: readonly (Float32Array | Float64Array)[],
  { frozen = [], weights = lossWeights(sight) }: Choices = {},
): Promise<Outcome> {
  using tape = new Tape(device);
  const tokens = tokensOf(sight);
  const leaves = values.map((data, i) => {
    const leaf = new Parameter(`tensor ${i}`, written(tape, [tokens, data.length / tokens], data));
    leaf.trainable = !frozen.includes(i);
    return leaf;
  });
  const tensors = leaves.map((leaf) =>
    tape.record(leaf.tensor, [leaf], (gradient) => tape.pass(leaf, gradient))
  );
  const out = attended(tape, layout, sight, tensors);
  const gradient = written(tape, out.shape, weights);
  const loss = tape.activation([1], "weighted sum");
  tape.backward(tape.record(loss, [out], () => tape.pass(out, gradient)));
  const given = leaves.map((leaf) => tape.gradientOf(leaf));
  const [first, ...rest] = await device.read(
    out,
    ...given.filter((tensor) => tensor !== undefined),
  );
  return { out: first.data, gradients: given.map((tensor) => tensor && rest.shift()!.data) };
}

function attended(tape: Tape, layout: Layout, sight: Sight, tensors: readonly Tensor[]): Tensor {
  const { heads, width, causal, extents, mask } = sight,
    inputs = layout.inputs(tensors, width, heads);
  const options = "batch" in extents
    ? { ...extents, mask: mask && maskOn(tape, mask, extents) }
    : { sequences: packSequences(tape, extents.lengths) };
  const attend = () => attention(tape, inputs, { ...options, heads, causal });
  return layout.twice ? add(tape, attend(), attend()) : attend();
}

function maskOn(
  tape: Tape,
  data: Uint32Array,
  { batch, time }: { batch: number; time: number },
): Tensor {
  const mask = tape.allocate([batch, time], "u32", "activation", "mask");
  tape.device.write(mask, data);
  return mask;
}

function written(tape: Tape, shape: readonly number[], data: Float32Array | Float64Array): Tensor {
  if (data.length !== sizeOf(shape)) throw new Error(`${data.length} values for [${shape}]`);
  const tensor = tape.allocate(shape, "f32", "activation", "values");
  tape.device.write(tensor, data);
  return tensor;
}

/** Fails unless arrays agree to 1e-5 of the largest value. */
export function assertSame(
  what: string,
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
): void {
  const wanted = Array.from(expected), largest = Math.max(...wanted.map(Math.abs));
  assertAllClose(Array.from(found), wanted, { absolute: 1e-5 * largest, what });
}

/** Fails unless the gradients of a weighted sum of the outputs are its slopes, by central differences. */
export async function assertSlope(layout: Layout, sight: Sight): Promise<void> {
  using device = new ReferenceDevice();
  const step = 1e-5, values = valuesOf(layout, sight).map((data) => Float64Array.from(data));
  const { gradients } = await outcomeOf(device, layout, sight, values);
  const directions = values.map(({ length }, i) => normals(20 + i, length));
  const lossAt = async (factor: number) => {
    const moved = values.map((data, i) => data.map((x, at) => x + factor * directions[i][at]));
    return dot(lossWeights(sight), (await outcomeOf(device, layout, sight, moved)).out);
  };
  // They err by step² |f‴| / 6 and by 1e-16 |f| / step.
  const slope = (await lossAt(step) - await lossAt(-step)) / (2 * step);
  const expected = directions.reduce((sum, d, i) => sum + dot(d, gradients[i]!), 0);
  assertAlmostEquals(slope, expected, 1e-7 * Math.max(1, Math.abs(slope)));
}

const dot = (x: ArrayLike<number>, y: ArrayLike<number>): number =>
  Array.from(x).reduce((sum, value, i) => sum + value * y[i], 0);
