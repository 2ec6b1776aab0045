/** Linear teachers: the best loss at every rank is known, and LoRA is compared with it. @module */

import { fromTo } from "../../src/core/numbers.ts";
import { bestUpdate, inInputMetric, leastLoss, reducedRank } from "../../src/analysis/mod.ts";
import { rightSimilarity, updateLoss } from "../../src/analysis/mod.ts";
import { linearTask, type LinearTaskSpec, type ShiftSpectrum } from "../../src/data/mod.ts";
import { axis, type Figure, rankCurves, table } from "../../src/figures/mod.ts";
import { type Experiment, experiment, type PlanContext } from "../frame/mod.ts";
import { type LinearResult, linearRows, type LinearRun, planLinear } from "./linear_runs.ts";
import { areBest, excessTolerance, excessWords, roundoff } from "./rules.ts";

/** Thresholds of the rules; `experiments/planted/rules.md` gives the reasons. */
const alike = 0.95, judgedRank = 4;
const width = 64;

const spectra: readonly { name: string; shift: ShiftSpectrum; distinct: boolean }[] = [
  { name: "flat, 16 equal", shift: { kind: "flat", rank: 16 }, distinct: false },
  { name: "geometric, 0.7^i", shift: { kind: "geometric", ratio: 0.7 }, distinct: true },
  { name: "power law, 1/i", shift: { kind: "power", exponent: 1 }, distinct: true },
];

const inputKinds = ["white", "correlated"] as const;

/** The runs: three spectra, two kinds of inputs, and every rank and seed. */
export function teacherRuns({ seeds, full, quick }: PlanContext): LinearRun[] {
  const ranks = quick ? [4] : full ? [1, 2, 4, 8, 16, 32] : [1, 4, 16];
  const tasks = (seed: number) =>
    spectra.flatMap(({ shift }) =>
      inputKinds.map((inputs): LinearTaskSpec => (
        { width, shift, norm: 4, inputs, examples: 256, noise: 0, seed }
      ))
    );
  return seeds.flatMap((seed) =>
    tasks(seed).flatMap((task) => ranks.map((rank) => ({ task, rank, seed })))
  );
}

type TeacherRow = ReturnType<typeof rowOf>;

/** A run next to the known best; losses are shares of the loss before adaptation. */
function rowOf({ task, rank: r, seed, update }: LinearResult) {
  const { shift, inputs, residuals } = linearTask(task), rank = r as number;
  const metric = reducedRank(inputs, residuals), before = leastLoss(metric, 0);
  const bestAt = (rank: number) => leastLoss(metric, rank) / before;
  const { name, distinct } = spectra.find((one) => one.shift === task.shift)!;
  const loss = updateLoss(metric, update) / before, best = bestAt(rank);
  return {
    ...{ spectrum: name, inputs: task.inputs, distinct, seed, rank, loss, best },
    excess: loss - best,
    /** The best of every rank up to half the width. */
    line: Array.from({ length: width / 2 }, (_, i) => ({ rank: i + 1, value: bestAt(i + 1) })),
    /** φ(r, r) with the planted shift: in ΔW·S^½, in ΔW, and what the best update has in ΔW. */
    inMetric: rightSimilarity(inInputMetric(metric, update), metric.core, rank),
    raw: rightSimilarity(update, shift, rank),
    bestRaw: rightSimilarity(bestUpdate(metric, rank), shift, rank),
  };
}

/** Rows on which directions are judged: at rank 4 singular values that differ have directions. */
const judged = (rows: readonly TeacherRow[]) =>
  rows.filter(({ rank, distinct }) => distinct && rank === judgedRank);

const isCorrelated = ({ inputs }: TeacherRow) => inputs === "correlated";

const leastInMetric = (rows: readonly TeacherRow[]) =>
  Math.min(...judged(rows).map((row) => row.inMetric));

const lossFigure = (inputs: string) => (rows: readonly TeacherRow[]): Figure => {
  const curves = spectra.map(({ name }) => {
    const own = rows.filter((row) => row.inputs === inputs && row.spectrum === name);
    const measured = own.map(({ rank, loss }) => ({ rank, value: loss }));
    const known = [...Map.groupBy(own, ({ seed }) => seed).values()].map(([{ line }]) => line);
    return { label: name, measured, known };
  });
  return {
    id: `linear-teacher-${inputs}`,
    title: `Remaining loss at each rank, ${inputs} inputs`,
    caption:
      "Marks: trained students, one for each seed ({seeds}). Lines: the best loss at each rank by " +
      "Eckart and Young, one for each seed's teacher. Both as shares of the loss before adaptation.",
    ...rankCurves(curves, axis("share of the loss that remains", { rangemode: "tozero" }), 340),
  };
};

/** Students of linear teachers at every rank, next to the best loss that each rank allows. */
export const linearTeacher: Experiment = experiment({
  name: "linear-teacher",
  seconds: 5,
  title: "Linear teachers: the best loss at every rank is known",
  question:
    "Does LoRA, trained as usual, reach the best loss that its rank allows? Students imitate " +
    "a teacher W₀ + D; the singular values of D in the inputs' metric give the best loss at each rank.",
  source: "Control for Hu et al. 2021, section 7; Eckart and Young 1936",
  runs: (context) => teacherRuns(context).map((run) => planLinear(run, context.quick)),
  rows: linearRows<TeacherRow>(rowOf),
  settings: "64 inputs and outputs, 256 examples in full batches, α = r; AdamW, cosine " +
    "schedule. D is of norm 4. White inputs are uncorrelated and of equal variance; correlated ones have a second moment with eigenvalues 1/i.",
  scale: true,
  beyond: true,
  claims: [{
    text: "LoRA reaches the best loss that its rank allows, on every linear teacher",
    rule:
      `when (loss - best) / loss before adaptation is at most ${excessTolerance} and at least ` +
      `-${roundoff} for every spectrum, kind of input, rank and seed`,
    scale: false,
    quick: false,
    ours: excessWords,
    holds: (rows) => areBest(rows),
  }, {
    text: "The planted directions are found in ΔW·S^½, the metric of the inputs",
    rule: `when φ(4, 4) between ΔW·S^½ and D·S^½ is at least ${alike} at r = 4 for the ` +
      "spectra with distinct values, both kinds of inputs and every seed",
    ours: (rows) => `φ(4, 4) at least ${leastInMetric(rows).toFixed(3)}`,
    holds: (rows) => leastInMetric(rows) >= alike,
    found: () => `Chance is ${judgedRank / width}.`,
  }, {
    text: "Raw ΔW shows less of the planted directions when inputs are correlated",
    rule: "when φ(4, 4) between ΔW and D is lower than between ΔW·S^½ and D·S^½, for the " +
      "same spectra on correlated inputs and every seed",
    ours: (rows) => {
      const own = judged(rows).filter(isCorrelated),
        of = (key: "raw" | "inMetric") => fromTo(own.map((row) => row[key]), 2);
      return `φ(4, 4) ${of("raw")}; in ΔW·S^½ ${of("inMetric")}`;
    },
    holds: (rows) => judged(rows).filter(isCorrelated).every((row) => row.raw < row.inMetric),
  }],
  tables: [(rows) =>
    table({
      id: "linear-teacher",
      title: "Linear teachers: shares of the loss before adaptation, and φ(r, r) with the shift",
      columns: [
        ["spectrum", "spectrum of D", "text"],
        ["inputs", "inputs", "text"],
        ["seed", "seed", "count"],
        ["rank", "rank", "count"],
        ["best", "best loss", "share"],
        ["loss", "measured loss", "share"],
        ["excess", "excess", "share"],
        ["inMetric", "φ, ΔW·S^½", "share"],
        ["raw", "φ, raw ΔW", "share"],
        ["bestRaw", "φ, raw, best update", "share"],
      ],
      rows,
    })],
  figures: [...inputKinds.map(lossFigure), (rows) => {
    const own = rows.filter(isCorrelated), ranks = new Set(own.map(({ rank }) => rank));
    const raw = spectra.map(({ name }) => ({
      label: `raw ΔW, ${name}`,
      measured: own.filter(({ spectrum }) => spectrum === name)
        .map(({ rank, raw }) => ({ rank, value: raw })),
    }));
    const inMetric = own.map((row) => ({ rank: row.rank, value: row.inMetric }));
    const chance = [...ranks].map((rank) => ({ rank, value: rank / width }));
    return {
      id: "linear-teacher-similarity",
      title: "Are the planted directions found on correlated inputs?",
      caption:
        "φ(r, r) between the update and the planted shift, one mark for each seed ({seeds}). In raw ΔW " +
        "a flat shift seems to be missed below its rank although the loss is the best possible: the inputs " +
        "decide which of its directions are worth learning. Raw ΔW shows no more of D than the best update " +
        "itself does (the table has both). Where singular values are equal or almost zero, as beyond rank " +
        "16 of the flat and the geometric shift, no direction is the correct one.",
      ...rankCurves(
        [
          ...raw,
          { label: "ΔW·S^½, all three", measured: inMetric },
          { label: "chance, r / 64", measured: chance },
        ],
        axis("φ(r, r)", { range: [0, 1.05] }),
      ),
    };
  }],
});
