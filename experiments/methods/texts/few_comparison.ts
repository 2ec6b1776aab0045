/** Methods with few, more and all examples, as the rules on table 16 read them. @module */

import type { ComparedMethods } from "../claims.ts";
import { type Difference, differenceOf, TextResult } from "./differences.ts";
import type { TextRow } from "./rows.ts";

/** Methods side by side at three numbers of examples. */
export interface FewComparison extends ComparedMethods {
  /** The three, as sizes: `100 texts`. */
  readonly sizes: readonly [fewest: string, more: string, all: string];
  /** Reported texts. */
  readonly texts: number;
  /** The share of the most frequent label, in percent. */
  readonly frequent: number;
  /** The mean accuracy of a method at a size, in percent. */
  meanOf(key: string, size: string): number;
  /** A method at a size less another there, or at another size. */
  difference(a: string, b: string, size: string, other?: string): Difference;
  /** The gap between prefixes and the others at the fewest, less the gap with all. */
  narrowing(): Difference;
}

/** The methods of (full + LoRA − the two prefixes) / 2. */
const gap = { full: 0.5, "lora-qv": 0.5, "prefix-embedding": -0.5, "prefix-layer": -0.5 };

/** The rows of all numbers of examples, side by side. */
export function compareFew(rows: readonly TextRow[]): FewComparison {
  const trained = rows.filter(({ family }) => family !== "baseline"), [{ texts }] = trained;
  const groups = [...Map.groupBy(trained, ({ size }) => size)];
  const results = new Map(groups.map(([size, own]) => [size, new TextResult(own, true)]));
  const sizes = [...results.keys()] as [string, string, string];
  const at = (key: string, size: string) => results.get(size)!.cell(key);
  return {
    ...{ sizes, texts },
    frequent: rows.find(({ key }) => key === "frequent")!.value,
    has: (...keys) => keys.every((key) => rows.some((row) => row.key === key)),
    meanOf: (key, size) => at(key, size).mean,
    difference: (a, b, size, other = size) => differenceOf([[at(a, size), 1], [at(b, other), -1]]),
    narrowing: () => {
      const [fewest, , all] = sizes;
      return differenceOf(
        Object.entries(gap).flatMap(([key, weight]) => [
          [at(key, fewest), weight],
          [at(key, all), -weight],
        ]),
      );
    },
  };
}
