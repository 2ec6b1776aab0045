/**
 * The types of values in GGUF files: floats, and blocks of codes with scales, which are only read.
 * Each is a value; all else iterates over the table.
 *
 * @module
 */

import { float16ToFloat32, type FloatDtype, floatTypes } from "../../core/float_types.ts";

/** A type of stored values. */
export interface GgufType {
  /** Its name in ggml. */
  readonly name: string;
  /** Values of a block: those that share a scale. */
  readonly blockValues: number;
  /** Bytes of a block. */
  readonly blockBytes: number;
  /** Whole blocks as F32, as ggml widens them; types of floats have none. */
  readonly widen?: (blocks: Uint8Array<ArrayBuffer>) => Float32Array<ArrayBuffer>;
}

const floats = (name: FloatDtype): GgufType => ({
  ...{ name, blockValues: 1, blockBytes: floatTypes[name].bits / 8 },
});

/**
 * A type of blocks with a scale d and codes q: d q and, with a least value m, d q + m; d and m are in F16. Rounded
 * once, where m is added: all else is exact.
 */
function blocks(
  name: string,
  blockBytes: number,
  into: (values: Float32Array, blocks: Uint8Array, halves: readonly Float32Array[]) => void,
): GgufType {
  const widen = (blocks: Uint8Array<ArrayBuffer>) => {
    const count = blocks.length / blockBytes, values = new Float32Array(blockValues * count);
    into(values, blocks, halvesOf(blocks, count, blockBytes));
    return values;
  };
  return { name, blockValues, blockBytes, widen };
}

/** Values of a block. */
const blockValues = 32;

/** The types that can be read, by their ids in a file. */
export const ggufTypes: ReadonlyMap<number, GgufType> = new Map([
  [0, floats("F32")],
  [1, floats("F16")],
  [
    2,
    blocks(
      "Q4_0",
      18,
      (values, blocks, [scales]) => widenHalves(blocks, values, { each: 18, scales, zero: 8 }),
    ),
  ],
  [
    3,
    blocks(
      "Q4_1",
      20,
      (values, blocks, [scales, least]) =>
        widenHalves(blocks, values, { each: 20, scales, zero: 0, least }),
    ),
  ],
  [8, blocks("Q8_0", 34, (values, blocks, [scales]) => widenBytes(blocks, values, scales))],
  [30, floats("BF16")],
]);

/** The two numbers in F16 that each block begins with; the second is none in most types. */
function halvesOf(blocks: Uint8Array, count: number, bytes: number): Float32Array[] {
  return [0, 2].map((offset) => {
    const bits = new Uint16Array(count);
    for (let block = 0, at = offset; block < count; block++, at += bytes) {
      bits[block] = blocks[at] | blocks[at + 1] << 8;
    }
    return float16ToFloat32(bits);
  });
}

/** Codes with a sign, a byte each. */
function widenBytes(blocks: Uint8Array, into: Float32Array, scales: Float32Array): void {
  for (let block = 0, at = 2, to = 0; block < scales.length; block++, at += 2) {
    const scale = scales[block];
    for (let i = 0; i < 32; i++) into[to++] = scale * (blocks[at++] << 24 >> 24);
  }
}

/** Layout of blocks that end in 16 bytes with two codes each. */
interface Halves {
  /** Bytes of a block, of which the codes are the last. */
  readonly each: number;
  readonly scales: Float32Array;
  /** The code that stands for 0. */
  readonly zero: number;
  /** The least values, which are added; absent where there are none. */
  readonly least?: Float32Array;
}

/** Codes in halves of bytes: a block's first 16 values are in the lower ones. */
function widenHalves(
  blocks: Uint8Array,
  into: Float32Array,
  { each, scales, zero, least }: Halves,
): void {
  for (let block = 0, at = each - 16, to = 0; block < scales.length; block++, to += 16) {
    const scale = scales[block], added = least ? least[block] : -0; // -0 changes no sign
    for (let i = 0; i < 16; i++, to++) {
      const byte = blocks[at + i];
      into[to] = scale * ((byte & 15) - zero) + added;
      into[to + 16] = scale * ((byte >> 4) - zero) + added;
    }
    at += each;
  }
}
