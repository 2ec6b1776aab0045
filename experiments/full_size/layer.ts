/** A layer of GPT-3's own width with random weights, analyzed as a trained one would be. @module */

import {
  amplification,
  frobeniusOf,
  type LowRankFactors,
  similarityGrid,
  spectrum,
  updateDirections,
  updateSingularValues,
} from "../../src/analysis/mod.ts";
import { Random } from "../../src/core/random.ts";
import type { HostTensor } from "../../src/core/host_tensor.ts";

/** What is known of GPT-3's layer 48 from table 7 (quoted). */
export const printed = {
  weightNorm: 61.95,
  updates: [
    { rank: 4, deltaNorm: 6.91, random: 0.02 },
    { rank: 64, deltaNorm: 3.57, random: 0.33 },
  ],
} as const;

/** Draws W and an update of each printed rank and norm, and analyzes them; tells what each part took. */
export function analyzeLayer(width: number, seed: number) {
  const seconds: { readonly part: string; readonly seconds: number }[] = [];
  const timed = <T>(part: string, work: () => T): T => {
    const start = performance.now(), result = work();
    seconds.push({ part, seconds: (performance.now() - start) / 1000 });
    return result;
  };
  const data = timed("drawing W", () => {
    return normalValues(width * width, printed.weightNorm / width, new Random(seed));
  });
  const weight = { rows: width, columns: width, data };
  const factors = printed.updates.map(({ rank, deltaNorm }, i) =>
    scaledTo(deltaNorm, gaussianFactors(width, rank, seed + 1 + i))
  );
  const updates = factors.map((one, i) => {
    const { rank } = printed.updates[i];
    const values = timed(`spectrum, r = ${rank}`, () => spectrum(one));
    const beside = timed(`table 7, r = ${rank}`, () => amplification(one, weight, { seed }));
    return { ...beside, rank, spectrum: values, stableRank: values.stableRank };
  });
  const similarity = timed("φ, 4 x 64", () => {
    const [small, large] = factors.map((one) => updateDirections(one).right);
    return similarityGrid(small, large);
  });
  return { width, updates, similarity, seconds, weightBytes: data.byteLength };
}

/** Box and Muller's pairs in F32: both branches, since there are 151 million values. */
function normalValues(size: number, deviation: number, random: Random): Float32Array {
  const data = new Float32Array(size);
  for (let i = 0; i < size; i += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log(1 - random.uniform()));
    const angle = 2 * Math.PI * random.uniform();
    data[i] = radius * Math.cos(angle);
    data[i + 1] = radius * Math.sin(angle);
  }
  return data;
}

function gaussianFactors(width: number, rank: number, seed: number): LowRankFactors {
  const random = new Random(seed);
  const draw = (...shape: [number, number]): HostTensor => {
    return { shape, data: normalValues(shape[0] * shape[1], 1, random) };
  };
  return { A: draw(rank, width), B: draw(width, rank), scaling: 1 };
}

function scaledTo(norm: number, factors: LowRankFactors): LowRankFactors {
  return { ...factors, scaling: norm / frobeniusOf(updateSingularValues(factors)) };
}
