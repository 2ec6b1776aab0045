/** Errors of a weight in 4 bits and a low-rank update together, by rank and iteration. @module */

import { loftq } from "../../../src/adapt/mod.ts";
import { architectureOf } from "../../../src/architectures/mod.ts";
import type { HostTensor } from "../../../src/core/tensor.ts";
import type { LowRankFactors } from "../../../src/core/update.ts";
import { mean } from "../../../src/core/numbers.ts";
import { Random } from "../../../src/core/random.ts";
import { openBaseWeights } from "../../../src/inspect/mod.ts";
import { normalValues } from "../../../src/linalg/gaussian.ts";
import { gaussian, singularValues } from "../../../src/linalg/mod.ts";
import { otherWork } from "../../../src/train/evaluate.ts";
import { baseConfig, baseFolder } from "../../base_model.ts";
import type { ExperimentContext, PlanContext } from "../../frame/mod.ts";

/** r. */
export const ranks = [1, 4, 16, 64] as const;

/** T that are shown; at 0 there is no update. */
export const iterations = [0, 1, 2, 5, 10] as const;

/** QLoRA's form, without which no rule can be read. */
export const form = { code: "nf4", blockSize: 64, doubleQuantization: true } as const;

/** Rows and columns of the normal matrix with `--full`, by default and in a quick run. */
const fullWidth = 512, width = 256, quickWidth = 128;

/** A weight to split. */
export interface NamedMatrix {
  /** Origin of the weight: one of the base's, or independent normal values. */
  readonly kind: "base" | "normal";
  /** Its name in tables. */
  readonly matrix: string;
  /** W. */
  readonly weight: HostTensor;
}

/** One matrix at one rank. */
export interface LoftqRow extends Pick<NamedMatrix, "kind" | "matrix"> {
  /** Rows and columns. */
  readonly shape: readonly number[];
  /** r. */
  readonly rank: number;
  /** ‖W − Q − B A‖ / ‖W‖ after T iterations, by T. */
  readonly errors: readonly number[];
  /**
   * The error at T = 1 if quantizing left normal noise of the same norm: the part of it that the
   * best approximation of rank r leaves. The mean over seeds.
   */
  readonly chance: number;
}

/** Measures everything on the host. */
export async function loftqRows(context: ExperimentContext): Promise<readonly LoftqRow[]> {
  const matrices = await matricesOf(context), rows: LoftqRow[] = [];
  for (const [i, { weight, ...words }] of matrices.entries()) {
    const rest = noiseBeyond(weight.shape, context.seeds);
    for (const [j, rank] of ranks.entries()) {
      context.signal.throwIfAborted();
      context.report((i + j / ranks.length) / matrices.length, words.matrix);
      const { errors } = loftq(weight, { ...form, rank, iterations: iterations.at(-1)! });
      rows.push({ ...words, shape: weight.shape, rank, errors, chance: errors[0] * rest[j] });
      await otherWork(); // Ctrl-C, too.
    }
  }
  return rows;
}

/**
 * The base's linear layers and a normal matrix for each seed: by default those of the first block, for the others
 * take a minute, and in a quick run a square one.
 */
export async function matricesOf({ seeds, quick, full }: PlanContext): Promise<NamedMatrix[]> {
  const all = await baseMatrices(), first = all.filter(({ matrix }) => matrix.startsWith("h.0."));
  const isSquare = ({ weight: { shape: [rows, columns] } }: NamedMatrix) => rows === columns;
  const base = quick ? all.filter(isSquare).slice(0, 1) : full ? all : first;
  const side = quick ? quickWidth : full ? fullWidth : width;
  const normal = seeds.map((seed): NamedMatrix => ({
    kind: "normal",
    matrix: seeds.length > 1 ? `normal values, seed ${seed}` : "normal values",
    weight: { shape: [side, side], data: normalValues(side * side, 1, new Random(seed)) },
  }));
  return [...base, ...normal];
}

async function baseMatrices(): Promise<NamedMatrix[]> {
  using weights = await openBaseWeights(baseFolder);
  const { linears } = architectureOf(await baseConfig());
  const layers = linears.filter(({ kind }) => kind === "linear");
  return await Promise.all(layers.map(async ({ name, outputs, inputs }) => ({
    kind: "base" as const,
    matrix: name.replace("transformer.", ""),
    weight: await weights.weightOf({ module: name, ...noUpdate(outputs, inputs) }),
  })));
}

/** An update of rank 1 that is zero. */
const noUpdate = (outputs: number, inputs: number): LowRankFactors => ({
  A: { shape: [1, inputs], data: new Float32Array(inputs) },
  B: { shape: [outputs, 1], data: new Float32Array(outputs) },
  scaling: 1,
});

/** ‖N − Nᵣ‖ / ‖N‖ for each of the ranks, where Nᵣ is the best approximation of normal noise N (Eckart and Young 1936). */
export function noiseBeyond(shape: readonly number[], seeds: readonly number[]): number[] {
  const spectra = seeds.map((seed) => {
    // Not the stream that the normal matrix is drawn from.
    const noise = gaussian(shape[0], shape[1], new Random(seed).split(1));
    return [...singularValues(noise)].map((value) => value ** 2);
  });
  const sum = (squares: readonly number[]) => squares.reduce((all, one) => all + one, 0);
  return ranks.map((rank) =>
    mean(spectra.map((squares) => Math.sqrt(sum(squares.slice(rank)) / sum(squares))))
  );
}
