/** Continuing a text without waiting for the host to see each token. @module */

import { wrongLogitOf } from "../../kernels/choose_token/kernel.ts";
import { Tape } from "../autograd/tape.ts";
import { hostTensor } from "../core/host_tensor.ts";
import { Random } from "../core/random.ts";
import type { Tensor } from "../device/device.ts";
import { Scope } from "../device/scope.ts";
import type { KeyValueCache } from "../nn/key_value_cache.ts";
import type { TextInputs } from "./inputs.ts";
import { chooseTokens, type SamplingOptions } from "./sampling.ts";
import type { TextModel } from "./text_model.ts";

/** A prompt that a model continues: each token is chosen on the device, where the next step takes it. */
export class Continuation extends Scope {
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
