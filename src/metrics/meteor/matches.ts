/** All matches between the words of an output and of a reference. @module */

import { mostWordMatches } from "../../core/limits.ts";
import { grouped } from "../../core/numbers.ts";
import { englishStem } from "./stem.ts";
import { meaningsOf, type MeteorTables, type ParaphraseTable } from "./tables.ts";

/** A module of METEOR. */
export type MeteorModule = "exact" | "stem" | "synonym" | "paraphrase";

/** A match of a phrase of the output with a phrase of the reference. */
export interface Match {
  /** What found it. */
  readonly module: MeteorModule;
  /** Its first word in the reference. */
  readonly start: number;
  /** Its words in the reference. */
  readonly length: number;
  /** Its first word in the output. */
  readonly outputStart: number;
  /** Its words in the output. */
  readonly outputLength: number;
}

/** Words of an output and of a reference. */
export interface WordPair {
  /** Of the output. */
  readonly output: readonly string[];
  /** Of the reference. */
  readonly reference: readonly string[];
}

/**
 * All matches by the word of the reference at which they begin, in the order of the modules. Of equal texts
 * only the exact ones.
 *
 * @throws {RangeError} when there are more than a search can align.
 */
export function allMatches(pair: WordPair, tables: MeteorTables): Match[][] {
  const matches: Match[][] = pair.reference.map(() => []);
  let count = 0;
  for (const match of matchesOf(pair, tables)) {
    if (++count > mostWordMatches) {
      throw new RangeError(
        `METEOR aligns texts with at most ${
          grouped(mostWordMatches)
        } pairs of matching words, found more ` +
          `in an output of ${pair.output.length} and a reference of ${pair.reference.length} words`,
      );
    }
    matches[match.start].push(match);
  }
  return matches;
}

function* matchesOf(pair: WordPair, { synonyms, paraphrases }: MeteorTables): Generator<Match> {
  yield* wordMatches("exact", pair, (word) => [word]);
  if (pair.output.join(" ") === pair.reference.join(" ")) return;
  yield* wordMatches("stem", pair, (word) => [englishStem(word)]);
  if (synonyms) yield* wordMatches("synonym", pair, (word) => meaningsOf(word, synonyms));
  if (paraphrases) yield* phraseMatches(pair, paraphrases);
}

/** Words that have a key in common; beside exact matches, different words only. */
function* wordMatches(
  module: MeteorModule,
  { output, reference }: WordPair,
  keysOf: (word: string) => Iterable<string | number>,
): Generator<Match> {
  const outputKeys = output.map((word) => new Set(keysOf(word)));
  for (const [start, word] of reference.entries()) {
    const keys = [...keysOf(word)];
    for (const [outputStart, known] of outputKeys.entries()) {
      if (module !== "exact" && output[outputStart] === word) continue;
      if (!keys.some((key) => known.has(key))) continue;
      yield { module, start, length: 1, outputStart, outputLength: 1 };
    }
  }
}

/** Phrases of either text that have a paraphrase in the other. */
function* phraseMatches({ output, reference }: WordPair, table: ParaphraseTable): Generator<Match> {
  for (const [at, length, other, otherLength] of paraphrased(reference, output, table)) {
    yield {
      module: "paraphrase",
      start: at,
      length,
      outputStart: other,
      outputLength: otherLength,
    };
  }
  for (const [at, length, other, otherLength] of paraphrased(output, reference, table)) {
    yield {
      module: "paraphrase",
      start: other,
      length: otherLength,
      outputStart: at,
      outputLength: length,
    };
  }
}

function* paraphrased(
  words: readonly string[],
  others: readonly string[],
  { phrases, longest }: ParaphraseTable,
): Generator<readonly [at: number, length: number, other: number, otherLength: number]> {
  for (let at = 0; at < words.length; at++) {
    for (let length = 1; length <= Math.min(longest, words.length - at); length++) {
      const phrase = words.slice(at, at + length).join(" ");
      for (const paraphrase of phrases.get(phrase) ?? []) {
        for (let other = 0; other + paraphrase.length <= others.length; other++) {
          if (!paraphrase.every((word, i) => others[other + i] === word)) continue;
          yield [at, length, other, paraphrase.length];
        }
      }
    }
  }
}
