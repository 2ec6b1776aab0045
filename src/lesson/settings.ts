/** What a lesson is made from, and how it is learned. @module */

import { assertOptions, type OptionNames } from "../core/options.ts";
import { quote } from "../core/quote.ts";

/** The ways to begin. */
export const lessonStarts = [
  "kaiming",
  "gaussian",
  "turned",
  "random",
  "small",
  "zero",
  "pissa",
  "olora",
] as const;

/**
 * How A and B begin: `kaiming` and `gaussian` draw A and leave B zero; `turned` draws B and leaves A zero;
 * `random` draws both, `small` both within a twentieth of that; with `zero` both are zero; `pissa` and
 * `olora` take directions out of W₀.
 */
export type LessonStart = typeof lessonStarts[number];

/** All that a lesson depends on: the same settings give the same numbers, in a page and in Deno. */
export interface LessonSettings {
  /** Inputs and outputs: 2, a circle that becomes an ellipse, or 16. Default: 16. */
  readonly width: 2 | 16;
  /** Rank of D, what is to be learned, at most the width. Default: 4, or 1 of width 2. */
  readonly shiftRank: number;
  /** r, the rank of B A. Default: 4, or 1 of width 2. */
  readonly rank: number;
  /** α; the product is scaled by s = α / r. Default: r. */
  readonly alpha: number;
  /** η of AdamW, for LoRA and for full fine-tuning. Default: 0.02. */
  readonly learningRate: number;
  /** How A and B begin. Default: `kaiming`. */
  readonly start: LessonStart;
  /** The longest axis of the inputs over the shortest: 1 is round. Default: 1. */
  readonly spread: number;
  /** Seed of W₀, D, the inputs, A and B. Default: 8, whose ellipses are wide. */
  readonly seed: number;
}

const names: OptionNames<LessonSettings> = {
  ...{ width: true, shiftRank: true, rank: true, alpha: true },
  ...{ learningRate: true, start: true, spread: true, seed: true },
};

const ranks = { 2: { shiftRank: 1, rank: 1 }, 16: { shiftRank: 4, rank: 4 } } as const;

/**
 * The settings, with the default for each that is not given.
 *
 * @throws {TypeError} when a setting does not exist.
 * @throws {RangeError} when one has a value that it cannot have.
 */
export function lessonSettings(given: Partial<LessonSettings> = {}): LessonSettings {
  assertOptions("openLesson", given, names);
  const { width = 16 } = given, rest = { learningRate: 0.02, start: "kaiming", spread: 1, seed: 8 };
  assertOneOf("width", width, [2, 16]);
  const { rank = ranks[width].rank } = given;
  const settings = { width, ...ranks[width], ...rest, alpha: rank, ...given } as LessonSettings;
  assertOneOf("start", settings.start, lessonStarts);
  const upToWidth = Array.from({ length: width }, (_, i) => i + 1);
  for (const name of ["rank", "shiftRank"] as const) assertOneOf(name, settings[name], upToWidth);
  if (!(settings.spread >= 1 && Number.isFinite(settings.spread))) {
    throw new RangeError(`spread of a lesson must be at least 1, found ${quote(settings.spread)}`);
  }
  return settings;
}

function assertOneOf<T>(name: string, found: T, values: readonly T[]): void {
  if (values.includes(found)) return;
  throw new RangeError(`${name} of a lesson is one of ${values.join(", ")}, found ${quote(found)}`);
}
