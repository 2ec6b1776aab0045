/** Tables 2, 6 and 16 as methods on texts, for rules to be tried on (decision 0052). @module */

import { mean } from "../../../src/core/numbers.ts";
import { measured } from "../../../src/paper/printed/mod.ts";
import type { PrintedCase } from "../../frame/mod.ts";
import { chance, glue, noiseOf, noiseOnGlue } from "../printed.ts";
import type { Difference, FewComparison, TextComparison } from "./rows.ts";

/** A difference of printed means, with the noise of printed spreads. */
const printed = (points: number, noise = NaN): Difference => {
  return { points, seedVariance: (noise / 2) ** 2, textVariance: 0, seeds: 1, freedom: 0 };
};

/** Tasks that are measured by a correlation, which is 0 by chance. */
const correlations = ["CoLA", "STS-B"];

/**
 * Printed accuracies as methods side by side; of the most frequent label the most that it can have.
 *
 * @param noise That of an average over the tasks.
 */
function printedTexts(
  tasks: readonly string[],
  keys: readonly string[],
  valueOf: (key: string, task: string) => number,
  noise?: number,
): TextComparison {
  const averageOf = (key: string) => mean(tasks.map((task) => valueOf(key, task)));
  return {
    has: (...wanted) => wanted.every((key) => keys.includes(key)),
    averageOf,
    difference: (a, b) => printed(averageOf(a) - averageOf(b), noise),
    tasks: tasks.map((task) => ({
      ...{ task, texts: chance.texts, bag: 0 },
      frequent: correlations.includes(task) ? 0 : chance.frequent,
      meanOf: (key) => valueOf(key, task),
      difference: (a, b) => printed(valueOf(a, task) - valueOf(b, task)),
    })),
  };
}

/** Rows of table 2 on every task. */
function rowsOnGlue(rows: Readonly<Record<string, string>>): TextComparison {
  const valueOf = (key: string, task: string) => Number(measured("table2", rows[key], task));
  return printedTexts(glue, Object.keys(rows), valueOf, noiseOnGlue(Object.entries(rows)));
}

/** RoBERTa base. */
export const onBase: TextComparison = rowsOnGlue({
  "lora-qv": "RoBERTa base, LoRA",
  full: "RoBERTa base, FT",
  bitfit: "RoBERTa base, BitFit",
  "adapter-d": "RoBERTa base, Adapter D (0.9M)",
});

/** RoBERTa large with 0.8M values, and the same batches, lengths and start for all. */
export const onLarge: TextComparison = rowsOnGlue({
  "lora-qv": "RoBERTa large †, LoRA",
  "adapter-h": "RoBERTa large †, Adapter H (0.8M)",
  "adapter-p": "RoBERTa large †, Adapter P (0.8M)",
});

/** Full fine-tuning and LoRA of every model. */
export const onGlue: readonly PrintedCase<TextComparison>[] = [
  "RoBERTa base",
  "RoBERTa large",
  "DeBERTa XXL",
].map((model) => {
  const rows = rowsOnGlue({ "lora-qv": `${model}, LoRA`, full: `${model}, FT` });
  return { where: `table 2: ${model}`, rows };
});

/** r = 1 and r = 8 of some matrices in table 6. */
const ranksOf = (words: string, sites: string): PrintedCase<TextComparison> => {
  const rankOf = (key: string) => key === "lora-qv" ? "r = 8" : "r = 1";
  const valueOf = (key: string, task: string) =>
    Number(measured("table6", `${task}, ${sites}`, rankOf(key)));
  const rows = printedTexts(["WikiSQL", "MNLI"], ["lora-qv", "lora-qv-1"], valueOf);
  return { where: `table 6: ${words}`, rows };
};

/** q and v, of which one rank is enough. */
export const ranksOfBoth = ranksOf("q and v", "W_q, W_v");

/** q alone, of which it is not. */
export const ranksOfQuery = ranksOf("q alone", "W_q");

/** The rows of table 16 under the keys of our methods. */
const fewRows = {
  full: "FT",
  "lora-qv": "LoRA",
  "prefix-embedding": "PreEmbed",
  "prefix-layer": "PreLayer",
};

/** Table 16 with one of its columns for all examples; its ±0.3 is the spread of single runs. */
function printedFew(most: string): FewComparison {
  const sizes = ["100", "1k", most] as const, noise = noiseOf([0.3], 1);
  const meanOf = (key: string, size: string) =>
    Number(measured("table16", fewRows[key as keyof typeof fewRows], size));
  const gapAt = (size: string) => {
    const [full, lora, ...prefixes] = Object.keys(fewRows).map((key) => meanOf(key, size));
    return mean([full, lora]) - mean(prefixes);
  };
  return {
    ...chance,
    sizes,
    has: (...keys) => keys.every((key) => key in fewRows),
    meanOf,
    difference: (a, b, size, other = size) => printed(meanOf(a, size) - meanOf(b, other), noise),
    // A difference of two gaps has the variance of a difference: each is half of four means.
    narrowing: () => printed(gapAt("100") - gapAt(most), noise),
  };
}

/** Table 16 to 10,000 examples, as many as ours, and to all of its own. */
export const fewOnPaper: readonly PrintedCase<FewComparison>[] = ["10k", "392K"].map((most) => {
  return { where: `table 16: to ${most}`, rows: printedFew(most) };
});
