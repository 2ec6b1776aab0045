/** The tables of METEOR: synonyms and paraphrases. @module */

/** Which words mean the same. */
export interface SynonymTable {
  /** The numbers of the meanings of a word. */
  readonly meanings: ReadonlyMap<string, readonly number[]>;
  /** The base forms of irregular ones: `women` is from `woman`. */
  readonly bases: ReadonlyMap<string, readonly string[]>;
}

/** Which phrases say the same. */
export interface ParaphraseTable {
  /** What each phrase may be replaced with, in the order of METEOR's table. */
  readonly phrases: ReadonlyMap<string, readonly (readonly string[])[]>;
  /** Words of the longest phrase. */
  readonly longest: number;
}

/** What METEOR knows beside exact words and stems; without a table, its module is left out. */
export interface MeteorTables {
  /** For the module of synonyms. */
  readonly synonyms?: SynonymTable;
  /** For the module of paraphrases. */
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
export function meaningsOf(word: string, { meanings, bases }: SynonymTable): Set<number> {
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
