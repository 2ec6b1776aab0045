/** Whether a printed number agrees with the exact one. @module */

import { parsePrinted, placeOf } from "./printed_number.ts";
import type { Rational } from "./rational.ts";

/** How a printed number compares with the exact one; `quoted` if there is none. */
export type CellVerdict = "equal when rounded" | "equal when truncated" | "differs" | "quoted";

/** How a printed number follows from the exact one. */
export interface Agreement {
  /** It is the nearest number with the digits shown; halfway, both neighbors count. */
  readonly rounded: boolean;
  /** It is the exact number with further digits cut off. */
  readonly truncated: boolean;
  /** The exact number is exactly between two numbers with the digits shown. */
  readonly halfway: boolean;
}

/**
 * Compares a printed number with the exact one, in integers and so without rounding error, to the
 * digits shown: `0.4M` has one, `175,255.8M` seven. Trailing zeros of a whole number do not count:
 * `350 GB` has two digits, and the exact number is reduced to two as well.
 *
 * @throws {SyntaxError} when `printed` is not a number with a known unit.
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
 * The verdict of {@link agreement}; a number that is both rounded and truncated is called rounded.
 *
 * @throws {SyntaxError} As {@link agreement}.
 */
export function verdictOf(printed: string, exact: Rational): CellVerdict {
  const { rounded, truncated } = agreement(printed, exact);
  if (rounded) return "equal when rounded";
  return truncated ? "equal when truncated" : "differs";
}

/** 10^exponent, or 1 for negative exponents. */
const power = (exponent: number): bigint => 10n ** BigInt(Math.max(0, exponent));
