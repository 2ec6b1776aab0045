/** The values that bitsandbytes' codes stand for. @module */

/** Names of the 4-bit codes. */
export type FourBitCode = "nf4" | "fp4";

/**
 * Quantiles of the normal distribution, eight above 0 and seven below, and 0, over the largest of them
 * (Dettmers et al. 2023, appendix E).
 */
const nf4 = Float32Array.of(
  -1,
  -0.6961928009986877,
  -0.5250730514526367,
  -0.39491748809814453,
  -0.28444138169288635,
  -0.18477343022823334,
  -0.09105003625154495,
  0,
  0.07958029955625534,
  0.16093020141124725,
  0.24611230194568634,
  0.33791524171829224,
  0.44070982933044434,
  0.5626170039176941,
  0.7229568362236023,
  1,
);

/** A sign, two bits of exponent and one of fraction, in bitsandbytes' own order, over the largest, 12. */
const fp4 = [0, 0.0625, 8, 12, 4, 6, 2, 3];

const tables: Readonly<Record<FourBitCode, Float32Array>> = {
  nf4,
  fp4: Float32Array.from([...fp4, ...fp4.map((value) => 0 - value)], (value) => value / 12),
};

/** The names of all 4-bit codes. */
export const fourBitCodes: readonly FourBitCode[] = ["nf4", "fp4"];

/**
 * The 16 values of a 4-bit code in [-1, 1], by their codes: `quant_map` in bitsandbytes' files.
 *
 * @example
 * ```ts
 * import { codeValues } from "@lowrank/core/quant";
 *
 * console.log(codeValues("nf4")[15], codeValues("fp4")[3]); // 1 1
 * ```
 */
export function codeValues(code: FourBitCode): Float32Array {
  return tables[code].slice();
}

/**
 * The 256 values of bitsandbytes' dynamic map, ascending: `nested_quant_map` in its files, and `qmap1` of its
 * optimizers; unsigned, their `qmap2`.
 *
 * Each power of ten from 10⁻⁶ to 1 has twice as many values as the one below, evenly spaced between a tenth
 * of it and itself: up to 64 of either sign, or up to 128; 0 and 1 complete them (Dettmers et al. 2022, 8-bit
 * optimizers, section 2.1).
 *
 * @param signed Whether there are negative values. Default true.
 */
export function dynamicMap(signed = true): Float32Array {
  const values = [0, 1];
  for (let decade = 0; decade < 7; decade++) {
    const scale = Math.fround(10 ** (decade - 6));
    for (const middle of middles(2 ** (signed ? decade : decade + 1))) {
      const value = Math.fround(scale * middle);
      values.push(value, ...signed ? [-value] : []);
    }
  }
  return Float32Array.from(values).sort();
}

/**
 * The middles of equal parts of [0.1, 1], to the bits of `torch.linspace` in F32: the bounds come from the nearer end,
 * with a fused multiply-add.
 */
function middles(parts: number): number[] {
  const { fround } = Math, first = fround(0.1), step = fround(fround(1 - first) / parts);
  const bounds = Array.from(
    { length: parts + 1 },
    (_, i) => fround(i < (parts + 1) >> 1 ? first + step * i : 1 - step * (parts - i)),
  );
  return bounds.slice(1).map((bound, i) => fround(fround(bounds[i] + bound) / 2));
}
