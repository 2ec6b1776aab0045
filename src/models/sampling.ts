/** Choosing a token from logits. @module */

import type { Random } from "../core/random.ts";

/** How a token is chosen. */
export interface SamplingOptions {
  /** 0 takes the most likely token; otherwise logits are divided by it before sampling. Default 0. */
  readonly temperature?: number;
  /** Sample among this many most likely tokens. Default: all. */
  readonly topK?: number;
}

/** A token drawn from softmax(logits / temperature) among the `topK` most likely; equal ones in order. */
export function chooseToken(
  logits: Float32Array,
  { temperature = 0, topK = logits.length }: SamplingOptions,
  random: Random,
): number {
  const best = argmax(logits);
  if (temperature === 0) return best;
  const ids = mostLikely(logits, topK);
  const weights = ids.map((id) => Math.exp((logits[id] - logits[best]) / temperature));
  let left = random.uniform() * weights.reduce((sum, weight) => sum + weight, 0);
  return ids.find((_, i) => (left -= weights[i]) < 0) ?? best;
}

/** Ids of the `count` largest values; of equal ones, the first. */
function mostLikely(values: Float32Array, count: number): number[] {
  const ids = Array.from(values.keys());
  if (count >= ids.length) return ids;
  const least = valueOfRank(values.slice(), count - 1);
  const above = ids.filter((id) => values[id] > least);
  const equal = ids.filter((id) => values[id] === least);
  return [...above, ...equal.slice(0, count - above.length)];
}

/** The value at `rank` in descending order, by partitioning instead of sorting (Hoare 1961, FIND). */
function valueOfRank(values: Float32Array, rank: number): number {
  let low = 0, high = values.length - 1;
  while (low < high) {
    const pivot = values[(low + high) >> 1];
    let i = low, j = high;
    while (i <= j) {
      while (values[i] > pivot) i++;
      while (values[j] < pivot) j--;
      if (i > j) break;
      [values[i], values[j]] = [values[j], values[i]];
      i++;
      j--;
    }
    if (rank > j && rank < i) break;
    if (rank <= j) high = j;
    else low = i;
  }
  return values[rank];
}

function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}
