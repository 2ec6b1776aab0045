/** Words that mean the same, from WordNet. @module */

import { readText } from "../core/files.ts";
import type { SynonymTable } from "../metrics/mod.ts";
import { wordNetPackage } from "./packages.ts";

/** The parts of speech of WordNet's files; the same number is another meaning in each. */
const parts = ["noun", "verb", "adj", "adv"] as const;

/** Above all numbers of meanings, which are places in a file. */
const mostPlace = 1e9;

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
