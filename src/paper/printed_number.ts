/** Numbers as papers print them. @module */

import type { Rational } from "./rational.ts";

/** A printed number, `digits` · 10^`exponent` / `parts`, where `parts` is 3 in `2/3`. */
export interface PrintedNumber {
  /** All digits shown, without trailing zeros of a whole number. */
  readonly digits: bigint;
  /** Decimal exponent of the last digit, including the unit's power of ten. */
  readonly exponent: number;
  /** Whether trailing zeros were left out: they may only be placeholders. */
  readonly isRound: boolean;
  /** Denominator of a printed fraction, else 1. */
  readonly parts: bigint;
}

/** Powers of ten of units; percentages and factors have none. */
const units: Readonly<Record<string, number>> = {
  "": 0,
  "%": 0,
  times: 0,
  "×": 0,
  K: 3,
  M: 6,
  MB: 6,
  B: 9,
  GB: 9,
  TB: 12,
};

const number = /^(?:around |roughly )?\+?([\d,]+)(?:\.(\d+))?\s*(\D*)$/;

/**
 * Reads `175,255.8M`, `+2.2%`, `350 GB`, `around 2`, `roughly 35 MB` or `2/3`.
 *
 * @throws {SyntaxError} when it is not such a number.
 */
export function parsePrinted(text: string): PrintedNumber {
  const [shown, parts = "1"] = text.split("/");
  const [, whole, fraction = "", unit] = number.exec(shown) ?? [];
  if (whole === undefined || !Object.hasOwn(units, unit) || !/^\d+$/.test(parts)) {
    throw new SyntaxError(`a printed number must be digits with a known unit, found ${text}`);
  }
  const all = whole.replaceAll(",", "") + fraction;
  const digits = fraction === "" ? all.replace(/(?<=.)0+$/, "") : all;
  const zeros = all.length - digits.length;
  return {
    digits: BigInt(digits),
    exponent: units[unit] - fraction.length + zeros,
    isRound: zeros > 0,
    parts: BigInt(parts),
  };
}

/** A printed number as a JavaScript number. */
export function printedValue(text: string): number {
  const { digits, exponent, parts } = parsePrinted(text);
  return Number(`${digits}e${exponent}`) / Number(parts);
}

/** The decimal place to which a value is compared: as many digits as are printed. */
export function placeOf({ digits, exponent, isRound }: PrintedNumber, exact: Rational): number {
  if (!isRound) return exponent;
  const { length } = String(exact.numerator / exact.denominator);
  return Math.min(exponent, length - String(digits).length);
}
