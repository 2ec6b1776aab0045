/** What a tape's forward pass is doing: computing a part for the first time, or once more. @module */

import { assertSeed, hash32 } from "../core/random.ts";
import type { TapeOptions } from "./tape_options.ts";

/** Draws the seeds of dropout masks, and knows what is recorded and which hooks are called. */
export class ForwardState {
  readonly #options: TapeOptions;
  #draws = 0;
  #saves = true;
  #isAgain = false;

  /** Begins with a first computation that saves what backward functions read. */
  constructor(options: TapeOptions) {
    if (options.dropoutSeed !== undefined) assertSeed(options.dropoutSeed);
    this.#options = options;
  }

  /** Whether results are to be differentiated. */
  get records(): boolean {
    return this.#options.record ?? true;
  }

  /** Whether blocks are computed once more for their backward pass. */
  get checkpoints(): boolean {
    return this.#options.activationCheckpointing ?? false;
  }

  /** False while what is computed will be computed once more. */
  get saves(): boolean {
    return this.#saves;
  }

  /** The hook of linear layers, which a recomputation does not call again. */
  get onLinear(): TapeOptions["onLinear"] {
    return this.#isAgain ? undefined : this.#options.onLinear;
  }

  /** Number of dropout masks so far. */
  get draws(): number {
    return this.#draws;
  }

  /** The seed of the next dropout mask, `undefined` when dropout is off. */
  nextDropoutSeed(): number | undefined {
    const { dropoutSeed } = this.#options;
    return dropoutSeed === undefined ? undefined : hash32(dropoutSeed, this.#draws++);
  }

  /** Computes a part that will be computed once more. */
  withoutSaving<T>(compute: () => T): T {
    const saves = this.#saves;
    this.#saves = false;
    try {
      return compute();
    } finally {
      this.#saves = saves;
    }
  }

  /** Computes a part once more, from the mask that it began with. */
  again<T>(draws: number, compute: () => T): T {
    const before = [this.#draws, this.#isAgain] as const;
    [this.#draws, this.#isAgain] = [draws, true];
    try {
      return compute();
    } finally {
      [this.#draws, this.#isAgain] = before;
    }
  }
}
