/** Prepares the inputs of every text model for the first layer. @module */

import { assertLengths, packSequences, startsOf } from "../autograd/ops/attention.ts";
import { embedding } from "../autograd/ops/embedding.ts";
import type { Tape } from "../autograd/tape.ts";
import type { ModelInputs } from "../core/batch.ts";
import { ShapeError } from "../core/errors.ts";
import { assertShape, formatShape, type HostTensor, type Shape, sizeOf } from "../core/tensor.ts";
import { howMany } from "../core/numbers.ts";
import { Tensor } from "../device/device.ts";
import type { SequenceContext, SharedTokens } from "../nn/attention.ts";
import type { KeyValueCache } from "../nn/key_value_cache.ts";
import type { PlacedTokens } from "../nn/embedding.ts";

/** Inputs of a text model; the tokens may be on its device, if it has just chosen them. */
export interface TextInputs extends Omit<ModelInputs, "tokens"> {
  /** u32 (batch, time): token ids. */
  readonly tokens: HostTensor | Tensor;
}

/** Tokens of packed sequences of which some are computed for several sequences. */
export interface SharedPlaces {
  /** For each token of all sequences, the place of the one that is computed for it. */
  readonly places: readonly number[];
  /** The tokens that are computed, by their places among those of all sequences. */
  readonly firsts: readonly number[];
}

/** Inputs of a family's layers. */
export interface PassInputs extends TextInputs {
  /**
   * The common beginnings of packed sequences: the other fields, but for the lengths, describe only
   * computed tokens.
   */
  readonly shared?: SharedPlaces;
  /** The virtual tokens at the beginning of the sequences, which the other fields count as tokens. */
  readonly virtual?: PlacedTokens;
}

/** The same for a model that looks at the tokens themselves. */
export type HostInputs = Omit<PassInputs, "tokens"> & Pick<ModelInputs, "tokens">;

/** The tokens in the form that {@link embedding} takes. */
export const idsOf = (tokens: TextInputs["tokens"]): ArrayLike<number> | Tensor =>
  tokens instanceof Tensor ? tokens : tokens.data;

/**
 * The inputs of a model that looks at the tokens themselves.
 *
 * @throws {TypeError} when they are on the device.
 */
export function onHost({ tokens, ...others }: PassInputs): HostInputs {
  if (!(tokens instanceof Tensor)) return { tokens, ...others };
  throw new TypeError(`only a language model takes tokens on the device, found ${tokens.label}`);
}

/**
 * Checks inputs and returns what the blocks need to know about them.
 *
 * @param limit Longest sequence that the model has positions for.
 * @throws {RangeError} when a sequence is too long.
 * @throws {ShapeError} when mask, positions or token types do not fit the tokens.
 * @throws {TypeError} when there are no tokens.
 */
export function sequenceContext(
  tape: Tape,
  inputs: PassInputs,
  limit: number,
  cache?: KeyValueCache,
): SequenceContext {
  if (!inputs?.shared) assertInputs(inputs, limit, cache?.length); // Else it was done before.
  const { tokens: { shape: [batch, time] }, lengths, attentionMask, virtual, shared } = inputs;
  if (lengths && cache) throw new RangeError("packed sequences are whole, found a cache");
  const sequences = lengths && packSequences(tape, lengths);
  const extents = lengths ? { batch: lengths.length, time: Math.max(...lengths) } : { batch, time };
  const mask = attentionMask && uploadMask(tape, attentionMask);
  return { ...extents, sequences, mask, cache, virtual, shared: shared && upload(tape, shared) };
}

/** The places on the device. */
function upload(tape: Tape, { places, firsts }: SharedPlaces): SharedTokens {
  const write = (values: readonly number[], label: string) => {
    const tensor = tape.allocate([values.length], "u32", "activation", label);
    tape.device.write(tensor, Uint32Array.from(values));
    return tensor;
  };
  return { places: write(places, "shared places"), firsts: write(firsts, "computed tokens") };
}

/**
 * Throws unless inputs fit each other and a model.
 *
 * @param past Tokens of each sequence in earlier passes.
 * @param beside Virtual tokens for which there is room beside `limit`.
 */
export function assertInputs(inputs: TextInputs, limit: number, past = 0, beside = 0): void {
  assertTokens(inputs?.tokens);
  const { tokens, lengths, attentionMask, positionIds, tokenTypeIds } = inputs, { shape } = tokens;
  const [batch, time] = shape, count = countOf(tokens);
  if (lengths) assertPacked(inputs, past);
  const keys = past + (lengths ? Math.max(...lengths) : time);
  if (shape.length !== 2 || time === 0 || count !== sizeOf(shape)) {
    throw new ShapeError(
      `tokens must be (batch, time), found ${formatShape(shape)} of ${count} values`,
    );
  }
  if (keys > limit) {
    const others = beside > 0 ? ` beside ${howMany(beside, "virtual token")}` : "";
    throw new RangeError(`a sequence holds at most ${limit} tokens${others}, found ${keys}`);
  }
  if (attentionMask) assertFilled("the attention mask", attentionMask, [batch, keys]);
  if (positionIds) assertFilled("position ids", positionIds, shape);
  if (tokenTypeIds) assertFilled("token type ids", tokenTypeIds, shape);
}

/** Throws a `ShapeError` unless values have a shape and fill it. */
function assertFilled(what: string, { shape, data }: HostTensor, expected: Shape): void {
  assertShape(what, shape, expected);
  if (data.length === sizeOf(shape)) return;
  throw new ShapeError(`${what} must have ${sizeOf(shape)} values, found ${data.length}`);
}

/** Throws unless lengths are those of packed sequences, which continue nothing. */
function assertPacked({ tokens, lengths, attentionMask }: TextInputs, past: number): void {
  assertLengths(lengths!);
  const total = startsOf(lengths!).at(-1)!;
  assertShape(`the tokens of packed sequences of ${total} tokens`, tokens.shape, [1, total]);
  if (attentionMask) throw new RangeError("packed sequences have no hidden tokens, found a mask");
  if (past > 0) throw new RangeError("packed sequences are whole, found earlier tokens");
}

/** The first row of each sequence of inputs, and the end of the last. */
export function sequenceStarts(
  { tokens: { shape: [batch, time] }, lengths }: TextInputs,
): number[] {
  return startsOf(lengths ?? new Array<number>(batch).fill(time));
}

/** Callers in plain JavaScript may pass the tokens themselves. */
function assertTokens(tokens: TextInputs["tokens"] | undefined): void {
  if (Array.isArray(tokens?.shape) && countOf(tokens) >= 0) return;
  throw new TypeError(
    `a model needs inputs as { tokens: { shape: [batch, time], data } }, found ${
      Array.isArray(tokens) ? "a plain list" : tokens ? "something else" : "nothing"
    } for its tokens`,
  );
}

const countOf = (tokens: TextInputs["tokens"]): number =>
  tokens instanceof Tensor ? tokens.size : tokens.data?.length;

function uploadMask(tape: Tape, mask: HostTensor): Tensor {
  const tensor = tape.allocate(mask.shape, "u32", "activation", "attention mask");
  tape.device.write(tensor, Uint32Array.from(mask.data));
  return tensor;
}

/** The positions of new tokens: the given ones, or 0, 1, 2, … counted from the end of the cache. */
export function positionsOf(
  { tokens: { shape }, lengths, positionIds }: TextInputs,
  past: number,
): HostTensor["data"] {
  if (positionIds) return positionIds.data;
  if (lengths) return Uint32Array.from(lengths.flatMap((length) => [...Array(length).keys()]));
  const time = shape[1], count = sizeOf(shape);
  return Uint32Array.from({ length: count }, (_, i) => past + i % time);
}

/**
 * Some rows of x (tokens, width); x itself where they are all of its rows, in order.
 *
 * @throws {RangeError} when a row is not among the tokens.
 */
export function pickRows(tape: Tape, x: Tensor, rows: readonly number[]): Tensor {
  const [tokens] = x.shape;
  assertRequested(rows, tokens);
  const areAll = rows.length === tokens && rows.every((row, i) => row === i);
  return areAll ? x : embedding(tape, x, rows);
}

/** Throws a `RangeError` unless requested rows are among the tokens. */
export function assertRequested(rows: readonly number[], tokens: number): void {
  const wrong = rows.find((row) => !(Number.isInteger(row) && row >= 0 && row < tokens));
  if (wrong === undefined) return;
  throw new RangeError(
    `rows must be integers below the number of tokens, ${tokens}, found ${wrong}`,
  );
}
