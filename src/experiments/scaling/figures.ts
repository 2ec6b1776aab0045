/** The ratios over model size as lines and tables, functions of the rows. @module */

import type { DataTable, Figure } from "../../figures/figure.ts";
import { axis, baseLayout, logAxis } from "../../figures/layout.ts";
import { optimizerColors, palette } from "../../figures/palette.ts";
import type { Trace } from "../../figures/plotly_types.ts";
import { printed } from "../gpt3.ts";
import { batches, type MemoryRatio, type ScalingRow } from "./row.ts";

/** Optimisers in the order of `optimizerNames`, as people write them. */
export const optimizerLabels = ["AdamW", "SGD", "momentum", "8-bit Adam", "Adafactor"] as const;

const sizeAxis = () => logAxis("parameters of the model", { range: [5.8, 11.5] });

/** A line over the sizes, broken where the sequences become longer, which costs activations. */
function line(name: string, rows: readonly ScalingRow[], y: (row: ScalingRow) => number): Trace {
  const families = [...Map.groupBy(rows, ({ length }) => length).values()];
  const broken = families.flatMap((family) => [...family, undefined]);
  return {
    type: "scatter",
    mode: "lines+markers",
    name,
    x: broken.map((row) => row?.parameters ?? null),
    y: broken.map((row) => row ? y(row) : null),
    text: broken.map((row) => row?.model ?? ""),
    marker: { size: 6 },
  };
}

function printedLine(rows: readonly ScalingRow[], value: number, name: string): Trace {
  const extent = [rows[0].parameters, rows[rows.length - 1].parameters];
  const line = { color: palette.paper, dash: "dot" } as const;
  return { type: "scatter", mode: "lines", name, x: extent, y: [value, value], line };
}

/** Memory ratio over size: a colour an optimiser, activations included or (dashed) not. */
export function memoryFigure(rows: readonly ScalingRow[]): Figure {
  const traces = optimizerLabels.flatMap((label, i): Trace[] => {
    const color = optimizerColors[i];
    return [
      { ...line(label, rows, (row) => row.byOptimizer[i].peak), line: { color } },
      {
        ...line(label, rows, (row) => row.byOptimizer[i].state),
        line: { color, dash: "dash", width: 1 },
        mode: "lines",
        showlegend: false,
      },
    ];
  });
  return {
    id: "scaling-memory",
    title: "Bytes of full fine-tuning over bytes of LoRA, by size and optimiser",
    caption:
      "Peak of a step in F32 on one sequence of the model's full length: 64 tokens for the two on the " +
      "left, 1,024 for GPT-2, 2,048 for GPT-3, whose line is the lower one; r = 4 on q and v. SGD " +
      "lies under Adafactor, which keeps next to nothing. Dashed: weights, gradients and the optimiser's " +
      "state alone. Dotted: the paper's figure for GPT-3 175B.",
    data: [...traces, printedLine(rows, printed.memoryReduction, "paper: 3 times")],
    layout: baseLayout(sizeAxis(), axis("times less memory", { range: [0.9, 4.2] })),
  };
}

/** Parameter ratio over size. */
export function reductionFigure(rows: readonly ScalingRow[]): Figure {
  const color = palette.lora[1];
  return {
    id: "scaling-parameters",
    title: "Parameters of the model over parameters that LoRA trains, by size",
    caption: "r = 4 on q and v; r = 1 trains a quarter of that. Both axes are logarithmic.",
    data: [
      { ...line("r = 4", rows, ({ reduction }) => reduction), line: { color } },
      printedLine(rows, printed.parameterReduction, "paper: 10,000 times"),
    ],
    layout: baseLayout(sizeAxis(), logAxis("times fewer", { range: [1.8, 4.3] }), { height: 340 }),
  };
}

const ratio = (key: string, label: string) => ({ key, label, unit: "ratio" as const });
const size = [
  { key: "model", label: "model", unit: "text" },
  { key: "parameters", label: "parameters", unit: "count" },
  { key: "length", label: "tokens", unit: "count" },
] as const;

function cells(values: readonly MemoryRatio[], keys: readonly (string | number)[]) {
  return Object.fromEntries(values.flatMap(({ peak, state }, i) => [
    [`${keys[i]}`, peak],
    [`${keys[i]} state`, state],
  ]));
}

/** Ratios by optimiser, with activations and without. */
export function optimizerTables(rows: readonly ScalingRow[]): DataTable[] {
  const table = (id: string, title: string, suffix: string): DataTable => ({
    id,
    title,
    columns: [...size, ...optimizerLabels.map((label) => ratio(`${label}${suffix}`, label))],
    rows: rows.map(({ model, parameters, length, byOptimizer }) => ({
      ...{ model, parameters, length },
      ...cells(byOptimizer, optimizerLabels),
    })),
  });
  return [
    table("scaling-peak", "Times less memory at the peak of a step, one sequence", ""),
    table("scaling-state", "Times less memory, activations left out", " state"),
  ];
}

/** Trained parameters, and what the batch does to the memory. */
export function batchTable(rows: readonly ScalingRow[]): DataTable {
  return {
    id: "scaling-batch",
    title:
      "Times fewer trained parameters, and times less memory with AdamW by sequences in a step",
    columns: [
      ...size,
      { key: "trained", label: "LoRA trains", unit: "count" },
      ratio("reduction", "times fewer"),
      ...batches.map((batch) => ratio(`${batch}`, `memory, batch ${batch}`)),
    ],
    rows: rows.map(({ byOptimizer: _, byBatch, ...row }) => ({
      ...row,
      ...cells(byBatch, batches),
    })),
  };
}
