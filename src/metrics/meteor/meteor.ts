/** METEOR: words aligned with those of people, also by stem, synonym and paraphrase. @module */

import { captionTokens } from "../caption_tokens.ts";
import { assertReferenced, type ReferencedOutput, scoredTokens } from "../referenced_output.ts";
import { align } from "./align.ts";
import type { Match, MeteorModule } from "./matches.ts";
import type { MeteorTables } from "./tables.ts";
import { isFunctionWord, meteorWords } from "./words.ts";

/** Recall against precision, the shape and the size of the penalty, content words against others. */
const alpha = 0.85, beta = 0.2, gamma = 0.6, delta = 0.75;

/** What a match of each module is worth. */
const weights: Readonly<Record<MeteorModule, number>> = {
  exact: 1,
  stem: 0.6,
  synonym: 0.8,
  paraphrase: 0.6,
};

/**
 * METEOR 1.5 for English, of a whole set of outputs, between 0 and 1:
 *
 * score = (1 − γ · (chunks / matches)^β) · F, F = P · R / (α · P + (1 − α) · R), α = 0.85, β = 0.2, γ = 0.6.
 * P = weighted matches / weighted length of the outputs, R the same of the references. A word weighs
 * δ = 0.75, a function word 1 − δ; a match has the weight of its words times 1 (the same word), 0.6 (the same
 * stem), 0.8 (a synonym) or 0.6 (a paraphrase). Matches are the mean of the matched words in both texts;
 * chunks are spans that are contiguous in both.
 *
 * Of each output the reference with the best score counts, of equally good ones the first; all sums are
 * over the set. Without a table of paraphrases it is another metric, lower as a rule, which `scoreTexts` calls
 * `meteorWithoutParaphrases`; without one of synonyms that module finds nothing either.
 *
 * Source: Denkowski and Lavie 2014, sections 2 and 3; METEOR 1.5 as coco-caption calls it
 * (`-l en -norm`), on {@link captionTokens}.
 *
 * @throws {RangeError} when there is no output, or one without a reference, or a text is too long: beyond 10,000
 * tokens, or 131,072 pairs of matching words.
 *
 * @example
 * ```ts
 * import { meteor } from "@lowrank/core/metrics";
 * meteor([{ output: "the pub serves food", references: ["the pubs serve food"] }]); // by stems
 * ```
 */
export function meteor(outputs: readonly ReferencedOutput[], tables: MeteorTables = {}): number {
  assertReferenced("METEOR", outputs);
  return meteorScore(addStatistics(outputs.map((output) => meteorStatistics(output, tables))));
}

/** What METEOR counts; texts are the output and the reference. */
export interface MeteorStatistics {
  /** Words of both texts. */
  readonly lengths: Pair;
  /** Function words among them. */
  readonly functionWords: Pair;
  /** Matched words of both texts by module: content words, then function words. */
  readonly matches: Readonly<Record<MeteorModule, readonly [content: Pair, functional: Pair]>>;
  /** Spans that are contiguous in both. */
  readonly chunks: number;
}

/** A number for the output and one for the reference. */
type Pair = readonly [output: number, reference: number];

const modules = Object.keys(weights) as MeteorModule[];

/** The counts of an output with the reference for which its score is best. */
export function meteorStatistics(
  { output, references }: ReferencedOutput,
  tables: MeteorTables,
): MeteorStatistics {
  const words = wordsOf(output);
  let best: MeteorStatistics | undefined, score = -1;
  for (const reference of references) {
    const statistics = statisticsOf(words, wordsOf(reference), tables),
      other = meteorScore(statistics);
    if (other <= score) continue;
    best = statistics;
    score = other;
  }
  return best!;
}

const wordsOf = (text: string): string[] =>
  meteorWords(scoredTokens(text, captionTokens).join(" "));

function statisticsOf(
  output: readonly string[],
  reference: readonly string[],
  tables: MeteorTables,
): MeteorStatistics {
  const alignment = align({ output, reference }, tables);
  const functional = (words: readonly string[]) => words.filter(isFunctionWord).length;
  const matched = (module: MeteorModule, isFunctional: boolean): Pair => {
    const own = alignment.filter((match) => match.module === module);
    const count = (words: readonly string[]) =>
      words.filter((word) => isFunctionWord(word) === isFunctional).length;
    return [
      count(own.flatMap((match) => outputWords(match, output))),
      count(own.flatMap(({ start, length }) => reference.slice(start, start + length))),
    ];
  };
  const matches = modules.map((
    module,
  ) => [module, [matched(module, false), matched(module, true)]]);
  return {
    lengths: [output.length, reference.length],
    functionWords: [functional(output), functional(reference)],
    matches: Object.fromEntries(matches) as MeteorStatistics["matches"],
    chunks: chunksOf(alignment),
  };
}

const outputWords = ({ outputStart, outputLength }: Match, output: readonly string[]) =>
  output.slice(outputStart, outputStart + outputLength);

/** A chunk ends where the next match does not follow in both texts. */
const chunksOf = (alignment: readonly Match[]): number =>
  alignment.filter(({ start, outputStart }, i) => {
    const before = alignment[i - 1];
    return !before || before.start + before.length !== start ||
      before.outputStart + before.outputLength !== outputStart;
  }).length;

const addPairs = (pairs: readonly Pair[]): Pair =>
  pairs.reduce(([a, b], [c, d]) => [a + c, b + d], [0, 0]);

const matchedWords = ({ matches }: MeteorStatistics): Pair =>
  addPairs(Object.values(matches).flat());

/** Whether all words of both texts are matched in one chunk, which is no fragmentation. */
function isWhole(statistics: MeteorStatistics): boolean {
  const [output, reference] = matchedWords(statistics), { lengths, chunks } = statistics;
  return output === lengths[0] && reference === lengths[1] && chunks === 1;
}

function addStatistics(all: readonly MeteorStatistics[]): MeteorStatistics {
  const added = modules.map((module) => [
    module,
    [0, 1].map((kind) => addPairs(all.map(({ matches }) => matches[module][kind]))),
  ]);
  return {
    lengths: addPairs(all.map(({ lengths }) => lengths)),
    functionWords: addPairs(all.map(({ functionWords }) => functionWords)),
    matches: Object.fromEntries(added) as MeteorStatistics["matches"],
    chunks: all.reduce((sum, one) => sum + (isWhole(one) ? 0 : one.chunks), 0),
  };
}

/** The score of such counts. */
export function meteorScore(statistics: MeteorStatistics): number {
  const { lengths, functionWords, matches, chunks } = statistics;
  const [precision, recall] = [0, 1].map((text) => {
    const length = delta * (lengths[text] - functionWords[text]) +
      (1 - delta) * functionWords[text];
    const matched = modules.reduce((sum, module) => {
      const [content, functional] = matches[module];
      return sum + weights[module] * (delta * content[text] + (1 - delta) * functional[text]);
    }, 0);
    return matched / length;
  });
  const [output, reference] = matchedWords(statistics);
  if (output + reference === 0) return 0;
  const mean = 1 / ((1 - alpha) / precision + alpha / recall);
  const fragmentation = isWhole(statistics) ? 0 : chunks / ((output + reference) / 2);
  return mean * (1 - gamma * fragmentation ** beta);
}
