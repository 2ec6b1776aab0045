/** Batches of real texts for `deno task bench:real`, written once for all contenders. @module */

import { readBytes } from "../src/storage/files.ts";
import { mostJsonBytes } from "../src/core/limits.ts";
import { readZipped } from "../src/storage/zip.ts";
import { encodePrompted, usualFormat } from "../src/data/prompted_batches.ts";
import { readTable } from "../src/data/texts.ts";
import type { TokenRow } from "../src/data/token_rows.ts";
import { loadTokenizer } from "../src/tokenizer/mod.ts";
import type { TextsName } from "./real_cases.ts";

/** A text as tokens: from `scoredFrom` on they are labels, or its label is a class. */
export type RealRow = TokenRow | { readonly tokens: ArrayLike<number>; readonly label: number };

/** Batches as contenders read them. */
export interface RealBatches {
  /** Token that fills up short rows. */
  readonly padding: number;
  /** Rows of each step, as long as they are. */
  readonly batches: readonly (readonly RealRow[])[];
}

/** Steps that are timed, after a first one. */
const steps = 20;

/** The first texts in the order of their file, as batches of so many. */
function inBatches<T>(texts: readonly T[], size: number): T[][] {
  return Array.from({ length: 1 + steps }, (_, i) => texts.slice(i * size, (i + 1) * size));
}

/** Pairs of E2E: a meaning and ` ->`, and the sentence, which alone has labels. */
async function e2e(data: string, base: string): Promise<RealBatches> {
  const archive = `${data}/nlg/e2e-dataset.zip`, name = "trainset.csv";
  const bytes = await readZipped(archive, `e2e-dataset/${name}`, mostJsonBytes);
  const pairs = await readTable(new File([bytes], name), "reference");
  const tokenizer = await loadTokenizer(base);
  const format = { ...usualFormat, template: "{prompt} ->", separator: " " };
  const batches = inBatches(pairs, 8).map((some) =>
    some.map(({ input, text }): RealRow => {
      const row = encodePrompted(tokenizer, { prompt: input!, completion: text }, format);
      return { ...row, tokens: [...row.tokens as number[]] };
    })
  );
  return { padding: tokenizer.endOfText!, batches };
}

/** Questions of TREC between BERT's tokens, each with its class. */
async function trec(data: string): Promise<RealBatches> {
  const bytes = await readBytes(`${data}/classification/TREC.train.all`);
  const lines = new TextDecoder("windows-1252").decode(bytes).trim().split("\n");
  const tokenizer = await loadTokenizer(`${data}/models/all-MiniLM-L6-v2`);
  const batches = inBatches(lines, 16).map((some) =>
    some.map((line): RealRow => {
      const tokens = tokenizer.encodeFramed(line.slice(2).trim());
      return { tokens: [...tokens], label: Number(line[0]) };
    })
  );
  return { padding: tokenizer.specialTokens.get("[PAD]")!, batches };
}

/**
 * Batches of the first texts of a dataset, in the order and at the lengths that they have there.
 *
 * @param data The folder that `LOWRANK_DATA` names.
 * @param base The folder with SmolLM2's tokenizer, whose ids the random GPT-2 is given, too.
 */
export const readBatches = (texts: TextsName, data: string, base: string): Promise<RealBatches> =>
  texts === "e2e" ? e2e(data, base) : trec(data);

/** Labels of each batch: tokens of the sentences, or classes. */
export const labelsOf = ({ batches }: RealBatches): number[] =>
  batches.map((rows) =>
    rows.reduce((sum, row) => sum + ("label" in row ? 1 : row.tokens.length - row.scoredFrom), 0)
  );
