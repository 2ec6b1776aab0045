/** Rotated digits: real data, and an update whose rank is known. @module */

import { howMany } from "../../src/core/how_many.ts";
import type { DataTable, Figure } from "../../src/figures/figure.ts";
import { axis, baseLayout, logAxis } from "../../src/figures/layout.ts";
import { palette } from "../../src/figures/palette.ts";
import type { RunResult } from "../../src/runs/mod.ts";
import type { Finding } from "../frame/claim.ts";
import type { Experiment, PlanContext } from "../frame/experiment.ts";
import { makeRuns, type PlannedRun } from "../frame/planned_runs.ts";
import { besideFull, judge } from "../verdict.ts";
import { bendOf, enough, neededRank } from "./bend.ts";
import { type DigitRun, planDigits } from "./digit_runs.ts";
import { DigitSource } from "./digit_source.ts";
import { rankCurves, type RankPoint } from "../../src/figures/rank_curves.ts";
import { seedList } from "../seed_list.ts";

/** The students: planes, ranks around twice as many, and every seed. */
export function digitRuns({ seeds, full, quick }: PlanContext): DigitRun[] {
  const counts = quick ? [1] : full ? [1, 2, 4, 8] : [1, 2, 4];
  const ranks = (planes: number) =>
    full && !quick ? [1, 2, 4, 8, 16, 32] : [planes, 2 * planes, 4 * planes];
  return seeds.flatMap((seed) =>
    counts.flatMap((planes) => ranks(planes).map((rank) => ({ planes, rank, seed })))
  );
}

/** A student's outcome; divergences in nats per digit, on held-out digits. */
interface DigitRow extends DigitRun {
  readonly divergence: number;
  /** Share of the divergence before adaptation. */
  readonly value: number;
  readonly before: number;
  readonly accuracy: number;
  readonly teacherAccuracy: number;
  /** Singular values of D·S^½. */
  readonly spectrum: readonly number[];
}

function rowOf(run: DigitRun, { metrics }: RunResult): DigitRow {
  const { divergence, before, accuracy, teacherAccuracy } = metrics as Record<string, number>;
  const spectrum = metrics.spectrum as number[], value = divergence / before;
  return { ...run, divergence, before, value, accuracy, teacherAccuracy, spectrum };
}

/** The rows of one curve: a number of planes and a seed. */
function curvesOf(rows: readonly DigitRow[]): (readonly DigitRow[])[] {
  return [...Map.groupBy(rows, ({ planes, seed }) => `${planes} ${seed}`).values()];
}

/** What the rules read of a curve. */
type CurveReading = ReturnType<typeof readingOf>;

function readingOf(curve: readonly DigitRow[]) {
  const [{ planes, seed }] = curve, planted = 2 * planes;
  const left = curve.find(({ rank }) => rank === planted)!.value;
  const ranks = curve.map(({ rank }) => rank).join(", ");
  return { seed, planted, left, ranks, bend: bendOf(curve), needed: neededRank(curve) };
}

const say = (curves: readonly CurveReading[], key: "bend" | "needed") =>
  curves.map((curve) => `${curve[key] ?? "none"} for ${curve.planted} (seed ${curve.seed})`)
    .join(", ");

function findings(rows: readonly DigitRow[], quick: boolean): Finding[] {
  const curves = curvesOf(rows).map(readingOf);
  return [
    besideFull(
      bendFinding(curves, quick),
      "seeds 1 to 3, ranks 1 to 32: at r* for one and two planes, early for most of four and eight",
    ),
    neededFinding(curves, quick),
  ];
}

function bendFinding(curves: readonly CurveReading[], quick: boolean): Finding {
  const most = Math.max(...curves.map(({ left }) => left));
  return {
    claim: "The divergence bends at the planted rank r* = 2m",
    rule: "held when, of all measured doublings of the rank, the one that reaches r* lowers the " +
      `divergence by the largest factor, and at most ${100 * enough}% is left there, for every m ` +
      "and seed",
    found: `Largest factor at: ${say(curves, "bend")}. Left at r*: at most ${
      (100 * most).toFixed(2)
    }%. Ranks measured: ${[...new Set(curves.map(({ ranks }) => ranks))].join("; ")}.`,
    verdict: judge(curves.every(({ bend, planted }) => bend === planted) && most <= enough, quick),
  };
}

function neededFinding(curves: readonly CurveReading[], quick: boolean): Finding {
  return {
    claim: "The needed rank grows with the difficulty of the task, as twice the planes rotated",
    rule:
      `held when the least measured rank that leaves at most ${100 * enough}% is 2m for every m ` +
      "and seed",
    found: `Needed rank: ${say(curves, "needed")}.`,
    verdict: judge(curves.every(({ needed, planted }) => needed === planted), quick),
  };
}

function divergenceFigure(rows: readonly DigitRow[]): Figure {
  const groups = [...Map.groupBy(rows, ({ planes }) => planes)];
  return {
    id: "rotated-digits",
    title: "Divergence from the teacher at each rank",
    caption:
      `One mark for each seed (${
        seedList(rows)
      }), as a share of the divergence before adaptation, on held-out ` +
      "digits; dotted lines join the means. Dashed uprights: the rank 2m of the exact answer, at " +
      "and beyond which the divergence can be zero.",
    ...rankCurves(
      groups.map(([planes, own]) => ({
        label: `${howMany(planes, "plane")}, r* = ${2 * planes}`,
        measured: own,
        plantedRank: 2 * planes,
      })),
      logAxis("share of the divergence left", { dtick: "D2" }),
      420,
    ),
  };
}

/** The share of the first layer's shift that no update of a rank can make, up to the planted rank. */
function unreachable({ planes, spectrum }: DigitRow): RankPoint[] {
  const energy = (values: readonly number[]) => values.reduce((sum, value) => sum + value ** 2, 0);
  return Array.from({ length: 2 * planes - 1 }, (_, i) => ({
    rank: i + 1,
    value: energy(spectrum.slice(i + 1)) / energy(spectrum),
  }));
}

function shiftFigure(rows: readonly DigitRow[]): Figure {
  const groups = [...Map.groupBy(rows, ({ planes }) => planes)];
  const curves = groups.map(([planes, own]) => ({
    label: howMany(planes, "plane"),
    measured: unreachable(own[0]),
    plantedRank: 2 * planes,
  }));
  return {
    id: "rotated-digits-shift",
    title: "What no update of a rank can reach: the tail of the shift in the images' metric",
    caption: "Computed, not trained: Σ σᵢ² of D·S^½ beyond the rank, as a share of all, for seed " +
      `${
        rows[0].seed
      }; zero from 2m on (dashed). The divergence above is smaller at the same rank: a ` +
      "student need not restore the first layer's outputs, only the predictions.",
    ...rankCurves(curves, logAxis("share of the shift left", { dtick: "D2" }), 380),
  };
}

function neededFigure(rows: readonly DigitRow[]): Figure {
  const points = curvesOf(rows).flatMap((curve) => {
    const needed = neededRank(curve);
    return needed === undefined ? [] : [{ planes: curve[0].planes, needed }];
  });
  const planes = [...new Set(rows.map((row) => row.planes))];
  return {
    id: "rotated-digits-needed",
    title: "Needed rank against the number of planes rotated",
    caption:
      `The least measured rank that leaves at most ${100 * enough}% of the divergence, one ` +
      `mark for each seed (${seedList(rows)}). Line: 2m.`,
    data: [
      {
        type: "scatter",
        mode: "lines",
        name: "2m",
        x: planes,
        y: planes.map((m) => 2 * m),
        line: { color: palette.base },
      },
      {
        type: "scatter",
        mode: "markers",
        name: "needed rank",
        x: points.map((point) => point.planes),
        y: points.map(({ needed }) => needed),
        marker: { color: palette.series[0], size: 10 },
      },
    ],
    layout: baseLayout(
      axis("planes rotated", { tickvals: planes }),
      axis("needed rank", { rangemode: "tozero" }),
      { height: 320 },
    ),
  };
}

function digitTable(rows: readonly DigitRow[]): DataTable {
  return {
    id: "rotated-digits",
    title: "Students of rotated digits, on held-out digits",
    columns: [
      { key: "planes", label: "planes", unit: "count" },
      { key: "planted", label: "r*", unit: "count" },
      { key: "rank", label: "rank", unit: "count" },
      { key: "seed", label: "seed", unit: "count" },
      { key: "before", label: "divergence before (nats)", unit: "nats" },
      { key: "divergence", label: "after (nats)", unit: "share" },
      { key: "left", label: "left", unit: "percent" },
      { key: "accuracy", label: "accuracy", unit: "percent" },
      { key: "teacherAccuracy", label: "teacher's accuracy", unit: "percent" },
    ],
    rows: rows.map(({ value, accuracy, teacherAccuracy, spectrum: _, ...row }) => ({
      ...row,
      planted: 2 * row.planes,
      left: 100 * value,
      accuracy: 100 * accuracy,
      teacherAccuracy: 100 * teacherAccuracy,
    })),
  };
}

function planOf(context: PlanContext): PlannedRun[] {
  const source = new DigitSource();
  return digitRuns(context).map((run) => planDigits(run, source, context.quick));
}

/** Students of digits whose principal planes are rotated. */
export const rotatedDigits: Experiment = {
  name: "rotated-digits",
  title: "Rotated digits: how the needed rank grows with the task",
  question: "How does the rank that a task needs grow with its difficulty? A network that reads " +
    "digits is shown rotated ones, and only its first layer is adapted: the exact answer has rank " +
    "2m for m rotated planes.",
  source: "Question left open by Hu et al. 2021, section 7.2",
  runs: (context) => Promise.resolve(planOf(context)),
  async run(context) {
    const runs = digitRuns(context), results = await makeRuns(planOf(context), context);
    const rows = runs.map((run, i) => rowOf(run, results[i]));
    return {
      settings:
        "10,000 digits of 14 x 14 pixels, a fifth held out; a perceptron 196-64-10 with GELU. " +
        "Inputs are rotated by 135° inside m planes of neighbouring principal directions. AdamW, " +
        "cosine schedule, batches of 128, α = r.",
      findings: findings(rows, context.quick),
      tables: [digitTable(rows)],
      figures: [divergenceFigure(rows), shiftFigure(rows), neededFigure(rows)],
    };
  },
};
