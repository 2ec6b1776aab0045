/**
 * Checks of a `tokenizer.json`, before the library reads it: its fields, the steps before and after
 * its model, and the regular expressions in them, which must not take long.
 *
 * @module
 */

import { isRecord } from "../core/checks.ts";
import { quote } from "../core/errors.ts";
import {
  mostAddedTokens,
  mostPieceCharacters,
  mostTokenCharacters,
  mostTokenIds,
  mostTokenizerGrowth,
  mostTokenizerSteps,
  mostUnusedIds,
  mostWordPieceCharacters,
} from "../core/limits.ts";

// The file.

/** The kinds of models that are supported. */
export type ModelKind = "BPE" | "WordPiece" | "Unigram";

/** Facts found in a tokenizer's file. */
export interface TokenizerFacts {
  /** The model's kind. */
  readonly kind: ModelKind;
  /** The largest id plus one. */
  readonly vocabularySize: number;
  /** Ids by their tokens. */
  readonly ids: ReadonlyMap<string, number>;
}

/** Tokens with their ids, checked one by one. */
class TokenIds {
  readonly ids = new Map<string, number>();
  readonly #owners = new Map<number, string>();
  #largest = -1;

  /** Adds a token; a token and an id may come again, but only with each other. */
  add(token: unknown, id: unknown, mostCharacters = mostTokenCharacters): void {
    if (typeof token !== "string" || token.length > mostCharacters) {
      refuse(`have tokens of at most ${mostCharacters} characters`, token);
    }
    if (!Number.isInteger(id) || Number(id) < 0 || Number(id) >= mostTokenIds) {
      refuse(`have whole ids from 0 to ${mostTokenIds - 1}`, { [token]: id });
    }
    const known = this.ids.get(token), owner = this.#owners.get(Number(id));
    if (known !== undefined && known !== id) {
      refuse("give each token one id", { [token]: [known, id] });
    }
    if (owner !== undefined && owner !== token) {
      refuse("give each id to one token", [owner, token, id]);
    }
    this.ids.set(token, Number(id));
    this.#owners.set(Number(id), token);
    this.#largest = Math.max(this.#largest, Number(id));
  }

  /** The largest id plus one, after a look at how many ids no token has. */
  size(): number {
    const size = this.#largest + 1, unused = size - this.#owners.size;
    if (unused > mostUnusedIds) {
      refuse(`leave at most ${mostUnusedIds} ids without a token`, unused);
    }
    return size;
  }
}

/**
 * Checks all of a tokenizer's file that could make the library wrong or endless: ids, tokens, merges,
 * and each step before and after the model.
 *
 * @throws {SyntaxError} when something is not as in the published tokenizers of the three kinds.
 */
export function checkTokenizerFile(json: unknown): TokenizerFacts {
  if (!isRecord(json)) refuse("be a JSON object", json);
  const { model } = json;
  if (!isRecord(model)) refuse("have a model", model);
  const tokens = new TokenIds(), kind = kindOf(model);
  if (kind === "Unigram") checkUnigram(model, tokens);
  else addVocabulary(model.vocab, tokens);
  if (kind === "BPE") checkMerges(model, tokens.ids);
  if (kind === "WordPiece") checkWordPiece(model, tokens.ids);
  addTokens(json.added_tokens, tokens);
  checkSteps(json.normalizer, "normalizer", normalizerKinds);
  checkSteps(json.pre_tokenizer, "pre-tokenizer", preTokenizerKinds);
  checkSteps(json.decoder, "decoder", decoderKinds);
  return { kind, vocabularySize: tokens.size(), ids: tokens.ids };
}

/** The model's kind; files of 2020 and before do not name it. */
function kindOf(model: JsonObject): ModelKind {
  const { type = model.merges ? "BPE" : Array.isArray(model.vocab) ? "Unigram" : "WordPiece" } =
    model;
  if (type === "BPE" || type === "WordPiece" || type === "Unigram") return type;
  return refuse("have a model of the type BPE, WordPiece or Unigram", type);
}

function addVocabulary(vocabulary: unknown, tokens: TokenIds): void {
  if (!isRecord(vocabulary)) refuse("have a vocabulary of tokens with ids", vocabulary);
  for (const [token, id] of Object.entries(vocabulary)) tokens.add(token, id);
}

function addTokens(added: unknown, tokens: TokenIds): void {
  if (!Array.isArray(added) || added.length > mostAddedTokens) {
    refuse(`have a list of at most ${mostAddedTokens} added tokens`, added);
  }
  for (const token of added) {
    if (!isRecord(token) || token.content === "") refuse("have added tokens with contents", token);
    tokens.add(token.content, token.id);
  }
}

/** A merge is a pair, or two tokens with a space between them; all are of the form of the first. */
function checkMerges(model: JsonObject, ids: ReadonlyMap<string, number>): void {
  const { merges, continuing_subword_prefix: prefix } = model;
  if (!Array.isArray(merges)) refuse("have a list of merges", merges);
  if (prefix) refuse("have no continuing_subword_prefix for BPE (not implemented)", prefix);
  const isPaired = Array.isArray(merges[0]);
  for (const merge of merges) {
    const parts = isPaired ? merge : typeof merge === "string" && merge.split(" ");
    if (!Array.isArray(parts) || parts.length !== 2) {
      refuse("have merges of two tokens each", merge);
    }
    const [left, right] = parts;
    if (!ids.has(left) || !ids.has(right) || !ids.has(left + right)) {
      refuse("have merges of tokens in its vocabulary to others in it", merge);
    }
  }
}

function checkWordPiece(model: JsonObject, ids: ReadonlyMap<string, number>): void {
  const { unk_token: unknown, max_input_chars_per_word: most = 100 } = model;
  if (!ids.has(unknown as string)) refuse("have its unk_token in its vocabulary", unknown);
  if (!Number.isInteger(most) || Number(most) > mostWordPieceCharacters) {
    refuse(`have a max_input_chars_per_word of at most ${mostWordPieceCharacters}`, most);
  }
  if (typeof model.continuing_subword_prefix !== "string") {
    refuse("have a continuing_subword_prefix for WordPiece", model.continuing_subword_prefix);
  }
}

function checkUnigram({ vocab, unk_id: unknown }: JsonObject, tokens: TokenIds): void {
  if (!Array.isArray(vocab)) refuse("have a vocabulary of tokens with scores", vocab);
  vocab.forEach((piece, id) => {
    if (!Array.isArray(piece) || piece.length !== 2 || !Number.isFinite(piece[1])) {
      refuse("have a vocabulary of tokens with scores", piece);
    }
    tokens.add(piece[0], id, mostPieceCharacters);
  });
  if (!Number.isInteger(unknown) || !(Number(unknown) in vocab)) {
    refuse("have an unk_id in its vocabulary", unknown);
  }
}

// Steps.

/** Checks the fields of a step; gives by how much it can make a text longer. */
type StepCheck = (step: JsonObject) => number;

/** Steps by their types; a sequence names the field of its steps. */
export type StepKinds = ReadonlyMap<string, StepCheck | string>;

const free: StepCheck = () => 1;

/** Steps with texts that need not be there. */
const texts = (...fields: readonly string[]): StepCheck => (step) => {
  for (const field of fields) textIn(step, field);
  return 1;
};

/** Bytes of a character become up to four characters. */
const byteLevel: StepCheck = () => 4;

const metaspace: StepCheck = (step) =>
  Math.max(1, textIn(step, "replacement").length, textIn(step, "str_rep").length);

const replace: StepCheck = (step) => {
  checkPattern(step);
  const content = textIn(step, "content");
  // The library would put parts of the text in its place.
  if (content.includes("$")) refuse("replace by texts without a $", content);
  return Math.max(1, content.length);
};

/** Fates of the text that matches. */
const behaviors = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"];

const split: StepCheck = (step) => {
  checkPattern(step);
  const { behavior } = step;
  if (!behaviors.includes(behavior as string)) {
    refuse(`split by a behavior of ${behaviors.join(", ")}`, behavior);
  }
  return 1;
};

const fixedLength: StepCheck = ({ length }) => {
  const isLength = Number.isInteger(length) && Number(length) >= 1;
  return isLength ? 1 : refuse("have a whole length of at least 1 for FixedLength", length);
};

const strip: StepCheck = (step) => {
  for (const field of ["start", "stop"]) {
    const count = step[field] ?? 0;
    if (!Number.isInteger(count)) refuse(`strip a whole number of characters`, count);
  }
  return texts("content")(step);
};

/** Steps that change a text before it is cut. */
const normalizerKinds: StepKinds = new Map<string, StepCheck | string>([
  ...[
    "BertNormalizer",
    "Precompiled",
    "NFC",
    "NFD",
    "NFKC",
    "NFKD",
    "Strip",
    "StripAccents",
    "Lowercase",
  ]
    .map((type) => [type, free] as const),
  ["Prepend", texts("prepend")],
  ["Replace", replace],
  ["Sequence", "normalizers"],
]);

/** Steps that cut a text into words. */
const preTokenizerKinds: StepKinds = new Map<string, StepCheck | string>([
  ...["BertPreTokenizer", "Whitespace", "WhitespaceSplit", "Punctuation", "Digits"]
    .map((type) => [type, free] as const),
  ["ByteLevel", byteLevel],
  ["Metaspace", metaspace],
  ["Split", split],
  ["Replace", replace],
  ["FixedLength", fixedLength],
  ["Sequence", "pretokenizers"],
]);

/** Steps that join tokens to a text. */
const decoderKinds: StepKinds = new Map<string, StepCheck | string>([
  ...["ByteLevel", "Fuse", "ByteFallback"].map((type) => [type, free] as const),
  ["WordPiece", texts("prefix")],
  ["Metaspace", metaspace],
  ["BPEDecoder", texts("suffix")],
  ["CTC", texts("pad_token", "word_delimiter_token")],
  ["Replace", replace],
  ["Strip", strip],
  ["Sequence", "decoders"],
]);

/**
 * Checks the step of a field and all steps in it.
 *
 * @throws {SyntaxError} when there are too many, one is of another type, or its fields are refused.
 */
function checkSteps(step: unknown, name: string, kinds: StepKinds): void {
  if (step === null) return;
  const steps = stepsIn(step, name, kinds);
  let growth = 1;
  for (const [check, fields] of steps) growth *= check(fields);
  if (growth > mostTokenizerGrowth) {
    refuse(`have a ${name} that makes texts at most ${mostTokenizerGrowth} times as long`, growth);
  }
}

/** All steps with their checks, those of sequences one after the other. */
function stepsIn(first: unknown, name: string, kinds: StepKinds): [StepCheck, JsonObject][] {
  const steps: [StepCheck, JsonObject][] = [], waiting = [first];
  while (waiting.length > 0) {
    const step = waiting.pop(), check = isRecord(step) ? kinds.get(step.type as string) : undefined;
    if (!isRecord(step) || check === undefined) {
      refuse(`have a ${name} of a known type`, isRecord(step) ? step.type : step);
    }
    const inner = typeof check === "string" ? step[check] ?? [] : [];
    if (!Array.isArray(inner)) refuse(`have a list of steps in a ${name}`, inner);
    waiting.push(...inner);
    steps.push([typeof check === "string" ? free : check, step]);
    if (steps.length + waiting.length > mostTokenizerSteps) {
      refuse(
        `have a ${name} of at most ${mostTokenizerSteps} steps`,
        steps.length + waiting.length,
      );
    }
  }
  return steps;
}

function textIn(step: JsonObject, field: string): string {
  const text = step[field] ?? "";
  if (typeof text === "string" && text.length <= 100) return text;
  return refuse(`have a text of at most 100 characters as ${field}`, text);
}

function checkPattern({ pattern }: JsonObject): void {
  const { String: text, Regex: expression } = isRecord(pattern) ? pattern : {};
  if (expression === undefined && typeof text === "string" && text !== "") return;
  if (typeof expression !== "string" || !isSplitPattern(expression)) {
    refuse("split and replace with a text, a published pattern or a simple one", pattern);
  }
}

// Fields.

/** A parsed JSON file. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Throws the sentence for a rule that the file breaks. */
function refuse(rule: string, found: unknown): never {
  throw new SyntaxError(`tokenizer.json must ${rule}, found ${quote(found)}`);
}

// Patterns.

const contractions = "'s|'t|'re|'ve|'m|'ll|'d";
const letters = "\\p{L}\\p{M}";
const lower = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]", upper = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
const spaces = "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** A letter run with at most one other character before it, then digits, then other symbols. */
const openAi = (start: string, digits: string) =>
  `${start}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${spaces}`;

const cased = (end: string) =>
  `[^\\r\\n\\p{L}\\p{N}]?${upper}*${lower}+${end}|[^\\r\\n\\p{L}\\p{N}]?${upper}+${lower}*${end}`;

/**
 * Published patterns, which were tried on long texts: the library matches with backtracking, so that
 * another one could take forever.
 */
const published: ReadonlySet<string> = new Set([
  // GPT-2, and CLIP.
  `${contractions}| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+`,
  `${contractions}|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+`,
  // GPT-4 and Llama 3, Qwen 2, Qwen 3.5.
  openAi(`(?i:${contractions})`, "\\p{N}{1,3}"),
  openAi(`(?i:${contractions})`, "\\p{N}"),
  `(?i:${contractions})|[^\\r\\n\\p{L}\\p{N}]?[${letters}]+|\\p{N}` +
  `| ?[^\\s${letters}\\p{N}]+[\\r\\n]*|${spaces}`,
  // GPT-4o and Llama 4, Mistral's Tekken.
  `${cased(`(?i:${contractions})?`)}|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${spaces}`,
  `${cased("")}|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${spaces}`,
  // DeepSeek 3.
  "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+" +
  `| ?[\\p{P}\\p{S}]+[\\r\\n]*|${spaces}`,
  // BLOOM.
  " ?[^(\\s|[.,!?…。，、।۔،])]+",
]);

/** A character, an escape or a class. */
const atom =
  "(?:\\\\[pP]\\{[A-Za-z_]+\\}|\\\\.|\\[(?:\\\\.|[^\\[\\]\\\\])+\\]|[^\\\\()[\\]{}|*+?^$])";

const repetition = "(?:[*+?]|\\{\\d*,?\\d*\\})";

/**
 * One atom with one repetition and perhaps an optional one before it, or atoms without any: such patterns
 * give back one character at most.
 */
const plain = new RegExp(`^(?:(?:${atom}\\?)?${atom}${repetition}?|(?:${atom})+)$`, "su");

/** DeepSeek LLM's for spaces at the end, which tries each space of each run. */
const lastSpaces = "\\s+$";

/** True if a pattern is one of the published ones, or too simple to take long. */
export function isSplitPattern(pattern: string): boolean {
  // DeepSeek's file has the line breaks themselves.
  const escaped = pattern.replaceAll("\r", "\\r").replaceAll("\n", "\\n");
  if (published.has(escaped) || pattern === lastSpaces) return true;
  return pattern.length < 1000 && plain.test(pattern);
}

/** The same steps with patterns that find the same in linear time. */
export function withLinearPatterns(steps: unknown): unknown {
  return JSON.parse(
    JSON.stringify(steps ?? null),
    (key, value) => key === "Regex" && value === lastSpaces ? `(?<!\\s)${lastSpaces}` : value,
  );
}
