/**
 * METEOR: words aligned with those of references, also by stem, synonym and paraphrase. After the
 * score come the search for the best alignment, matches, tables, words, and English stems.
 *
 * @module
 */

import { mostWordMatches } from "../../src/core/limits.ts";
import { grouped } from "../../src/core/numbers.ts";
import type { ReferencedOutput, SynonymTable } from "../../src/data/mod.ts";
import { assertReferenced, scoredTokens } from "./referenced_output.ts";
import { captionTokens } from "./tokens.ts";

// The score.

/** Words that say little: more frequent than one in a thousand in the corpora that METEOR was made with. */
const functionWords = new Set(
  ("the , . to of and a in that for \" is on 's it with was as said at he by be from have has are his but an " +
    "this not i will ’ they ) -rrb- ( -lrb- who their had we which were been more or s its would about new " +
    "one after you : also up when there than $ all out her people she year two - can if last first “ over " +
    "other ” into some what so -- no time years could ? 't — '").split(" "),
);

/** True for a function word, which METEOR weighs less. */
const isFunctionWord = (word: string): boolean => functionWords.has(word);

/** Recall against precision, the shape and the size of the penalty, content words against others. */
const alpha = 0.85, beta = 0.2, gamma = 0.6, delta = 0.75;

/** Weight of a match of each module. */
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
 * meteor([{ output: "the pub serves food", references: ["the pubs serve food"] }]); // by stems
 * ```
 */
export function meteor(outputs: readonly ReferencedOutput[], tables: MeteorTables = {}): number {
  assertReferenced("METEOR", outputs);
  return meteorScore(addStatistics(outputs.map((output) => meteorStatistics(output, tables))));
}

/** Counts of METEOR; texts are the output and the reference. */
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

/** True if all words of both texts are matched in one chunk, which is no fragmentation. */
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

// The best alignment.

/** Number of partial alignments that the search keeps. */
const beam = 40;

/**
 * The alignment in which most words are matched exactly, then in the fewest chunks, then over the shortest
 * distance, as far as a beam of 40 finds it. Matches that nothing else overlaps are certain.
 *
 * The search does what METEOR 1.5 does, whose results it has to give. So a match that is not exact counts
 * half of its length, but rounded down: one of single words counts nothing in the search; and a distance is
 * added to what a path becomes without the match.
 *
 * Source: `Aligner.java` of METEOR 1.5.
 *
 * @returns The matches in the order of the reference.
 */
function align(pair: WordPair, tables: MeteorTables): Match[] {
  const matches = allMatches(pair, tables);
  let paths = [Path.start(pair, certainOf(matches, pair))];
  for (let at = 0; at < matches.length; at++) {
    const tried = paths.sort(comparePaths).slice(0, beam);
    paths = tried.flatMap((path) => path.advance(at, matches[at]));
    if (paths.length === 0) paths = tried.slice(0, 1);
  }
  const finished = paths.sort(comparePaths).slice(0, beam);
  for (const path of finished) path.closeChunk();
  return finished.sort(comparePaths)[0].chosen.filter((match) => match !== undefined);
}

/** Matches of words that no other match has. */
function certainOf(matches: readonly (readonly Match[])[], pair: WordPair): Match[] {
  const inReference = pair.reference.map(() => 0), inOutput = pair.output.map(() => 0);
  for (const match of matches.flat()) {
    for (const i of referencePlaces(match)) inReference[i]++;
    for (const i of outputPlaces(match)) inOutput[i]++;
  }
  return matches.flatMap((list) => list.length === 1 ? list : []).filter((match) =>
    referencePlaces(match).every((i) => inReference[i] === 1) &&
    outputPlaces(match).every((i) => inOutput[i] === 1)
  );
}

const referencePlaces = ({ start, length }: Match): number[] =>
  Array.from({ length }, (_, i) => start + i);

const outputPlaces = ({ outputStart, outputLength }: Match): number[] =>
  Array.from({ length: outputLength }, (_, i) => outputStart + i);

function comparePaths(a: Path, b: Path): number {
  return b.matched - a.matched || a.chunks - b.chunks || a.distance - b.distance;
}

/** A partial alignment: what was chosen for the words of the reference up to some place. */
class Path {
  /** The match chosen at each word of the reference; certain ones are there from the start. */
  readonly chosen: (Match | undefined)[];
  /** Words matched, in both texts, as the search counts them. */
  matched = 0;
  /** Spans that are contiguous in both texts. */
  chunks = 0;
  /** Sum of how far matches are from the same place. */
  distance = 0;
  readonly #usedInReference: boolean[];
  readonly #usedInOutput: boolean[];
  /** The word of the reference that is next. */
  #next = 0;
  /** End of the last match in the output, if the word before this one is matched. */
  #lastEnd?: number;

  private constructor(chosen: Path["chosen"], inReference: boolean[], inOutput: boolean[]) {
    this.chosen = chosen;
    this.#usedInReference = inReference;
    this.#usedInOutput = inOutput;
  }

  /** The path that has only the certain matches. */
  static start({ output, reference }: WordPair, certain: readonly Match[]): Path {
    const free = (words: readonly string[]) => words.map(() => false);
    const path = new Path(reference.map(() => undefined), free(reference), free(output));
    for (const match of certain) path.#use(match);
    return path;
  }

  /**
   * The paths that continue this one at a word of the reference; without a match it is this very
   * path.
   */
  advance(at: number, matches: readonly Match[]): Path[] {
    if (this.#usedInReference[at]) {
      if (at < this.#next) return [this];
      const certain = this.chosen[this.#next];
      if (!certain) return [];
      this.#count(certain);
      this.distance += distanceOf(certain);
      return [this];
    }
    const extended = matches.filter((match) => !this.#isUsed(match)).map((match) => {
      const path = this.#copy();
      path.#use(match);
      path.#count(match);
      this.distance += distanceOf(match);
      return path;
    });
    this.closeChunk();
    this.#next++;
    return [...extended, this];
  }

  /** Ends the chunk of the last match, if it is open. */
  closeChunk(): void {
    if (this.#lastEnd !== undefined) this.chunks++;
    this.#lastEnd = undefined;
  }

  #count(match: Match): void {
    const weight = match.module === "exact" ? 1 : 0.5;
    this.matched += Math.trunc(match.outputLength * weight) + Math.trunc(match.length * weight);
    if (this.#lastEnd !== undefined && match.outputStart !== this.#lastEnd) this.chunks++;
    this.#next = match.start + match.length;
    this.#lastEnd = match.outputStart + match.outputLength;
  }

  #copy(): Path {
    const path = new Path([...this.chosen], [...this.#usedInReference], [...this.#usedInOutput]);
    path.matched = this.matched;
    path.chunks = this.chunks;
    path.distance = this.distance;
    path.#next = this.#next;
    path.#lastEnd = this.#lastEnd;
    return path;
  }

  #isUsed(match: Match): boolean {
    return referencePlaces(match).some((i) => this.#usedInReference[i]) ||
      outputPlaces(match).some((i) => this.#usedInOutput[i]);
  }

  #use(match: Match): void {
    for (const i of referencePlaces(match)) this.#usedInReference[i] = true;
    for (const i of outputPlaces(match)) this.#usedInOutput[i] = true;
    this.chosen[match.start] = match;
  }
}

const distanceOf = ({ start, outputStart }: Match): number => Math.abs(start - outputStart);

// Matches.

/** A module of METEOR. */
export type MeteorModule = "exact" | "stem" | "synonym" | "paraphrase";

/** A match of a phrase of the output with a phrase of the reference. */
export interface Match {
  /** Module that found it. */
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
  /** Words of the output. */
  readonly output: readonly string[];
  /** Words of the reference. */
  readonly reference: readonly string[];
}

/**
 * All matches by the word of the reference at which they begin, in the order of the modules. Of equal texts
 * only the exact ones.
 *
 * @throws {RangeError} when there are more than a search can align.
 */
function allMatches(pair: WordPair, tables: MeteorTables): Match[][] {
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

// Tables.

/** Table of phrases with equal meaning. */
export interface ParaphraseTable {
  /** Replacements for each phrase, in the order of METEOR's table. */
  readonly phrases: ReadonlyMap<string, readonly (readonly string[])[]>;
  /** Words of the longest phrase. */
  readonly longest: number;
}

/**
 * Tables that METEOR uses beside exact words and stems; without a table, its module is left out.
 */
export interface MeteorTables {
  /** Table of the module of synonyms. */
  readonly synonyms?: SynonymTable;
  /** Table of the module of paraphrases. */
  readonly paraphrases?: ParaphraseTable;
}

/** Endings and what base forms have instead: of nouns, verbs and adjectives. */
const endings: readonly (readonly [string, string])[] = [
  ...[["s", ""], ["ses", "s"], ["xes", "x"], ["zes", "z"], ["ches", "ch"], ["shes", "sh"]] as const,
  ...[["men", "man"], ["ies", "y"], ["es", "e"], ["es", ""], ["ed", "e"], ["ed", ""]] as const,
  ...[["ing", "e"], ["ing", ""], ["er", ""], ["est", ""], ["er", "e"], ["est", "e"]] as const,
];

/**
 * The numbers of a word's meanings and of those of its base form: the irregular one, or the first that the
 * table has with another ending (WordNet's Morphy, as METEOR 1.5 has it).
 */
function meaningsOf(word: string, { meanings, bases }: SynonymTable): Set<number> {
  const forms = bases.get(word) ?? [baseOf(word, meanings)];
  return new Set([word, ...forms].flatMap((form) => meanings.get(form) ?? []));
}

function baseOf(word: string, known: SynonymTable["meanings"]): string {
  if (word.endsWith("ss") || word.length <= 2) return word;
  for (const [ending, becomes] of endings) {
    const base = word.slice(0, -ending.length) + becomes;
    // METEOR looks for what "cupfuls" is without its ending, and then gives that "ful" back: no word has it.
    if (word.endsWith(ending) && known.has(base)) return word.endsWith("ful") ? `${base}ful` : base;
  }
  return "";
}

// Words.

/** Letters, as METEOR has them: Latin, Cyrillic and phonetic ones. */
const letters =
  "A-Za-z\\u00c0-\\u00d6\\u00d8-\\u00f6\\u00f8-\\u017e\\u0400-\\u0527\\ua640-\\ua66e\\ua67e-\\ua697\\u1d00-\\u1d7f";

/** Replacements that separate words and unify spellings, applied one after the other. */
const steps: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`([^0-9${letters}\\s.'\`,\\-\\u2018\\u2019])`, "g"), " $1 "],
  [/\.{2,}/g, " $& "],
  [/([^\d]),([^\d])/g, "$1 , $2"],
  [/(\d),([^\d])/g, "$1 , $2"],
  [/([^\d]),(\d)/g, "$1 , $2"],
  [/[`\u2018\u2019]/g, "'"],
  [/[\u201c\u201d]|''/g, ' " '],
  [/\u2013|--/g, "-"],
  // Parts of hyphenated words count each.
  [new RegExp(`([0-9${letters}.])-([0-9${letters}])`, "g"), "$1 $2"],
  [new RegExp(`([^${letters}])'([^${letters}])`, "g"), "$1 ' $2"],
  [new RegExp(`([^${letters}\\d])'([${letters}])`, "g"), "$1 ' $2"],
  [new RegExp(`([${letters}])'([^${letters}])`, "g"), "$1 ' $2"],
  [new RegExp(`([${letters}])'([${letters}])`, "g"), "$1 '$2"],
  [/(\d)'s/g, "$1 's"],
];

/** Abbreviations in lower case that keep their period, whatever follows. */
const abbreviations = new Set(["v", "vs", "rev"]);

/**
 * Splits a text of caption tokens once more, as METEOR does with `-norm`: `5-star` becomes two words, and
 * `u.s.` becomes `us`.
 *
 * Source: the `Normalizer` of METEOR 1.5, for English.
 */
export function meteorWords(text: string): string[] {
  const apart = steps.reduce((text, [pattern, by]) => text.replace(pattern, by), ` ${text} `);
  const words = apart.split(/\s+/).filter((word) => word !== "");
  return words.flatMap((word, i) => withoutPeriod(word, words[i + 1])).map((word) =>
    word.toLowerCase()
  );
}

function withoutPeriod(word: string, next = ""): string[] {
  const stem = word.slice(0, -1);
  if (!word.endsWith(".") || /^\.*$/.test(stem)) return [word];
  if (stem.includes(".") && new RegExp(`[${letters}]`).test(stem)) {
    return [word.replaceAll(".", "")];
  }
  const isKept = abbreviations.has(stem) || /^[a-z]/.test(next) ||
    (stem === "pp" && /^\d/.test(next));
  return isKept ? [word] : [stem, "."];
}

// Stems.

/** Words whose stem no rule finds, and words that are left as they are. */
const exceptions: Readonly<Record<string, string>> = {
  ...{ skis: "ski", skies: "sky", dying: "die", lying: "lie", tying: "tie", idly: "idl" },
  ...{ gently: "gentl", ugly: "ugli", early: "earli", only: "onli", singly: "singl" },
  ...{ sky: "sky", news: "news", howe: "howe", atlas: "atlas", cosmos: "cosmos", bias: "bias" },
  andes: "andes",
};

/** Words that are finished after their plural is gone. */
const finished = /^((inn|out|cann|herr|earr)ing|(proc|exc|succ)eed)$/;

/** A vowel, which a capital Y is not, and what else is a letter. */
const vowel = "[aeiouy]", other = "[^aeiouy]";
const hasVowel = new RegExp(vowel);
/** Ends in a short syllable: a vowel between others, of which the last is not w, x or Y; or `at` alone. */
const shortEnd = new RegExp(`(^|.*${other})${vowel}[^aeiouywxY]$|^${vowel}${other}$`);

/**
 * An ending, its replacement, and the condition on the stem; the longest ending decides, even where
 * its condition fails.
 */
type Ending = readonly [ending: string, becomes: string, when?: (stem: string) => boolean];

const derivational: readonly Ending[] = [
  ...[["ational", "ate"], ["ization", "ize"], ["fulness", "ful"], ["ousness", "ous"]] as const,
  ...[["iveness", "ive"], ["tional", "tion"], ["biliti", "ble"], ["lessli", "less"]] as const,
  ...[["entli", "ent"], ["ation", "ate"], ["alism", "al"], ["aliti", "al"], [
    "ousli",
    "ous",
  ]] as const,
  ...[["iviti", "ive"], ["fulli", "ful"], ["enci", "ence"], ["anci", "ance"], [
    "abli",
    "able",
  ]] as const,
  ...[["izer", "ize"], ["ator", "ate"], ["alli", "al"], ["bli", "ble"]] as const,
  ["ogi", "og", (stem) => stem.endsWith("l")],
  ["li", "", (stem) => /[cdeghkmnrt]$/.test(stem)],
];

const adjectival: readonly Ending[] = [
  ...[["ational", "ate"], ["tional", "tion"], ["alize", "al"], ["icate", "ic"]] as const,
  ...[["iciti", "ic"], ["ical", "ic"], ["ness", ""], ["ful", ""]] as const,
];

const last: readonly Ending[] = [
  ..."ement ment ance ence able ible ant ent ism ate iti ous ive ize al er ic".split(" ").map(
    (ending) => [ending, ""] as const,
  ),
  ["ion", "", (stem) => /[st]$/.test(stem)],
];

/**
 * The stem of an English word in lower case.
 *
 * Source: the Snowball "English" stemmer (Porter 2, 2001), in the version that METEOR 1.5 has. R1 is what
 * follows the first vowel and the letter after it that is none, R2 the same within R1.
 */
export function englishStem(word: string): string {
  if (Object.hasOwn(exceptions, word)) return exceptions[word];
  if (word.length <= 2) return word;
  const marked = word.replace(/^'/, "").replace(/^y/, "Y").replaceAll(/(?<=[aeiouy])y/g, "Y");
  const starts = regionsOf(marked);
  const singular = withoutPlural(marked);
  if (finished.test(singular)) return singular;
  const present = withoutTense(singular, starts[0]);
  const ended = present.replace(/(?<=.[^aeiouy])[yY]$/, "i");
  const shorter = replaced(ended, derivational, starts[0]);
  const plain = withoutAdjective(shorter, starts);
  return withoutFinal(replaced(plain, last, starts[1]), starts).toLowerCase();
}

/** The starts of the regions R1 and R2. */
function regionsOf(word: string): readonly [number, number] {
  const after = (from: number) => {
    const found = new RegExp(`${vowel}${other}`).exec(word.slice(from));
    return found ? from + found.index + 2 : word.length;
  };
  const prefix = /^(gener|commun|arsen)/.exec(word);
  const first = prefix ? prefix[0].length : after(0);
  return [first, after(first)];
}

function withoutPlural(word: string): string {
  const bare = word.replace(/'s'$|'s$|'$/, "");
  if (bare.endsWith("sses")) return bare.slice(0, -2);
  if (/ie[ds]$/.test(bare)) return bare.slice(0, bare.length > 4 ? -2 : -1);
  if (/[us]s$/.test(bare) || !bare.endsWith("s")) return bare;
  return hasVowel.test(bare.slice(0, -2)) ? bare.slice(0, -1) : bare;
}

function withoutTense(word: string, first: number): string {
  const [, stem, ending] = /^(.*?)(eedly|ingly|edly|eed|ing|ed)$/.exec(word) ?? [];
  if (ending === undefined) return word;
  if (ending.startsWith("eed")) return stem.length >= first ? `${stem}ee` : word;
  if (!hasVowel.test(stem)) return word;
  if (/(at|bl|iz)$/.test(stem)) return `${stem}e`;
  if (/(bb|dd|ff|gg|mm|nn|pp|rr|tt)$/.test(stem)) return stem.slice(0, -1);
  return stem.length <= first && shortEnd.test(stem) ? `${stem}e` : stem;
}

function replaced(word: string, endings: readonly Ending[], from: number): string {
  const found = endings.find(([ending]) => word.endsWith(ending));
  if (!found) return word;
  const [ending, becomes, when = () => true] = found, stem = word.slice(0, -ending.length);
  return stem.length >= from && when(stem) ? stem + becomes : word;
}

function withoutAdjective(word: string, [first, second]: readonly [number, number]): string {
  if (!word.endsWith("ative")) return replaced(word, adjectival, first);
  return word.length - "ative".length >= second ? word.slice(0, -"ative".length) : word;
}

/** Drops a final e, or one of two l. */
function withoutFinal(word: string, [first, second]: readonly [number, number]): string {
  const stem = word.slice(0, -1);
  if (word.endsWith("e")) {
    const isDeleted = stem.length >= second || (stem.length >= first && !shortEnd.test(stem));
    return isDeleted ? stem : word;
  }
  return word.endsWith("ll") && stem.length >= second ? stem : word;
}
