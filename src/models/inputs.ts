/** What every text model does with its inputs before the first layer. @module */

import { embedding } from "../autograd/mod.ts";
import type { Tape } from "../autograd/tape.ts";
import type { ModelInputs } from "../core/batch.ts";
import { ShapeError } from "../core/errors.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { assertShape, formatShape, sizeOf } from "../core/shape.ts";
import type { Tensor } from "../device/device.ts";
import type { SequenceContext } from "../nn/attention.ts";
import type { KeyValueCache } from "../nn/key_value_cache.ts";

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
  inputs: ModelInputs,
  limit: number,
  cache?: KeyValueCache,
): SequenceContext {
  assertTokens(inputs?.tokens);
  const { tokens: { shape, data }, attentionMask, positionIds, tokenTypeIds } = inputs;
  const [batch, time] = shape, keys = (cache?.length ?? 0) + time;
  if (shape.length !== 2 || time === 0 || data.length !== sizeOf(shape)) {
    throw new ShapeError(
      `tokens must be (batch, time), found ${formatShape(shape)} of ${data.length} values`,
    );
  }
  if (keys > limit) {
    throw new RangeError(`a sequence holds at most ${limit} tokens, found ${keys}`);
  }
  if (attentionMask) assertShape("the attention mask", attentionMask.shape, [batch, keys]);
  if (positionIds) assertShape("position ids", positionIds.shape, shape);
  if (tokenTypeIds) assertShape("token type ids", tokenTypeIds.shape, shape);
  return { batch, time, mask: attentionMask && uploadMask(tape, attentionMask), cache };
}

/** Callers in plain JavaScript may pass the tokens themselves. */
function assertTokens(tokens: HostTensor | undefined): void {
  if (Array.isArray(tokens?.shape) && tokens.data?.length >= 0) return;
  throw new TypeError(
    `a model needs inputs as { tokens: { shape: [batch, time], data } }, found ${
      Array.isArray(tokens) ? "a plain list" : tokens ? "something else" : "nothing"
    } for its tokens`,
  );
}

function uploadMask(tape: Tape, mask: HostTensor): Tensor {
  const tensor = tape.allocate(mask.shape, "u32", "activation", "attention mask");
  tape.device.write(tensor, Uint32Array.from(mask.data));
  return tensor;
}

/** The positions of new tokens: the given ones, or 0, 1, 2, … counted from the end of the cache. */
export function positionsOf(
  { tokens, positionIds }: ModelInputs,
  past: number,
): HostTensor["data"] {
  const time = tokens.shape[1];
  return positionIds?.data ?? Uint32Array.from(tokens.data, (_, i) => past + i % time);
}

/**
 * Some rows of x (tokens, width).
 *
 * @throws {RangeError} when a row is not among the tokens.
 */
export function pickRows(tape: Tape, x: Tensor, rows: readonly number[]): Tensor {
  const [tokens] = x.shape;
  const wrong = rows.find((row) => !(Number.isInteger(row) && row >= 0 && row < tokens));
  if (wrong === undefined) return embedding(tape, x, rows);
  throw new RangeError(
    `rows must be integers below the number of tokens, ${tokens}, found ${wrong}`,
  );
}
