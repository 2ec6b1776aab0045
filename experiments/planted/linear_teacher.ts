/** Linear teachers: the best loss at every rank is known, and LoRA is held against it. @module */

import type { DataTable, Figure } from "../../src/figures/figure.ts";
import { axis } from "../../src/figures/layout.ts";
import type { Finding } from "../frame/claim.ts";
import type { Experiment, PlanContext } from "../frame/experiment.ts";
import { judge } from "../verdict.ts";
import { type LinearResult, type LinearRun, linearRuns, planLinearRuns } from "./linear_runs.ts";
import { linearTask, type LinearTaskSpec, type ShiftSpectrum } from "./linear_task.ts";
import { bestLoss, bestUpdate, inMetric, linearMetric, lossOf } from "./linear_theory.ts";
import { rankCurves, type RankPoint } from "../../src/figures/rank_curves.ts";
import { rightSimilarity } from "./similarity.ts";
import { seedList } from "../seed_list.ts";

/** Marks of the rules; `docs/decisions/0013_rules_of_the_planted_tasks.md` gives the reasons. */
const tolerance = 1e-3, roundoff = 1e-9, alike = 0.95, judgedRank = 4;

const width = 64;

const spectra: readonly { name: string; shift: ShiftSpectrum; distinct: boolean }[] = [
  { name: "flat, 16 equal", shift: { kind: "flat", rank: 16 }, distinct: false },
  { name: "geometric, 0.7^i", shift: { kind: "geometric", ratio: 0.7 }, distinct: true },
  { name: "power law, 1/i", shift: { kind: "power", exponent: 1 }, distinct: true },
];

const inputKinds = ["white", "coloured"] as const;

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

/** A run held against what is known. */
interface TeacherRow {
  readonly spectrum: string;
  readonly inputs: string;
  readonly distinct: boolean;
  readonly seed: number;
  readonly rank: number;
  /** Shares of the loss before adaptation. */
  readonly loss: number;
  readonly best: number;
  /** The best of every rank up to half the width. */
  readonly line: readonly RankPoint[];
  /** φ(r, r) with the planted shift: in ΔW·S^½, in ΔW, and what the best update has in ΔW. */
  readonly inMetric: number;
  readonly raw: number;
  readonly bestRaw: number;
}

function rowOf({ task, rank, seed, update }: LinearResult): TeacherRow {
  const { shift, ...data } = linearTask(task), metric = linearMetric({ shift, ...data });
  const before = bestLoss(metric, 0), r = rank as number;
  const { name, distinct } = spectra.find(({ shift }) => shift === task.shift)!;
  return {
    spectrum: name,
    ...{ inputs: task.inputs, distinct, seed, rank: r },
    loss: lossOf(metric, update) / before,
    best: bestLoss(metric, r) / before,
    line: Array.from({ length: width / 2 }, (_, i) => ({
      rank: i + 1,
      value: bestLoss(metric, i + 1) / before,
    })),
    inMetric: rightSimilarity(inMetric(metric, update), metric.core, r),
    raw: rightSimilarity(update, shift, r),
    bestRaw: rightSimilarity(bestUpdate(metric, r), shift, r),
  };
}

function findings(rows: readonly TeacherRow[], quick: boolean): Finding[] {
  return [lineFinding(rows, quick), ...directionFindings(rows, quick)];
}

function lineFinding(rows: readonly TeacherRow[], quick: boolean): Finding {
  const excess = rows.map(({ loss, best }) => loss - best);
  const largest = Math.max(...excess), least = Math.min(...excess);
  return {
    claim: "LoRA reaches the best loss that its rank allows, on every linear teacher",
    rule: `held when (loss - best) / loss before adaptation is at most ${tolerance} and at least ` +
      `-${roundoff} for every spectrum, input, rank and seed`,
    found: `${rows.length} runs; the excess lies between ${least.toExponential(1)} and ${
      largest.toExponential(1)
    } of the loss before adaptation.`,
    verdict: judge(largest <= tolerance && least >= -roundoff, quick),
  };
}

function directionFindings(rows: readonly TeacherRow[], quick: boolean): Finding[] {
  const judged = rows.filter(({ rank, distinct }) => distinct && rank === judgedRank);
  const coloured = judged.filter(({ inputs }) => inputs === "coloured");
  const least = Math.min(...judged.map((row) => row.inMetric));
  const pairs = coloured.map((row) => `${row.raw.toFixed(2)} against ${row.inMetric.toFixed(2)}`);
  return [{
    claim: "The planted directions are found in ΔW·S^½, the metric of the inputs",
    rule: `held when φ(4, 4) between ΔW·S^½ and D·S^½ is at least ${alike} at r = 4 for the ` +
      "spectra with distinct values, both kinds of inputs and every seed",
    found: `The least of ${judged.length} is ${least.toFixed(3)}; chance is ${judgedRank / width}.`,
    verdict: judge(least >= alike, quick),
  }, {
    claim: "Raw ΔW shows less of the planted directions where inputs are coloured",
    rule: "held when φ(4, 4) between ΔW and D is lower than in ΔW·S^½ for the same spectra, " +
      "coloured inputs and every seed",
    found: `Raw against in the metric: ${pairs.join("; ")}.`,
    verdict: judge(coloured.every((row) => row.raw < row.inMetric), quick),
  }];
}

function lossFigure(rows: readonly TeacherRow[], inputs: string): Figure {
  const own = rows.filter((row) => row.inputs === inputs);
  const curves = spectra.map(({ name }) => {
    const points = own.filter(({ spectrum }) => spectrum === name);
    const measured = points.map(({ rank, loss }) => ({ rank, value: loss }));
    const known = [...Map.groupBy(points, ({ seed }) => seed).values()].map(([{ line }]) => line);
    return { label: name, measured, known };
  });
  return {
    id: `linear-teacher-${inputs}`,
    title: `Loss left at each rank, ${inputs} inputs`,
    caption:
      `Marks: trained students, one for each seed (${
        seedList(own)
      }). Lines: the best loss of the rank by ` +
      "Eckart and Young, one for each seed's teacher. Both as shares of the loss before adaptation.",
    ...rankCurves(curves, axis("share of the loss left", { rangemode: "tozero" }), 340),
  };
}

function similarityFigure(rows: readonly TeacherRow[]): Figure {
  const own = rows.filter(({ inputs }) => inputs === "coloured");
  const ranks = [...new Set(own.map(({ rank }) => rank))].map((rank) => ({
    rank,
    value: rank / width,
  }));
  const curves = spectra.map(({ name }) => {
    const points = own.filter(({ spectrum }) => spectrum === name);
    return {
      label: `raw ΔW, ${name}`,
      measured: points.map(({ rank, raw }) => ({ rank, value: raw })),
    };
  });
  const inMetric = own.map((row) => ({ rank: row.rank, value: row.inMetric }));
  return {
    id: "linear-teacher-similarity",
    title: "Are the planted directions found? Coloured inputs",
    caption:
      `φ(r, r) between the update and the planted shift, one mark for each seed (${
        seedList(own)
      }). ` +
      "In raw ΔW a flat shift looks missed " +
      "below its rank though the loss is the best possible: which of its directions are worth " +
      "having is decided by the inputs. Raw ΔW shows no more of D than the best update itself does " +
      "(the table has both). Where singular values are equal or next to zero, as beyond rank 16 of " +
      "the flat and the geometric shift, no direction is the right one.",
    ...rankCurves(
      [
        ...curves,
        { label: "ΔW·S^½, all three", measured: inMetric },
        { label: "chance, r / 64", measured: ranks },
      ],
      axis("φ(r, r)", { range: [0, 1.05] }),
      380,
    ),
  };
}

function teacherTable(rows: readonly TeacherRow[]): DataTable {
  return {
    id: "linear-teacher",
    title: "Linear teachers: shares of the loss before adaptation, and φ(r, r) with the shift",
    columns: [
      { key: "spectrum", label: "spectrum of D", unit: "text" },
      { key: "inputs", label: "inputs", unit: "text" },
      { key: "seed", label: "seed", unit: "count" },
      { key: "rank", label: "rank", unit: "count" },
      { key: "best", label: "best share", unit: "share" },
      { key: "loss", label: "measured share", unit: "share" },
      { key: "excess", label: "excess", unit: "share" },
      { key: "inMetric", label: "φ, ΔW·S^½", unit: "share" },
      { key: "raw", label: "φ, raw ΔW", unit: "share" },
      { key: "bestRaw", label: "φ, raw, best update", unit: "share" },
    ],
    rows: rows.map(({ distinct: _, line: __, ...row }) => ({
      ...row,
      excess: row.loss - row.best,
    })),
  };
}

/** Students of linear teachers at every rank, against the best loss that each rank allows. */
export const linearTeacher: Experiment = {
  name: "linear-teacher",
  title: "Linear teachers: the best loss at every rank is known",
  question: "Does LoRA, trained as always, reach what its rank allows? A teacher W₀ + D is to be " +
    "imitated; the best loss at rank r is known from the singular values of D in the inputs' metric.",
  source: "Control for Hu et al. 2021, section 7; Eckart and Young 1936",
  runs: (context) => Promise.resolve(planLinearRuns(teacherRuns(context), context)),
  async run(context) {
    const rows = (await linearRuns(teacherRuns(context), context)).map(rowOf);
    return {
      settings: "64 inputs and outputs, 256 examples in full batches, α = r; AdamW, cosine " +
        "schedule. D is of norm 4. Coloured inputs have a second moment with eigenvalues 1/i.",
      findings: findings(rows, context.quick),
      tables: [teacherTable(rows)],
      figures: [...inputKinds.map((kind) => lossFigure(rows, kind)), similarityFigure(rows)],
    };
  },
};
