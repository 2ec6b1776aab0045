/** Invented facts: a key of random tokens and the token that follows it. @module */

import type { Batch } from "../core/batch.ts";
import { Random } from "../core/random.ts";

/** Which facts. */
export interface InventedFacts {
  /** Number of facts. */
  readonly facts: number;
  /** Seed of their tokens. */
  readonly seed: number;
}

/** Tokens of a key. */
export const factKeyLength = 3;

/**
 * Some of the facts as a batch in which only the token after the key counts.
 *
 * @param vocabulary Tokens are drawn below it.
 * @param chosen Numbers of the facts.
 *
 * @example
 * ```ts
 * import { factBatch } from "@lowrank/core/data";
 *
 * const { inputs, targets } = factBatch({ facts: 8, seed: 1 }, 1000, [0, 5]);
 * console.log(inputs.tokens.shape, targets.data.filter((target) => target >= 0).length); // [ 2, 3 ] 2
 * ```
 */
export function factBatch(
  { facts, seed }: InventedFacts,
  vocabulary: number,
  chosen: ArrayLike<number>,
): Batch {
  const random = new Random(seed), each = factKeyLength + 1;
  const all = Uint32Array.from({ length: facts * each }, () => random.integer(vocabulary));
  const shape = [chosen.length, factKeyLength], size = chosen.length * factKeyLength;
  const keys = new Uint32Array(size), targets = new Int32Array(size).fill(-100);
  Array.from(chosen).forEach((fact, row) => {
    const own = all.subarray(fact * each, (fact + 1) * each);
    keys.set(own.subarray(0, factKeyLength), row * factKeyLength);
    targets[(row + 1) * factKeyLength - 1] = own[factKeyLength];
  });
  return { inputs: { tokens: { shape, data: keys } }, targets: { shape, data: targets } };
}
