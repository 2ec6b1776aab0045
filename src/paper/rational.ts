/** Exact fractions. @module */

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

/** As a number, from the first 20 decimal places. */
export function toNumber({ numerator, denominator }: Rational): number {
  return Number(`${numerator * 10n ** 20n / denominator}e-20`);
}
