/** Tokenizers: `tokenizer.json` with `tokenizer_config.json`. @module */

import fc from "npm:fast-check@4.10.2";
import { loadTokenizer, tokenizerConfig, tokenizerJson } from "../../../src/tokenizer/mod.ts";
import { BYTE_ALPHABET } from "../../../src/tokenizer/train.ts";
import { added, type Json, llama, unigram, wordPiece } from "../../data/tokenizer_shapes.ts";
import { golden } from "../../support/golden.ts";
import { type Files, inMemory, type Kind, sound } from "../kind.ts";
import { jsonFiles } from "../mutations.ts";

const vocabulary = {
  tokens: [...BYTE_ALPHABET, "ab", "aba", "<|endoftext|>"],
  merges: [["a", "b"], ["ab", "a"]] as const,
  specialToken: "<|endoftext|>",
};
const good = tokenizerJson(vocabulary);

/** The same with fewer letters, where an edit is more likely to hit something of interest. */
const small = {
  ...good,
  added_tokens: [{ id: 4, content: "<|endoftext|>", special: true }],
  model: {
    type: "BPE",
    unk_token: null,
    vocab: { a: 0, b: 1, ab: 2, "Ġ": 3, "<|endoftext|>": 4 },
    merges: ["a b"],
  },
};

const splitBy = (Regex: string) => ({ type: "Split", pattern: { Regex }, behavior: "Isolated" });

const seasoning = {
  values: [
    ...["BPE", "WordPiece", "Unigram", "ByteLevel", "Split", "Sequence", "Lowercase", "Ġ", "ab"],
    ...["(a+)+$", "(?=(a+))a*b\\1$", "\\s+", 1e8, 2 ** 24, 2 ** 53, 256],
    splitBy("(a+)+$"),
    splitBy("\\w+|[^\\w\\s]+"),
    splitBy("(a|aa)+$"),
    { type: "Sequence", pretokenizers: [splitBy("(\\w*)*$")] },
    { type: "Replace", pattern: { Regex: "(a*)*b" }, content: "" },
    { type: "Prepend", prepend: "a" },
    [{ id: 3, content: "", special: true }],
    [{ id: 1e8, content: "x", special: false }],
  ],
  keys: [
    "vocab",
    "merges",
    "added_tokens",
    "id",
    "content",
    "pre_tokenizer",
    "normalizer",
    "decoder",
  ],
};

const config = tokenizerConfig(vocabulary);
const configs = jsonFiles(fc.constant(config), {
  values: ["ab", { content: "ab" }, { content: 1 }, "BertTokenizer"],
  keys: [...Object.keys(config), "added_tokens_decoder"],
});
const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** Texts that are encoded; runs of one letter are slow for a pattern that backtracks. */
const texts = ["ab ba, abab", "a".repeat(40) + "!", "é🎈\n\u0000 <|endoftext|> x", ""];

/** Both files, of which one is corrupted. */
export const tokenizers: Kind = {
  name: "tokenizers",
  inputs: fc.oneof(
    {
      weight: 4,
      arbitrary: fc.tuple(jsonFiles(fc.constant(small), seasoning), fc.constant(bytesOf(config))),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(jsonFiles(fc.constant(good), seasoning), fc.constant(bytesOf(config))),
    },
    { weight: 1, arbitrary: fc.tuple(fc.constant(bytesOf(good)), configs) },
  ).map(([json, config]): Files => ({ "tokenizer.json": json, "tokenizer_config.json": config })),
  refusals: [SyntaxError, RangeError, TypeError],
  read: (files) => checkTokenizer(files),
  readByCommand: (files) => checkTokenizer(files, ["a"]),
  command: (folder) => ["generate", "--model", folder, "--prompt", "a"],
  folder: (files) => ({
    ...files,
    "config.json": Deno.readFileSync(golden("gpt2_tiny/config.json")),
    "model.safetensors": Deno.readFileSync(golden("gpt2_tiny/model.safetensors")),
  }),
};

async function checkTokenizer(files: Files, encoded = texts): Promise<void> {
  const tokenizer = await loadTokenizer(inMemory(files));
  const { vocabularySize: size, endOfText } = tokenizer;
  sound(Number.isSafeInteger(size) && size >= 0 && size <= 2 ** 24, `a vocabulary of ${size}`);
  for (const id of [...tokenizer.specialTokens.values(), endOfText ?? 0]) {
    sound(Number.isSafeInteger(id) && id >= 0 && id < size, `the special token ${id} of ${size}`);
  }
  for (const text of encoded) {
    const ids = tokenizer.encode(text);
    sound(ids.every((id) => id < size), `a tokenizer that gives ${ids} of ${size}`);
    sound(typeof tokenizer.decode(ids) === "string", "a text that is none");
  }
}

/** Adds special tokens around texts, as in BERT's files. */
const framed = (json: Json): Json => ({
  ...json,
  post_processor: {
    type: "TemplateProcessing",
    single: [
      { SpecialToken: { id: "[CLS]", type_id: 0 } },
      { Sequence: { id: "A", type_id: 0 } },
      { SpecialToken: { id: "[SEP]", type_id: 0 } },
    ],
    pair: [],
    special_tokens: {
      "[CLS]": { id: "[CLS]", ids: [4], tokens: ["[CLS]"] },
      "[SEP]": { id: "[SEP]", ids: [5], tokens: ["[SEP]"] },
    },
  },
  added_tokens: [...json.added_tokens, added("[CLS]", 4), added("[SEP]", 5)],
});

const families: readonly (readonly [json: Json, config: Json])[] = [
  [framed(wordPiece()), {
    tokenizer_class: "BertTokenizer",
    cls_token: "[CLS]",
    sep_token: "[SEP]",
  }],
  [llama(), {
    ...{ tokenizer_class: "LlamaTokenizer", bos_token: "<s>", eos_token: "<s>" },
    ...{ add_bos_token: true, chat_template: "{{ messages }}" },
  }],
  [unigram(), { tokenizer_class: "T5Tokenizer", eos_token: "<pad>", pad_token: "<pad>" }],
];

const familySeasoning = {
  values: [
    ...["WordPiece", "Unigram", "BPE", "[CLS]", "</s>", "Metaspace", "▁", 4, 5, 200],
    { type: "RobertaProcessing", sep: ["</s>", 2], cls: ["<s>", 0] },
    { type: "TemplateProcessing", single: [{ SpecialToken: { id: "x", type_id: 0 } }] },
    { content: "[SEP]", lstrip: false },
  ],
  keys: ["post_processor", "single", "special_tokens", "unk_token", "unk_id", "byte_fallback"],
};

/** The same of BERT's, Llama's and T5's kind: other models, steps, and texts between special tokens. */
export const familyTokenizers: Kind = {
  name: "tokenizers of other families",
  inputs: fc.constantFrom(...families).chain(([json, config]) =>
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.tuple(
          jsonFiles(fc.constant(json), familySeasoning),
          fc.constant(bytesOf(config)),
        ),
      },
      {
        weight: 1,
        arbitrary: fc.tuple(
          fc.constant(bytesOf(json)),
          jsonFiles(fc.constant(config), familySeasoning),
        ),
      },
    )
  ).map(([json, config]): Files => ({ "tokenizer.json": json, "tokenizer_config.json": config })),
  refusals: [SyntaxError, RangeError, TypeError],
  read: (files) => checkTokenizer(files),
};
