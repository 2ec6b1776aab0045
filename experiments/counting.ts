/** "10,000 times fewer": GPT-3 175B's trained parameters, counted tensor by tensor. @module */

import { injectLora } from "../src/adapt/mod.ts";
import { grouped } from "../src/core/numbers.ts";
import { DryDevice } from "../src/device/dry.ts";
import { palette, parameterDots, table } from "../src/figures/mod.ts";
import { countTrainable, Gpt2 } from "../src/models/mod.ts";
import { measured } from "../src/paper/printed/mod.ts";
import { printedValue } from "../src/paper/printed_number.ts";
import said from "../src/paper/printed/claims.json" with { type: "json" };
import { type Experiment, experiment } from "./frame/mod.ts";
import { gpt3, printed } from "./gpt3.ts";

/** Parameters of GPT-3 175B that LoRA on q and v trains; at rank 0, those of full fine-tuning. */
export function countTrained(rank: number): number {
  using device = new DryDevice();
  using model = Gpt2.allocate(device, gpt3);
  if (rank === 0) return countTrainable(model);
  using _adapter = injectLora(model, { rank, alpha: rank, sites: ["q", "v"], seed: 0 });
  return countTrainable(model);
}

function countRows() {
  const full = countTrained(0);
  const lora = (rank: number, printedReduction: string) => {
    const method = `LoRA, r = ${rank} on q and v`, trained = countTrained(rank);
    const printed = measured("table15", `LoRA, r_q = r_v = ${rank}`, "trained parameters");
    return { method, trained, printed, reduction: full / trained, printedReduction };
  };
  const printed = measured("table4", "FT", "trained parameters"), method = "full fine-tuning";
  return [
    { method, trained: full, printed, reduction: 1, printedReduction: "–" },
    lora(4, measured("text", "abstract: fewer trained parameters")),
    lora(1, "–"),
  ];
}

/** Tables 4 and 15 as printed, for the rule to be tried on (decision 0052). */
const printedCounts = [["table4", "FT"], ["table15", "LoRA, r_q = r_v = 4"]].map(
  ([table, method], _, [all]) => {
    const countOf = (table: string, row: string) =>
      printedValue(measured(table, row, "trained parameters"));
    const trained = countOf(table, method), reduction = countOf(all[0], all[1]) / trained;
    return { method, trained, printed: "", reduction, printedReduction: "" };
  },
);

const barLabels = ["full fine-tuning", "LoRA, r = 4"];

const inMillions = (count: number) => `${grouped(Math.round(count / 1e6))} million`;

const colors = [palette.full, palette.lora[1], palette.lora[0]];

/** Counts what full fine-tuning and LoRA train in GPT-3 175B. */
export const counting: Experiment = experiment({
  name: "counting",
  title: "10,000 times fewer trained parameters",
  question: "How many parameters of GPT-3 175B does each method train, counted exactly?",
  source: "Hu et al. 2021, abstract, section 4.2 and table 4",
  settings:
    "GPT-3 175B has 96 blocks of width 12,288, a vocabulary of 50,257 and 2,048 positions; " +
    "its head shares the token embedding. LoRA adapts the query and value projections.",
  rows: countRows,
  claims: [{
    text: "LoRA trains 10,000 times fewer parameters of GPT-3 175B than full fine-tuning",
    rule: "when the reduction at r = 4 on q and v, rounded to one significant digit, is the " +
      "printed 10,000; the count comes from the model's tensors, not from the printed total",
    exact: true,
    ...said.parameters,
    why: "9,251 is 93% of 10,000, which is a round number: the paper divides 350 GB by 35 MB as " +
      "well, where an adapter of r = 4 takes 37.7 MB at two bytes a value.",
    paper: [{ where: "tables 4 and 15", rows: printedCounts }],
    headline: {
      place: 1,
      row: "10,000 times fewer trained parameters (GPT-3)",
      bars: (rows) =>
        rows.slice(0, 2).map(({ trained }, i) => {
          return { label: barLabels[i], value: trained, text: inMillions(trained) };
        }),
    },
    holds: ([, rank4]) => Number(rank4.reduction.toPrecision(1)) === printed.parameterReduction,
    ours: ([, { reduction }]) => `${grouped(Math.round(reduction))} times`,
    found: ([, , rank1]) => `At r = 1 it is ${grouped(Math.round(rank1.reduction))} times.`,
  }],
  tables: [(rows) =>
    table({
      id: "counts",
      title: "Trained parameters of GPT-3 175B, ours next to the printed values (quoted)",
      columns: [
        ["method", "method", "text"],
        ["trained", "trained parameters", "count"],
        ["printed", "paper: parameters", "text"],
        ["reduction", "reduction", "ratio"],
        ["printedReduction", "paper: reduction", "text"],
      ],
      rows,
    })],
  figures: [(rows) =>
    parameterDots(
      {
        id: "counts",
        title: "Trained parameters of GPT-3 175B",
        caption: "Counted from the tensors of the model and the adapter. The axis is logarithmic.",
      },
      rows.map(({ method, trained }, i) => ({
        label: method,
        parameters: trained,
        color: colors[i],
      })),
    )],
});
