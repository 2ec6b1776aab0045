/**
 * WordNet's nouns and verbs: the meanings of words and their kinds, synonyms, and tasks made from
 * them.
 *
 * @module
 */

import { hash32 } from "../../core/random.ts";
import { readText } from "../../storage/files.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { wordNetPackage } from "../packages.ts";
import {
  type PromptedBatches,
  promptedBatches,
  type PromptedText,
  type SampleOptions,
} from "../prompted_batches.ts";

// Meanings.

/** One meaning (synset). */
export interface Meaning {
  /** Its first word, with spaces where WordNet has underscores. */
  readonly lemma: string;
  /** Its supersense: `animal`, `artifact`, `motion`, … */
  readonly kind: string;
  /** Definition, without example sentences. */
  readonly definition: string;
}

/** The parts of speech that can be read. */
export type PartOfSpeech = "noun" | "verb";

/** Number of the first supersense of nouns in WordNet's `lexnames`. */
const FIRST_KIND = 3;

/**
 * Supersenses by number, starting with 3: nouns to 28, then verbs. The first ("Tops" in WordNet) are
 * the roots of the hierarchy.
 */
const KINDS: readonly string[] =
  ("thing act animal artifact attribute body cognition communication " +
    "event feeling food group location motive object person phenomenon plant possession process quantity " +
    "relation shape state substance time body change cognition communication competition consumption " +
    "contact creation emotion motion perception possession social stative weather").split(" ");

/** Reads one line of a `data.*` file: `offset number type words lemma … | definition; "example"`. */
function parseLine(line: string): Meaning {
  const bar = line.indexOf(" | ");
  const [, number, , , lemma] = line.slice(0, bar).split(" ");
  const kind = KINDS[Number(number) - FIRST_KIND];
  if (bar < 0 || kind === undefined || lemma === undefined) {
    throw new SyntaxError(
      `reading WordNet needs lines of a noun or verb and its meaning, found "${line.slice(0, 40)}"`,
    );
  }
  const [definition] = line.slice(bar + " | ".length).split('; "');
  return { lemma: lemma.replaceAll("_", " "), kind, definition: definition.trim() };
}

/**
 * Parses a `data.noun` or `data.verb` file, whose license lines start with two spaces.
 *
 * @throws {SyntaxError} when a line is not a noun or verb with a meaning.
 */
export function parseMeanings(text: string): Meaning[] {
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("  ")).map(parseLine);
}

/** Files read so far, kept as long as the program runs: 26 MB of nouns, 4 MB of verbs. */
const read = new Map<PartOfSpeech, Promise<readonly Meaning[]>>();

/**
 * All 82,192 meanings of nouns or 13,789 of verbs, in the order of the file (WordNet 3.1). The file is
 * read only once; a failed read is tried again.
 */
export function loadMeanings(part: PartOfSpeech = "noun"): Promise<readonly Meaning[]> {
  const found = read.get(part);
  if (found) return found;
  const reading = readMeanings(part);
  read.set(part, reading);
  reading.catch(() => read.delete(part));
  return reading;
}

async function readMeanings(part: PartOfSpeech): Promise<readonly Meaning[]> {
  const file = new URL(`dict/data.${part}`, await wordNetPackage());
  return parseMeanings(await readText(file));
}

// Tasks.

/**
 * The task: `gloss` asks for the definition of a word and its kind (meaning to text, like the E2E task
 * of the paper's section 5.4); `kind` asks for the kind, given the definition (like the paper's
 * classification tasks).
 */
export type GlossTask = "gloss" | "kind";

/** For training; for choosing learning rates; for reporting. */
export type GlossSplit = "train" | "validation" | "test";

/**
 * Phrases a meaning as a prompt with its completion.
 *
 * @example
 * ```ts
 * import { promptedText } from "@lowrank/core/data";
 * const meaning = { lemma: "oak", kind: "plant", definition: "a tree that bears acorns" };
 * promptedText(meaning, "gloss"); // { prompt: "oak (plant):", completion: " a tree that bears acorns" }
 * promptedText(meaning, "kind").prompt; // "a tree that bears acorns is a kind of"
 * ```
 */
export function promptedText(meaning: Meaning, task: GlossTask): PromptedText {
  const { lemma, kind, definition } = meaning;
  return task === "gloss"
    ? { prompt: `${lemma} (${kind}):`, completion: ` ${definition}` }
    : { prompt: `${definition} is a kind of`, completion: ` ${kind}` };
}

/**
 * A meaning as a line of a dictionary, without its kind: what an encoder reads.
 *
 * @example
 * ```ts
 * import { dictionaryEntry } from "@lowrank/core/data";
 * const meaning = { lemma: "oak", kind: "plant", definition: "a tree that bears acorns" };
 * dictionaryEntry(meaning); // "oak: a tree that bears acorns"
 * ```
 */
export const dictionaryEntry = ({ lemma, definition }: Meaning): string =>
  `${lemma}: ${definition}`;

/** Hashes a text to 32 bits, the same everywhere. */
function hashText(text: string): number {
  let hash = text.length;
  for (let at = 0; at < text.length; at++) hash = hash32(hash, text.charCodeAt(at));
  return hash;
}

/**
 * The split of a lemma: 5% validation, 10% test, the rest for training, by a hash of its lower-case
 * form. So all meanings of a word, as noun or verb and in either task, are in the same split.
 * Definitions may be in several: about 1% of nouns share theirs with another word ("a genus of
 * bacteria").
 */
export function splitOf(lemma: string): GlossSplit {
  const share = hashText(lemma.toLowerCase()) / 2 ** 32;
  if (share < 0.05) return "validation";
  return share < 0.15 ? "test" : "train";
}

/** Options of {@link glossBatches}. */
export interface GlossOptions extends SampleOptions {
  /** Split of the words. */
  readonly split: GlossSplit;
  /** The task. Default `gloss`. */
  readonly task?: GlossTask;
  /** The part of speech. Default `noun`. */
  readonly part?: PartOfSpeech;
}

/**
 * Batches of a WordNet task. Iterating again yields the same batches.
 *
 * @throws {RangeError} when the split has too few examples that fit `length` tokens.
 *
 * @example
 * ```ts ignore
 * const batches = await glossBatches(tokenizer, {
 *   split: "train", examples: 4000, batch: 32, length: 64, seed: 1, epochs: Infinity,
 * });
 * for await (const { step, loss } of train(model, batches, options)) report(step, loss);
 * ```
 */
export async function glossBatches(
  tokenizer: Tokenizer,
  options: GlossOptions,
): Promise<PromptedBatches> {
  const { split, task = "gloss", part = "noun", ...sampling } = options;
  const texts = glossTexts(await loadMeanings(part), split, task);
  return promptedBatches(tokenizer, texts, sampling);
}

/** The prompted texts of one split, in the order of the meanings. */
export function glossTexts(
  meanings: readonly Meaning[],
  split: GlossSplit,
  task: GlossTask = "gloss",
): PromptedText[] {
  return meanings
    .filter(({ lemma }) => splitOf(lemma) === split)
    .map((meaning) => promptedText(meaning, task));
}

// Synonyms.

/** The parts of speech of WordNet's files; the same number is another meaning in each. */
const parts = ["noun", "verb", "adj", "adv"] as const;

/** Above all numbers of meanings, which are places in a file. */
const mostPlace = 1e9;

/** Table of words with equal meaning. */
export interface SynonymTable {
  /** The numbers of the meanings of a word. */
  readonly meanings: ReadonlyMap<string, readonly number[]>;
  /** The base forms of irregular ones: `women` is from `woman`. */
  readonly bases: ReadonlyMap<string, readonly string[]>;
}

/**
 * The single words of WordNet 3.1 with the numbers of their meanings: what METEOR takes for synonyms, there
 * from WordNet 3.0. The package has no list of irregular forms, so `children` is not found at `child`.
 *
 * @throws {Error} when the package cannot be downloaded.
 */
export async function wordNetSynonyms(): Promise<SynonymTable> {
  const folder = await wordNetPackage();
  const meanings = new Map<string, number[]>();
  for (const [part, name] of parts.entries()) {
    const index = await readText(new URL(`dict/index.${name}`, folder));
    for (const [word, numbers] of indexLines(index)) {
      const places = numbers.map((number) => part * mostPlace + Number(number));
      meanings.set(word, [...meanings.get(word) ?? [], ...places]);
    }
  }
  return { meanings, bases: new Map() };
}

/** `word part senses pointers [pointer…] senses tagged place…`; license lines begin with spaces. */
function* indexLines(text: string): Generator<[word: string, places: string[]]> {
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith(" ")) continue;
    const [word, , senses, ...rest] = line.trim().split(" ");
    // Phrases can match no single word.
    if (!word.includes("_")) yield [word, rest.slice(-Number(senses))];
  }
}
