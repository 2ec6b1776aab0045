/** Small files of the shapes of published tokenizers. @module */

import { tokenizerJson, trainBytePairs } from "../../src/tokenizer/train.ts";

/** Anything: tests put wrong values everywhere. */
// deno-lint-ignore no-explicit-any
export type Json = any;

/** The shape of GPT-2's file. */
export const bytePairs = (): Json =>
  structuredClone(tokenizerJson(trainBytePairs(["the cat the cat"], { vocabularySize: 260 })));

/** A token beside the vocabulary. */
export const added = (content: string, id: unknown) => ({ id, content, special: true });

/** The shape of BERT's file. */
export const wordPiece = (): Json => ({
  added_tokens: [added("[PAD]", 0), added("[UNK]", 2)],
  normalizer: { type: "BertNormalizer", clean_text: true, lowercase: true },
  pre_tokenizer: { type: "BertPreTokenizer" },
  post_processor: { type: "TemplateProcessing", single: [] },
  decoder: { type: "WordPiece", prefix: "##", cleanup: true },
  model: {
    type: "WordPiece",
    unk_token: "[UNK]",
    continuing_subword_prefix: "##",
    max_input_chars_per_word: 100,
    vocab: { "[PAD]": 0, cat: 1, "[UNK]": 2, "##s": 3 },
  },
});

/** The shape of T5's file. */
export const unigram = (): Json => ({
  added_tokens: [added("<pad>", 0), added("<unk>", 1), added("<extra_id_0>", 5)],
  normalizer: {
    type: "Sequence",
    normalizers: [
      { type: "Precompiled", precompiled_charsmap: "" },
      { type: "Replace", pattern: { Regex: " {2,}" }, content: " " },
    ],
  },
  pre_tokenizer: {
    type: "Sequence",
    pretokenizers: [{ type: "WhitespaceSplit" }, { type: "Metaspace", replacement: "▁" }],
  },
  post_processor: null,
  decoder: { type: "Metaspace", replacement: "▁" },
  model: {
    type: "Unigram",
    unk_id: 1,
    vocab: [["<pad>", 0], ["<unk>", 0], ["▁", -2], ["▁cat", -3], ["s", -4]],
  },
});

/** The shape of Llama 2's file. */
export const llama = (): Json => ({
  added_tokens: [added("<unk>", 0), added("<s>", 1)],
  normalizer: {
    type: "Sequence",
    normalizers: [
      { type: "Prepend", prepend: "▁" },
      { type: "Replace", pattern: { String: " " }, content: "▁" },
    ],
  },
  pre_tokenizer: null,
  post_processor: null,
  decoder: {
    type: "Sequence",
    decoders: [
      { type: "Replace", pattern: { String: "▁" }, content: " " },
      ...[{ type: "ByteFallback" }, { type: "Fuse" }],
      { type: "Strip", content: " ", start: 1, stop: 0 },
    ],
  },
  model: {
    type: "BPE",
    unk_token: "<unk>",
    byte_fallback: true,
    vocab: {
      "<unk>": 0,
      "<s>": 1,
      "▁": 2,
      c: 3,
      a: 4,
      t: 5,
      ca: 6,
      cat: 7,
      "▁cat": 8,
      "<0x73>": 9,
    },
    merges: ["c a", "ca t", "▁ cat"],
  },
});
