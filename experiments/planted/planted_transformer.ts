/** A low-rank shift planted inside the small base: the bend, and what a wrong place costs. @module */

import type { DataTable, Figure } from "../../src/figures/figure.ts";
import { axis, baseLayout, logAxis } from "../../src/figures/layout.ts";
import { palette } from "../../src/figures/palette.ts";
import type { RunResult } from "../../src/runs/mod.ts";
import type { Finding } from "../frame/claim.ts";
import type { Experiment, PlanContext } from "../frame/experiment.ts";
import { makeRuns, type PlannedRun } from "../frame/planned_runs.ts";
import { judge } from "../verdict.ts";
import { bendOf, enough } from "./bend.ts";
import { rankCurves } from "../../src/figures/rank_curves.ts";
import { planTransformer, textSource, type TransformerRun } from "./transformer_runs.ts";
import { seedList } from "../seed_list.ts";

const plantedRank = 4;

function student(
  plantedSites: readonly string[],
  sites: readonly string[],
  rank: number,
  seed: number,
): TransformerRun {
  const planted = { sites: plantedSites, rank: plantedRank, ratio: 0.7, share: 0.2, seed };
  return { planted, sites, rank, seed };
}

/**
 * The students: q and v at every rank; with `full` also q planted alone, adapted in the right and a wrong
 * place.
 */
export function transformerRuns({ seeds, full, quick }: PlanContext): TransformerRun[] {
  const ranks = full && !quick ? [1, 2, 4, 8, 16] : [2, 4, 8];
  return seeds.flatMap((seed) => [
    ...ranks.map((rank) => student(["q", "v"], ["q", "v"], rank, seed)),
    ...(full ? placeStudents(seed) : []),
  ]);
}

function placeStudents(seed: number): TransformerRun[] {
  return [student(["q"], ["q"], plantedRank / 2, seed), student(["q"], ["v"], plantedRank, seed)];
}

/** A student's outcome; divergences in nats per token, on held-out text. */
interface TransformerRow {
  readonly planted: string;
  readonly adapted: string;
  readonly rank: number;
  readonly seed: number;
  readonly before: number;
  readonly divergence: number;
  /** Share of the divergence before adaptation. */
  readonly value: number;
  /** φ(min(r, 4), 4) of raw ΔW and D, mean over the sites that have both. */
  readonly similarity?: number;
}

function rowOf({ planted, sites, rank, seed }: TransformerRun, { metrics }: RunResult) {
  const { divergence, before, similarity } = metrics as Record<string, number>;
  const [where, adapted] = [planted.sites, sites].map((names) => names.join(", "));
  const value = divergence / before;
  return { planted: where, adapted, rank, seed, before, divergence, value, similarity };
}

const percent = (share: number) => `${(100 * share).toPrecision(3)}%`;

function findings(rows: readonly TransformerRow[], quick: boolean): Finding[] {
  return [bendFinding(rows, quick), ...(hasPlaces(rows) ? [placeFinding(rows, quick)] : [])];
}

const hasPlaces = (rows: readonly TransformerRow[]) => rows.some(({ planted }) => planted === "q");

function bendFinding(rows: readonly TransformerRow[], quick: boolean): Finding {
  const both = rows.filter(({ planted }) => planted === "q, v");
  const curves = [...Map.groupBy(both, ({ seed }) => seed).values()].map((curve) => ({
    bend: bendOf(curve),
    left: curve.find(({ rank }) => rank === plantedRank)!.value,
  }));
  return {
    claim: "The divergence bends at the planted rank, r* = 4 on q and v",
    rule: "held when, of all measured doublings of the rank, the one that reaches r* lowers the " +
      `divergence by the largest factor, and at most ${
        100 * enough
      }% is left there, for every seed`,
    found: `Largest factor at rank ${curves.map(({ bend }) => bend).join(", ")}; left at r*: ${
      curves.map(({ left }) => percent(left)).join(", ")
    }.`,
    verdict: judge(
      curves.every(({ bend, left }) => bend === plantedRank && left <= enough),
      quick,
    ),
  };
}

function placeFinding(rows: readonly TransformerRow[], quick: boolean): Finding {
  const one = rows.filter(({ planted }) => planted === "q");
  const right = one.filter(({ adapted }) => adapted === "q");
  const pairs = right.map(({ seed, value }) => ({
    right: value,
    wrong: one.find((row) => row.adapted === "v" && row.seed === seed)!.value,
  }));
  return {
    claim: "An adapter in the wrong place cannot make up for it",
    rule: "held when, with the shift planted in q alone, adapting v at r* leaves more of the " +
      "divergence than adapting q at r*/2, which is known to be too little, for every seed",
    found: `Left by v at r = 4 against q at r = 2: ${
      pairs.map(({ right, wrong }) => `${percent(wrong)} against ${percent(right)}`).join("; ")
    }.`,
    verdict: judge(pairs.every(({ right, wrong }) => wrong > right), quick),
  };
}

function bendFigure(rows: readonly TransformerRow[]): Figure {
  return {
    id: "planted-transformer",
    title: "Divergence from the teacher at each rank, shift of rank 4 in q and v",
    caption:
      `One mark for each seed (${
        seedList(rows)
      }), as a share of the divergence before adaptation, on held-out ` +
      "text; the dotted line joins the means. Dashed: r*, at and beyond which it can be zero.",
    ...rankCurves(
      [{
        label: "q and v adapted",
        measured: rows.filter(({ planted }) => planted === "q, v"),
        plantedRank,
      }],
      logAxis("share of the divergence left", { dtick: "D2" }),
    ),
  };
}

function placeFigure(rows: readonly TransformerRow[]): Figure {
  const own = rows.filter(({ planted }) => planted === "q");
  const labels = own.map(({ adapted, rank, seed }) => `${adapted} at r = ${rank}, seed ${seed}`);
  const colours = own.map(({ adapted }) => palette.series[adapted === "q" ? 0 : 1]);
  return {
    id: "planted-transformer-place",
    title: "Shift planted in q alone: the right place at half the rank, a wrong place at all of it",
    caption: "Share of the divergence before adaptation that is left on held-out text.",
    data: [{
      type: "bar",
      orientation: "h",
      y: labels,
      x: own.map(({ value }) => value),
      marker: { color: colours },
    }],
    layout: baseLayout(
      axis("share of the divergence left", { rangemode: "tozero" }),
      axis("", { autorange: "reversed" }),
      { height: 180 + 40 * own.length },
    ),
  };
}

function transformerTable(rows: readonly TransformerRow[]): DataTable {
  return {
    id: "planted-transformer",
    title: "Students of a shift planted in the small base, on held-out text",
    columns: [
      { key: "planted", label: "planted in", unit: "text" },
      { key: "adapted", label: "adapted", unit: "text" },
      { key: "rank", label: "rank", unit: "count" },
      { key: "seed", label: "seed", unit: "count" },
      { key: "before", label: "divergence before (nats)", unit: "share" },
      { key: "divergence", label: "after (nats)", unit: "share" },
      { key: "left", label: "left", unit: "percent" },
      { key: "similarity", label: "φ of raw ΔW with D (chance 0.016)", unit: "share" },
    ],
    rows: rows.map(({ value, ...row }) => ({ ...row, left: 100 * value })),
  };
}

function planOf(context: PlanContext): PlannedRun[] {
  const source = textSource();
  return transformerRuns(context).map((run) => planTransformer(run, source, context.quick));
}

/** Students of a low-rank shift inside the small base. */
export const plantedTransformer: Experiment = {
  name: "planted-transformer",
  title: "A shift of known rank inside a transformer",
  question:
    "Does LoRA find a shift whose rank and place are known, in a real language model? The " +
    "teacher is the small base with a shift of rank 4 on its attention; students imitate its " +
    "predictions on text.",
  source: "Control for Hu et al. 2021, section 7",
  runs: (context) => Promise.resolve(planOf(context)),
  async run(context) {
    const runs = transformerRuns(context), results = await makeRuns(planOf(context), context);
    const rows = runs.map((run, i) => rowOf(run, results[i]));
    return {
      settings:
        "D on q and v of both layers (or, with --full, q alone) has singular values 0.7^i, i < 4, and norm " +
        "0.2 ‖W‖. Batches of 8 x 32 tokens of text that the base was not trained on; AdamW, cosine " +
        "schedule, α = r.",
      findings: findings(rows, context.quick),
      tables: [transformerTable(rows)],
      figures: [bendFigure(rows), ...(hasPlaces(rows) ? [placeFigure(rows)] : [])],
    };
  },
};
