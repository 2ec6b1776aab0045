/**
 * Trains the tokenizer of our encoder on the entries to train on and writes it.
 *
 *     deno run -A scripts/pretrain_encoder/tokenizer.ts [FOLDER]
 *
 * @module
 */

import { maskToken, saveRobertaTokenizer, trainBytePairs } from "../../src/tokenizer/mod.ts";
import { entryTexts } from "./entries.ts";

/** With the four special tokens that RoBERTa has in front, 4,096. */
const vocabularySize = 4092;

if (import.meta.main) {
  const folder = Deno.args[0] ?? "models/tiny-roberta";
  const options = { vocabularySize, specialToken: maskToken };
  const vocabulary = trainBytePairs(await entryTexts("train"), options);
  await saveRobertaTokenizer(folder, vocabulary);
  console.log(`${vocabulary.tokens.length + 4} tokens written to ${folder}`);
}
