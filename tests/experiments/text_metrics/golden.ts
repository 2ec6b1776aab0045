/** Scores by the code of the E2E scripts, made by `scripts/golden/text_metrics.py`. @module */

import type { MeteorStatistics } from "../../../experiments/text_metrics/meteor.ts";
import { sourceText } from "../../../scripts/support/source_files.ts";

interface Golden {
  /** The texts, their tokens and their own scores. */
  readonly texts: readonly {
    readonly output: string;
    readonly references: readonly string[];
    readonly tokens: string;
    readonly referenceTokens: readonly string[];
    readonly rougeL: number;
    readonly cider: number;
  }[];
  /** Of all together. */
  readonly scores: Readonly<Record<"bleu" | "nist" | "rougeL" | "cider", number>>;
  /** METEOR's statistics and scores by the modules that it used. */
  readonly meteor: Readonly<
    Record<string, {
      readonly stats: readonly string[];
      readonly scores: readonly number[];
      readonly score: number;
    }>
  >;
  /** Stems of words. */
  readonly stems: Readonly<Record<string, string>>;
}

/** All of them. */
export const golden: Golden = JSON.parse(sourceText("tests/experiments/text_metrics/golden.json"));

/** The counts in the order in which METEOR's jar prints them. */
export function jarNumbers(
  { lengths, functionWords, matches, chunks }: MeteorStatistics,
): number[] {
  const all = Object.values(matches).flat(2),
    sum = (at: number) => Object.values(matches).flat().reduce((sum, pair) => sum + pair[at], 0);
  return [...lengths, ...functionWords, ...all, chunks, sum(0), sum(1)];
}
