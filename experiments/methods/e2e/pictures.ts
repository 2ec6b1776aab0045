/** Tables and the figure of the study on E2E. @module */

import { fromTo, mean } from "../../../src/core/numbers.ts";
import { type Column, type DataTable, type Figure, table } from "../../../src/figures/mod.ts";
import { signed } from "../../differences.ts";
import type { MethodCell } from "../comparison.ts";
import { methodsFigure, rateIn } from "../pictures.ts";
import { lora } from "./methods.ts";
import { cellIn, type ComparedMetric, E2eComparison, e2eMetrics, type E2eRow } from "./rows.ts";

type Rows = readonly E2eRow[];

/** The table with the name of the experiment, of which the rows are shipped. */
export const runsTable = (rows: Rows): DataTable =>
  table<E2eRow>({
    id: "methods-e2e",
    title: "Every reported run",
    columns: [
      ["label", "method", "text"],
      ["size", "size", "text"],
      ["seed", "seed", "count"],
      ["learningRate", "rate", "number"],
      ["trained", "trained values", "count"],
      ...e2eMetrics.map(({ key, label }) => [key, label, "number"] as const),
      ["loss", "held-out loss (nats per token)", "nats"],
      ["choice", "BLEU less LoRA's: deviation over draws of the meanings", "number"],
      ["end", "end of its grid that the rate is", "text"],
      ["compared", "compared at this size", "count"],
      ["family", "family", "text"],
      ["key", "key", "text"],
    ],
    rows,
  });

/** Each method's means, over the range of its seeds, and what is noise. */
export function meansTable(rows: Rows): DataTable {
  const compared = new E2eComparison(rows), [{ compared: { cells } }] = compared.metrics;
  const column = (metric: ComparedMetric): Column<MethodCell> => {
    const shown = (key: string) => cellIn(metric, key), { decimals } = metric;
    return [
      metric.key,
      metric.label,
      "text",
      ({ key }) => shown(key).mean.toFixed(decimals),
      ({ key }) => shown(key).values.length > 1 ? fromTo(shown(key).values, decimals) : undefined,
    ];
  };
  const ofRuns = (key: string, field: "loss" | "choice") => {
    const values = rows.filter((row) => row.key === key).map((row) => row[field]);
    return values.every((value) => value !== undefined) ? mean(values) : undefined;
  };
  return table<MethodCell>({
    id: "methods-e2e-means",
    title: "Means over the seeds, least to most below; higher is better but for the loss",
    columns: [
      ["label", "method", "text"],
      ["size", "size", "text"],
      ["trained", "trained values", "count"],
      ["rate", "rate", "text", (cell) => cell.trained > 0 ? rateIn(cell) : undefined],
      ...compared.metrics.map(column),
      ["loss", "held-out loss (nats per token)", "nats", ({ key }) => ofRuns(key, "loss")],
      ["choice", "BLEU less LoRA's", "text", ({ key, mean: bleu }) => {
        const choice = ofRuns(key, "choice"); // Only beside rows of LoRA.
        if (choice === undefined) return undefined;
        return `${signed(bleu - compared.cell(lora).mean)} (meanings ± ${(2 * choice).toFixed(1)})`;
      }],
    ],
    rows: cells,
  });
}

/** The noise floor of each metric. */
export function noiseTable(rows: Rows): DataTable {
  return table({
    id: "methods-e2e-noise",
    title: "Two standard errors of a difference of two means over the seeds",
    columns: [
      ["label", "metric", "text"],
      [
        "noise",
        "noise floor",
        "text",
        ({ compared: { noise }, decimals }) =>
          Number.isNaN(noise) ? undefined : noise.toFixed(decimals + 1),
      ],
    ],
    rows: new E2eComparison(rows).metrics,
  });
}

/** Every metric against trained values, one after the other. */
export function metricsFigure(rows: Rows): Figure {
  const steps = new E2eComparison(rows).metrics.map(({ key, label, compared }) => {
    const own = rows.map((row) => ({ ...row, value: row[key] }));
    return { label, ...methodsFigure(own, compared, { heading: label }) };
  });
  const [{ data, layout }] = steps;
  return {
    id: "methods-e2e",
    title: "Table 3 at small scale: answers against trained values",
    caption: "A mark for each seed ({seeds}). Higher is better. Dashed: what is not trained.",
    ...{ data, layout, slider: { name: "metric", steps } },
  };
}
