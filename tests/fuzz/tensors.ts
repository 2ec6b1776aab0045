/** Safetensors files in memory, good and corrupted. @module */

import fc from "npm:fast-check@4.10.2";
import { concatenate, jsonFiles, rareByteEdits } from "./mutations.ts";

/** A tensor with its values in F32 or its bytes, or only with its dtype: then its bytes count up from 0. */
export interface GoodTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype?: string;
  readonly values?: ArrayLike<number>;
  readonly bytes?: Uint8Array;
}

/** A file's metadata. */
export type Metadata = Readonly<Record<string, string>>;

const bitsOf: Readonly<Record<string, number>> = {
  ...{ BOOL: 8, F4: 4, F8_E4M3: 8, U8: 8, I8: 8, I16: 16, U16: 16, F16: 16, BF16: 16 },
  ...{ I32: 32, U32: 32, F32: 32, C64: 64, F64: 64, I64: 64, U64: 64 },
};

/** Dtypes that a good file may have. */
export const dtypes: readonly string[] = Object.keys(bitsOf);

/** Good files with tensors of every dtype. */
export const goodFiles: fc.Arbitrary<Uint8Array<ArrayBuffer>> = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom("a", "b", "h.0.attn.c_attn.weight", "lm_head.weight", ""),
    dtype: fc.constantFrom("F32", "F32", ...dtypes),
    // Two values of F4 are a byte.
    shape: fc.array(fc.nat(3), { maxLength: 3 }).map((shape) => [2, ...shape]),
  }),
  { maxLength: 4, selector: ({ name }) => name },
).map((tensors) => safetensors(tensors));

/** A good file. */
export function safetensors(
  tensors: readonly GoodTensor[],
  metadata?: Metadata,
): Uint8Array<ArrayBuffer> {
  let end = 0;
  const data = tensors.map(dataOf);
  const entries = tensors.map(({ name, shape, dtype = "F32" }, i) => {
    const begin = end;
    end += data[i].length;
    return [name, { dtype, shape, data_offsets: [begin, end] }];
  });
  const header = { ...(metadata && { __metadata__: metadata }), ...Object.fromEntries(entries) };
  return assemble(encode(header), concatenate(...data));
}

/** A good file with other metadata. */
export function withMetadata(file: Uint8Array, metadata: Metadata): Uint8Array<ArrayBuffer> {
  const { header, data } = partsOf(file);
  return assemble(encode({ ...header, __metadata__: metadata }), data);
}

/** A good file with another header, whose stated length may be too large by `more`. */
export function withHeader(
  file: Uint8Array,
  change: (header: Record<string, unknown>) => void,
  more = 0,
): Uint8Array<ArrayBuffer> {
  const { header, data } = partsOf(file);
  change(header);
  return assemble(encode(header), data, more);
}

/** The header and the values of a good file. */
export function partsOf(file: Uint8Array): { header: Record<string, unknown>; data: Uint8Array } {
  const { buffer, byteOffset } = file;
  const end = 8 + Number(new DataView(buffer, byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, end)));
  return { header, data: file.subarray(end) };
}

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

function dataOf({ shape, dtype = "F32", values, bytes }: GoodTensor): Uint8Array {
  if (bytes) return bytes;
  if (values) return new Uint8Array(Float32Array.from(values).buffer);
  const elements = shape.reduce((product, extent) => product * extent, 1);
  return Uint8Array.from({ length: elements * bitsOf[dtype] / 8 }, (_, i) => i % 60);
}

/** The length in 8 bytes, which `more` makes untrue, then the header and the values. */
function assemble(header: Uint8Array, data: Uint8Array, more = 0): Uint8Array<ArrayBuffer> {
  const start = new Uint8Array(8), length = BigInt(header.length + more);
  new DataView(start.buffer).setBigUint64(0, BigInt.asUintN(64, length), true);
  return concatenate(start, header, data);
}

/** Good files with edits of the header, odd values, a length that is not true, and corrupted bytes. */
export function safetensorsFiles(
  good: fc.Arbitrary<Uint8Array>,
): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  return good.map(partsOf).chain(({ header, data }) =>
    fc.tuple(headers(header), wrongLengths, oddValues, rareByteEdits()).map((
      [head, more, odd, corrupt],
    ) => corrupt(assemble(head, odd ? withValue(data, ...odd) : data, more)))
  );
}

function headers(good: object): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  const corrupted = jsonFiles(fc.constant(good), {
    values: [...dtypes, [0, 4], [2, 2], [2 ** 32, 2 ** 32], [0, 0], { format: "pt" }],
    keys: ["__metadata__", "dtype", "shape", "data_offsets", "b"],
  });
  return rarely(corrupted, encode(good), 1);
}

const wrongLengths = rarely(fc.constantFrom(1, -1, 2 ** 40, -1e6), 0, 12);

/** A place and what to put there: not a number, infinities, the largest and the smallest. */
const oddValues = rarely(
  fc.tuple(fc.nat(1e4), fc.constantFrom(NaN, Infinity, -Infinity, 3.4e38, 1e-45, -0)),
  undefined,
  3,
);

/** The usual value `weight` times as often as another one. */
function rarely<T, U>(others: fc.Arbitrary<T>, usual: U, weight: number): fc.Arbitrary<T | U> {
  return fc.oneof<[fc.WeightedArbitrary<U>, fc.WeightedArbitrary<T>]>(
    { weight, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: others },
  );
}

/** The data with one four-byte value replaced. */
function withValue(data: Uint8Array, at: number, value: number): Uint8Array {
  const bytes = data.slice(), places = Math.floor(bytes.length / 4);
  if (places > 0) new DataView(bytes.buffer).setFloat32(4 * (at % places), value, true);
  return bytes;
}
