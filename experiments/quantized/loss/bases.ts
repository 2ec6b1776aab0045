/** The bases of `quantized-loss`. @module */

import type { StorageOptions } from "../../../src/models/mod.ts";

/** A storage form of a base. */
export interface LossBase {
  /** Its name in tables and claims. */
  readonly label: string;
  /** Options of `loadModel`; in F32 if they are empty. */
  readonly options: StorageOptions;
}

/** A base in 4 bits. */
const inFourBits = (
  dtype: "nf4" | "fp4",
  blockSize: number,
  doubleQuantization = true,
): LossBase => ({
  label: `${dtype.toUpperCase()}, ${blockSize}${doubleQuantization ? "" : ", scales in F32"}`,
  options: { dtype, blockSize, doubleQuantization },
});

/** The base that QLoRA is compared with. */
export const inF32: LossBase = { label: "F32", options: {} };

/** QLoRA's own: NF4, blocks of 64, double quantization. */
export const qloraBase: LossBase = inFourBits("nf4", 64);

/** The base in FP4. */
export const fp4Base: LossBase = inFourBits("fp4", 64);

/** The base in NF4 with scales in F32. */
export const singleBase: LossBase = inFourBits("nf4", 64, false);

/** The smallest blocks. */
export const smallBlocks: LossBase = inFourBits("nf4", 32);

/** The largest blocks. */
export const largeBlocks: LossBase = inFourBits("nf4", 256);

/** Bases that the rules read, which are enough for a quick run. */
export const readBases: readonly LossBase[] = [
  inF32,
  qloraBase,
  fp4Base,
  singleBase,
  smallBlocks,
  largeBlocks,
];

/** All bases of decision 0033. */
export const lossBases: readonly LossBase[] = [
  inF32,
  ...[smallBlocks, qloraBase, inFourBits("nf4", 128), largeBlocks],
  ...[inFourBits("fp4", 32), fp4Base, inFourBits("fp4", 128), inFourBits("fp4", 256)],
  singleBase,
];
