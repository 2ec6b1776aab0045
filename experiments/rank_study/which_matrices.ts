/** Table 5: which matrices a fixed budget of trained values is best spent on. @module */

import { axis, baseLayout, dots, type Figure, palette } from "../../src/figures/mod.ts";
import { type Claim, type Experiment, experiment } from "../frame/mod.ts";
import { missingRuns } from "./adapters.ts";
import { type LossRow, lossTable, seedsNote, type StudyLosses, studyLosses } from "./losses.ts";
import { budgetRuns, studySettings } from "./runs.ts";

const labelOf = ({ sites, rank }: LossRow) => `${sites} (r = ${rank})`;

/** Says which choices did harm, so that nobody takes a run that broke down for a poor choice. */
export function harmNote({ base, rows }: StudyLosses): string {
  const worse = rows.filter(({ loss }) => !(loss < base)).map(labelOf).join("; ");
  return worse &&
    `No better than the base's ${base.toFixed(3)}: ${worse}; ` +
      "the learning rate was chosen for q and v. ";
}

const clearlyBelow = (better: LossRow, worse: LossRow) =>
  worse.loss - better.loss > Math.max(better.spread, worse.spread);

/** The rule of docs/decisions/0012. */
export const budgetClaim: Claim<StudyLosses> = {
  text: "Table 5: at one budget, q,v and all four do better than q or k alone",
  rule: "held when the mean held-out loss of each of the two is below both others' by more than " +
    "the larger spread over seeds of the two that are compared.",
  holds({ rows }) {
    const of = (choice: string) => rows.find(({ sites }) => sites === choice)!;
    return ["q, v", "q, k, v, o"].every((better) =>
      ["q", "k"].every((worse) => clearlyBelow(of(better), of(worse)))
    );
  },
  found({ base, rows }) {
    const losses = rows.map((row) => `${labelOf(row)}: ${row.loss.toFixed(3)}`).join("; ");
    const largest = Math.max(...rows.map(({ spread }) => spread)).toFixed(3);
    const spread = rows[0].losses.length > 1 ? `, the largest spread ${largest}` : "";
    return `${losses}. ${harmNote({ base, rows })}${seedsNote(rows[0])}${spread}.`;
  },
};

function budgetFigure({ rows }: StudyLosses): Figure {
  const falling = rows.toSorted((a, b) => b.loss - a.loss);
  const marks = falling.flatMap((row) => row.losses.map((loss) => ({ ...row, loss })));
  const loss = (row: LossRow) => row.loss, gray = { color: palette.base, size: 16 };
  return {
    id: "which-matrices",
    title: "Table 5 at small scale: held-out loss by adapted matrices, one budget",
    caption: `${rows[0].trained.toLocaleString("en")} trained values each. Blue: a mark for each ` +
      "seed ({seeds}); gray: their mean. The best is lowest.",
    data: [
      dots(marks, loss, labelOf, { color: palette.lora[1], size: 9 }, { name: "a seed" }),
      dots(falling, loss, labelOf, { ...gray, symbol: "line-ns-open" }, { name: "mean" }),
    ],
    layout: baseLayout(
      axis("held-out loss (nats per token)"),
      axis("", { autorange: "reversed" }),
      { height: 340 },
    ),
  };
}

/** One budget on one, two or four matrices of each layer. */
export const whichMatrices: Experiment = experiment({
  name: "which-matrices",
  title: "Which matrices for a fixed budget?",
  question:
    "Is it better to adapt one matrix with a higher rank, or several with a lower one? Each choice " +
    "trains as many values.",
  source: "Hu et al. 2021, section 7.1, table 5 (GPT-3), at small scale",
  settings: studySettings,
  runs: (context) => missingRuns(budgetRuns(context.seeds), context),
  rows: (results, context) => studyLosses(budgetRuns(context.seeds), results, context),
  scale: true,
  claims: [budgetClaim],
  tables: [lossTable("which-matrices", "Held-out loss at one budget of trained values")],
  figures: [budgetFigure],
});
