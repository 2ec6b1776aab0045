/** The metrics by their names. @module */

import type { ReferencedOutput } from "../../src/data/mod.ts";
import { bleu, nist } from "./bleu.ts";
import { cider } from "./cider.ts";
import { meteor, type MeteorTables } from "./meteor.ts";
import { rougeL } from "./rouge_l.ts";

/** The name of a metric of generated text. */
export type TextMetric = "bleu" | "nist" | "meteor" | "rougeL" | "cider";

type Metric = (outputs: readonly ReferencedOutput[], tables?: MeteorTables) => number;

const metrics: Readonly<Record<TextMetric, Metric>> = { bleu, nist, meteor, rougeL, cider };

/** All metrics of generated text, in the order of the E2E scripts. */
export const textMetrics: readonly TextMetric[] = Object.keys(metrics) as TextMetric[];

/** Scores by the names of their metrics. METEOR without a table of paraphrases is another metric with another name. */
export type TextScores<Name extends TextMetric> =
  & Record<Exclude<Name, "meteor">, number>
  & ("meteor" extends Name ? Partial<Record<"meteor" | "meteorWithoutParaphrases", number>>
    : unknown);

/**
 * Scores of outputs by several metrics.
 *
 * @param tables METEOR's tables; without paraphrases its score is called `meteorWithoutParaphrases`. Default:
 * nothing beside exact words and stems.
 * @throws {RangeError} when there is no output, or one without a reference, or a text is too long.
 *
 * @example
 * ```ts
 * scoreTexts([{ output: "a cheap pub", references: ["a cheap pub"] }], ["bleu", "rougeL"]).rougeL; // 1
 * ```
 */
export function scoreTexts<Name extends TextMetric>(
  outputs: readonly ReferencedOutput[],
  names: readonly Name[],
  tables: MeteorTables = {},
): TextScores<Name> {
  const nameOf = (name: Name) =>
    name === "meteor" && !tables.paraphrases ? "meteorWithoutParaphrases" : name;
  const scores = names.map((name) => [nameOf(name), metrics[name](outputs, tables)]);
  return Object.fromEntries(scores) as TextScores<Name>;
}
