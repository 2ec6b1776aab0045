/** Table 5: which matrices to spend a fixed budget of trained parameters on. @module */

import { axis, baseLayout, dots, palette } from "../../src/figures/mod.ts";
import said from "../../src/paper/printed/claims.json" with { type: "json" };
import { type Claim, type Experiment, experiment } from "../frame/mod.ts";
import { missingRuns } from "./adapters.ts";
import { type LossRow, lossTable, seedsNote, type StudyLosses, studyLosses } from "./losses.ts";
import { placements } from "./printed.ts";
import { budgetRuns, studySettings } from "./runs.ts";

const labelOf = ({ sites, rank }: LossRow) => `${sites} (r = ${rank})`;

/** Says which choices made the base worse, so that a failed run is not taken for a poor choice. */
export function harmNote({ base, rows }: StudyLosses): string {
  const worse = rows.filter(({ loss }) => !(loss < base)).map(labelOf).join("; ");
  return worse &&
    `No better than the base's ${base.toFixed(3)}: ${worse}. `;
}

const clearlyBelow = (better: LossRow, worse: LossRow) =>
  worse.loss - better.loss > Math.max(better.spread, worse.spread);

/** The rule of experiments/rank_study/rules.md. */
export const budgetClaim: Claim<StudyLosses> = {
  text: "Table 5: at the same budget, q,v and all four do better than q or k alone",
  rule: "when the mean held-out loss of q,v and of all four is below that of q and of k, " +
    "each time by more than the larger spread over seeds of the two that are compared",
  ...said.table5,
  note:
    "Weak for what was not tuned: one learning rate, searched for q,v, serves all. With it q,k " +
    "broke down, and o alone came out best, where the paper has q,v and all four before it.",
  paper: placements,
  ours: ({ rows }) =>
    ["q, v", "q, k, v, o", "q", "k"].map((choice) =>
      `${choice.replaceAll(" ", "")}: ${
        rows.find(({ sites }) => sites === choice)!.loss.toFixed(2)
      }`
    ).join("; ") + " nats",
  holds({ rows }) {
    const of = (choice: string) => rows.find(({ sites }) => sites === choice)!;
    return ["q, v", "q, k, v, o"].every((better) =>
      ["q", "k"].every((worse) => clearlyBelow(of(better), of(worse)))
    );
  },
  found({ base, rows }) {
    const largest = Math.max(...rows.map(({ spread }) => spread)).toFixed(3);
    const spread = rows[0].losses.length > 1 ? `, the largest spread is ${largest}` : "";
    return `${harmNote({ base, rows })}${seedsNote(rows[0])}${spread}.`;
  },
};

/** One budget on one, two or four matrices of each layer. */
export const whichMatrices: Experiment = experiment({
  name: "which-matrices",
  seconds: 3,
  title: "Which matrices to adapt on a fixed budget?",
  question:
    "Is it better to adapt one matrix with a higher rank, or several with a lower one? Each choice " +
    "trains the same number of parameters.",
  source: "Hu et al. 2021, section 7.1, table 5 (GPT-3), at small scale",
  settings: studySettings,
  runs: (context) => missingRuns(budgetRuns(context.seeds), context),
  rows: (results, context) => studyLosses(budgetRuns(context.seeds), results, context),
  scale: true,
  claims: [budgetClaim],
  tables: [lossTable("which-matrices", "Held-out loss at the same budget of trained parameters")],
  figures: [({ rows }) => {
    const falling = rows.toSorted((a, b) => b.loss - a.loss);
    const marks = falling.flatMap((row) => row.losses.map((loss) => ({ ...row, loss })));
    const loss = (row: LossRow) => row.loss, gray = { color: palette.base, size: 16 };
    return {
      id: "which-matrices",
      title: "Table 5 at small scale: held-out loss by adapted matrices at the same budget",
      caption:
        `${rows[0].trained.toLocaleString("en")} trained parameters each. Blue: one mark for ` +
        "each seed ({seeds}); gray: their mean. The best choice is at the bottom.",
      data: [
        dots(marks, loss, labelOf, { color: palette.lora[1], size: 9 }, { name: "one seed" }),
        dots(falling, loss, labelOf, { ...gray, symbol: "line-ns-open" }, { name: "mean" }),
      ],
      layout: baseLayout(
        axis("held-out loss (nats per token)"),
        axis("", { autorange: "reversed" }),
        { height: 340 },
      ),
    };
  }],
});
