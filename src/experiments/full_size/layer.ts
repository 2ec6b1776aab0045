/** A layer of GPT-3's own width with random weights, analysed as a trained one would be. @module */

import {
  type Amplification,
  amplification,
  frobeniusOf,
  type LowRankFactors,
  similarityGrid,
  type Spectrum,
  spectrum,
  updateDirections,
  updateSingularValues,
} from "../../analysis/mod.ts";
import { Random } from "../../core/random.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import type { LargeMatrix } from "../../linalg/mod.ts";

/** What is known of GPT-3's layer 48 from table 7 (quoted). */
export const printed = {
  weightNorm: 61.95,
  updates: [{ rank: 4, deltaNorm: 6.91, random: 0.02 }, {
    rank: 64,
    deltaNorm: 3.57,
    random: 0.33,
  }],
} as const;

/** What an analysis of the layer took and gave. */
export interface LayerResult {
  /** d. */
  readonly width: number;
  /** An entry for each printed update. */
  readonly updates: readonly {
    readonly rank: number;
    readonly spectrum: Spectrum;
    readonly amplification: Amplification;
  }[];
  /** φ(i, j) of right directions between the two updates. */
  readonly similarity: readonly (readonly number[])[];
  /** Seconds of each part. */
  readonly seconds: Readonly<Record<string, number>>;
  /** Bytes of W. */
  readonly weightBytes: number;
}

/** Draws W and an update of each rank, of the printed norms, and analyses them. */
export function analyseLayer(width: number, seed: number): LayerResult {
  const seconds: Record<string, number> = {};
  const timed = <T>(part: string, work: () => T): T => {
    const start = performance.now(), result = work();
    seconds[part] = (performance.now() - start) / 1000;
    return result;
  };
  const weight = timed("drawing W", () => gaussianWeight(width, printed.weightNorm, seed));
  const factors = printed.updates.map(({ rank, deltaNorm }, i) =>
    scaledTo(deltaNorm, gaussianFactors(width, rank, seed + 1 + i))
  );
  const updates = factors.map((one, i) => {
    const { rank } = printed.updates[i];
    return {
      rank,
      spectrum: timed(`spectrum, r = ${rank}`, () => spectrum(one)),
      amplification: timed(`table 7, r = ${rank}`, () => amplification(one, weight, { seed })),
    };
  });
  const similarity = timed("φ, 4 x 64", () => {
    const [small, large] = factors.map((one) => updateDirections(one).right);
    return similarityGrid(small, large);
  });
  return { width, updates, similarity, seconds, weightBytes: weight.data.byteLength };
}

/** Independent normal values, in F32; their norm is the one asked for, to about 1 / d. */
function gaussianWeight(width: number, norm: number, seed: number): LargeMatrix {
  const data = new Float32Array(width * width), random = new Random(seed);
  fillNormal(data, random, norm / width);
  return { rows: width, columns: width, data };
}

/** Box and Muller's pairs: both branches, since there are 151 million values. */
function fillNormal(data: Float32Array, random: Random, deviation: number): void {
  for (let i = 0; i < data.length; i += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log(1 - random.uniform()));
    const angle = 2 * Math.PI * random.uniform();
    data[i] = radius * Math.cos(angle);
    data[i + 1] = radius * Math.sin(angle);
  }
}

function gaussianFactors(width: number, rank: number, seed: number): LowRankFactors {
  const random = new Random(seed);
  const draw = (rows: number, columns: number): HostTensor => {
    const data = new Float32Array(rows * columns);
    fillNormal(data, random, 1);
    return { shape: [rows, columns], data };
  };
  return { A: draw(rank, width), B: draw(width, rank), scaling: 1 };
}

function scaledTo(norm: number, factors: LowRankFactors): LowRankFactors {
  return { ...factors, scaling: norm / frobeniusOf(updateSingularValues(factors)) };
}
