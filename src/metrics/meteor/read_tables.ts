/** METEOR's tables from the text of its files. @module */

import { quote } from "../../core/quote.ts";
import type { ParaphraseTable, SynonymTable } from "./tables.ts";

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
 * @param isUsed Whether a word can occur; what has another one is left out, as it could match nothing.
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
