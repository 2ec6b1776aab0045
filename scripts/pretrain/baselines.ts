/**
 * Scores Kneser-Ney n-grams on the held-out text: the marks that our small base has to beat.
 *
 *     deno run -A scripts/pretrain/baselines.ts [FOLDER]
 *
 * @module
 */

import { writeJsonAtomic } from "../../src/storage/files.ts";
import { encodeDocuments, languageScore, loadPretrainingText } from "../../src/data/documents.ts";
import { loadTokenizer } from "../../src/tokenizer/tokenizer.ts";
import { ngramScores } from "./ngrams.ts";

if (import.meta.main) {
  const folder = Deno.args[0] ?? "models/tiny-gpt2";
  const tokenizer = await loadTokenizer(folder), { vocabularySize } = tokenizer;
  const { train, heldOut } = await loadPretrainingText();
  const { documents, endOfText } = encodeDocuments(tokenizer, train);
  const held = encodeDocuments(tokenizer, heldOut);
  const scores = ngramScores(documents, { vocabularySize, endOfText }, (model) => {
    const nats = held.documents.reduce((sum, document) => sum + model.nats(document), 0);
    return languageScore(nats, held);
  });
  const result = { heldOutTokens: held.tokens, heldOutBytes: held.bytes, ...scores };
  await writeJsonAtomic(`${folder}/baselines.json`, result);
  console.log(result);
}
