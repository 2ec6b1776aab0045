/** Rotated digits: real data, and an update whose rank is known. @module */

import { bendOf, neededRank } from "../../src/analysis/mod.ts";
import { howMany } from "../../src/core/numbers.ts";
import { axis, baseLayout, dots, line, logAxis, palette } from "../../src/figures/mod.ts";
import { rankCurves, table } from "../../src/figures/mod.ts";
import { type Experiment, experiment, type MadeRun, type PlanContext } from "../frame/mod.ts";
import { type DigitRun, DigitSource, planDigits } from "./digit_runs.ts";
import { enough } from "./rules.ts";

/** The students: planes, ranks around twice as many, and every seed. */
function digitRuns({ seeds, full, quick }: PlanContext): DigitRun[] {
  const counts = quick ? [1] : full ? [1, 2, 4, 8] : [1, 2, 4];
  const ranks = (planes: number) =>
    full && !quick ? [1, 2, 4, 8, 16, 32] : [planes, 2 * planes, 4 * planes];
  return seeds.flatMap((seed) =>
    counts.flatMap((planes) => ranks(planes).map((rank) => ({ planes, rank, seed })))
  );
}

type Rows = readonly ReturnType<typeof rowOf>[];

/** A student's outcome; divergences in nats per digit, on held-out digits. */
function rowOf({ chosen, metrics }: MadeRun<DigitRun>) {
  const { divergence, before, accuracy, teacherAccuracy } = metrics as Record<string, number>;
  const spectrum = metrics.spectrum as number[]; // singular values of D·S^½
  const value = divergence / before; // share of the divergence before adaptation
  return { ...chosen, divergence, before, value, accuracy, teacherAccuracy, spectrum };
}

/** Readings of each curve for the rules; a curve is a number of planes and a seed. */
function readings(rows: Rows) {
  const curves = Map.groupBy(rows, ({ planes, seed }) => `${planes} ${seed}`);
  return [...curves.values()].map((curve) => {
    const [{ planes, seed }] = curve, planted = 2 * planes;
    const left = curve.find(({ rank }) => rank === planted)!.value;
    const ranks = curve.map(({ rank }) => rank).join(", ");
    return {
      seed,
      planes,
      planted,
      left,
      ranks,
      bend: bendOf(curve),
      needed: neededRank(curve, enough),
    };
  });
}

const say = (rows: Rows, key: "bend" | "needed") =>
  readings(rows).map((one) => `${one[key] ?? "none"} for r* = ${one.planted} (seed ${one.seed})`)
    .join(", ");

const mostLeft = (rows: Rows) => Math.max(...readings(rows).map(({ left }) => left));
const byPlanes = (rows: Rows) => [...Map.groupBy(rows, ({ planes }) => planes)];

/** The share of the first layer's shift that no update of a rank can make, up to the planted rank. */
function unreachable({ planes, spectrum }: Rows[number]) {
  const energy = (values: readonly number[]) => values.reduce((sum, value) => sum + value ** 2, 0);
  return Array.from({ length: 2 * planes - 1 }, (_, i) => ({
    rank: i + 1,
    value: energy(spectrum.slice(i + 1)) / energy(spectrum),
  }));
}

/** Students of digits whose principal planes are rotated. */
export const rotatedDigits: Experiment = experiment({
  name: "rotated-digits",
  seconds: 6,
  title: "Rotated digits: how the needed rank grows with the task",
  question: "How does the rank that a task needs grow with its difficulty? A digit classifier " +
    "learns to read rotated digits, and only its first layer is adapted: the exact solution has rank " +
    "r* = 2m for m rotated planes.",
  source: "Question left open by Hu et al. 2021, section 7.2",
  runs(context) {
    const source = new DigitSource();
    return digitRuns(context).map((run) => planDigits(run, source, context.quick));
  },
  rows: (made) => made.map(rowOf),
  settings:
    "10,000 digits of 14 x 14 pixels, a fifth held out; a perceptron 196-64-10 with GELU. " +
    "Inputs are rotated by 135° in m planes, each of two neighboring principal directions. AdamW, " +
    "cosine schedule, batches of 128, α = r.",
  scale: true,
  beyond: true,
  claims: [{
    text: "The divergence falls most where the rank reaches 2m, the planted one",
    rule: "when, of all measured doublings of the rank, the one that reaches r* lowers the " +
      `divergence by the largest factor, and at most ${100 * enough}% remains there, for every m ` +
      "and seed",
    brokenInFull:
      "seeds 1 to 3, ranks 1 to 32: the largest fall is at r* for one and two planes, mostly below it for four and eight",
    ours: (rows) => `at rank ${say(rows, "bend")}`,
    holds: (rows) =>
      readings(rows).every(({ bend, planted, left }) => bend === planted && left <= enough),
    found: (rows) =>
      `Remaining at r*: at most ${(100 * mostLeft(rows)).toFixed(2)}%. Ranks measured: ${
        [...new Set(readings(rows).map(({ ranks }) => ranks))].join("; ")
      }.`,
  }, {
    text: "The needed rank grows with the task's difficulty: twice the number of rotated planes",
    rule: `when the lowest measured rank at which at most ${100 * enough}% of the divergence ` +
      "remains is 2m, for every m and seed",
    ours: (rows) => `rank ${say(rows, "needed")}`,
    holds: (rows) => readings(rows).every(({ needed, planted }) => needed === planted),
  }],
  tables: [(rows) =>
    table({
      id: "rotated-digits",
      title: "Students of rotated digits, on held-out digits",
      columns: [
        ["planes", "planes", "count"],
        ["planted", "r*", "count", ({ planes }) => 2 * planes],
        ["rank", "rank", "count"],
        ["seed", "seed", "count"],
        ["before", "divergence before (nats)", "nats"],
        ["divergence", "after (nats)", "share"],
        ["left", "remaining", "percent", ({ value }) => 100 * value],
        ["accuracy", "accuracy", "percent", ({ accuracy }) => 100 * accuracy],
        ["teacherAccuracy", "teacher's accuracy", "percent", (row) => 100 * row.teacherAccuracy],
      ],
      rows,
    })],
  figures: [(rows) => ({
    id: "rotated-digits",
    title: "Divergence from the teacher at each rank",
    caption:
      "One mark for each seed ({seeds}), as a share of the divergence before adaptation, on held-out " +
      "digits; dotted lines join the means. Dashed vertical lines: the rank 2m of the exact " +
      "solution, at or above which the divergence can be zero.",
    ...rankCurves(
      byPlanes(rows).map(([planes, measured]) => {
        const label = `${howMany(planes, "plane")}, r* = ${2 * planes}`;
        return { label, measured, plantedRank: 2 * planes };
      }),
      logAxis("share of the divergence that remains"),
      420,
    ),
  }), (rows) => ({
    id: "rotated-digits-shift",
    title:
      "What no update of a given rank can express: the tail of the shift in the images' metric",
    caption:
      "Computed, not trained: Σ σᵢ² of D·S^½ beyond the rank, as a share of the total, for " +
      "seed {seed}; zero at rank 2m (dashed) and above. The divergence above is smaller at the same " +
      "rank: a student has to restore only the predictions, not the first layer's outputs.",
    ...rankCurves(
      byPlanes(rows).map(([planes, [first]]) => {
        const label = howMany(planes, "plane"), measured = unreachable(first);
        return { label, measured, plantedRank: 2 * planes };
      }),
      logAxis("share of the shift beyond the rank"),
    ),
  }), (rows) => {
    const planes = [...new Set(rows.map((row) => row.planes))];
    const points = readings(rows).filter(({ needed }) => needed !== undefined);
    const marker = { color: palette.series[0], size: 10 }, name = "needed rank";
    return {
      id: "rotated-digits-needed",
      title: "Needed rank by the number of rotated planes",
      caption:
        `The lowest measured rank at which at most ${100 * enough}% of the divergence remains; ` +
        "one mark for each seed ({seeds}). Line: 2m.",
      data: [
        line(planes, (m) => m, (m) => 2 * m, { color: palette.base }, { name: "2m" }),
        dots(points, ({ planes }) => planes, ({ needed }) => needed, marker, { name }),
      ],
      layout: baseLayout(
        axis("rotated planes", { tickvals: planes }),
        axis("needed rank", { rangemode: "tozero" }),
        { height: 320 },
      ),
    };
  }],
});
