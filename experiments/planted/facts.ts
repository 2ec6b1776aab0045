/** Facts inserted: how the rank that is needed grows with what is to be stored. @module */

import type { DataTable, Figure } from "../../src/figures/figure.ts";
import { axis } from "../../src/figures/layout.ts";
import type { RunResult } from "../../src/runs/mod.ts";
import type { Finding } from "../frame/claim.ts";
import type { Experiment, ExperimentContext, PlanContext } from "../frame/experiment.ts";
import { makeRuns, type PlannedRun } from "../frame/planned_runs.ts";
import { judge } from "../verdict.ts";
import { type FactRun, planFacts } from "./fact_runs.ts";
import { type LinearResult, type LinearRun, linearRuns, planLinearRuns } from "./linear_runs.ts";
import { linearTask, type LinearTaskSpec } from "./linear_task.ts";
import { bestLoss, linearMetric, lossOf } from "./linear_theory.ts";
import { rankCurves } from "../../src/figures/rank_curves.ts";
import { seedList } from "../seed_list.ts";

/** Marks of the rules; `docs/decisions/0013_rules_of_the_planted_tasks.md` gives the reasons. */
const tolerance = 1e-3, roundoff = 1e-9, wantedRecall = 0.9;

/** Facts, rank and seed of every run, in the linear memory and in the transformer. */
export function factRuns({ seeds, full, quick }: PlanContext): FactRun[] {
  const counts = quick ? [8] : full ? [8, 32, 128] : [8, 128];
  const ranks = quick ? [4] : full ? [1, 2, 4, 8, 16] : [1, 4, 16];
  return seeds.flatMap((seed) =>
    counts.flatMap((facts) => ranks.map((rank) => ({ facts, rank, seed })))
  );
}

/** Random keys and values: a task without a shift, whose noise is what is to be stored. */
function memoryRun({ facts, rank, seed }: FactRun): LinearRun {
  const task: LinearTaskSpec = {
    ...{ width: 64, shift: { kind: "none" }, norm: 0, inputs: "white" },
    ...{ examples: facts, noise: 1, seed },
  };
  return { task, rank, seed };
}

/** A run of the transformer beside one of the linear memory with as many facts. */
interface FactRow extends FactRun {
  /** Share of the facts that the transformer recalls. */
  readonly recall: number;
  /** Shares of the linear memory's loss before. */
  readonly loss: number;
  readonly best: number;
}

function rowOf(run: FactRun, { metrics }: RunResult, { task, update }: LinearResult): FactRow {
  const metric = linearMetric(linearTask(task)), before = bestLoss(metric, 0);
  return {
    ...run,
    recall: metrics.recall as number,
    loss: lossOf(metric, update) / before,
    best: bestLoss(metric, run.rank) / before,
  };
}

function findings(rows: readonly FactRow[], quick: boolean): Finding[] {
  return [memoryFinding(rows, quick), rankFinding(rows, quick)];
}

function memoryFinding(rows: readonly FactRow[], quick: boolean): Finding {
  const excess = rows.map(({ loss, best }) => loss - best);
  const [least, largest] = [Math.min(...excess), Math.max(...excess)];
  return {
    claim: "In a linear memory, LoRA stores as much as its rank allows",
    rule:
      `held when (loss - best) / loss before is at most ${tolerance} and at least -${roundoff} ` +
      "for every number of facts, rank and seed",
    found: `${rows.length} runs; the excess lies between ${least.toExponential(1)} and ${
      largest.toExponential(1)
    }.`,
    verdict: judge(largest <= tolerance && least >= -roundoff, quick),
  };
}

/** The least measured rank that recalls enough; beyond all of them where none does. */
function neededRank(rows: readonly FactRow[]): number {
  return Math.min(Infinity, ...rows.filter((row) => row.recall >= wantedRecall).map((r) => r.rank));
}

function rankFinding(rows: readonly FactRow[], quick: boolean): Finding {
  const needed = [...Map.groupBy(rows, ({ seed }) => seed)].map(([seed, own]) => ({
    seed,
    ranks: [...Map.groupBy(own, ({ facts }) => facts)].map(([facts, curve]) => ({
      facts,
      rank: neededRank(curve),
    })),
  }));
  const grows = needed.every(({ ranks }) =>
    ranks.every(({ rank }, i) => i === 0 || rank >= ranks[i - 1].rank) &&
    ranks.at(-1)!.rank > ranks[0].rank
  );
  const say = ({ facts, rank }: { facts: number; rank: number }) =>
    `${facts} facts: ${Number.isFinite(rank) ? rank : "more than measured"}`;
  return {
    claim: "In the transformer, more facts need more rank",
    rule:
      `held when the least measured rank with a recall of at least ${100 * wantedRecall}% does ` +
      "not fall as the facts grow, and is larger for the most than for the fewest, for every seed",
    found: needed.map(({ seed, ranks }) => `Seed ${seed}: ${ranks.map(say).join(", ")}.`).join(" "),
    verdict: judge(grows, quick),
  };
}

function curvesOf(rows: readonly FactRow[], key: "recall" | "loss", known?: "best") {
  return [...Map.groupBy(rows, ({ facts }) => facts)].map(([facts, own]) => ({
    label: `${facts} facts`,
    measured: own.map((row) => ({ rank: row.rank, value: row[key] })),
    known: known &&
      [...Map.groupBy(own, ({ seed }) => seed).values()].map((curve) =>
        curve.map((row) => ({ rank: row.rank, value: row[known] }))
      ),
  }));
}

function memoryFigure(rows: readonly FactRow[]): Figure {
  return {
    id: "facts-memory",
    title: "Linear memory of width 64: loss left at each rank",
    caption:
      `Marks: trained, one for each seed (${
        seedList(rows)
      }). Lines: the best loss of the rank, one for each ` +
      "seed. n facts with independent keys need rank n, at most the width.",
    ...rankCurves(
      curvesOf(rows, "loss", "best"),
      axis("share of the loss left", { rangemode: "tozero" }),
      340,
    ),
  };
}

function recallFigure(rows: readonly FactRow[]): Figure {
  return {
    id: "facts-transformer",
    title: "Transformer: share of the facts that are recalled at each rank",
    caption:
      `One mark for each seed (${
        seedList(rows)
      }); dotted lines join the means. No exact answer is known here: ` +
      "only the largest logit counts, so that directions can be shared.",
    ...rankCurves(curvesOf(rows, "recall"), axis("recall", { range: [-0.05, 1.05] }), 340),
  };
}

function factTable(rows: readonly FactRow[]): DataTable {
  return {
    id: "facts",
    title: "Facts inserted",
    columns: [
      { key: "facts", label: "facts", unit: "count" },
      { key: "rank", label: "rank", unit: "count" },
      { key: "seed", label: "seed", unit: "count" },
      { key: "recall", label: "recall, transformer", unit: "percent" },
      { key: "loss", label: "loss left, linear memory", unit: "share" },
      { key: "best", label: "best of the rank", unit: "share" },
    ],
    rows: rows.map((row) => ({ ...row, recall: 100 * row.recall })),
  };
}

function planStudents(context: PlanContext): PlannedRun[] {
  return factRuns(context).map((run) => planFacts(run, context.quick));
}

/** Facts in a linear memory, where the answer is known, and in the small base. */
export const facts: Experiment = {
  name: "facts",
  title: "Facts inserted: how the needed rank grows with what is stored",
  question:
    "How does the rank that a task needs grow with the number of facts to store? In a linear " +
    "memory the answer is known; in the transformer it is measured.",
  source: "Question left open by Hu et al. 2021, section 7.2",
  runs: (context) =>
    Promise.resolve([
      ...planLinearRuns(factRuns(context).map(memoryRun), context),
      ...planStudents(context),
    ]),
  async run(context) {
    const runs = factRuns(context),
      half = (from: number): ExperimentContext => ({
        ...context,
        report: (share, text) => context.report(from + share / 2, text),
      });
    const memories = await linearRuns(runs.map(memoryRun), half(0));
    const students = await makeRuns(planStudents(context), half(0.5));
    const rows = runs.map((run, i) => rowOf(run, students[i], memories[i]));
    return {
      settings: "Linear memory: random keys and values of width 64. Transformer: a fact is three " +
        "random tokens and a fourth that follows; LoRA on the output projection of the last MLP, " +
        "150 steps of AdamW on at most 32 facts each, α = r; old text is not rehearsed.",
      findings: findings(rows, context.quick),
      tables: [factTable(rows)],
      figures: [memoryFigure(rows), recallFigure(rows)],
    };
  },
};
