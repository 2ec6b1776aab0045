/**
 * Writes the tokenizer of our base with skills: each byte, so each character, is a token.
 *
 *     deno run -A scripts/pretrain_skills/tokenizer.ts [FOLDER]
 *
 * @module
 */

import { saveTokenizer, trainBytePairs } from "../../src/tokenizer/mod.ts";

/** The 256 bytes and the end of the text: nothing is merged. */
export const vocabularySize = 257;

if (import.meta.main) {
  const folder = Deno.args[0] ?? "models/tiny-skills";
  await saveTokenizer(folder, trainBytePairs([], { vocabularySize }));
  console.log(`${vocabularySize} tokens written to ${folder}`);
}
