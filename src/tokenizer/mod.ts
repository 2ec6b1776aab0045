/**
 * Tokenizers: loading from a Hugging Face folder, training and saving.
 *
 * @module
 */

export {
  assertTokenizer,
  encodePrompt,
  endOfTextOf,
  leastTokens,
  loadTokenizer,
  makeTokenizer,
  type Tokenizer,
} from "./tokenizer.ts";
export {
  type BytePairOptions,
  type BytePairVocabulary,
  maskToken,
  saveRobertaTokenizer,
  saveTokenizer,
  tokenizerConfig,
  tokenizerJson,
  trainBytePairs,
} from "./train.ts";
