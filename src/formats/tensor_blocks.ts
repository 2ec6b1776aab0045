/** Tensors of a file read and copied a block of whole rows at a time. @module */

import { type HostData, type HostTensor, nonFiniteAt } from "../core/host_tensor.ts";
import { quote } from "../core/quote.ts";
import { cutRange } from "../core/row_range.ts";
import { formatShape, positionIn, type Shape, sizeOf } from "../core/shape.ts";
import { decode, type Dtype, encode, type FloatDtype } from "./dtype.ts";
import type { EncodedTensor } from "./encoded_tensor.ts";
import { assertStoredFinite } from "./finite_values.ts";
import type { SafetensorsFile } from "./safetensors.ts";

/** Values of a block; a row may be longer. */
const blockValues = 2 ** 18;

/** A tensor of a file, and the type in which it is to be stored. */
export interface SourceTensor {
  /** What cannot be done if a value is not finite, for the message: `cannot merge`. */
  readonly action: string;
  /** The file. */
  readonly file: SafetensorsFile;
  /** Its name. */
  readonly key: string;
  /** The type to store it in; its own if it is not one of floats. */
  readonly dtype?: FloatDtype;
}

const floats: readonly Dtype[] = ["F32", "F16", "BF16", "F64"];

/** A tensor byte by byte, or in another type of floats; floats must be finite. */
export function copiedTensor(source: SourceTensor): EncodedTensor {
  const { dtype: own, shape } = source.file.tensors.get(source.key)!;
  const dtype = floats.includes(own) ? source.dtype ?? own : own;
  const copy = async function* () {
    for await (const { bytes, values, first } of blocksOf(source)) {
      if (!values || dtype === own) yield bytes;
      else yield encodeBlock(source, values, dtype as FloatDtype, first);
    }
  };
  return { shape, dtype, pieces: copy };
}

/** The bytes of a block in another type; throws if a value is not finite in it. */
export function encodeBlock(
  { action, file, key }: SourceTensor,
  data: HostData,
  dtype: FloatDtype,
  first: number,
): Uint8Array<ArrayBuffer> {
  assertStoredFinite(action, key, { ...file.tensors.get(key)!, data }, dtype, first);
  return encode(data, dtype) as Uint8Array<ArrayBuffer>;
}

/** Whole rows of a tensor. */
export interface TensorBlock {
  /** As they are stored. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of floats: their values in F32, which are finite. */
  readonly values?: HostData;
  /** How many values precede them. */
  readonly first: number;
}

/** All rows of a tensor, in order. */
export async function* blocksOf({ action, file, key }: SourceTensor): AsyncGenerator<TensorBlock> {
  const { shape, dtype, bytes: all } = file.tensors.get(key)!, each = all / sizeOf(shape);
  for (const { first, length } of cutRows(shape)) {
    const bytes = await file.readBytes(key, first * each, length * each);
    if (!floats.includes(dtype)) yield { bytes, first };
    else yield { bytes, first, values: finite(action, key, shape, decode(dtype, bytes), first) };
  }
}

/** The rows of a tensor in memory, which are to take the place of a file's. */
export function* valueBlocks(
  { action, key }: Pick<SourceTensor, "action" | "key">,
  { shape, data }: HostTensor,
): Generator<Required<Omit<TensorBlock, "bytes">>> {
  for (const { first, length } of cutRows(shape)) {
    const values = data.subarray(first, first + length);
    yield { first, values: finite(action, key, shape, values, first) };
  }
}

/** First value and length of each block. */
function* cutRows(shape: Shape): Generator<{ first: number; length: number }> {
  const size = sizeOf(shape), width = shape.length < 2 ? 1 : size / shape[0];
  if (size === 0) return;
  const most = Math.max(1, Math.floor(blockValues / width));
  for (const { start, count } of cutRange(size / width, most)) {
    yield { first: start * width, length: count * width };
  }
}

function finite(
  action: string,
  key: string,
  shape: Shape,
  values: HostData,
  first: number,
): HostData {
  const at = nonFiniteAt(values);
  if (at < 0) return values;
  throw new RangeError(
    `${action} ${quote(key)}: values must be finite in F32, found ${values[at]} at ${
      formatShape(positionIn(shape, first + at))
    }`,
  );
}
