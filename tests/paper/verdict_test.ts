import { assertEquals, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { agreement, type Rational, verdictOf } from "../../src/paper/mod.ts";
import { mean, parseDecimal, toNumber } from "../../src/paper/printed_number.ts";

const whole = (value: number | bigint): Rational => ({
  numerator: BigInt(value),
  denominator: 1n,
});

/** Unit, and how many of what is counted it stands for. */
const units = [["", 1n], ["%", 1n], ["M", 10n ** 6n], [" GB", 10n ** 9n], [
  " TB",
  10n ** 12n,
]] as const;

/** A whole number of 10^-places as it is printed, with separators. */
function print(steps: bigint, places: number, unit: string): string {
  const digits = String(steps).padStart(places + 1, "0");
  const point = digits.length - places;
  const integer = BigInt(digits.slice(0, point)).toLocaleString("en-US");
  return integer + (places > 0 ? `.${digits.slice(point)}` : "") + unit;
}

const floor = ({ numerator, denominator }: Rational): bigint => numerator / denominator;

/** A value, the digits that are shown of it, and the whole and broken part of it in the last digit's place. */
const cases = fc.record({
  numerator: fc.bigInt({ min: 0n, max: 10n ** 15n }),
  denominator: fc.bigInt({ min: 1n, max: 10n ** 4n }),
  places: fc.integer({ min: 0, max: 4 }),
  unit: fc.constantFrom(...units),
}).map(({ numerator, denominator, places, unit: [unit, factor] }) => {
  const scaled = {
    numerator: numerator * 10n ** BigInt(places),
    denominator: denominator * factor,
  };
  return { exact: { numerator, denominator }, scaled, places, unit };
});

Deno.test("what is printed by rounding is equal when rounded", () => {
  fc.assert(fc.property(cases, ({ exact, scaled, places, unit }) => {
    const { numerator, denominator } = scaled;
    const nearest = floor({
      numerator: 2n * numerator + denominator,
      denominator: 2n * denominator,
    });
    assertEquals(verdictOf(print(nearest, places, unit), exact), "equal when rounded");
  }));
});

Deno.test("halfway, both neighbors are equal when rounded", () => {
  const steps = fc.bigInt({ min: 0n, max: 10n ** 9n }), places = fc.integer({ min: 1, max: 6 });
  fc.assert(fc.property(steps, places, (below, places) => {
    const exact = { numerator: 2n * below + 1n, denominator: 2n * 10n ** BigInt(places) };
    for (const printed of [below, below + 1n]) {
      const { rounded, halfway } = agreement(print(printed, places, ""), exact);
      assertEquals([rounded, halfway], [true, true]);
    }
  }));
});

Deno.test("what is printed by cutting off is equal when truncated, or rounded where that is the same", () => {
  fc.assert(fc.property(cases, ({ exact, scaled, places, unit }) => {
    const found = agreement(print(floor(scaled), places, unit), exact);
    assertEquals(found.truncated, true);
    const { numerator, denominator } = scaled;
    const endsInZero = places === 0 && floor(scaled) % 10n === 0n;
    if (!endsInZero) assertEquals(found.rounded, 2n * (numerator % denominator) <= denominator);
  }));
});

Deno.test("a number two steps from the exact one differs", () => {
  const withPlaces = cases.filter(({ places }) => places > 0);
  fc.assert(fc.property(withPlaces, fc.boolean(), ({ exact, scaled, places, unit }, isAbove) => {
    const steps = floor(scaled) + (isAbove ? 2n : -1n);
    fc.pre(steps >= 0n);
    const found = agreement(print(steps, places, unit), exact);
    assertEquals([found.truncated, found.rounded && isAbove], [false, false]);
  }));
});

Deno.test("a unit changes nothing but the place", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e9 }), fc.integer({ min: 0, max: 999 }), (n, p) => {
      const printed = print(BigInt(p), 1, "");
      const plain = agreement(printed, { numerator: BigInt(n), denominator: 1_000_000n });
      assertEquals(agreement(`${printed}M`, whole(n)), plain);
    }),
  );
});

/** Each by hand: printed, exact, verdict. */
const byHand: [printed: string, exact: Rational, verdict: string][] = [
  ["0.4M", whole(491_520), "equal when truncated"],
  ["0.5M", whole(491_520), "equal when rounded"],
  ["0.35M", whole(393_216), "differs"],
  ["175,255.8M", whole(175_255_750_000), "equal when rounded"],
  ["175,255.8M", whole(175_255_749_999), "differs"],
  ["23.00M", whole(23_002_848), "equal when rounded"],
  ["23.00M", whole(23_006_000), "equal when truncated"],
  ["89.0", parseDecimal("89.05"), "equal when rounded"],
  ["89.1", parseDecimal("89.05"), "equal when rounded"],
  ["89.1", parseDecimal("89.0499"), "differs"],
  ["+5.0%", parseDecimal("4.97"), "equal when rounded"],
  ["around 2", parseDecimal("1.879"), "equal when rounded"],
  ["roughly 35 MB", whole(37_748_736), "differs"],
  // Zeros at the end of a whole number are no digits.
  ["350 GB", whole(349_208_518_656), "equal when rounded"],
  ["350 GB", whole(344_999_999_999), "differs"],
  ["350 GB", whole(355_000_000_001), "equal when truncated"],
  ["10,000 times", whole(9_251), "differs"],
  ["10,000 times", whole(9_500), "equal when rounded"],
  ["10,000 times", whole(19_999), "equal when truncated"],
  ["10.0", parseDecimal("9.95"), "equal when rounded"],
  ["10.0", parseDecimal("9.94"), "differs"],
  ["20", parseDecimal("21.6"), "equal when rounded"],
  ["0", whole(0), "equal when rounded"],
  ["0.01%", parseDecimal("0.0108"), "equal when rounded"],
  ["2/3", parseDecimal("0.6666"), "equal when rounded"],
  ["2/3", parseDecimal("0.9"), "equal when truncated"],
  ["2/3", parseDecimal("0.5"), "equal when rounded"],
  ["2/3", parseDecimal("0.49"), "differs"],
];

for (const [printed, exact, verdict] of byHand) {
  Deno.test(`${printed} for ${toNumber(exact)}: ${verdict}`, () =>
    assertEquals(verdictOf(printed, exact), verdict));
}

Deno.test("what is not a printed number is refused", () => {
  for (
    const text of ["", "M", "1.2.3", "70.4 ± 0.1", "5e-4", "12 apples", "1/", "-3", "1 toString"]
  ) {
    assertThrows(() => agreement(text, whole(1)), SyntaxError, `known unit, found ${text}`);
  }
});

Deno.test("decimals, means and numbers are exact", () => {
  assertEquals(toNumber(mean(["87.6", "94.8", "90.2"].map(parseDecimal))), 1363 / 15);
  assertEquals(mean([whole(1), parseDecimal("0.5")]), { numerator: 15n, denominator: 20n });
  assertEquals(toNumber({ numerator: 2n ** 80n, denominator: 1n }), 2 ** 80);
  for (const text of ["", ".5", "1.", "-1", "1e3"]) {
    assertThrows(() => parseDecimal(text), SyntaxError, `found ${text}`);
  }
});
