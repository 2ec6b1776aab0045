/** Generation, token by token, with a key-value cache. @module */

import { Tape } from "../autograd/tape.ts";
import { hostTensor } from "../core/host_tensor.ts";
import { assertOptions, type OptionNames } from "../core/options.ts";
import { Random } from "../core/random.ts";
import type { KeyValueCache } from "../nn/key_value_cache.ts";
import { chooseToken, type SamplingOptions } from "./sampling.ts";
import { assertModel } from "./model.ts";
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
 * tokens. Yields each new token as soon as it is chosen; each costs the forward pass of one token.
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
  using cache = model.openCache(1, prompt.length + options.maxNewTokens);
  const random = new Random(options.seed ?? 0);
  let input: ArrayLike<number> = prompt;
  for (let made = 0; made < options.maxNewTokens; made++) {
    if (options.signal?.aborted) return;
    const [logits] = await nextLogits(model, cache, [input]);
    const token = chooseToken(logits, options, random);
    yield token;
    if (token === options.stopToken) return;
    input = [token];
  }
}

/**
 * Feeds new tokens of equally long sequences and reads the logits after the last of each.
 *
 * @throws {RangeError} when a logit is not finite, as a token chosen from it would be meaningless.
 */
export async function nextLogits(
  model: TextModel,
  cache: KeyValueCache,
  sequences: readonly ArrayLike<number>[],
): Promise<Float32Array[]> {
  const time = sequences[0].length, vocabulary = model.vocabulary;
  const ids = Uint32Array.from(sequences.flatMap((sequence) => Array.from(sequence)));
  const rows = sequences.map((_, i) => i * time + time - 1);
  using tape = new Tape(model.device, { record: false });
  const tokens = hostTensor([sequences.length, time], ids);
  const [logits] = await model.device.read(model.forward(tape, { tokens }, { cache, rows }));
  const wrong = logits.data.find((value) => !Number.isFinite(value));
  if (wrong !== undefined) throw new RangeError(`generating needs finite logits, found ${wrong}`);
  return rows.map((_, i) =>
    Float32Array.from(logits.data.subarray(i * vocabulary, (i + 1) * vocabulary))
  );
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
  const { positions } = model, most = positions - prompt.length;
  if (prompt.length === 0) throw new RangeError("generating needs a prompt of at least one token");
  assertWhole("maxNewTokens", maxNewTokens, 0);
  if (maxNewTokens <= most) return;
  const rule = most < 0
    ? `a prompt must have at most ${positions} tokens, found ${prompt.length}`
    : `maxNewTokens must be at most ${most}, as the prompt has ${prompt.length} of the model's ${positions} tokens, found ${maxNewTokens}`;
  throw new RangeError(rule);
}

/** Throws unless it is an integer of at least `least`. */
export function assertWhole(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new RangeError(
    `generating needs ${name} to be an integer of at least ${least}, found ${value}`,
  );
}

function assertSampling({ temperature = 0, topK = 1 }: SamplingOptions): void {
  assertWhole("topK", topK, 1);
  if (Number.isFinite(temperature) && temperature >= 0) return;
  throw new RangeError(`generating needs a temperature of at least 0, found ${temperature}`);
}
