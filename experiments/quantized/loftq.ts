/** LoftQ: weights in 4 bits with updates that begin at what quantizing has taken; decision 0033 has the reasons of the rules. @module */

import { loftq } from "../../src/adapt/mod.ts";
import { architectureOf } from "../../src/architectures/mod.ts";
import { mean } from "../../src/core/numbers.ts";
import { Random } from "../../src/core/random.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import type { LowRankFactors } from "../../src/core/update.ts";
import {
  type Column,
  type DataTable,
  type Figure,
  type Line,
  linesSlider,
  type LinesStep,
  palette,
  table,
} from "../../src/figures/mod.ts";
import { openBaseWeights } from "../../src/inspect/mod.ts";
import { normalValues } from "../../src/linalg/gaussian.ts";
import { gaussian, singularValues } from "../../src/linalg/mod.ts";
import { otherWork } from "../../src/train/evaluate.ts";
import { baseConfig, baseFolder } from "../base_model.ts";
import { percentRange } from "../differences.ts";
import {
  type Claim,
  type Experiment,
  experiment,
  type ExperimentContext,
  type PlanContext,
} from "../frame/mod.ts";

/** r. */
export const ranks = [1, 4, 16, 64] as const;

/** T that are shown; at 0 there is no update. */
export const iterations = [0, 1, 2, 5, 10] as const;

/** QLoRA's form, without which no rule can be read. */
const form = { code: "nf4", blockSize: 64, doubleQuantization: true } as const;

/** Rows and columns of the normal matrix with `--full`, by default and in a quick run. */
const fullWidth = 512, width = 256, quickWidth = 128;

/** A weight to split. */
interface NamedMatrix {
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

/** The paper's T. */
const usual = 5;

/**
 * Rank and iteration where the structure of the residual is read, and the share that its error is
 * below chance if it has one.
 */
const structured = { rank: 16, iteration: 1, share: 0.02 } as const;

/** The rows of one kind of weights. */
const ofKind = (rows: readonly LoftqRow[], kind: LoftqRow["kind"]): LoftqRow[] =>
  rows.filter((row) => row.kind === kind);

/** Whole rows of one rank. */
const atRank = (rows: readonly LoftqRow[], wanted: number): LoftqRow[] =>
  rows.filter(({ rank }) => rank === wanted);

/** Share by which one error is below another. */
const below = (error: number, other: number): number => 1 - error / other;

/** Share by which the error at T = 1 is below chance. */
const belowChance = ({ errors, chance }: LoftqRow): number =>
  below(errors[structured.iteration], chance);

/** Share by which the error at the paper's T is below that of quantizing alone. */
const gains = (rows: readonly LoftqRow[]): number[] =>
  rows.map(({ errors }) => below(errors[usual], errors[0]));

/** The shares below chance where the structure is read. */
const structureIn = (rows: readonly LoftqRow[], kind: LoftqRow["kind"]): number[] =>
  atRank(ofKind(rows, kind), structured.rank).map(belowChance);

/** The mean error over all matrices. */
const meanError = (rows: readonly LoftqRow[], rank: number, iteration: number): number =>
  mean(atRank(rows, rank).map(({ errors }) => errors[iteration]));

/** `r = 1: 9.1%; r = 4: …`. */
const byRank = (say: (rank: number) => string): string =>
  ranks.map((rank) => `r = ${rank}: ${say(rank)}`).join("; ");

/** The three of decision 0033. */
export const loftqClaims: readonly Claim<readonly LoftqRow[]>[] = [
  {
    text: "With LoftQ's update a weight in 4 bits is closer to the weight",
    rule: `when at T = ${usual}, the paper's, ‖W − Q − BA‖ / ‖W‖ is below that at T = 0, ` +
      `of every matrix, at every rank`,
    quote:
      "“alleviates the discrepancy between the quantized and full-precision model” (Li et al. 2023, abstract)",
    ours: (rows) => `${percentRange(gains(rows), 1)} less`,
    holds: (rows) => rows.every(({ errors }) => errors[usual] < errors[0]),
    found: (rows) =>
      `The error of quantizing alone is ${
        percentRange(rows.map(({ errors }) => errors[0]), 1)
      } of ‖W‖. At T = ${usual} it is less, at ${
        byRank((rank) => `by ${percentRange(gains(atRank(rows, rank)), 1)}`)
      }.`,
  },
  {
    text: "What quantizing takes from a trained weight has a structure",
    rule: `when for the base's matrices at r = ${structured.rank}, T = ${structured.iteration}, ` +
      `the error is below chance by more than ${100 * structured.share}% of it, on average; ` +
      "chance is the best approximation of that rank of normal noise with the residual's shape and norm",
    why:
      "Tested, on all eight layers: with a random sign for every value what quantizing leaves is " +
      "as far below chance, 0.83% against 0.84%. So it has no directions of its own, only values " +
      "of unlike sizes, and a guess is that these follow the scales of their blocks.",
    ours: (rows) => `${percentRange([mean(structureIn(rows, "base"))], 1)} below chance`,
    holds: (rows) => mean(structureIn(rows, "base")) > structured.share,
    found: (rows) =>
      `By matrix: ${
        percentRange(structureIn(rows, "base"), 1)
      }. Of normal values, which should have none: ${
        percentRange(structureIn(rows, "normal"), 1)
      }. On average over the base's matrices, at ${
        byRank((rank) =>
          percentRange([mean(atRank(ofKind(rows, "base"), rank).map(belowChance))], 1)
        )
      }.`,
  },
  {
    text: "More iterations bring it closer",
    rule:
      `when the mean error over the matrices at T = ${usual} is below that at T = 1, at every rank`,
    ours: (rows) =>
      `${
        percentRange(
          ranks.map((rank) => below(meanError(rows, rank, usual), meanError(rows, rank, 1))),
          1,
        )
      } less`,
    holds: (rows) => ranks.every((rank) => meanError(rows, rank, usual) < meanError(rows, rank, 1)),
    found: (rows) =>
      `Mean errors in percent of ‖W‖ at T = 1, 2, ${usual} and 10: ${
        byRank((rank) =>
          [1, 2, usual, 10].map((iteration) => (100 * meanError(rows, rank, iteration)).toFixed(2))
            .join(", ")
        )
      }.`,
  },
];

/** Every matrix at every rank. */
const loftqTable = (rows: readonly LoftqRow[]): DataTable =>
  table<LoftqRow>({
    id: "loftq",
    title: "‖W − Q − BA‖ / ‖W‖ (%), by T",
    columns: [
      ["matrix", "matrix", "text"],
      ["shape", "rows x columns", "text", ({ shape }) => shape.join(" x ")],
      ["rank", "r", "count"],
      ...iterations.map((iteration): Column<LoftqRow> => {
        const label = `T = ${iteration}`;
        return [label, label, "percent", ({ errors }) => 100 * errors[iteration]];
      }),
      ["chance", "chance of T = 1", "percent", ({ chance }) => 100 * chance],
      ["below", "T = 1 below chance (%)", "percent", (row) => 100 * belowChance(row)],
    ],
    rows,
  });

/** Errors over the rank: a step of the slider for each matrix, after the mean over the base's. */
function loftqFigure(rows: readonly LoftqRow[]): Figure {
  const base = ofKind(rows, "base"), byMatrix = Map.groupBy(rows, ({ matrix }) => matrix);
  const steps: LinesStep[] = [
    { label: "mean over those of tiny-gpt2", lines: linesOf(base) },
    ...Array.from(byMatrix, ([label, own]) => ({ label, lines: linesOf(own) })),
  ];
  return linesSlider({
    id: "loftq-errors",
    title: "How close Q + BA comes to W, by rank and iteration",
    caption:
      "NF4, blocks of 64, scales in 8 bits. T = 0: quantized, without an update. Dashed, chance: as T = 1, if what " +
      "quantizing leaves were normal noise of its norm (seeds {seeds}).",
    x: { title: "rank r", log: true },
    y: { title: "‖W − Q − BA‖ / ‖W‖ (%)", log: true },
    name: "matrix",
  }, steps);
}

/** One line for every T, and chance in the color of T = 1, which it is to be compared with. */
function linesOf(rows: readonly LoftqRow[]): Line[] {
  const lineOf = (name: string, color: string, valueOf: (row: LoftqRow) => number): Line => ({
    ...{ name, color, x: ranks },
    y: ranks.map((wanted) => 100 * mean(rows.filter(({ rank }) => rank === wanted).map(valueOf))),
  });
  const lines = iterations.map((iteration, i) => {
    const color = i === 0 ? palette.base : palette.series[i - 1];
    return lineOf(`T = ${iteration}`, color, ({ errors }) => errors[iteration]);
  });
  const chance = lineOf("chance", palette.series[0], ({ chance }) => chance);
  return [...lines, { ...chance, dashed: true }];
}

/** Error of Q and BA together as an approximation of W. */
export const loftqErrors: Experiment = experiment({
  name: "loftq",
  seconds: 11,
  title: "LoftQ: what a low-rank update recovers of a weight in 4 bits",
  question:
    "LoRA on a base in 4 bits begins with B = 0, and so at a model that is worse than the base. How close do " +
    "Q and BA together come to W if both are fitted to it in turn, by rank and iteration?",
  source: "our own question; not in the paper. LoftQ is of Li et al. 2023",
  beyond: true,
  rows: (_, context) => loftqRows(context),
  seeds: "{seeds} (normal values)",
  settings: (rows) =>
    `LoftQ (Li et al. 2023, algorithm 1) on linear layers of tiny-gpt2 and on normal values: ${
      [...new Set(rows.map(({ matrix, shape }) => `${matrix} (${shape.join(" x ")})`))].join(", ")
    }. NF4, blocks of 64, scales in 8 bits; ` +
    `r = ${ranks.join(", ")}; T = ${iterations.join(", ")}. Computed on the host.`,
  claims: loftqClaims,
  tables: [loftqTable],
  figures: [loftqFigure],
});
