/** WordNet's nouns and verbs: the meanings of words, and the kind of each meaning. @module */

import { readText } from "../core/files.ts";
import { wordNetPackage } from "./packages.ts";

/** One meaning (synset). */
export interface Meaning {
  /** Its first word, with spaces where WordNet has underscores. */
  readonly lemma: string;
  /** Its supersense: `animal`, `artifact`, `motion`, … */
  readonly kind: string;
  /** What it means, without example sentences. */
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
