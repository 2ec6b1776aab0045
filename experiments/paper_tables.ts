/** The paper's printed numbers next to what follows from its settings. @module */

import { palette } from "../src/figures/figure.ts";
import type { PaperRow } from "../src/paper/mod.ts";
import { type Experiment, experiment } from "./frame/mod.ts";

/** Loaded when it is needed, and mathjs with it. */
const loadPaper = () => import("../src/paper/mod.ts");

/** All printed numbers that can be computed, and the others as quotations. */
export const paperTables: Experiment = experiment({
  name: "paper",
  title: "The paper's printed numbers, recomputed",
  question: "Which of the paper's printed numbers follow from its own settings, computed exactly?",
  source: "Hu et al. 2021, tables 1 to 18, abstract, sections 2, 4.2 and 7, appendices D and H",
  settings:
    "Formulas are those of the paper's section 5.1, evaluated exactly; models are counted tensor by " +
    "tensor. No formula is fitted to a printed value. Adapter widths that the paper does not state are " +
    "inferred from the printed value, and marked. Numbers that only training or GPT-3's weights could " +
    "give are quoted, in italics and in folded tables.",
  async rows() {
    const paper = await loadPaper();
    return { ...paper, rows: paper.paperRows() };
  },
  claims: [{
    text: "The paper's counts, bytes, percentages and averages follow from its settings",
    rule:
      "when every printed number that can be computed equals ours to the digits shown, rounded " +
      "or truncated; settings that the paper does not state may be inferred from the printed value, and are marked",
    exact: true,
    topic: "counting",
    headline: {
      place: 6,
      row: "the numbers that the paper prints",
      bars({ countVerdicts, rows }) {
        const { differs, ...agree } = countVerdicts(rows);
        const all = agree["equal when rounded"] + agree["equal when truncated"];
        return [
          { label: "agree", value: all, text: `${all} numbers`, color: palette.merged },
          { label: "differ", value: differs, text: `${differs} numbers`, color: palette.full },
        ];
      },
    },
    why: "Of the 39, 13 are counts of prefix layers, which the paper's formula does not give for " +
      "any number of tokens, 6 are of LoRA on GPT-2, printed as 0.1% of the model, and 4 follow " +
      "from the round 10,000 times. The tables give a reason for each and say “probably” where " +
      "it is a guess.",
    printed: "140 numbers that can be computed",
    paper: "the paper's own numbers are those that it reads",
    ours({ countVerdicts, rows }) {
      const { differs, ...counts } = countVerdicts(rows);
      return `${
        counts["equal when rounded"] + counts["equal when truncated"]
      } agree, ${differs} differ`;
    },
    holds: ({ countVerdicts, rows }) => countVerdicts(rows).differs === 0,
    found({ countVerdicts, computationOf, rows }) {
      const counts = countVerdicts(rows);
      const isInferred = (row: PaperRow) =>
        computationOf(row)?.inferred && row.verdict !== "differs";
      return `${counts["equal when rounded"]} agree when rounded, ${
        counts["equal when truncated"]
      } ` +
        `when truncated; ${
          rows.filter(isInferred).length
        } of these use a setting inferred from the printed value.`;
    },
  }],
  tables: [
    ({ verdictTable, rows }) => verdictTable(rows),
    ({ comparisonTables, rows }) => comparisonTables(rows),
    ({ formulaTables, rows }) => formulaTables(rows),
  ],
  figures: [
    ({ printedAgainstOurs, rows }) => printedAgainstOurs(rows),
    ({ verdictFigure, rows }) => verdictFigure(rows),
  ],
});
