/** Generation, token by token, with a key-value cache. @module */

import { assertOptions, type OptionNames } from "../core/options.ts";
import { assertToken, Continuation } from "./continuation.ts";
import { assertModel } from "./model.ts";
import type { SamplingOptions } from "./sampling.ts";
import type { TextModel } from "./text_model.ts";

/** How the next token is chosen and when to stop. */
export interface GenerateOptions extends SamplingOptions {
  /** Most new tokens. */
  readonly maxNewTokens: number;
  /** Stop after this token, which is also returned. */
  readonly stopToken?: number;
  /** Seed of the sampling. Default 0. */
  readonly seed?: number;
  /** Stops before the next token. */
  readonly signal?: AbortSignal;
}

/** The names of {@link GenerateOptions}. */
export const generateNames: OptionNames<GenerateOptions> = {
  maxNewTokens: true,
  stopToken: true,
  temperature: true,
  topK: true,
  seed: true,
  signal: true,
};

/**
 * Continues a prompt greedily or by sampling softmax(logits / temperature) among the `topK` most likely
 * tokens. A seed gives the same tokens on every device. Each token costs the forward pass of one token; on
 * `webgpu` tokens are read, and yielded, in blocks.
 *
 * @throws {TypeError} when the prompt is not a list of tokens, or an option does not exist.
 * @throws {RangeError} when the prompt is empty, prompt and continuation exceed the positions, an option
 * is out of range, or a logit is not finite.
 *
 * @example
 * ```ts
 * import { generate, loadModel, openDevice } from "@lowrank/core";
 *
 * using device = await openDevice();
 * using model = await loadModel(device, "models/tiny-gpt2");
 * const tokens = await Array.fromAsync(generate(model, [1, 2, 3], { maxNewTokens: 4 }));
 * console.log(tokens.length);
 * ```
 */
export async function* generate(
  model: TextModel,
  prompt: ArrayLike<number>,
  options: GenerateOptions,
): AsyncGenerator<number> {
  assertModel("generate", model);
  assertOptions("generate", options, generateNames);
  assertRoom(model, prompt, options.maxNewTokens);
  assertSampling(options);
  const { maxNewTokens, stopToken, signal } = options;
  using continuation = new Continuation(model, prompt, maxNewTokens, options);
  for await (const tokens of blocksOf(continuation, options)) {
    for (const token of tokens) {
      if (signal?.aborted) return;
      assertToken(token);
      yield token;
      if (token === stopToken) return;
    }
  }
}

/** Most tokens that a block holds, and the milliseconds within which a reader notices no pause. */
const largestBlock = 32, patience = 50;

/**
 * Reads tokens in blocks. Waiting for a read costs 10 ms on `webgpu`, so there a block is queued before
 * the one ahead of it is read, and blocks grow as long as they take no time that a reader notices; what
 * is made beyond the end of the text is dropped. Elsewhere a block is one token, and none is in vain.
 */
async function* blocksOf(
  continuation: Continuation,
  { maxNewTokens, signal }: GenerateOptions,
): AsyncGenerator<number[]> {
  const isAhead = continuation.device.kind === "webgpu", queued: Promise<number[]>[] = [];
  let left = maxNewTokens, size = 1, started = -Infinity;
  try {
    while (!signal?.aborted) {
      while (left > 0 && queued.length <= Number(isAhead)) {
        const now = performance.now(), isFast = now - started < patience;
        if (isAhead && isFast) size = Math.min(2 * size, largestBlock);
        const block = continuation.advance(Math.min(size, left));
        block.catch(() => {}); // Awaited later; until then, a rejection is not unhandled.
        queued.push(block);
        left -= Math.min(size, left);
        started = now;
      }
      if (queued.length === 0) return;
      yield await queued.shift()!;
    }
  } finally {
    await Promise.allSettled(queued);
  }
}

/** Throws unless the prompt and its continuation fit the model. */
export function assertRoom(
  model: TextModel,
  prompt: ArrayLike<number>,
  maxNewTokens: number,
): void {
  if (typeof prompt === "string") {
    throw new TypeError(
      "generating needs a prompt of token ids, found a text: use complete, or encode it first",
    );
  }
  if (!model.isCausal) {
    throw new RangeError(
      `continuing a text needs a causal language model, found ${model.description}`,
    );
  }
  const { positions } = model, most = positions - prompt.length;
  if (prompt.length === 0) throw new RangeError("generating needs a prompt of at least one token");
  assertWhole("maxNewTokens", maxNewTokens, 0);
  if (maxNewTokens <= most) return;
  const rule = most < 0
    ? `a prompt must have at most ${positions} tokens, found ${prompt.length}`
    : `maxNewTokens must be at most ${most}, as the prompt has ${prompt.length} of the model's ${positions} tokens, found ${maxNewTokens}`;
  throw new RangeError(rule);
}

/** Throws unless it is an integer of at least `least`, and at most `most`. */
export function assertWhole(name: string, value: number, least: number, most = Infinity): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  const range = most < Infinity ? `from ${least} to ${most}` : `of at least ${least}`;
  throw new RangeError(`generating needs ${name} to be an integer ${range}, found ${value}`);
}

function assertSampling({ temperature = 0, topK = 1 }: SamplingOptions): void {
  assertWhole("topK", topK, 1);
  if (Number.isFinite(temperature) && temperature >= 0) return;
  throw new RangeError(`generating needs a temperature of at least 0, found ${temperature}`);
}
