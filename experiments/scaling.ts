/** Headline ratios in smaller settings: both by model size, optimizer and batch size. @module */

import { catalog, type ConfigJson } from "../src/architectures/mod.ts";
import { fromTo, grouped } from "../src/core/numbers.ts";
import { leftPanel, optimizerColors, palette, rightPanel } from "../src/figures/figure.ts";
import {
  type Axis,
  axis,
  baseLayout,
  type Column,
  line,
  logCountAxis,
  table,
  type Trace,
} from "../src/figures/mod.ts";
import { baseConfig } from "./base_model.ts";
import { type Experiment, experiment } from "./frame/mod.ts";
import { printed } from "./gpt3.ts";

/** LoRA as in the paper's account of GPT-3: r = 4 on the query and value projections. */
export const lora = { rank: 4, sites: ["q", "v"] } as const;

/** Sequences of a step, each of the model's full length; verdicts are about the first. */
export const batches = [1, 8, 64] as const;

type ScalingRow = Awaited<ReturnType<typeof scalingRows>>[number];
type Rows = readonly ScalingRow[];
type Read<T> = (row: ScalingRow) => T;

/** Published sizes of GPT-2 and GPT-3, our base, and one of a million parameters, the smallest first. */
export async function scalingRows() {
  // Here, so that nothing else waits for mathjs.
  const { loraSavings } = await import("../src/accounting/mod.ts"), base = await baseConfig();
  const published = Object.entries(catalog).filter(([name]) => /^gpt[23]/.test(name));
  const models: [name: string, config: ConfigJson][] = [
    ["width 128, 4 blocks", { ...base, n_embd: 128, n_layer: 4 }],
    ["tiny-gpt2", base],
    ...published.map(([name, { config }]) => [name, config] as [string, ConfigJson]),
  ];
  return models.map(([model, config]) => {
    return { model, length: Number(config.n_positions), ...loraSavings(config, lora, batches) };
  }).sort((a, b) => a.parameters - b.parameters);
}

/** Optimizers in the order of `optimizerNames`, as people write them. */
export const optimizerLabels = ["AdamW", "SGD", "momentum", "8-bit Adam", "Adafactor"] as const;

const adamW = optimizerLabels.indexOf("AdamW");

/** Values of the smallest and the largest model, and which models satisfy a rule. */
function span(rows: Rows, value: Read<string>, rule: string, holds: Read<boolean>): string {
  const [least, most] = [rows[0], largest(rows)].map((row) => `(${row.model}): ${value(row)}`);
  const names = rows.filter(holds).map(({ model }) => model), list = names.join(", ") || "none";
  const share = `${names.length} of ${rows.length} models (${list})`;
  return `Smallest model ${least}; largest ${most}; ${rule} for ${share}.`;
}

const isThird = ({ byOptimizer }: ScalingRow) => byOptimizer[adamW].peak >= printed.memoryReduction;

const isTenThousandth = ({ reduction }: ScalingRow) =>
  Number(reduction.toPrecision(1)) >= printed.parameterReduction;

/** The largest is GPT-3 175B. */
const largest = (rows: Rows) => rows.at(-1)!;

const size: readonly Column<ScalingRow>[] = [
  ["model", "model", "text"],
  ["parameters", "parameters", "count"],
  ["length", "length (tokens)", "count"],
];

const optimizerTable = (id: string, title: string, key: "peak" | "state") => (rows: Rows) =>
  table({
    ...{ id, title, rows },
    columns: [
      ...size,
      ...optimizerLabels.map((label, i): Column<ScalingRow> => {
        return [label, label, "ratio", ({ byOptimizer }) => byOptimizer[i][key]];
      }),
    ],
  });

const sizeAxis = (title = "model parameters", more: Axis = {}) =>
  logCountAxis(title, { range: [5.8, 11.5], ...more });

/** Marks of models whose sequences are equally long. */
const symbolOf: Readonly<Record<number, [symbol: string, name: string]>> = {
  64: ["circle", "two small ones, 64 tokens"],
  1024: ["square", "GPT-2, 1,024 tokens"],
  2048: ["diamond", "GPT-3, 2,048 tokens"],
};

/** Entries of the legend for the marks, which have no line of their own. */
const markNames = Object.values(symbolOf).map(([symbol, name]): Trace => {
  const marker = { symbol, color: palette.base, size: 7 };
  return { type: "scatter", mode: "markers", name, x: [null], y: [null], marker };
});

/** A line over the sizes, broken where the sequences become longer, which costs activations. */
function sizeLine(
  rows: Rows,
  y: Read<number>,
  style: Trace["line"],
  more: Omit<Trace, "type">,
): Trace {
  const families = [...Map.groupBy(rows, ({ length }) => length).values()];
  const broken = families.flatMap((family) => [...family, undefined]);
  return line(broken, (row) => row?.parameters ?? null, (row) => row ? y(row) : null, style, {
    mode: "lines+markers",
    text: broken.map((row) => row?.model ?? ""),
    marker: { size: 7, symbol: broken.map((row) => row ? symbolOf[row.length][0] : "") },
    ...more,
  });
}

function printedLine(rows: Rows, value: number, name: string): Trace {
  const style = { color: palette.paper, dash: "dot" } as const, ends = [rows[0], largest(rows)];
  return line(ends, ({ parameters }) => parameters, () => value, style, { name });
}

/** The paper's two ratios where the paper does not report them. Every scale is among the rows. */
export const scaling: Experiment = experiment({
  name: "scaling",
  title: "Where the paper's headline numbers shrink",
  question:
    "The paper reports 10,000 times fewer trained parameters and 3 times less memory for the largest " +
    "GPT-3 with Adam. How do both change with smaller models, larger batches and other optimizers?",
  source: "Hu et al. 2021, abstract and section 4.2; a question that the paper leaves open",
  settings:
    "The published shapes of GPT-2 and GPT-3, our base model and a smaller one. Bytes of a training " +
    "step in F32 by closed formulas, which agree to the byte with counting; activations are those " +
    "that the backward pass still has to read. 8-bit Adam keeps its " +
    "state as in bitsandbytes, Adafactor keeps no momentum; weights and gradients are F32 for all. One " +
    "sequence and r = 4 on q and v: where “Full fine-tuning against LoRA” trains tiny-gpt2 with 16 " +
    "pairs at once and on every linear layer, activations weigh more and the factor is smaller.",
  rows: scalingRows,
  beyond: true,
  claims: [{
    text: "With Adam, LoRA takes 3 times less memory at every model size",
    rule:
      "when in F32 with AdamW, on one sequence of the model's full length, with r = 4 on q and v, " +
      "the peak of a step, activations included, falls by a factor of 3 or more for every model in the table",
    ours: (rows) => `${rows.filter(isThird).length} of ${rows.length} models`,
    holds: (rows) => rows.every(isThird),
    found: (rows) =>
      span(rows, ({ byOptimizer }) => byOptimizer[adamW].peak.toFixed(2), "3 or more", isThird),
  }, {
    text: "The factor of 3 does not depend on the batch size",
    rule: "when for GPT-3 175B with AdamW in F32, activations included, the factor is 3 or more " +
      `at every batch size (${batches.join(", ")} sequences of its full length)`,
    ours: (rows) => `${largest(rows).byBatch[1].peak.toFixed(1)} times at ${batches[1]} sequences`,
    holds: (rows) => largest(rows).byBatch.every(({ peak }) => peak >= printed.memoryReduction),
    found(rows) {
      const { model, length, byBatch } = largest(rows);
      const found = batches.map((batch, i) => `${byBatch[i].peak.toFixed(2)} at batch ${batch}`);
      return `${model}, ${grouped(length)} tokens: ${found.join(", ")}.`;
    },
  }, {
    text: "The factor of 3 does not depend on the optimizer",
    rule:
      "when for GPT-3 175B in F32, activations left out, the factor is 3 or more with each of " +
      "SGD, momentum, AdamW, 8-bit Adam and Adafactor",
    ours: (rows) => `${fromTo(largest(rows).byOptimizer.map(({ state }) => state), 1)} times`,
    holds: (rows) =>
      largest(rows).byOptimizer.every(({ state }) => state >= printed.memoryReduction),
    found(rows) {
      const { model, byOptimizer } = largest(rows);
      const found = optimizerLabels.map((label, i) =>
        `${label} ${byOptimizer[i].state.toFixed(2)}`
      );
      return `${model}: ${found.join(", ")}.`;
    },
  }, {
    text: "LoRA trains 10,000 times fewer parameters at every model size",
    rule:
      "when at r = 4 on q and v the reduction, rounded to one significant digit, is 10,000 or " +
      "more for every model in the table",
    ours: (rows) => `${rows.filter(isTenThousandth).length} of ${rows.length} models`,
    holds: (rows) => rows.every(isTenThousandth),
    found: (rows) =>
      span(
        rows,
        ({ reduction }) => grouped(Math.round(reduction)),
        "10,000 or more",
        isTenThousandth,
      ),
  }],
  tables: [
    (rows) => {
      return table({
        id: "scaling-batch",
        title: "Reduction of trained parameters, and of memory with AdamW at each batch size",
        columns: [
          ...size,
          ["trained", "LoRA trains", "count"],
          ["reduction", "reduction", "ratio"],
          ...batches.map((batch, i): Column<ScalingRow> => {
            return [
              `${batch}`,
              `memory, batch ${batch}`,
              "ratio",
              ({ byBatch }) => byBatch[i].peak,
            ];
          }),
        ],
        rows,
      });
    },
    optimizerTable("scaling-peak", "Memory reduction at the peak of a step, one sequence", "peak"),
    optimizerTable("scaling-state", "Memory reduction, activations left out", "state"),
  ],
  figures: [(rows) => {
    const traces = optimizerLabels.flatMap((name, i) => {
      const style = { color: optimizerColors[i] }, right = { xaxis: "x2", showlegend: false };
      return [
        sizeLine(rows, ({ byOptimizer }) => byOptimizer[i].peak, style, { name }),
        sizeLine(rows, ({ byOptimizer }) => byOptimizer[i].state, style, { name, ...right }),
      ];
    });
    const times = printedLine(rows, printed.memoryReduction, "paper: 3 times");
    return {
      id: "scaling-memory",
      title: "Memory of full fine-tuning divided by that of LoRA, by model size and optimizer",
      caption:
        "Left: the peak of a step in F32 on one sequence of the model's full length; right: weights, " +
        "gradients and optimizer state alone; r = 4 on q and v. SGD is hidden behind Adafactor, which " +
        "has almost no state. Dotted: the paper's number for GPT-3 175B.",
      data: [...traces, times, { ...times, xaxis: "x2", showlegend: false }, ...markNames],
      layout: baseLayout(
        sizeAxis("parameters:<br>peak of a step", leftPanel),
        axis("memory reduction (times)", { range: [0.9, 4.2] }),
        { xaxis2: sizeAxis("parameters:<br>between steps", rightPanel) },
      ),
    };
  }, (rows) => {
    const style = { color: palette.lora[1] };
    return {
      id: "scaling-parameters",
      title: "Model parameters divided by those that LoRA trains, by model size",
      caption: "r = 4 on q and v; r = 1 trains a quarter as many. Both axes are logarithmic.",
      data: [
        sizeLine(rows, ({ reduction }) => reduction, style, { name: "r = 4" }),
        printedLine(rows, printed.parameterReduction, "paper: 10,000 times"),
        ...markNames,
      ],
      layout: baseLayout(sizeAxis(), logCountAxis("reduction (times)", { range: [1.8, 4.3] }), {
        height: 340,
      }),
    };
  }],
});
