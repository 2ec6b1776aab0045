/** What a tape has recorded. @module */

import type { Tensor } from "../device/device.ts";
import type { Gradients } from "./gradients.ts";
import type { Lifetimes } from "./lifetimes.ts";

/** A result and how to differentiate it. */
export interface Entry {
  /** The result. */
  readonly out: Tensor;
  /** Adds to the gradients of its inputs. */
  readonly backward: (gradient: Tensor) => void;
  /** What the backward function reads besides the gradient. */
  readonly saved: readonly Tensor[];
}

/** The entries of a tape, which are differentiated from the last to the first. */
export class Entries {
  readonly #entries: Entry[] = [];
  readonly #gradients: Gradients;
  readonly #lifetimes: Lifetimes;
  /** The gradient that the running backward function handed over. */
  #given: Tensor | undefined;

  /** Takes where gradients are, and what frees saved tensors. */
  constructor(gradients: Gradients, lifetimes: Lifetimes) {
    this.#gradients = gradients;
    this.#lifetimes = lifetimes;
  }

  /** How many there are. */
  get count(): number {
    return this.#entries.length;
  }

  /** Adds an entry, whose saved tensors live until it is differentiated. */
  push(entry: Entry): void {
    this.#lifetimes.save(entry.saved);
    this.#entries.push(entry);
  }

  /** Says that the running backward function has handed its gradient over, which is not freed then. */
  give(gradient: Tensor): void {
    this.#given = gradient;
  }

  /** Differentiates all but the first ones. */
  unwind(first: number): void {
    // The backward function of a checkpoint adds entries, which are the next to run.
    while (this.#entries.length > first) {
      const entry = this.#entries.pop()!;
      this.#differentiate(entry);
      this.#lifetimes.done(entry.saved);
    }
  }

  /** Forgets them. */
  clear(): void {
    this.#entries.length = 0;
  }

  /** Skips outputs that did not contribute to the loss. */
  #differentiate({ out, backward, saved }: Entry): void {
    const slot = this.#gradients.find(out);
    if (!slot) return;
    this.#given = undefined;
    this.#lifetimes.wake(saved);
    backward(slot.tensor);
    this.#gradients.take(out);
    if (this.#given !== slot.tensor) slot.tensor[Symbol.dispose]();
  }
}
