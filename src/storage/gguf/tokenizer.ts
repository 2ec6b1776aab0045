/** The tokenizer of a GGUF file as files of a Hugging Face folder. @module */

import type { OpenFile } from "../open_file.ts";
import { configOf } from "./config.ts";
import { broken, type GgufHeader, type GgufValue, readGguf, shown } from "./header.ts";

type Metadata = GgufHeader["metadata"];

/** True if a file holds a tokenizer. */
const hasTokenizer = ({ metadata }: GgufHeader): boolean => metadata.has(key("model"));

const key = (name: string): string => `tokenizer.ggml.${name}`;

const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true };

const splitAt = (Regex: string) => ({
  type: "Split",
  pattern: { Regex },
  behavior: "Isolated",
  invert: false,
});

/** The published patterns of Llama 3 and Qwen2, which differ in how many digits are a word. */
const words = (digits: string) =>
  stepsOf(
    splitAt(
      `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}` +
        "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    ),
    { ...byteLevel, use_regex: false },
  );

const stepsOf = (...pretokenizers: readonly unknown[]) => ({ type: "Sequence", pretokenizers });

const gpt2 = { ...byteLevel, use_regex: true };

/**
 * Differences between byte-level tokenizers: how they cut texts into words, by the name in a file.
 */
const kinds: ReadonlyMap<unknown, Readonly<Record<string, unknown>>> = new Map([
  ["gpt-2", { pre_tokenizer: gpt2 }],
  // transformers reads it as GPT-2's, which cuts "a  1" in another way than the models have learned.
  ["smollm", { pre_tokenizer: stepsOf(splitAt("\\p{N}"), gpt2) }],
  ["llama-bpe", { pre_tokenizer: words("\\p{N}{1,3}") }],
  ["qwen2", { pre_tokenizer: words("\\p{N}"), normalizer: { type: "NFC" } }],
]);

/** The types of tokens that are found in a text as they are. */
const control = 3, userDefined = 4;

/**
 * The `tokenizer.json` of a file: byte-level BPE.
 *
 * @throws {SyntaxError} when the file has another tokenizer, or not all of it.
 */
export function tokenizerOf({ metadata }: GgufHeader): Record<string, unknown> {
  const model = metadata.get(key("model")), pre = metadata.get(key("pre")), kind = kinds.get(pre);
  if (model !== "gpt2") broken(`${key("model")} must be gpt2, found ${shown(model)}`);
  if (!kind) {
    const known = [...kinds.keys()].join(", ");
    return broken(`${key("pre")} must be one of ${known}, found ${shown(pre)}`);
  }
  const tokens = textsIn(metadata, "tokens"), merges = textsIn(metadata, "merges");
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens(metadata, tokens),
    normalizer: null,
    ...kind,
    post_processor: postProcessor(metadata, tokens),
    decoder: gpt2,
    model: {
      type: "BPE",
      ...{ dropout: null, unk_token: null },
      ...{ continuing_subword_prefix: null, end_of_word_suffix: null },
      ...{ fuse_unk: false, byte_fallback: false, ignore_merges: pre === "llama-bpe" },
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
}

/**
 * The `tokenizer_config.json` of a file: its special tokens and its template for chats.
 *
 * @throws {SyntaxError} when the file has no tokens, or a special one is not among them.
 */
export function tokenizerConfigOf({ metadata }: GgufHeader): Record<string, unknown> {
  const tokens = textsIn(metadata, "tokens");
  const special = { bos: "bos", eos: "eos", unk: "unknown", pad: "padding" };
  const template = metadata.get("tokenizer.chat_template");
  return {
    ...Object.fromEntries(
      Object.entries(special).map(([field, name]) => [
        `${field}_token`,
        specialToken(metadata, tokens, name)?.content,
      ]),
    ),
    ...(typeof template === "string" ? { chat_template: template } : {}),
    clean_up_tokenization_spaces: false,
    tokenizer_class: "PreTrainedTokenizerFast",
  };
}

/** Texts, each once. */
function textsIn(metadata: Metadata, name: string): readonly string[] {
  const texts = metadata.get(key(name));
  if (!isTexts(texts)) return broken(`${key(name)} must be a list of texts`);
  if (new Set(texts).size === texts.length) return texts;
  return broken(`${key(name)} must have each text once`);
}

const isTexts = (value: GgufValue | undefined): value is readonly string[] =>
  Array.isArray(value) && value.every((text) => typeof text === "string");

function addedTokens(metadata: Metadata, tokens: readonly string[]): unknown[] {
  const types = metadata.get(key("token_type")) ?? [];
  if (!(types instanceof Int32Array) || types.length !== tokens.length) {
    return broken(`${key("token_type")} must have a type for each token`);
  }
  const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  return tokens.map((content, id) => ({ id, content, ...plain, special: types[id] === control }))
    .filter(({ id }) => types[id] === control || types[id] === userDefined);
}

/** The post-processor that adds the special tokens which the file asks for. */
function postProcessor(metadata: Metadata, tokens: readonly string[]): unknown {
  // Files of Llama 3 may leave out what llama.cpp takes for granted.
  const usual = { bos: metadata.get(key("pre")) === "llama-bpe", eos: false };
  const around = (["bos", "eos"] as const).map((name) =>
    metadata.get(key(`add_${name}_token`)) ?? usual[name]
      ? specialToken(metadata, tokens, name)
      : undefined
  );
  if (around.every((token) => token === undefined)) return byteLevel;
  const [first, last] = around.map((token) =>
    token ? [{ SpecialToken: { id: token.content, type_id: 0 } }] : []
  );
  const text = (id: string) => [...first, { Sequence: { id, type_id: 0 } }, ...last];
  const specials = around.flatMap((token) => token ? [token] : []);
  return {
    type: "TemplateProcessing",
    single: text("A"),
    pair: [...text("A"), ...text("B")],
    special_tokens: Object.fromEntries(
      specials.map(({ content, id }) => [content, { id: content, ids: [id], tokens: [content] }]),
    ),
  };
}

/** A special token by its name in the file; undefined if it names none. */
function specialToken(metadata: Metadata, tokens: readonly string[], name: string) {
  const id = metadata.get(key(`${name}_token_id`));
  if (id === undefined) return undefined;
  const content = typeof id === "number" ? tokens[id] : undefined;
  if (content !== undefined) return { id: id as number, content };
  return broken(`${key(`${name}_token_id`)} must be the id of a token, found ${shown(id)}`);
}

/** The maker of each file. */
const made: ReadonlyMap<string, (header: GgufHeader) => unknown> = new Map([
  ["config.json", configOf],
  ["tokenizer.json", tokenizerOf],
  ["tokenizer_config.json", tokenizerConfigOf],
]);

/**
 * True if the folder that a GGUF file stands for has a file of this name.
 *
 * @throws {SyntaxError} when it is no GGUF file.
 */
export async function holdsFile(file: OpenFile, name: string): Promise<boolean> {
  return holds(await readGguf(file), name);
}

const holds = (header: GgufHeader, name: string): boolean =>
  name === "config.json" || made.has(name) && hasTokenizer(header);

/**
 * A file of that folder.
 *
 * @throws {SyntaxError} when it is no GGUF file, or one that says what no such file says.
 * @throws {Error} when there is no such file in it.
 */
export async function madeFile(file: OpenFile, name: string): Promise<Blob> {
  const header = await readGguf(file);
  if (!holds(header, name)) throw new Error(`it has nothing that a ${name} says`);
  return new Blob([JSON.stringify(made.get(name)!(header))]);
}
