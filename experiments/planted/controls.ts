/** Controls: the similarity of updates that learned only noise, and of tasks that share directions. @module */

import { fromTo } from "../../src/core/numbers.ts";
import {
  inInputMetric,
  randomSimilarity,
  reducedRank,
  rightSimilarity,
} from "../../src/analysis/mod.ts";
import { linearTask } from "../../src/data/mod.ts";
import { axis, bars, baseLayout, dots, line, palette, table } from "../../src/figures/mod.ts";
import { type Experiment, experiment, type ExperimentContext, type MadeRun } from "../frame/mod.ts";
import { type LinearResult, linearRows, type LinearRun, planLinear } from "./linear_runs.ts";

/** Thresholds of the rules; `experiments/planted/rules.md` gives the reasons. */
const deviations = 3, sharedTolerance = 0.02;
const width = 64, rank = 8;
const { mean: chance, standardDeviation } = randomSimilarity(rank, rank, width);

/** Largest distance from chance of unrelated spaces' φ. */
const band = deviations * standardDeviation;

/** Added to a seed for the partner's noise and A. */
const partner = 500;

/** Two runs to compare. */
interface Pair {
  readonly inputs: "white" | "correlated";
  readonly seed: number;
  readonly shared?: number; // directions that the tasks share; none where there is no task
  readonly runs: readonly LinearRun[];
}

/** All pairs of a seed: those on noise alone, then those that share directions. */
function pairsOf(seed: number): Pair[] {
  const size = { width, examples: 256, seed }, seeds = [seed, seed + partner];
  const none = { kind: "none" } as const, flat = { kind: "flat", rank } as const;
  const noiseOnly = (inputs: Pair["inputs"]) =>
    seeds.map((own) => {
      const task = { ...size, shift: none, norm: 0, inputs, noise: 1, noiseSeed: own };
      return { task, rank, seed: own };
    });
  const sharing = (shared: number) =>
    seeds.map((own) => {
      const firstDirection = own === seed ? 0 : rank - shared, inputs = "white" as const;
      const task = { ...size, shift: flat, norm: 4, inputs, noise: 0, firstDirection };
      return { task, rank, seed: own };
    });
  return [
    ...(["white", "correlated"] as const).map((inputs) => {
      return { inputs, seed, runs: noiseOnly(inputs) };
    }),
    ...[0, 2, 4, 6, 8].map((shared) => {
      return { inputs: "white" as const, seed, shared, runs: sharing(shared) };
    }),
  ];
}

type PairRow = ReturnType<typeof rowOf>;

/** Two updates compared: φ(8, 8) of their right spaces. */
function rowOf(
  { inputs, seed, shared }: Pair,
  { task, update }: LinearResult,
  other: LinearResult,
) {
  const known = linearTask(task); // the inputs are the same for both
  const metric = reducedRank(known.inputs, known.residuals);
  const seen = [update, other.update].map((one) => inInputMetric(metric, one));
  return {
    ...{ inputs, seed, shared },
    raw: rightSimilarity(update, other.update, rank),
    inMetric: rightSimilarity(seen[0], seen[1], rank),
  };
}

async function controlRows(made: readonly MadeRun<LinearRun>[], context: ExperimentContext) {
  const results = await linearRows((student) => student)(made, context);
  return context.seeds.flatMap(pairsOf)
    .map((pair, i) => rowOf(pair, results[2 * i], results[2 * i + 1]));
}

type Rows = readonly PairRow[];
const noiseOnly = (rows: Rows) => rows.filter(({ shared }) => shared === undefined);
const sharing = (rows: Rows) => rows.filter(({ shared }) => shared !== undefined);

const list = (rows: Rows, key: "raw" | "inMetric") =>
  noiseOnly(rows).map((row) => `${row[key].toFixed(3)} (${row.inputs})`).join(", ");

const range = (rows: Rows, key: "raw" | "inMetric") =>
  fromTo(noiseOnly(rows).map((row) => row[key]), 2);

const worst = (rows: Rows) =>
  Math.max(...sharing(rows).map(({ raw, shared }) => Math.abs(raw - shared! / rank)));

/** Noise alone, and tasks that share some of their directions. */
export const plantedControls: Experiment = experiment({
  name: "planted-controls",
  seconds: 4,
  title: "Controls: noise alone, and tasks that share directions",
  question:
    "What does a similarity between subspaces mean? Two controls with known answers: runs that " +
    "learned only noise should be similar only by chance, and tasks that share s of 8 input " +
    "directions should have a similarity of s/8.",
  source: "Controls for Hu et al. 2021, section 7.2 and figures 3 and 4",
  runs: ({ seeds, quick }) =>
    seeds.flatMap(pairsOf).flatMap(({ runs }) => runs.map((run) => planLinear(run, quick))),
  rows: controlRows,
  settings:
    "64 inputs and outputs, 256 examples in full batches, r = 8. Inputs are white (uncorrelated, of equal variance) or correlated. Runs on noise: D = 0, " +
    "noise of standard deviation 1. Tasks that share directions: D with 8 equal singular values, no noise.",
  scale: true,
  beyond: true,
  claims: [{
    text: "In ΔW·S^½, updates that learned only noise are no more similar than by chance",
    rule: `when φ(8, 8) is within ${deviations} standard deviations of chance, ` +
      `${chance} ± ${band.toFixed(3)}, for both kinds of inputs and every seed`,
    ours: (rows) => `φ(8, 8) ${range(rows, "inMetric")}, chance ${chance}`,
    holds: (rows) => noiseOnly(rows).every(({ inMetric }) => Math.abs(inMetric - chance) <= band),
    found: (rows) => `${list(rows, "inMetric")}.`,
  }, {
    text: "In raw ΔW, updates that learned noise on correlated inputs seem to share a task",
    rule:
      `when φ(8, 8) on correlated inputs is more than ${deviations} standard deviations above ` +
      "chance for every seed; directions that the inputs hardly use cost nothing to fill",
    brokenInFull:
      "seeds 1 to 3 on correlated inputs: 0.196, 0.165, 0.183 where more than 0.183 is required",
    ours: (rows) => `φ(8, 8) ${range(rows, "raw")}, chance ${chance}`,
    holds: (rows) =>
      noiseOnly(rows).every(({ inputs, raw }) => inputs === "white" || raw > chance + band),
    found: (rows) => `${list(rows, "raw")}.`,
  }, {
    text: "Tasks that share s of 8 directions show a similarity of s/8",
    rule: `when φ(8, 8) of the two ΔW is within ${sharedTolerance} of s/8 for every s and seed`,
    ours: (rows) => `off by at most ${worst(rows).toExponential(1)}`,
    holds: (rows) => worst(rows) <= sharedTolerance,
  }],
  tables: [(rows) =>
    table({
      id: "planted-controls",
      title: `φ(8, 8) between two updates; chance is ${chance}`,
      columns: [
        ["what", "the two runs", "text", ({ shared }) =>
          shared === undefined ? "noise only" : `share ${shared} of ${rank} directions`],
        ["inputs", "inputs", "text"],
        ["seed", "seed", "count"],
        ["inMetric", "ΔW·S^½", "share"],
        ["raw", "raw ΔW", "share"],
      ],
      rows,
    })],
  figures: [(rows) => {
    const own = noiseOnly(rows);
    const label = ({ inputs, seed }: PairRow) => `${inputs}, seed ${seed}`;
    const [first, second] = palette.series;
    const level = { type: "line", xref: "paper", x0: 0, x1: 1, y0: chance, y1: chance };
    return {
      id: "controls-noise",
      title: "Similarity of two updates that learned only noise",
      caption:
        "φ(8, 8) between two runs that differ in their noise and in the seed of A. Dashed: " +
        "chance, 8/64. Seeds of the task: {seeds}.",
      data: [
        bars(own, label, ({ inMetric }) => inMetric, { color: first }, { name: "ΔW·S^½" }),
        bars(own, label, ({ raw }) => raw, { color: second }, { name: "raw ΔW" }),
      ],
      layout: baseLayout(axis(""), axis("φ(8, 8)", { rangemode: "tozero" }), {
        height: 340,
        shapes: [{ ...level, line: { color: palette.base, dash: "dash" } }],
      }),
    };
  }, (rows) => {
    const color = palette.series[1], name = "raw ΔW", unnamed = { showlegend: false };
    return {
      id: "controls-shared",
      title: "Similarity of two tasks that share s of 8 directions",
      caption: "Marks: raw ΔW of trained students, one for each seed ({seeds}). Line: s/8.",
      data: [
        line([0, rank], (s) => s, (s) => s / rank, { color: palette.base }, unnamed),
        dots(sharing(rows), ({ shared }) => shared, ({ raw }) => raw, { color, size: 10 }, {
          name,
        }),
      ],
      layout: baseLayout(axis("shared directions s"), axis("φ(8, 8)", { range: [-0.05, 1.05] }), {
        height: 320,
      }),
    };
  }],
});
