/** What `tokenizer.json` may hold, checked before the library that reads it believes it. @module */

import { isRecord } from "../core/json.ts";
import {
  mostAddedTokens,
  mostPieceCharacters,
  mostTokenCharacters,
  mostTokenIds,
  mostUnusedIds,
  mostWordPieceCharacters,
} from "../core/limits.ts";
import { checkSteps, decoderKinds, normalizerKinds, preTokenizerKinds } from "./tokenizer_steps.ts";
import { type JsonObject, refuse } from "./tokenizer_fields.ts";

/** The kinds of models that are supported. */
export type ModelKind = "BPE" | "WordPiece" | "Unigram";

/** What was found in a tokenizer's file. */
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
