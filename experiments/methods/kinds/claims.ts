/** What is claimed of all methods on kinds of nouns: the rules of decision 0027. @module */

import said from "../../../src/paper/printed/claims.json" with { type: "json" };
import { grouped } from "../../../src/core/numbers.ts";
import { isShareAbove, parPoints, rounding, shareNoise, signed } from "../../differences.ts";
import { meanIn, type MethodsClaim, noiseNote } from "../claims.ts";
import type { MethodComparison } from "../comparison.ts";
import { averagesOfBase, fewExamples } from "../printed.ts";

const lora = "lora-qv", full = "full", prefixes = ["prefix-embedding", "prefix-layer"];

/** Methods of table 2 that the paper has below LoRA. */
const below = ["bitfit", "adapter-d"];

/** What is found without learning. */
export interface KindsChance {
  /** The share of the most frequent kind among the reported entries, in percent. */
  readonly frequent: number;
  /** Reported entries. */
  readonly texts: number;
}

/** Methods side by side, and chance. */
export type KindsComparison = MethodComparison & { readonly chance: KindsChance };

/** The claim of table 2. */
export const kindsClaims: readonly MethodsClaim<KindsComparison>[] = [{
  reads: [lora, ...below],
  text: "Table 2: LoRA does better than BitFit and than adapters D",
  rule:
    "when LoRA on q and v is better than BitFit and than adapters D by more than the noise floor, and above " +
    "the most frequent kind by more than two standard errors",
  ...said.table2,
  why: "LoRA is 2.9 points above adapters D, but no better than BitFit. All methods end between " +
    "48.5 and 52.9%, below the bag of words (57.0%): what this small encoder knows is the " +
    "limit (decision 0023), not how it is adapted. The rates of BitFit, of both prefixes and " +
    "of VeRA are the lowest that were tried: with a lower one they may be better, which would " +
    "speak against LoRA.",
  paper: [{ where: "table 2: average of RoBERTa base", rows: averagesOfBase }],
  ours: (compared) => [lora, ...below].map((key) => meanIn(compared.cell(key), 1)).join(", "),
  holds: (compared) => {
    const own = compared.cell(lora), { frequent, texts } = compared.chance;
    return below.every((key) => compared.isBetter(own, compared.cell(key))) &&
      isShareAbove(own.mean, frequent, texts);
  },
  found(compared) {
    const { frequent, texts } = compared.chance, noise = noiseNote(compared, "points");
    return `The most frequent kind: ${frequent.toFixed(1)}%. ${noise} Two standard errors of a ` +
      `share of ${texts} entries: ${(shareNoise(50, 50, texts) / Math.SQRT2).toFixed(1)} points.`;
  },
}];

/** Entries to train on. */
export const amounts: readonly number[] = [100, 1000, 10_000];

/** An amount as a size: `1,000 entries`. */
export const sizeOf = (examples: number): string => `${grouped(examples)} entries`;

const [fewest, more, most] = amounts.map(sizeOf);

const gapAt = (compared: MethodComparison, size: string) => {
  const of = (key: string) => compared.cell(key, size).mean;
  return (of(full) + of(lora) - of(prefixes[0]) - of(prefixes[1])) / 2;
};

/** How far LoRA is above full fine-tuning, in points. */
const above = (compared: MethodComparison, size: string) =>
  compared.cell(lora, size).mean - compared.cell(full, size).mean;

const noiseOf = ({ noise }: MethodComparison) => Number.isNaN(noise) ? 0 : noise;

/** Table 16. */
const paper = [{ where: "table 16", rows: fewExamples(sizeOf, amounts) }];

/** The claims of table 16. */
export const lowDataClaims: readonly MethodsClaim[] = [
  {
    reads: [full, lora, ...prefixes],
    text:
      "Table 16: with 100 examples both prefix methods are worse than full fine-tuning and LoRA",
    rule:
      "when at 100 entries full fine-tuning and LoRA are each better than both by more than the noise floor",
    ...said.table16Prefixes,
    paper,
    why: "Prefix-layer is 10 points below full fine-tuning, as in the paper; prefix-embedding is " +
      "level with LoRA. A guess: of 100 entries, fewer than 4 a kind, the new head learns most, " +
      "and it is trained in full beside every method.",
    ours: (compared) =>
      [...prefixes, full, lora].map((key) => compared.cell(key, fewest).mean.toFixed(1)).join(", "),
    holds: (compared) =>
      [full, lora].every((key) =>
        prefixes.every((prefix) =>
          compared.isBetter(compared.cell(key, fewest), compared.cell(prefix, fewest))
        )
      ),
    found: (compared) =>
      `In the order prefix-embedding, prefix-layer, full fine-tuning, LoRA. ${
        noiseNote(compared, "points")
      }`,
  },
  {
    reads: [full, lora, ...prefixes],
    text: "Table 16: the gap between prefixes and the others narrows with more examples",
    rule:
      "when the mean of full fine-tuning and LoRA less that of the two prefix methods is smaller at 10,000 " +
      "entries than at 100 by more than the noise floor",
    ...said.table16Gap,
    paper,
    why: "It is all but gone at 1,000 entries and back at 10,000, where prefix-layer stays 5.6 " +
      "points behind full fine-tuning: 500 steps of 16 entries read 8,000 of the 10,000 then. " +
      "The rates of both prefixes are the lowest that were tried.",
    ours: (compared) =>
      [fewest, more, most].map((size) => gapAt(compared, size).toFixed(1)).join(", "),
    holds: (compared) => gapAt(compared, fewest) - gapAt(compared, most) > noiseOf(compared),
    found: (compared) =>
      `Points at 100, 1,000 and 10,000 entries. ${noiseNote(compared, "points")}`,
  },
  {
    reads: [full, lora],
    text: "Table 16: LoRA does better than full fine-tuning on 100 examples, and as well on more",
    rule:
      "when LoRA is better than full fine-tuning at 100 entries by more than the noise floor, and at 1,000 " +
      `and 10,000 at most ${parPoints} points below it`,
    ...said.table16Lora,
    paper,
    why:
      "At 100 entries full fine-tuning is ahead, at 1,000 and 10,000 they are level. The rates " +
      "were chosen at 2,000 entries for all amounts; what each method would do with a rate of " +
      "its own at 100 was not tested. That the two are level at 1,000 and 10,000 is within the " +
      "noise.",
    ours: (compared) =>
      [fewest, more, most].map((size) => signed(above(compared, size))).join(", "),
    holds: (compared) =>
      above(compared, fewest) > noiseOf(compared) &&
      [more, most].every((size) => above(compared, size) >= -parPoints - rounding),
    found: (compared) =>
      `Points at 100, 1,000 and 10,000 entries. ${noiseNote(compared, "points")}`,
  },
  {
    reads: prefixes,
    text: "Table 16: with 100 examples prefix-layer does better than prefix-embedding",
    rule:
      "when prefix-layer is better at 100 entries by more than the noise floor; added in a review, after the " +
      "result was known, as the quoted sentence says it",
    ...said.table16Prefixes,
    paper,
    ours: (compared) =>
      prefixes.map((key) => compared.cell(key, fewest).mean.toFixed(1)).join(", "),
    holds: (compared) =>
      compared.isBetter(compared.cell(prefixes[1], fewest), compared.cell(prefixes[0], fewest)),
    found: (compared) =>
      `In the order prefix-embedding, prefix-layer. ${noiseNote(compared, "points")}`,
  },
];
