/** The task: which of WordNet's 26 kinds of nouns does a dictionary entry describe? @module */

import { Random } from "../../src/core/random.ts";
import { dictionaryEntry, type GlossSplit, type LabeledText } from "../../src/data/mod.ts";
import { loadMeanings, type Meaning, splitOf } from "../../src/data/mod.ts";
import { type LabeledTexts, labeledTexts } from "../labeled_texts.ts";

/** Most entries of each part. */
export type SupersenseSizes = Readonly<Record<GlossSplit, number>>;

/** The entries of each part. */
export type SupersenseParts = Readonly<Record<GlossSplit, LabeledTexts>>;

/** Few labels: a pretrained encoder is for what has no more. */
export const supersenseSizes: SupersenseSizes = { train: 2000, validation: 1000, test: 1000 };

/**
 * Entries that the first run of decision 0023 took of each part: those of this experiment come
 * after them.
 */
const takenBefore: SupersenseSizes = { train: 500, validation: 500, test: 1000 };

/** Chooses the entries, the same for every run. */
const splitSeed = 2021;

/** Words of an entry at most: a batch takes as long as its longest text. */
const mostWords = 20;

/**
 * The entries of each part, drawn once. Parts share no word, and a definition that is in several is in the
 * first of training, validation and test alone.
 */
export async function readSupersenses(
  sizes: SupersenseSizes = supersenseSizes,
): Promise<SupersenseParts> {
  const nouns = await loadMeanings("noun"), labels = kindsOf(nouns);
  const seen = new Set<string>();
  const part = async (split: GlossSplit): Promise<LabeledTexts> => {
    const own = nouns.filter((meaning) =>
      splitOf(meaning.lemma) === split && dictionaryEntry(meaning).split(" ").length <= mostWords
    );
    const fresh = own.filter(({ definition }) => !seen.has(definition));
    own.forEach(({ definition }) => seen.add(definition));
    const order = new Random(splitSeed).permutation(fresh.length), from = takenBefore[split];
    const rows = Array.from(order.subarray(from, from + sizes[split]), (at): LabeledText => ({
      text: dictionaryEntry(fresh[at]),
      label: labels.indexOf(fresh[at].kind),
    }));
    return await labeledTexts(rows, labels, `${rows.length} entries`);
  };
  const train = await part("train"), validation = await part("validation");
  return { train, validation, test: await part("test") };
}

/** All kinds, in alphabetical order. */
const kindsOf = (meanings: readonly Meaning[]): string[] =>
  [...new Set(meanings.map(({ kind }) => kind))].sort();
