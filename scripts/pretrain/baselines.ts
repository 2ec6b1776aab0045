/**
 * Scores Kneser-Ney n-grams on the held-out text: the marks that our small base has to beat.
 *
 *     deno run -A scripts/pretrain/baselines.ts [FOLDER]
 *
 * @module
 */

import { writeJsonAtomic } from "../../src/core/files.ts";
import { loadPretrainingText } from "../../src/data/documents.ts";
import { encodeDocuments } from "../../src/data/encoded_documents.ts";
import { KneserNey } from "../../src/data/kneser_ney.ts";
import { type LanguageScore, languageScore } from "../../src/data/language_score.ts";
import { loadTokenizer } from "../../src/tokenizer/tokenizer.ts";

const ORDERS = { unigram: 1, trigram: 3, fiveGram: 5 };

if (import.meta.main) {
  const folder = Deno.args[0] ?? "models/tiny-gpt2";
  const tokenizer = await loadTokenizer(folder);
  const { train, heldOut } = await loadPretrainingText();
  const { documents, endOfText } = encodeDocuments(tokenizer, train);
  const held = encodeDocuments(tokenizer, heldOut);
  const score = (order: number): LanguageScore => {
    const { vocabularySize } = tokenizer;
    const model = new KneserNey(documents, { order, vocabularySize, endOfText });
    const nats = held.documents.reduce((sum, document) => sum + model.nats(document), 0);
    return languageScore(nats, held);
  };
  const scores = Object.entries(ORDERS).map(([name, order]) => [name, score(order)]);
  const result = {
    heldOutTokens: held.tokens,
    heldOutBytes: held.bytes,
    ...Object.fromEntries(scores),
  };
  await writeJsonAtomic(`${folder}/baselines.json`, result);
  console.log(result);
}
