/**
 * Numbers as papers print them, exact fractions, and the verdict on whether the two agree.
 *
 * @module
 */

// Printed numbers.

/** A printed number, `digits` · 10^`exponent` / `parts`, where `parts` is 3 in `2/3`. */
export interface PrintedNumber {
  /** All digits shown, without trailing zeros of a whole number. */
  readonly digits: bigint;
  /** Decimal exponent of the last digit, including the unit's power of ten. */
  readonly exponent: number;
  /** True if trailing zeros were left out: they may only be placeholders. */
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
function placeOf({ digits, exponent, isRound }: PrintedNumber, exact: Rational): number {
  if (!isRound) return exponent;
  const { length } = String(exact.numerator / exact.denominator);
  return Math.min(exponent, length - String(digits).length);
}

// Exact fractions.

/** A fraction of integers. */
export interface Rational {
  /** The numerator. */
  readonly numerator: bigint;
  /** The denominator, a positive integer. */
  readonly denominator: bigint;
}

/**
 * A decimal such as `1449.4`, digit by digit.
 *
 * @throws {SyntaxError} when it is not one.
 */
export function parseDecimal(text: string): Rational {
  const match = /^(\d+)(?:\.(\d+))?$/.exec(text);
  if (!match) {
    throw new SyntaxError(`a decimal must be digits with at most one point, found ${text}`);
  }
  const [, whole, fraction = ""] = match;
  return { numerator: BigInt(whole + fraction), denominator: 10n ** BigInt(fraction.length) };
}

/** The mean of one or more fractions. */
export function mean(values: readonly Rational[]): Rational {
  const { numerator, denominator } = values.reduce(add);
  return { numerator, denominator: denominator * BigInt(values.length) };
}

function add(a: Rational, b: Rational): Rational {
  return {
    numerator: a.numerator * b.denominator + b.numerator * a.denominator,
    denominator: a.denominator * b.denominator,
  };
}

/** Converts to a number, from the first 20 decimal places. */
export function toNumber({ numerator, denominator }: Rational): number {
  return Number(`${numerator * 10n ** 20n / denominator}e-20`);
}

// Verdicts.

/** Result of comparing a printed number with the exact one; `quoted` if there is none. */
export type CellVerdict = "equal when rounded" | "equal when truncated" | "differs" | "quoted";

/** Agreement of a printed number with the exact one. */
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
