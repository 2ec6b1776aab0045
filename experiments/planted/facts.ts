/** Storing facts: how the needed rank grows with their number. @module */

import { leastLoss, reducedRank, updateLoss } from "../../src/analysis/mod.ts";
import { Random } from "../../src/core/random.ts";
import { factBatch, factKeyLength as keyLength, linearTask } from "../../src/data/mod.ts";
import { axis, rankCurves, table } from "../../src/figures/mod.ts";
import { accuracyOf, outputsOf, type TextModel } from "../../src/models/mod.ts";
import { baseIdentity, loadBase } from "../base_model.ts";
import { type Experiment, experiment, type PlannedRun, planRun } from "../frame/mod.ts";
import type { ExperimentContext, MadeRun, PlanContext } from "../frame/mod.ts";
import { linearResult, type LinearRun, planLinear } from "./linear_runs.ts";
import { areBest, excessTolerance, excessWords, roundoff } from "./rules.ts";

/** A student of facts. */
interface FactRun {
  readonly facts: number; // number of facts
  readonly rank: number; // of the update of the last MLP's output projection
  readonly seed: number; // seed of facts, batches and A
}

/** The site most like a linear memory: its outputs are added to what the head reads. */
const site = "transformer.h.1.mlp.c_proj";

/** Searched on seed 1000, which is reported nowhere. */
const learningRate = 1e-1, longRun = 150;
const batchSize = 32;

/** Number of all tokens but the last, which ends a text. */
const words = 1023;

/** One run. */
function planFacts(chosen: FactRun, quick: boolean): PlannedRun<FactRun> {
  const { facts, rank, seed } = chosen, steps = quick ? 5 : longRun;
  return planRun({
    ...{ label: `${facts} facts, r = ${rank}, seed ${seed}`, steps, chosen },
    spec: async ({ kind: device }) => ({
      model: await baseIdentity(),
      method: { kind: "lora", rank, alpha: rank, sites: [site] },
      data: { kind: "facts", facts, keyLength, batchSize },
      training: { learningRate, steps, schedule: "cosine" },
      ...{ seed, device },
    }),
    open: (device) => ({
      openModel: () => loadBase(device),
      openBatches: () => (index) =>
        factBatch(chosen, words, sample(facts, new Random(seed).split(index))),
      measure: async (model) => ({ recall: await recallOf(model, chosen) }),
    }),
  });
}

/** Draws the facts of a batch: all where they fit, else random ones. */
function sample(facts: number, random: Random): Uint32Array {
  return random.permutation(facts).subarray(0, batchSize);
}

/** The share of facts whose token gets the largest logit. */
async function recallOf(model: TextModel, chosen: FactRun): Promise<number> {
  const all = Array.from({ length: chosen.facts }, (_, fact) => fact);
  const { inputs, targets } = factBatch(chosen, words, all);
  const rows = all.map((fact) => (fact + 1) * keyLength - 1);
  const logits = await outputsOf(model, inputs, { rows });
  return accuracyOf(logits, rows.map((row) => targets.data[row]));
}

/** Thresholds of the rules; `experiments/planted/rules.md` gives the reasons. */
const wantedRecall = 0.9;

/** Facts, rank and seed of every run, in the linear memory and in the transformer. */
function factRuns({ seeds, full, quick }: PlanContext): FactRun[] {
  const counts = quick ? [8] : full ? [8, 32, 128] : [8, 128];
  const ranks = quick ? [4] : full ? [1, 2, 4, 8, 16] : [1, 4, 16];
  return seeds.flatMap((seed) =>
    counts.flatMap((facts) => ranks.map((rank) => ({ facts, rank, seed })))
  );
}

/** Random keys and values: a task without a shift, whose noise has to be stored. */
function memoryRun({ facts: examples, rank, seed }: FactRun): LinearRun {
  const shift = { kind: "none" } as const, inputs = "white";
  return { task: { width: 64, shift, norm: 0, inputs, examples, noise: 1, seed }, rank, seed };
}

type FactRow = Awaited<ReturnType<typeof rowOf>>;

/** A run of the transformer next to one of the linear memory with as many facts. */
async function rowOf(
  { chosen, metrics }: MadeRun<FactRun>,
  memory: MadeRun<FactRun>,
  context: ExperimentContext,
) {
  const run = { ...memory, chosen: memoryRun(memory.chosen) };
  const { task, update } = await linearResult(run, context);
  const { inputs, residuals } = linearTask(task), metric = reducedRank(inputs, residuals);
  const before = leastLoss(metric, 0), loss = updateLoss(metric, update) / before;
  const best = leastLoss(metric, chosen.rank) / before;
  return { ...chosen, recall: metrics.recall as number, loss, best, excess: loss - best };
}

/** The lowest measured rank that recalls enough, for each seed and number of facts; else infinite. */
function neededRanks(rows: readonly FactRow[]) {
  const needed = (curve: readonly FactRow[]) =>
    Math.min(Infinity, ...curve.filter(({ recall }) => recall >= wantedRecall).map((r) => r.rank));
  return [...Map.groupBy(rows, ({ seed }) => seed)].map(([seed, own]) => {
    const curves = [...Map.groupBy(own, ({ facts }) => facts)];
    return { seed, ranks: curves.map(([facts, curve]) => ({ facts, rank: needed(curve) })) };
  });
}

/** A curve for each number of facts; with the best of each rank where `known` says so. */
function curvesOf(rows: readonly FactRow[], key: "recall" | "loss", known = false) {
  const points = (own: readonly FactRow[], key: "recall" | "loss" | "best") =>
    own.map((row) => ({ rank: row.rank, value: row[key] }));
  return [...Map.groupBy(rows, ({ facts }) => facts)].map(([facts, own]) => {
    const seeds = [...Map.groupBy(own, ({ seed }) => seed).values()];
    const best = known ? seeds.map((curve) => points(curve, "best")) : undefined;
    return { label: `${facts} facts`, measured: points(own, key), known: best };
  });
}

const sayRanks = ({ ranks }: { ranks: readonly { facts: number; rank: number }[] }) =>
  ranks.map(({ facts, rank }) =>
    `${Number.isFinite(rank) ? `rank ${rank}` : "no measured rank"} for ${facts} facts`
  ).join(", ");

/** Facts in a linear memory, where the answer is known, and in the small base. */
export const facts: Experiment = experiment({
  name: "facts",
  seconds: 5,
  title: "Storing facts: how the needed rank grows with their number",
  question:
    "How does the rank that a task needs grow with the number of facts to store? In a linear " +
    "memory the answer is known; in the transformer it is measured.",
  source: "Question left open by Hu et al. 2021, section 7.2",
  runs(context) {
    const runs = factRuns(context), { quick } = context;
    return [
      ...runs.map((chosen) => ({ ...planLinear(memoryRun(chosen), quick), chosen })),
      ...runs.map((chosen) => planFacts(chosen, quick)),
    ];
  },
  rows(made, context) {
    const memories = made.slice(0, made.length / 2), students = made.slice(made.length / 2);
    return Promise.all(students.map((student, i) => rowOf(student, memories[i], context)));
  },
  settings: "Linear memory: random keys and values of width 64. Transformer: a fact is three " +
    "random tokens and the token that follows them; LoRA on the output projection of the last MLP, " +
    "150 steps of AdamW on at most 32 facts each, α = r; no other text is rehearsed.",
  scale: true,
  beyond: true,
  claims: [{
    text: "In a linear memory, LoRA stores as much as its rank allows",
    rule:
      `when (loss - best) / loss before is at most ${excessTolerance} and at least -${roundoff} ` +
      "for every number of facts, rank and seed",
    scale: false,
    quick: false,
    ours: (rows) => excessWords(rows),
    holds: (rows) => areBest(rows),
  }, {
    text: "In the transformer, more facts need a higher rank",
    rule: `when the lowest measured rank with a recall of at least ${100 * wantedRecall}% does ` +
      "not fall as the number of facts grows, and is higher for the most than for the fewest, for every seed",
    holds: (rows) =>
      neededRanks(rows).every(({ ranks }) =>
        ranks.every(({ rank }, i) => i === 0 || rank >= ranks[i - 1].rank) &&
        ranks.at(-1)!.rank > ranks[0].rank
      ),
    ours: (rows) => neededRanks(rows).map(sayRanks).join("; "),
  }],
  tables: [(rows) =>
    table({
      id: "facts",
      title: "Facts stored at each rank",
      columns: [
        ["facts", "facts", "count"],
        ["rank", "rank", "count"],
        ["seed", "seed", "count"],
        ["recall", "recall, transformer", "percent", ({ recall }) => 100 * recall],
        ["loss", "remaining loss, linear memory", "share"],
        ["best", "best at this rank", "share", ({ best }) => Math.max(best, 0)],
      ],
      rows,
    })],
  figures: [(rows) => ({
    id: "facts-memory",
    title: "Linear memory of width 64: remaining loss at each rank",
    caption:
      "Marks: trained, one for each seed ({seeds}). Lines: the best loss at each rank, one for each " +
      "seed. n facts with independent keys need rank n, at most the width.",
    ...rankCurves(
      curvesOf(rows, "loss", true),
      axis("share of the loss that remains", { rangemode: "tozero" }),
      340,
    ),
  }), (rows) => ({
    id: "facts-transformer",
    title: "Transformer: share of facts recalled at each rank",
    caption:
      "One mark for each seed ({seeds}); dotted lines join the means. No exact answer is known here: " +
      "only the largest logit counts, so facts can share directions.",
    ...rankCurves(curvesOf(rows, "recall"), axis("recall", { range: [-0.05, 1.05] }), 340),
  })],
});
