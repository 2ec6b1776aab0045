/** "10,000 times fewer": GPT-3 175B's trained parameters, counted tensor by tensor. @module */

import { injectLora } from "../src/adapt/mod.ts";
import { DryDevice } from "../src/device/dry.ts";
import type { DataTable, Figure } from "../src/figures/figure.ts";
import { palette } from "../src/figures/palette.ts";
import { parameterBars } from "../src/figures/parameter_bars.ts";
import { countTrainable, Gpt2 } from "../src/models/mod.ts";
import { measured } from "../src/paper/printed/mod.ts";
import type { Experiment, Finding } from "./experiment.ts";
import { gpt3, printed } from "./gpt3.ts";

interface CountRow {
  readonly method: string;
  readonly trained: number;
  readonly reduction: number;
  readonly printed: string;
  readonly printedReduction: string;
  readonly [key: string]: string | number;
}

/** Parameters that full fine-tuning of GPT-3 175B trains. */
export function countFull(): number {
  using device = new DryDevice();
  using model = Gpt2.allocate(device, gpt3);
  return countTrainable(model);
}

/** Parameters that LoRA on q and v of GPT-3 175B trains. */
export function countLora(rank: number): number {
  using device = new DryDevice();
  using model = Gpt2.allocate(device, gpt3);
  using _adapter = injectLora(model, { rank, alpha: rank, sites: ["q", "v"], seed: 0 });
  return countTrainable(model);
}

function countRows(): CountRow[] {
  const full = countFull();
  const lora = (rank: number, printedReduction: string): CountRow => {
    const trained = countLora(rank), method = `LoRA, r = ${rank} on q and v`;
    const printed = measured("table15", `LoRA, r_q = r_v = ${rank}`, "trained parameters");
    return { method, trained, reduction: full / trained, printed, printedReduction };
  };
  return [
    {
      method: "full fine-tuning",
      trained: full,
      reduction: 1,
      printed: measured("table4", "FT", "trained parameters"),
      printedReduction: "–",
    },
    lora(4, measured("text", "abstract: fewer trained parameters")),
    lora(1, "–"),
  ];
}

function findings([, rank4, rank1]: readonly CountRow[]): Finding[] {
  return [{
    claim: "LoRA trains 10,000 times fewer parameters of GPT-3 175B than full fine-tuning",
    rule: "held when the reduction at r = 4 on q and v, rounded to one significant digit, is the " +
      "printed 10,000; the count comes from the model's tensors, not from the printed total",
    found: `${Math.round(rank4.reduction).toLocaleString("en-US")} times at r = 4 and ` +
      `${Math.round(rank1.reduction).toLocaleString("en-US")} times at r = 1; at r = 4 that is ${
        Math.round(100 * rank4.reduction / printed.parameterReduction)
      }% of the printed figure.`,
    verdict: Number(rank4.reduction.toPrecision(1)) === printed.parameterReduction
      ? "held"
      : "differs from the paper",
  }];
}

function countTable(rows: readonly CountRow[]): DataTable {
  return {
    id: "counts",
    title: "Trained parameters of GPT-3 175B, ours beside the paper's print (quoted)",
    columns: [
      { key: "method", label: "method", unit: "text" },
      { key: "trained", label: "trained parameters", unit: "count" },
      { key: "printed", label: "paper: parameters", unit: "text" },
      { key: "reduction", label: "reduction", unit: "ratio" },
      { key: "printedReduction", label: "paper: reduction", unit: "text" },
    ],
    rows,
  };
}

function countFigure(rows: readonly CountRow[]): Figure {
  const colours = [palette.full, palette.lora[1], palette.lora[0]];
  return parameterBars(
    {
      id: "counts",
      title: "Trained parameters of GPT-3 175B",
      caption:
        "Counted on the dry device from the tensors of the model and the adapter. The axis is " +
        "logarithmic.",
    },
    rows.map(({ method, trained }, i) => ({
      label: method,
      parameters: trained,
      color: colours[i],
    })),
  );
}

/** Counts what full fine-tuning and LoRA train in GPT-3 175B. */
export const counting: Experiment = {
  name: "counting",
  title: "10,000 times fewer trained parameters",
  question: "How many parameters of GPT-3 175B does each method train, counted exactly?",
  source: "Hu et al. 2021, abstract, section 4.2 and table 4",
  run(context) {
    const rows = countRows();
    context.report(1, "counted GPT-3 175B");
    return Promise.resolve({
      settings:
        "GPT-3 175B has 96 blocks of width 12,288, a vocabulary of 50,257 and 2,048 positions; " +
        "its head shares the token embedding. LoRA adapts the query and value projections.",
      findings: findings(rows),
      tables: [countTable(rows)],
      figures: [countFigure(rows)],
    });
  },
};
