/** Saves a trained vocabulary as the two files that Hugging Face's libraries read. @module */

import { jsonText } from "../core/files.ts";
import { saveFolder } from "../core/save_folder.ts";
import type { BytePairVocabulary } from "./train.ts";

/** The contents of `tokenizer.json`: a byte-level BPE like GPT-2's. */
export function tokenizerJson(vocabulary: BytePairVocabulary): Record<string, unknown> {
  const { tokens, merges, specialToken } = vocabulary;
  const byteLevel = {
    type: "ByteLevel",
    add_prefix_space: false,
    trim_offsets: true,
    use_regex: true,
  };
  const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [{ id: tokens.length - 1, content: specialToken, ...plain, special: true }],
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: byteLevel,
    decoder: byteLevel,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: merges.map((pair) => pair.join(" ")),
    },
  };
}

/** The contents of `tokenizer_config.json`: the class and the one special token in its three roles. */
export function tokenizerConfig(vocabulary: BytePairVocabulary): Record<string, unknown> {
  const { specialToken } = vocabulary;
  return {
    add_prefix_space: false,
    bos_token: specialToken,
    clean_up_tokenization_spaces: false,
    eos_token: specialToken,
    tokenizer_class: "GPT2Tokenizer",
    unk_token: specialToken,
  };
}

/**
 * Writes `tokenizer.json` and `tokenizer_config.json` to a folder, which is created if missing. They
 * can be loaded with `transformers`, `tokenizers` and `loadTokenizer`.
 *
 * They are saved as a whole: after a crash at any time, a reader finds the old tokenizer, the new one, or
 * no `tokenizer.json` and so an error.
 *
 * @throws {Error} when a file cannot be written; the message says what a reader finds.
 */
export async function saveTokenizer(folder: string, vocabulary: BytePairVocabulary): Promise<void> {
  await saveFolder(folder, [
    { name: "tokenizer_config.json", content: jsonText(tokenizerConfig(vocabulary)) },
    { name: "tokenizer.json", content: jsonText(tokenizerJson(vocabulary)) },
  ]);
}
