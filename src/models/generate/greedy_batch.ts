/** Several prompts, continued together. @module */

import { Tape } from "../../autograd/tape.ts";
import { assertOptions, type OptionNames } from "../../core/checks.ts";
import { Random } from "../../core/random.ts";
import { type HostTensor, hostTensor } from "../../core/tensor.ts";
import type { KeyValueCache } from "../../nn/key_value_cache.ts";
import type { TextInputs } from "../inputs.ts";
import { assertModel } from "../model.ts";
import type { TextModel } from "../text_model.ts";
import {
  assertRoom,
  assertSampling,
  assertToken,
  chooseTokens,
  type SamplingOptions,
} from "./generate.ts";

/** Rules for when a continuation ends. */
export interface GreedyOptions {
  /** Most new tokens of each. */
  readonly maxNewTokens: number;
  /** Token that ends one, and is its last. */
  readonly stopToken?: number;
}

/**
 * The most likely continuation of each prompt, token by token, as `generate` gives it: one pass for a token of
 * every prompt, until all have ended. Shorter prompts are padded behind their end; what is padding is hidden, and
 * positions do not count it, so that a prompt's continuation does not depend on the others but for rounding.
 *
 * @throws {RangeError} when there is no prompt, one is empty, the longest and its continuation exceed the positions,
 * or a logit is not finite.
 */
export async function continueGreedily(
  model: TextModel,
  prompts: readonly ArrayLike<number>[],
  options: GreedyOptions,
): Promise<number[][]> {
  assertModel("continueGreedily", model);
  return await continueAll(model, prompts, options, { temperature: 0 });
}

/** Options of {@link sampleTogether}. */
export interface SampleTogetherOptions extends GreedyOptions, SamplingOptions {
  /** Logits are divided by it before sampling; 0 takes the most likely token. Default 1. */
  readonly temperature?: number;
  /** Seed of the sampling. Default 0. */
  readonly seed?: number;
}

const sampleNames: OptionNames<SampleTogetherOptions> = {
  maxNewTokens: true,
  stopToken: true,
  temperature: true,
  topK: true,
  seed: true,
};

/**
 * A sampled continuation of each prompt, with the stop token if it has ended: one pass for a token of every prompt.
 * A prompt that is given several times has as many continuations.
 *
 * @throws {TypeError} when an option does not exist.
 * @throws {RangeError} when there is no prompt, one is empty, the longest and its continuation exceed the positions, an
 * option is out of range, or a logit is not finite.
 *
 * @example
 * ```ts
 * import { loadModel, openDevice } from "@lowrank/core";
 * import { sampleTogether } from "@lowrank/core/models";
 *
 * using device = await openDevice();
 * using model = await loadModel(device, "models/tiny-gpt2");
 * const sampled = await sampleTogether(model, [[1, 2], [1, 2], [3]], { maxNewTokens: 4, seed: 1 });
 * console.log(sampled.length); // 3
 * ```
 */
export async function sampleTogether(
  model: TextModel,
  prompts: readonly ArrayLike<number>[],
  { temperature = 1, topK, seed = 0, ...options }: SampleTogetherOptions,
): Promise<number[][]> {
  assertModel("sampleTogether", model);
  assertOptions("sampleTogether", { temperature, topK, seed, ...options }, sampleNames);
  assertSampling({ temperature, topK });
  return await continueAll(model, prompts, options, { temperature, topK }, new Random(seed));
}

async function continueAll(
  model: TextModel,
  prompts: readonly ArrayLike<number>[],
  { maxNewTokens, stopToken }: GreedyOptions,
  sampling: SamplingOptions,
  random = new Random(0),
): Promise<number[][]> {
  if (prompts.length === 0) throw new RangeError("generating needs at least 1 prompt, found none");
  for (const prompt of prompts) assertRoom(model, prompt, maxNewTokens);
  const made: number[][] = prompts.map(() => []);
  const hasEnded = (own: readonly number[]) => own.length > 0 && own.at(-1) === stopToken;
  const padded = new PaddedPrompts(prompts);
  using cache = model.openCache(prompts.length, padded.longest + maxNewTokens);
  const choose = (pass: Pass) => nextTokens(model, cache, pass, sampling, random.bits());
  let pass = padded.first();
  for (let step = 1; step <= maxNewTokens; step++) {
    const tokens = await choose(pass);
    made.forEach((own, i) => hasEnded(own) || own.push(tokens[i]));
    if (made.every(hasEnded)) break;
    pass = padded.later(tokens, step);
  }
  return made;
}

/** Inputs, and the rows of the last token of each sequence among them. */
interface Pass {
  readonly inputs: TextInputs;
  readonly rows: readonly number[];
}

async function nextTokens(
  model: TextModel,
  cache: KeyValueCache,
  { inputs, rows }: Pass,
  sampling: SamplingOptions,
  seed: number,
): Promise<Uint32Array> {
  using tape = new Tape(model.device, { record: false });
  const logits = model.forward(tape, inputs, { cache, rows });
  const [{ data }] = await model.device.read(chooseTokens(tape, logits, sampling, seed));
  const tokens = Uint32Array.from(data);
  for (const token of tokens) assertToken(token);
  return tokens;
}

/** The passes of prompts of different lengths. */
class PaddedPrompts {
  /** Tokens of the longest prompt. */
  readonly longest: number;
  readonly #prompts: readonly ArrayLike<number>[];

  constructor(prompts: readonly ArrayLike<number>[]) {
    this.#prompts = prompts;
    this.longest = Math.max(...prompts.map(({ length }) => length));
  }

  /** The prompts themselves. */
  first(): Pass {
    const time = this.longest;
    return {
      inputs: {
        tokens: this.#table(time, (prompt, at) => prompt[at] ?? 0),
        attentionMask: this.#mask(time),
      },
      rows: this.#prompts.map(({ length }, i) => i * time + length - 1),
    };
  }

  /** A new token of each, the `step`-th. */
  later(tokens: Uint32Array, step: number): Pass {
    return {
      inputs: {
        tokens: hostTensor([tokens.length, 1], tokens),
        attentionMask: this.#mask(this.longest + step),
        positionIds: this.#table(1, ({ length }) => length + step - 1),
      },
      rows: this.#prompts.map((_, i) => i),
    };
  }

  /** Hides what is padding. */
  #mask(keys: number): HostTensor {
    return this.#table(keys, ({ length }, at) => Number(at < length || at >= this.longest));
  }

  #table(
    width: number,
    valueOf: (prompt: ArrayLike<number>, at: number) => number,
  ): HostTensor {
    const rows = this.#prompts.flatMap((prompt) =>
      Array.from({ length: width }, (_, at) => valueOf(prompt, at))
    );
    return hostTensor([this.#prompts.length, width], Uint32Array.from(rows));
  }
}
