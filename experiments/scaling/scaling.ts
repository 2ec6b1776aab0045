/** Where the headline shrinks: both ratios over the model's size, the optimiser and the batch. @module */

import { baseConfig } from "../base_model.ts";
import type { Finding } from "../frame/claim.ts";
import type { Experiment } from "../frame/experiment.ts";
import { printed } from "../gpt3.ts";
import {
  batchTable,
  memoryFigure,
  optimizerLabels,
  optimizerTables,
  reductionFigure,
} from "./figures.ts";
import { batches, type ScalingRow } from "./row.ts";

const adamW = optimizerLabels.indexOf("AdamW");
const largest = (rows: readonly ScalingRow[]): ScalingRow => rows[rows.length - 1];

/** Every scale is among the rows. */
const verdict = (isHeld: boolean) => isHeld ? "held" : "not held";

/** The models for which a rule holds. */
function heldFor(rows: readonly ScalingRow[], rule: (row: ScalingRow) => boolean): string {
  const models = rows.filter(rule).map(({ model }) => model);
  return `for ${models.join(" and ") || "none"} of ${rows.length} models`;
}

function sizeFinding(rows: readonly ScalingRow[]): Finding {
  const holds = ({ byOptimizer }: ScalingRow) => byOptimizer[adamW].peak >= printed.memoryReduction;
  const span = [rows[0], largest(rows)]
    .map(({ model, byOptimizer }) => `${byOptimizer[adamW].peak.toFixed(2)} for ${model}`);
  return {
    claim: "LoRA trains in 3 times less memory with Adam, whatever the size of the model",
    rule:
      "held when in F32 with AdamW, on one sequence of the model's full length, r = 4 on q and v, " +
      "the peak of a step, activations included, falls by a factor of 3 or more for every model of the table",
    found: `${span.join(", ")}; 3 or more ${heldFor(rows, holds)}.`,
    verdict: verdict(rows.every(holds)),
  };
}

function batchFinding(rows: readonly ScalingRow[]): Finding {
  const { model, length, byBatch } = largest(rows);
  const found = batches.map((batch, i) => `${byBatch[i].peak.toFixed(2)} with ${batch}`);
  return {
    claim: "The 3 times do not depend on the batch",
    rule:
      "held when for GPT-3 175B with AdamW in F32, activations included, the factor is 3 or more " +
      `with ${batches.join(", ")} sequences of its full length in a step`,
    found: `${model}, sequences of ${length.toLocaleString("en-US")} tokens: ${found.join(", ")}.`,
    verdict: verdict(byBatch.every(({ peak }) => peak >= printed.memoryReduction)),
  };
}

function optimizerFinding(rows: readonly ScalingRow[]): Finding {
  const { model, byOptimizer } = largest(rows);
  const found = optimizerLabels.map((label, i) => `${byOptimizer[i].state.toFixed(3)} ${label}`);
  return {
    claim: "The 3 times do not depend on the optimiser",
    rule:
      "held when for GPT-3 175B in F32, activations left out, the factor is 3 or more with each of " +
      "SGD, momentum, AdamW, 8-bit Adam and Adafactor",
    found: `${model}: ${found.join(", ")}.`,
    verdict: verdict(byOptimizer.every(({ state }) => state >= printed.memoryReduction)),
  };
}

function reductionFinding(rows: readonly ScalingRow[]): Finding {
  const holds = ({ reduction }: ScalingRow) =>
    Number(reduction.toPrecision(1)) >= printed.parameterReduction;
  const span = [rows[0], largest(rows)].map(({ model, reduction }) =>
    `${Math.round(reduction).toLocaleString("en-US")} for ${model}`
  );
  return {
    claim: "LoRA trains 10,000 times fewer parameters, whatever the size of the model",
    rule:
      "held when at r = 4 on q and v the reduction, rounded to one significant digit, is 10,000 or " +
      "more for every model of the table",
    found: `${span.join(", ")}; 10,000 or more ${heldFor(rows, holds)}.`,
    verdict: verdict(rows.every(holds)),
  };
}

/** The paper's two ratios where the paper does not look. */
export const scaling: Experiment = {
  name: "scaling",
  title: "Where the headline shrinks",
  question:
    "The paper says 10,000 times fewer parameters and 3 times less memory of the largest GPT-3 with " +
    "Adam. What becomes of both with smaller models, larger batches and other optimisers?",
  source: "Hu et al. 2021, abstract and section 4.2; an open question of the paper",
  async run(context) {
    // Here, so that nothing else waits for mathjs.
    const { scalingRows } = await import("./rows.ts");
    const rows = scalingRows(await baseConfig());
    context.report(1, `counted ${rows.length} models`);
    return {
      settings:
        "GPT-2's and GPT-3's published shapes, our base, and a smaller one; by the closed formulas of a " +
        "training step in F32, which equal the dry device's bytes. State of 8-bit Adam as in bitsandbytes, " +
        "of Adafactor without momentum; gradients and weights are F32 for all.",
      findings: [
        sizeFinding(rows),
        batchFinding(rows),
        optimizerFinding(rows),
        reductionFinding(rows),
      ],
      tables: [batchTable(rows), ...optimizerTables(rows)],
      figures: [memoryFigure(rows), reductionFigure(rows)],
    };
  },
};
