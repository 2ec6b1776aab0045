/** Table 6: which rank is enough. @module */

import { axis } from "../../src/figures/layout.ts";
import type { Figure } from "../../src/figures/figure.ts";
import type { Finding } from "../frame/claim.ts";
import type { Experiment } from "../frame/experiment.ts";
import { plannedRuns } from "./adapters.ts";
import { rankCurves } from "../../src/figures/rank_curves.ts";
import { judge } from "../verdict.ts";
import { type LossRow, lossRows, meanLoss } from "./loss_rows.ts";
import { bestRow, parShare, queryNeedsMore, rankOneIsEnough, relativeGain } from "./loss_rules.ts";
import { lossTable, seedsNote } from "./loss_table.ts";
import { rankRuns } from "./runs.ts";
import { studySettings } from "./training.ts";

function findings(rows: readonly LossRow[], quick: boolean): Finding[] {
  const own = rows.filter(({ sites }) => sites === "q, v"), best = bestRow(own);
  const losses = own.map((row) => `r = ${row.rank}: ${meanLoss(row).toFixed(3)}`).join("; ");
  const gain = (sites: string) => `${(100 * relativeGain(rows, sites)).toFixed(1)}%`;
  return [
    {
      claim: "Table 6: a very small rank is enough for q,v",
      rule:
        `held when the mean held-out loss at r = 1 is at most ${100 * parShare}% above the best ` +
        "rank's.",
      found: `${losses}; r = 1 lies ${
        (100 * (meanLoss(own[0]) / meanLoss(best) - 1)).toFixed(1)
      }% above r = ${best.rank}. ${seedsNote(own[0])}.`,
      verdict: judge(rankOneIsEnough(rows), quick),
    },
    {
      claim: "Table 6: q alone needs more",
      rule:
        "held when the relative gain in loss from r = 1 to r = 64 is larger for q than for q,v.",
      found: `q: ${gain("q")}; q,v: ${gain("q, v")}. ${seedsNote(own[0])}.`,
      verdict: judge(queryNeedsMore(rows), quick),
    },
  ];
}

function rankLossFigure(rows: readonly LossRow[], seeds: readonly number[]): Figure {
  const curves = ["q, v", "q"].map((sites) => ({
    label: sites,
    measured: rows.filter((row) => row.sites === sites)
      .flatMap(({ rank, losses }) => losses.map((value) => ({ rank, value }))),
  }));
  return {
    id: "which-rank",
    title: "Table 6 in kind: held-out loss over the rank",
    caption:
      `A mark for each seed (${
        seeds.join(", ")
      }; q, v at r = 64 ten more), lines through their means. One learning rate for all ranks, α ` +
      "constant: the scaling α/r falls as r grows.",
    ...rankCurves(curves, axis("held-out loss (nats per token)")),
  };
}

/** q and v, and q alone, from rank 1 to 64. */
export const whichRank: Experiment = {
  name: "which-rank",
  title: "Which rank is enough?",
  question: "How far can the rank fall before quality does, for q and v and for q alone?",
  source: "Hu et al. 2021, section 7.2, table 6 (GPT-3), in kind",
  runs: (context) => plannedRuns(rankRuns(context.seeds), context),
  async run(context) {
    const { base, rows } = await lossRows(rankRuns(context.seeds), context);
    return {
      settings: studySettings(context.quick),
      findings: findings(rows, context.quick),
      tables: [lossTable("which-rank", "Held-out loss over the rank", base, rows)],
      figures: [rankLossFigure(rows, context.seeds)],
    };
  },
};
