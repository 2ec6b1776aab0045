/** Whether a printed number is the exact one. @module */

import { parsePrinted, placeOf } from "./printed_number.ts";
import type { Rational } from "./rational.ts";

/** What a printed number is beside the exact one; `quoted` where there is none. */
export type CellVerdict = "equal when rounded" | "equal when truncated" | "differs" | "quoted";

/** By which custom a printed number follows from the exact one. */
export interface Agreement {
  /** It is a nearest number with the digits shown; halfway, both neighbours are. */
  readonly rounded: boolean;
  /** It is the exact number with further digits cut off. */
  readonly truncated: boolean;
  /** The exact number lies in the middle of two that have the digits shown. */
  readonly halfway: boolean;
}

/**
 * Compares a printed number with the exact one, in whole numbers and so without error. The digits shown
 * count: `0.4M` has one, `175,255.8M` seven. Zeros at the end of a whole number do not: `350 GB` has two,
 * and the exact number is brought to two as well.
 *
 * @throws {SyntaxError} when `printed` is no number with a known unit.
 *
 * @example
 * ```ts
 * import { agreement } from "@lowrank/core/paper";
 *
 * const exact = { numerator: 18_874_368n, denominator: 1n };
 * console.log(agreement("18.8M", exact).truncated); // true
 * console.log(agreement("18.9M", exact).rounded); // true
 * ```
 */
export function agreement(printed: string, exact: Rational): Agreement {
  const shown = parsePrinted(printed), place = placeOf(shown, exact);
  const denominator = exact.denominator * power(place);
  const rest = exact.numerator * shown.parts * power(-place) -
    shown.digits * power(shown.exponent - place) * denominator;
  const distance = rest < 0n ? -rest : rest;
  return {
    rounded: 2n * distance <= denominator,
    truncated: rest >= 0n && rest < denominator,
    halfway: 2n * distance === denominator,
  };
}

/**
 * The verdict of {@link agreement}; a number that is both is called rounded, as numbers usually are.
 *
 * @throws {SyntaxError} As {@link agreement}.
 */
export function verdictOf(printed: string, exact: Rational): CellVerdict {
  const { rounded, truncated } = agreement(printed, exact);
  if (rounded) return "equal when rounded";
  return truncated ? "equal when truncated" : "differs";
}

/** 10^exponent, or 1 where that is a fraction. */
const power = (exponent: number): bigint => 10n ** BigInt(Math.max(0, exponent));
