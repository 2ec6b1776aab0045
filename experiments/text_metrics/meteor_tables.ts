/** Reads METEOR's own tables from the folder in which its jar is. @module */

import { decodeText } from "../../src/core/checks.ts";
import { quote } from "../../src/core/errors.ts";
import { mostJsonBytes } from "../../src/core/limits.ts";
import type { ReferencedOutput, SynonymTable } from "../../src/data/mod.ts";
import { readBytes } from "../../src/storage/files.ts";
import { pathIn } from "../../src/storage/storage.ts";
import { decompressed, readZipped } from "../../src/storage/zip.ts";
import { type MeteorTables, meteorWords, type ParaphraseTable } from "./meteor.ts";
import { captionTokens } from "./tokens.ts";

/** Bytes of the table of paraphrases; METEOR's has 272 MB. */
const mostParaphrases = 2 ** 32;

/**
 * Loads the tables of METEOR 1.5 for some texts: the synonyms (WordNet 3.0) in `meteor-1.5.jar`, and the
 * paraphrases in `data/paraphrase-en.gz`, of which only those are kept that the words of the texts can
 * make. The folder is that of METEOR, or `pycocoevalcap/meteor` of the E2E scripts or of the Python package.
 * Takes about 10 s.
 *
 * @throws {SyntaxError} when a file is damaged or not what it should be.
 * @throws {Error} when a file cannot be read.
 */
export async function loadMeteorTables(
  folder: string,
  outputs: readonly ReferencedOutput[],
): Promise<MeteorTables> {
  const words = new Set(
    outputs.flatMap(({ output, references }) =>
      [output, ...references].flatMap((text) => meteorWords(captionTokens(text).join(" ")))
    ),
  );
  const jar = pathIn(folder, "meteor-1.5.jar"), table = pathIn(folder, "data/paraphrase-en.gz");
  const textOf = async (name: string) =>
    decodeText(await readZipped(jar, `synonym/english.${name}`, mostJsonBytes));
  const synonyms = parseSynonyms(await textOf("synsets"), await textOf("exceptions"));
  const paraphrases = await parseParaphrases(
    textParts(await readBytes(table)),
    (word) => words.has(word),
  ).catch((error) => {
    throw new SyntaxError(`cannot read ${table}: ${error.message}`);
  });
  return { synonyms, paraphrases };
}

async function* textParts(packed: Uint8Array<ArrayBuffer>): AsyncGenerator<string> {
  const utf8 = new TextDecoder();
  for await (const part of decompressed(packed, "gzip", mostParaphrases)) {
    yield utf8.decode(part, { stream: true });
  }
}

/**
 * Parses the synonyms: in either file two lines belong together. A word is followed by the numbers of its
 * meanings, a base form by its irregular forms.
 *
 * @throws {SyntaxError} when a line is missing or is not of numbers; the message names it.
 */
export function parseSynonyms(synsets: string, exceptions: string): SynonymTable {
  const meanings = new Map<string, readonly number[]>(), bases = new Map<string, string[]>();
  for (const [word, numbers, line] of linePairs(synsets, "english.synsets")) {
    meanings.set(word, wordsOf(numbers).map((number) => meaning(number, line)));
  }
  for (const [base, forms] of linePairs(exceptions, "english.exceptions")) {
    for (const form of wordsOf(forms)) bases.set(form, [...bases.get(form) ?? [], base]);
  }
  return { meanings, bases };
}

function meaning(text: string, line: number): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new SyntaxError(`line ${line} of english.synsets must be numbers, found ${quote(text)}`);
}

function* linePairs(text: string, name: string): Generator<[string, string, number]> {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  if (lines.length % 2 !== 0) {
    throw new SyntaxError(`${name} must have pairs of lines, found ${lines.length} lines`);
  }
  for (let i = 0; i < lines.length; i += 2) yield [lines[i], lines[i + 1], i + 2];
}

/**
 * Parses the paraphrases: of each three lines, a probability, a phrase and its paraphrase.
 *
 * @param text Its parts in order, which may end anywhere.
 * @param isUsed True for a word that can occur; lines with any other word are left out, as they could match nothing.
 * @throws {SyntaxError} when lines are missing at the end.
 */
export async function parseParaphrases(
  text: Iterable<string> | AsyncIterable<string>,
  isUsed: (word: string) => boolean = () => true,
): Promise<ParaphraseTable> {
  const phrases = new Map<string, string[][]>();
  const record: string[] = [];
  let rest = "", longest = 0;
  const add = (line: string) => {
    record.push(line);
    if (record.length < 3) return;
    const [, from, to] = record.splice(0), phrase = wordsOf(from);
    // Most phrases of the large table fail here, before their paraphrases are split.
    if (!phrase.every(isUsed)) return;
    const key = phrase.join(" "), known = phrases.get(key), paraphrase = wordsOf(to);
    if (!paraphrase.every(isUsed)) return;
    longest = Math.max(longest, phrase.length);
    if (known) known.push(paraphrase);
    else phrases.set(key, [paraphrase]);
  };
  // Lines may be cut anywhere between two parts.
  for await (const part of text) {
    const lines = (rest + part).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) add(line);
  }
  if (rest !== "") add(rest);
  if (record.length === 0) return { phrases, longest };
  throw new SyntaxError(
    `paraphrases must have three lines each, found ${record.length} at the end`,
  );
}

const wordsOf = (line: string): string[] => line.trim().split(/\s+/);
