/** A low-rank shift planted inside the small base: where the loss bends, and what a wrong place costs. @module */

import { bendOf } from "../../src/analysis/mod.ts";
import { axis, barsAcross, baseLayout, logAxis, palette } from "../../src/figures/mod.ts";
import { rankCurves, table } from "../../src/figures/mod.ts";
import type { Figure } from "../../src/figures/mod.ts";
import { experiment } from "../frame/mod.ts";
import type { Claim, Experiment, MadeRun, PlanContext } from "../frame/mod.ts";
import measured from "./planted_transformer.json" with { type: "json" };
import { enough } from "./rules.ts";
import { planTransformer, textSource, type TransformerRun } from "./transformer_runs.ts";

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
function transformerRuns({ seeds, full, quick }: PlanContext): TransformerRun[] {
  const ranks = full && !quick ? [1, 2, 4, 8, 16] : [2, 4, 8];
  const places = (seed: number) => [
    student(["q"], ["q"], plantedRank / 2, seed),
    student(["q"], ["v"], plantedRank, seed),
  ];
  return seeds.flatMap((seed) => [
    ...ranks.map((rank) => student(["q", "v"], ["q", "v"], rank, seed)),
    ...(full ? places(seed) : []),
  ]);
}

/** A student's outcome; divergences in nats per token, on held-out text. */
interface Measured {
  readonly planted: string; // sites of the planted shift
  readonly adapted: string; // sites of the student
  readonly rank: number;
  readonly seed: number;
  readonly before: number; // divergence before adaptation
  readonly divergence: number;
  readonly similarity?: number; // of updates in planted places to what was planted
}

/** The same with the share of the divergence before adaptation that remains. */
interface Row extends Measured {
  readonly value: number;
}

const withShare = (row: Measured): Row => ({ ...row, value: row.divergence / row.before });

function rowOf({ chosen: { planted, sites, rank, seed }, metrics }: MadeRun<TransformerRun>): Row {
  const { divergence, before, similarity } = metrics as Record<string, number>;
  const [where, adapted] = [planted.sites, sites].map((names) => names.join(", "));
  return withShare({ planted: where, adapted, rank, seed, before, divergence, similarity });
}

const percent = (share: number) => `${(100 * share).toPrecision(3)}%`;
const plantedInBoth = (rows: readonly Row[]) => rows.filter(({ planted }) => planted === "q, v");
const plantedInOne = (rows: readonly Row[]) => rows.filter(({ planted }) => planted === "q");

/** The rank where each seed's curve bends, and what remains at the planted rank. */
function bends(rows: readonly Row[]) {
  return [...Map.groupBy(plantedInBoth(rows), ({ seed }) => seed).values()].map((curve) => {
    const left = curve.find(({ rank }) => rank === plantedRank)!.value;
    return { bend: bendOf(curve), left };
  });
}

/** The loss that each seed's students leave in the right and in the wrong place. */
function places(rows: readonly Row[]) {
  const one = plantedInOne(rows);
  return one.filter(({ adapted }) => adapted === "q").map(({ seed, value: right }) => {
    const wrong = one.find((row) => row.adapted === "v" && row.seed === seed)!.value;
    return { right, wrong };
  });
}

const bendClaim: Claim<readonly Row[]> = {
  text: "The divergence falls most where the rank reaches the planted one, r* = 4 on q and v",
  rule: "when, of all measured doublings of the rank, the one that reaches r* lowers the " +
    `divergence by the largest factor, and at most ${100 * enough}% remains there, for every seed`,
  ours: (rows) => `largest fall at r = ${bends(rows).map(({ bend }) => bend).join(", ")}`,
  holds: (rows) => bends(rows).every(({ bend, left }) => bend === plantedRank && left <= enough),
  found: (rows) => `Remaining at r*: ${bends(rows).map(({ left }) => percent(left)).join(", ")}.`,
};

const placeClaim: Claim<readonly Row[]> = {
  text: "An adapter in the wrong place cannot make up for it with a higher rank",
  rule: "when, with the shift planted in q alone, adapting v at r* leaves more of the " +
    "divergence than adapting q at r*/2, a rank known to be too low, for every seed",
  ours: (rows) => {
    const least = Math.min(...places(rows).map(({ right, wrong }) => wrong / right));
    return `at least ${least.toFixed(2)} times as much is left`;
  },
  holds: (rows) => places(rows).every(({ right, wrong }) => wrong > right),
  found(rows) {
    const pairs = places(rows).map(({ right, wrong }) =>
      `${percent(wrong)} versus ${percent(right)}`
    );
    return `Remaining with v at r = 4 versus q at r = 2: ${pairs.join("; ")}.`;
  },
};

function placeFigure(rows: readonly Row[]): Figure[] {
  const own = plantedInOne(rows);
  if (own.length === 0) return [];
  const color = own.map(({ adapted }) => palette.series[adapted === "q" ? 0 : 1]);
  const label = ({ adapted, rank, seed }: Row) => `${adapted} at r = ${rank}, seed ${seed}`;
  return [{
    id: "planted-transformer-place",
    title: "Shift planted in q alone: the right place at rank r*/2, the wrong place at r*",
    caption: "Share of the divergence before adaptation that remains on held-out text.",
    data: [barsAcross(own, ({ value }) => value, label, { color })],
    layout: baseLayout(
      axis("share of the divergence that remains", { rangemode: "tozero" }),
      axis("", { autorange: "reversed" }),
      { height: 180 + 40 * own.length },
    ),
  }];
}

/** Students of a low-rank shift inside the small base. */
export const plantedTransformer: Experiment = experiment<TransformerRun, readonly Row[]>({
  name: "planted-transformer",
  title: "A shift of known rank inside a transformer",
  question:
    "In a real language model, does LoRA find a shift whose rank and place are known? The " +
    "teacher is the small base model with a shift of rank 4 in its attention; students imitate its " +
    "predictions on text.",
  source: "Control for Hu et al. 2021, section 7",
  runs(context) {
    const source = textSource();
    return transformerRuns(context).map((run) => planTransformer(run, source, context.quick));
  },
  quoted: { ...measured, rows: measured.rows.map(withShare) },
  rows: (made) => made.map(rowOf),
  settings:
    "D on q and v of both layers (or, with --full, q alone) has singular values 0.7^i, i < 4, and norm " +
    "0.2 ‖W‖. Batches of 8 x 32 tokens of text that the base was not trained on; AdamW, cosine " +
    "schedule, α = r.",
  scale: true,
  beyond: true,
  claims: (rows) => plantedInOne(rows).length > 0 ? [bendClaim, placeClaim] : [bendClaim],
  tables: [(rows) =>
    table({
      id: "planted-transformer",
      title: "Students of a shift planted in the small base, on held-out text",
      columns: [
        ["planted", "planted in", "text"],
        ["adapted", "adapted", "text"],
        ["rank", "rank", "count"],
        ["seed", "seed", "count"],
        ["before", "divergence before (nats)", "share"],
        ["divergence", "after (nats)", "share"],
        ["left", "remaining", "percent", ({ value }) => 100 * value],
        ["similarity", "φ of raw ΔW with D (chance 0.016)", "share"],
      ],
      rows,
    })],
  figures: [(rows) => ({
    id: "planted-transformer",
    title: "Divergence from the teacher at each rank, shift of rank 4 in q and v",
    caption:
      "One mark for each seed ({seeds}), as a share of the divergence before adaptation, on held-out " +
      "text; the dotted line joins the means. Dashed: r*, at or above which it can be zero.",
    ...rankCurves(
      [{ label: "q and v adapted", measured: plantedInBoth(rows), plantedRank }],
      logAxis("share of the divergence that remains"),
    ),
  }), placeFigure],
});
