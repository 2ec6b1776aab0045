/** Generation, token by token, with a key-value cache. @module */

import { chooseTokenKernel, wrongLogitOf } from "../../../kernels/choose_token/kernel.ts";
import { Tape } from "../../autograd/tape.ts";
import type { PromptFormat } from "../../core/batch.ts";
import { assertOptions, type OptionNames } from "../../core/checks.ts";
import { about } from "../../core/errors.ts";
import { Random } from "../../core/random.ts";
import { hostTensor } from "../../core/tensor.ts";
import { Scope } from "../../device/arena.ts";
import type { Tensor } from "../../device/device.ts";
import type { KeyValueCache } from "../../nn/key_value_cache.ts";
import {
  assertTokenizer,
  encodePrompt,
  leastTokens,
  type Tokenizer,
} from "../../tokenizer/tokenizer.ts";
import type { TextInputs } from "../inputs.ts";
import { assertModel, promptFormatOf } from "../model.ts";
import type { TextModel } from "../text_model.ts";

/** Options for choosing a token. */
export interface SamplingOptions {
  /** 0 takes the most likely token; otherwise logits are divided by it before sampling. Default 0. */
  readonly temperature?: number;
  /** Sample among this many most likely tokens. Default: all. */
  readonly topK?: number;
}

/** The range of normal F32 numbers: at both ends of it, sampling is what it would be beyond. */
const leastTemperature = 2 ** -126, mostTemperature = 3.4028234663852886e38;

/**
 * u32 (rows, 1): for each row of logits (rows, vocabulary) a token drawn from softmax(logits /
 * temperature) among the `topK` most likely, by the numbers of a seed; what is no token names a logit
 * that is not finite.
 */
export function chooseTokens(
  scope: Scope,
  logits: Tensor,
  { temperature = 0, topK = Infinity }: SamplingOptions,
  seed: number,
): Tensor {
  const [rows, vocabulary] = logits.shape;
  const ids = scope.allocate([rows, 1], "u32", "activation", "chosen tokens");
  scope.device.launch(chooseTokenKernel, { logits, ids }, {
    rows,
    vocabulary,
    temperature: temperature && Math.min(mostTemperature, Math.max(leastTemperature, temperature)),
    kept: Math.min(topK, vocabulary),
    seed,
  });
  return ids;
}

/** A prompt that a model continues: each token is chosen on the device, where the next step takes it. */
class Continuation extends Scope {
  readonly #model: TextModel;
  readonly #cache: KeyValueCache;
  readonly #options: SamplingOptions;
  readonly #random: Random;
  #tokens: TextInputs["tokens"];
  #chosen: readonly Tensor[] = [];

  /** Makes room for `most` new tokens. */
  constructor(
    model: TextModel,
    prompt: ArrayLike<number>,
    most: number,
    options: SamplingOptions & { readonly seed?: number },
  ) {
    super(model.device);
    this.#model = model;
    this.#options = options;
    this.#random = new Random(options.seed ?? 0);
    this.#cache = this.own(model.openCache(1, prompt.length + most));
    this.#tokens = hostTensor([1, prompt.length], Uint32Array.from(prompt));
  }

  /**
   * Queues `count` more steps; resolves to their tokens, which {@link assertToken} has to see, once the
   * device has chosen them. More steps may be queued before.
   */
  async advance(count: number): Promise<number[]> {
    const before = this.#chosen;
    this.#chosen = this.#choose(count);
    for (const tokens of before) this.free(tokens);
    const read = await this.device.read(...this.#chosen);
    return read.map(({ data: [token] }) => token);
  }

  /** On one tape, as a buffer of indices that is written again would split the submit. */
  #choose(count: number): Tensor[] {
    using tape = new Tape(this.device, { record: false });
    return Array.from({ length: count }, () => this.#step(tape));
  }

  #step(tape: Tape): Tensor {
    const tokens = this.#tokens, options = { cache: this.#cache, rows: [tokens.shape[1] - 1] };
    const logits = this.#model.forward(tape, { tokens }, options);
    const chosen = chooseTokens(this, logits, this.#options, this.#random.bits());
    tape.release(logits);
    this.#tokens = chosen;
    return chosen;
  }
}

/**
 * Throws unless a token was chosen.
 *
 * @throws {RangeError} when a logit was not finite, as a token chosen from it would be meaningless.
 */
export function assertToken(id: number): void {
  const wrong = wrongLogitOf(id);
  if (wrong !== undefined) throw new RangeError(`generating needs finite logits, found ${wrong}`);
}

/** Options for choosing tokens and for when to stop. */
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
const generateNames: OptionNames<GenerateOptions> = {
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
  if (most < 0) {
    throw new RangeError(
      `a prompt must have at most ${positions} tokens, found ${prompt.length}`,
    );
  }
  const option = "maxNewTokens", found = `found ${maxNewTokens}`;
  const room = `as the prompt has ${prompt.length} of the model's ${positions} tokens`;
  throw about(new RangeError(`${option} must be at most ${most}, ${room}, ${found}`), {
    option,
    words: option,
  });
}

/** Throws unless it is an integer of at least `least`, and at most `most`. */
export function assertWhole(name: string, value: number, least: number, most = Infinity): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  const range = most < Infinity ? `from ${least} to ${most}` : `of at least ${least}`;
  throw new RangeError(`generating needs ${name} to be an integer ${range}, found ${value}`);
}

/** Throws unless temperature and topK are in range. */
export function assertSampling({ temperature = 0, topK = 1 }: SamplingOptions): void {
  assertWhole("topK", topK, 1);
  if (Number.isFinite(temperature) && temperature >= 0) return;
  throw new RangeError(`generating needs a temperature of at least 0, found ${temperature}`);
}

/** Options of {@link complete}; the end of text is the default `stopToken`. */
export interface CompleteOptions extends Omit<GenerateOptions, "maxNewTokens"> {
  /** Most new tokens. Default: 64, or as many as the model has positions for. */
  readonly maxNewTokens?: number;
}

/**
 * Continues a text until its end. The prompt's tokens are made as in the training of the adapter that is
 * on the model, or of the model itself, which remember how; otherwise they are those of the text alone.
 *
 * @returns The new text, without special tokens.
 * @throws {TypeError} when the prompt is not a text, or an option does not exist.
 * @throws {RangeError} when the prompt has no token, prompt and continuation exceed the positions, an
 * option is out of range, or a logit is not finite.
 *
 * @example
 * ```ts
 * import { complete, loadModel, loadTokenizer, openDevice } from "@lowrank/core";
 *
 * using device = await openDevice();
 * using model = await loadModel(device, "models/tiny-gpt2");
 * const tokenizer = await loadTokenizer("models/tiny-gpt2");
 * console.log(await complete(model, tokenizer, "Fellow citizens,", { maxNewTokens: 8 }));
 * ```
 */
export async function complete(
  model: TextModel,
  tokenizer: Tokenizer,
  prompt: string,
  options: CompleteOptions = {},
): Promise<string> {
  assertModel("complete", model);
  assertTokenizer("complete", tokenizer);
  assertOptions("complete", options, generateNames);
  const tokens = promptTokens(model, tokenizer, prompt);
  const { endOfText: stopToken } = tokenizer, maxNewTokens = usualLength(model, tokens);
  const made = generate(model, tokens, { stopToken, maxNewTokens, ...options });
  return completionText(model, tokenizer, await Array.fromAsync(made));
}

/**
 * The tokens of a prompt in the format of a model.
 *
 * @throws {RangeError} when it is so long that it need not be encoded to see that the model has too few positions.
 */
export function promptTokens(model: TextModel, tokenizer: Tokenizer, prompt: string): number[] {
  const { positions } = model, least = leastTokens(tokenizer, prompt);
  if (least > positions) {
    throw new RangeError(`a prompt must have at most ${positions} tokens, found at least ${least}`);
  }
  return encodePrompt(tokenizer, prompt, promptFormatOf(model));
}

/** Default limit on the tokens of an answer: 64, or as many as fit after the prompt. */
export const usualLength = ({ positions }: TextModel, { length }: ArrayLike<number>): number =>
  Math.max(0, Math.min(64, positions - length));

/** The text of generated tokens, without what every completion begins with. */
export const completionText = (
  model: TextModel,
  tokenizer: Tokenizer,
  tokens: readonly number[],
): string => answerText(tokenizer, tokens, promptFormatOf(model));

/** The text of tokens that followed a prompt in a format. */
export function answerText(
  tokenizer: Tokenizer,
  tokens: readonly number[],
  { separator }: PromptFormat,
): string {
  const text = tokenizer.decode(tokens, { skipSpecialTokens: true });
  return text.startsWith(separator) ? text.slice(separator.length) : text;
}
