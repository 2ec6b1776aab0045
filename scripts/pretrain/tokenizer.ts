/**
 * Trains the tokenizer of our small base on the training part of the pretraining text and writes it.
 *
 *     deno run -A scripts/pretrain/tokenizer.ts [FOLDER]
 *
 * @module
 */

import { loadPretrainingText } from "../../src/data/documents.ts";
import { saveTokenizer, trainBytePairs } from "../../src/tokenizer/train.ts";

if (import.meta.main) {
  const folder = Deno.args[0] ?? "models/tiny-gpt2";
  const { train } = await loadPretrainingText();
  const vocabulary = trainBytePairs(train.map(({ text }) => text), { vocabularySize: 1024 });
  await saveTokenizer(folder, vocabulary);
  console.log(`${vocabulary.tokens.length} tokens written to ${folder}`);
}
