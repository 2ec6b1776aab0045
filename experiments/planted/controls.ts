/** Controls: what similarity noise alone gives, and what tasks give that share directions. @module */

import { randomSimilarity } from "../../src/analysis/mod.ts";
import type { DataTable, Figure } from "../../src/figures/figure.ts";
import { axis, baseLayout } from "../../src/figures/layout.ts";
import { palette } from "../../src/figures/palette.ts";
import type { Trace } from "../../src/figures/plotly_types.ts";
import type { Finding } from "../frame/claim.ts";
import type { Experiment } from "../frame/experiment.ts";
import { besideFull, judge } from "../verdict.ts";
import { type LinearResult, type LinearRun, linearRuns, planLinearRuns } from "./linear_runs.ts";
import { linearTask, type LinearTaskSpec } from "./linear_task.ts";
import { inMetric, linearMetric } from "./linear_theory.ts";
import { rightSimilarity } from "./similarity.ts";
import { seedList } from "../seed_list.ts";

/** Marks of the rules; `docs/decisions/0013_rules_of_the_planted_tasks.md` gives the reasons. */
const deviations = 3, sharedTolerance = 0.02;

const width = 64, rank = 8;

const { mean: chance, standardDeviation } = randomSimilarity(rank, rank, width);

/** How far from chance φ of unrelated spaces may lie. */
const band = deviations * standardDeviation;

const inputKinds = ["white", "coloured"] as const;

/** Added to a seed for the partner's noise and A. */
const partner = 500;

function noiseTask(seed: number, inputs: "white" | "coloured", noiseSeed: number): LinearTaskSpec {
  const shift = { kind: "none" } as const;
  return { width, shift, norm: 0, inputs, examples: 256, noise: 1, seed, noiseSeed };
}

function sharingTask(seed: number, firstDirection: number): LinearTaskSpec {
  const shift = { kind: "flat", rank } as const;
  return { width, shift, norm: 4, inputs: "white", examples: 256, noise: 0, seed, firstDirection };
}

/** Two runs to compare, and what they share. */
interface Pair {
  readonly kind: "noise" | "shared";
  readonly inputs: "white" | "coloured";
  readonly seed: number;
  /** Directions that the tasks share; none where there is no task. */
  readonly shared?: number;
  readonly runs: readonly [LinearRun, LinearRun];
}

/** All pairs of a seed. */
function pairsOf(seed: number): Pair[] {
  const student = (task: LinearTaskSpec, own: number): LinearRun => ({ task, rank, seed: own });
  const noise = inputKinds.map((inputs): Pair => ({
    kind: "noise",
    ...{ inputs, seed },
    runs: [
      student(noiseTask(seed, inputs, seed), seed),
      student(noiseTask(seed, inputs, seed + partner), seed + partner),
    ],
  }));
  const first = student(sharingTask(seed, 0), seed);
  const shared = [0, 2, 4, 6, 8].map((shared): Pair => ({
    kind: "shared",
    ...{ inputs: "white", seed, shared },
    runs: [first, student(sharingTask(seed, rank - shared), seed + partner)],
  }));
  return [...noise, ...shared];
}

const runsOf = (pairs: readonly Pair[]): LinearRun[] => pairs.flatMap(({ runs }) => runs);

/** Two updates held against each other. */
interface PairRow {
  readonly kind: Pair["kind"];
  readonly inputs: string;
  readonly seed: number;
  readonly shared?: number;
  /** φ(8, 8) of the right spaces. */
  readonly raw: number;
  readonly inMetric: number;
}

function rowOf(
  { runs: _, ...pair }: Pair,
  [{ task, update }, other]: readonly LinearResult[],
): PairRow {
  const metric = linearMetric(linearTask(task)); // the inputs are the same for both
  return {
    ...pair,
    raw: rightSimilarity(update, other.update, rank),
    inMetric: rightSimilarity(
      inMetric(metric, update),
      inMetric(metric, other.update),
      rank,
    ),
  };
}

function findings(rows: readonly PairRow[], quick: boolean): Finding[] {
  const noise = rows.filter(({ kind }) => kind === "noise");
  return [
    noiseFinding(noise, quick),
    besideFull(
      rawNoiseFinding(noise, quick),
      "seeds 1 to 3 on coloured inputs: 0.196, 0.165, 0.183 where more than 0.183 is asked",
    ),
    sharedFinding(rows.filter(({ kind }) => kind === "shared"), quick),
  ];
}

const list = (own: readonly PairRow[], key: "raw" | "inMetric") =>
  own.map((row) => `${row[key].toFixed(3)} (${row.inputs})`).join(", ");

function noiseFinding(rows: readonly PairRow[], quick: boolean): Finding {
  return {
    claim: "Noise alone gives no more similarity than chance in ΔW·S^½",
    rule: `held when φ(8, 8) is within ${deviations} standard deviations of chance, ${chance} ± ${
      band.toFixed(3)
    }, for both kinds of inputs and every seed`,
    found: `φ(8, 8): ${list(rows, "inMetric")}.`,
    verdict: judge(rows.every((row) => Math.abs(row.inMetric - chance) <= band), quick),
  };
}

function rawNoiseFinding(rows: readonly PairRow[], quick: boolean): Finding {
  const coloured = rows.filter(({ inputs }) => inputs === "coloured");
  return {
    claim: "In raw ΔW, noise on coloured inputs looks like a shared task",
    rule:
      `held when φ(8, 8) is more than ${deviations} standard deviations above chance for every ` +
      "seed: directions that inputs hardly reach cost nothing to fill",
    found: `φ(8, 8): ${list(rows, "raw")}; chance ${chance}.`,
    verdict: judge(coloured.every((row) => row.raw > chance + band), quick),
  };
}

function sharedFinding(rows: readonly PairRow[], quick: boolean): Finding {
  const worst = Math.max(...rows.map(({ raw, shared }) => Math.abs(raw - shared! / rank)));
  return {
    claim: "Tasks that share s of 8 directions show a similarity of s/8",
    rule:
      `held when φ(8, 8) of the two ΔW is within ${sharedTolerance} of s/8 for every s and seed`,
    found: `${rows.length} pairs; the largest difference is ${worst.toExponential(1)}.`,
    verdict: judge(worst <= sharedTolerance, quick),
  };
}

function noiseFigure(rows: readonly PairRow[]): Figure {
  const own = rows.filter(({ kind }) => kind === "noise");
  const bars = (key: "raw" | "inMetric", name: string, color: string): Trace => ({
    type: "bar",
    name,
    x: own.map(({ inputs, seed }) => `${inputs}, seed ${seed}`),
    y: own.map((row) => row[key]),
    marker: { color },
  });
  const line = { type: "line", xref: "paper", x0: 0, x1: 1, y0: chance, y1: chance };
  return {
    id: "controls-noise",
    title: "Similarity of two updates that learnt nothing but noise",
    caption: "φ(8, 8) between two runs that differ in their noise and in the seed of A. Dashed: " +
      `chance, 8/64. Seeds of the task: ${seedList(own)}.`,
    data: [
      bars("inMetric", "ΔW·S^½", palette.series[0]),
      bars("raw", "raw ΔW", palette.series[1]),
    ],
    layout: baseLayout(axis(""), axis("φ(8, 8)", { rangemode: "tozero" }), {
      height: 340,
      shapes: [{ ...line, line: { color: palette.base, dash: "dash" } }],
    }),
  };
}

function sharedFigure(rows: readonly PairRow[]): Figure {
  const own = rows.filter(({ kind }) => kind === "shared");
  const line = { x: [0, rank], y: [0, 1], line: { color: palette.base }, showlegend: false };
  return {
    id: "controls-shared",
    title: "Similarity of two tasks that share s of 8 directions",
    caption: `Marks: raw ΔW of trained students, one for each seed (${seedList(own)}). Line: s/8.`,
    data: [
      { type: "scatter", mode: "lines", ...line },
      {
        type: "scatter",
        mode: "markers",
        name: "raw ΔW",
        x: own.map(({ shared }) => shared),
        y: own.map(({ raw }) => raw),
        marker: { color: palette.series[1], size: 10 },
      },
    ],
    layout: baseLayout(axis("directions shared"), axis("φ(8, 8)", { range: [-0.05, 1.05] }), {
      height: 320,
    }),
  };
}

function controlsTable(rows: readonly PairRow[]): DataTable {
  return {
    id: "planted-controls",
    title: `φ(8, 8) of two updates; chance is ${chance}`,
    columns: [
      { key: "what", label: "the two runs", unit: "text" },
      { key: "inputs", label: "inputs", unit: "text" },
      { key: "seed", label: "seed", unit: "count" },
      { key: "inMetric", label: "ΔW·S^½", unit: "share" },
      { key: "raw", label: "raw ΔW", unit: "share" },
    ],
    rows: rows.map(({ kind: _, shared, ...row }) => ({
      what: shared === undefined ? "noise only" : `share ${shared} of ${rank} directions`,
      ...row,
    })),
  };
}

/** Noise alone, and tasks that share some of their directions. */
export const plantedControls: Experiment = {
  name: "planted-controls",
  title: "Controls: noise alone, and tasks that share directions",
  question:
    "What does a similarity of subspaces mean? Two controls whose answers are known: runs " +
    "that learnt noise alone should be alike by chance only, and tasks that share s of 8 input " +
    "directions by s/8.",
  source: "Controls for Hu et al. 2021, section 7.2 and figures 3 and 4",
  runs: (context) =>
    Promise.resolve(planLinearRuns(runsOf(context.seeds.flatMap(pairsOf)), context)),
  async run(context) {
    const pairs = context.seeds.flatMap(pairsOf);
    const results = await linearRuns(runsOf(pairs), context);
    const rows = pairs.map((pair, i) => rowOf(pair, results.slice(2 * i, 2 * i + 2)));
    return {
      settings:
        "64 inputs and outputs, 256 examples in full batches, r = 8. Runs on noise: D = 0, " +
        "noise of deviation 1. Tasks that share directions: D of 8 equal singular values, no noise.",
      findings: findings(rows, context.quick),
      tables: [controlsTable(rows)],
      figures: [noiseFigure(rows), sharedFigure(rows)],
    };
  },
};
