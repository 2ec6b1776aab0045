/** Table 5: which matrices a fixed budget of trained values is best spent on. @module */

import type { Figure } from "../../src/figures/figure.ts";
import { axis, baseLayout } from "../../src/figures/layout.ts";
import { palette } from "../../src/figures/palette.ts";
import type { Finding } from "../frame/claim.ts";
import type { Experiment } from "../frame/experiment.ts";
import { plannedRuns } from "./adapters.ts";
import { judge } from "../verdict.ts";
import { type LossRow, lossRows, meanLoss, spreadOf } from "./loss_rows.ts";
import { spreadBudgetWins } from "./loss_rules.ts";
import { lossTable, seedsNote } from "./loss_table.ts";
import { budgetRuns } from "./runs.ts";
import { studySettings } from "./training.ts";

const labelOf = ({ sites, rank }: LossRow) => `${sites} (r = ${rank})`;

/** Says which choices did harm, so that nobody takes a run that broke down for a poor choice. */
export function harmNote(base: number, rows: readonly LossRow[]): string {
  const worse = rows.filter((row) => !(meanLoss(row) < base)).map(labelOf);
  return worse.length === 0
    ? ""
    : `No better than the base's ${base.toFixed(3)}: ${
      worse.join("; ")
    }; the learning rate was chosen for q and v. `;
}

function finding(base: number, rows: readonly LossRow[], quick: boolean): Finding {
  const losses = rows.map((row) => `${labelOf(row)}: ${meanLoss(row).toFixed(3)}`).join("; ");
  const spread = Math.max(...rows.map(spreadOf)).toFixed(3);
  return {
    claim: "Table 5: at one budget, q,v and all four do better than q or k alone",
    rule:
      "held when the mean held-out loss of each of the two lies below both others' by more than " +
      "the larger spread over seeds of the two that are compared.",
    found: `${losses}. ${harmNote(base, rows)}${seedsNote(rows[0])}${
      rows[0].losses.length > 1 ? `, the largest spread ${spread}` : ""
    }.`,
    verdict: judge(spreadBudgetWins(rows), quick),
  };
}

function budgetFigure(rows: readonly LossRow[], seeds: readonly number[]): Figure {
  const falling = rows.toSorted((a, b) => meanLoss(b) - meanLoss(a));
  return {
    id: "which-matrices",
    title: "Table 5 in kind: held-out loss by adapted matrices, one budget",
    caption: `${rows[0].trained.toLocaleString("en")} trained values each. Blue: a mark for each ` +
      `seed (${seeds.join(", ")}); grey: their mean. The best is lowest.`,
    data: [
      {
        type: "scatter",
        mode: "markers",
        name: "a seed",
        y: falling.flatMap((row) => row.losses.map(() => labelOf(row))),
        x: falling.flatMap(({ losses }) => losses),
        marker: { color: palette.lora[1], size: 9 },
      },
      {
        type: "scatter",
        mode: "markers",
        name: "mean",
        y: falling.map(labelOf),
        x: falling.map(meanLoss),
        marker: { color: palette.base, size: 16, symbol: "line-ns-open" },
      },
    ],
    layout: baseLayout(
      axis("held-out loss (nats per token)"),
      axis("", { autorange: "reversed" }),
      { height: 340 },
    ),
  };
}

/** One budget on one, two or four matrices of each layer. */
export const whichMatrices: Experiment = {
  name: "which-matrices",
  title: "Which matrices for a fixed budget?",
  question:
    "Is it better to adapt one matrix with a higher rank, or several with a lower one? Each choice " +
    "trains as many values.",
  source: "Hu et al. 2021, section 7.1, table 5 (GPT-3), in kind",
  runs: (context) => plannedRuns(budgetRuns(context.seeds), context),
  async run(context) {
    const { base, rows } = await lossRows(budgetRuns(context.seeds), context);
    const title = "Held-out loss at one budget of trained values";
    return {
      settings: studySettings(context.quick),
      findings: [finding(base, rows, context.quick)],
      tables: [lossTable("which-matrices", title, base, rows)],
      figures: [budgetFigure(rows, context.seeds)],
    };
  },
};
