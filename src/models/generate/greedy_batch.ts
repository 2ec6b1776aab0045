/** Several prompts, continued together. @module */

import { Tape } from "../../autograd/tape.ts";
import { type HostTensor, hostTensor } from "../../core/tensor.ts";
import type { KeyValueCache } from "../../nn/key_value_cache.ts";
import type { TextInputs } from "../inputs.ts";
import { assertModel } from "../model.ts";
import type { TextModel } from "../text_model.ts";
import { assertRoom, assertToken, chooseTokens } from "./generate.ts";

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
  { maxNewTokens, stopToken }: GreedyOptions,
): Promise<number[][]> {
  assertModel("continueGreedily", model);
  if (prompts.length === 0) throw new RangeError("generating needs at least 1 prompt, found none");
  for (const prompt of prompts) assertRoom(model, prompt, maxNewTokens);
  const made: number[][] = prompts.map(() => []);
  const hasEnded = (own: readonly number[]) => own.length > 0 && own.at(-1) === stopToken;
  const padded = new PaddedPrompts(prompts);
  using cache = model.openCache(prompts.length, padded.longest + maxNewTokens);
  let pass = padded.first();
  for (let step = 1; step <= maxNewTokens; step++) {
    const tokens = await nextTokens(model, cache, pass);
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
): Promise<Uint32Array> {
  using tape = new Tape(model.device, { record: false });
  const logits = model.forward(tape, inputs, { cache, rows });
  const [{ data }] = await model.device.read(chooseTokens(tape, logits, {}, 0));
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
