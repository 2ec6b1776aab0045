/** Widening the blocks of GGUF's quantized types, of 32 values each. @module */

import type { GgufTypeName } from "../core/gguf/types.ts";
import { float16ToFloat32 } from "../core/float16.ts";

/** The types whose values share a scale. */
export type BlockType = Extract<GgufTypeName, `Q${string}`>;

/**
 * Whole blocks as F32, as ggml widens them: with a scale d and a least value m, both in F16, and codes q,
 * Q4_0 is (q - 8) d, Q4_1 is q d + m, Q8_0 is q d with signed codes. A block's first 16 values are in the lower halves
 * of its bytes. Rounded once, where m is added: all else is exact.
 */
export function widenBlocks(
  type: BlockType,
  blocks: Uint8Array<ArrayBuffer>,
): Float32Array<ArrayBuffer> {
  const each = blockBytes[type],
    count = blocks.length / each,
    values = new Float32Array(32 * count);
  const [scales, least] = halvesOf(blocks, count, each);
  if (type === "Q8_0") widenBytes(blocks, values, scales);
  else if (type === "Q4_0") widenHalves(blocks, values, { each, scales, zero: 8 });
  else widenHalves(blocks, values, { each, scales, zero: 0, least });
  return values;
}

const blockBytes: Readonly<Record<BlockType, number>> = { Q4_0: 18, Q4_1: 20, Q8_0: 34 };

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

function widenBytes(blocks: Uint8Array, into: Float32Array, scales: Float32Array): void {
  for (let block = 0, at = 2, to = 0; block < scales.length; block++, at += 2) {
    const scale = scales[block];
    for (let i = 0; i < 32; i++) into[to++] = scale * (blocks[at++] << 24 >> 24);
  }
}

/** How blocks of 16 bytes with two codes each are widened. */
interface Halves {
  /** Bytes of a block, of which the codes are the last. */
  readonly each: number;
  readonly scales: Float32Array;
  /** The code that stands for 0. */
  readonly zero: number;
  /** What is added; nothing if there is none. */
  readonly least?: Float32Array;
}

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
