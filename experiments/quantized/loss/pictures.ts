/** The tables and the figure of `quantized-loss`. @module */

import {
  axis,
  baseLayout,
  type Column,
  type DataTable,
  dots,
  type Figure,
  line,
  logAxis,
  palette,
  sliderFigure,
  type SliderStep,
  table,
} from "../../../src/figures/mod.ts";
import { noiseIn } from "../../differences.ts";
import { inF32, lossBases, qloraBase } from "./bases.ts";
import { cellOf, type ComparedTask, comparedTasks, loraNoise, minus } from "./comparison.ts";
import type { LossRow } from "./rows.ts";
import { full, lora, type LossMethod, untrained } from "./tasks.ts";

type Rows = readonly LossRow[];

/** Methods in the order of the table: those that the rest is compared with come first. */
const shown: readonly LossMethod[] = [
  full,
  ...lossBases.map(lora),
  ...lossBases.map(untrained),
];

/** The means over the seeds, and below each what it is minus LoRA in F32. */
export function lossMeansTable(rows: Rows): DataTable {
  const tasks = comparedTasks(rows), plain = lora(inF32);
  const column = (task: ComparedTask): Column<LossMethod> => [
    task.name,
    `${task.name}: ${task.measured.heading}`,
    task.measured.unit,
    (method) => cellOf(task, method)?.mean,
    (method) => {
      const [cell, other] = [method, plain].map((one) => cellOf(task, one));
      return !cell || !other || cell === other || method.trained === "nothing"
        ? undefined
        : minus(task, cell, other);
    },
  ];
  return table<LossMethod>({
    id: "quantized-loss-means",
    title: "Means over the seeds; below them, minus LoRA in F32",
    columns: [
      ["trained", "trained", "text"],
      ["base", "base", "text", ({ base }) => base.label],
      ...tasks.map(column),
    ],
    rows: shown.filter((method) => tasks.some((task) => cellOf(task, method))),
  });
}

/** Every run: the rows that are shipped. */
export const lossRunsTable = (rows: Rows): DataTable =>
  table<LossRow>({
    id: "quantized-loss",
    title: "Every run, and the bases that are not trained",
    columns: [
      ["task", "task", "text"],
      ["base", "base", "text"],
      ["trained", "trained", "text"],
      ["seed", "seed", "count"],
      ["learningRate", "rate", "number"],
      ["values", "trained values", "count"],
      ["loss", "loss (nats per token)", "nats"],
      ["accuracy", "accuracy (%)", "percent"],
    ],
    rows,
  });

/** Values per block, of a base in 4 bits with scales in 8 bits. */
const blockOf = ({ base }: LossRow): number | undefined => {
  const [, digits] = /^\w+, (\d+)$/.exec(base) ?? [];
  return digits === undefined ? undefined : Number(digits);
};

/** Their marks are side by side. */
const codes = [
  { name: "NF4", aside: 0.98, color: palette.series[0] },
  { name: "FP4", aside: 1.02, color: palette.series[2] },
];

/** The smallest block and the largest. */
const ends = [32, 256];

/** LoRA by block size: a mark for each seed, and dashed what it is compared with; a step for each task. */
export const lossFigure = (rows: Rows): Figure =>
  sliderFigure({
    id: "quantized-loss",
    title: "LoRA on a base in 4 bits, by block size",
    caption: "A mark for each seed ({seeds}); scales in 8 bits. Dashed: means in F32.",
    name: "task",
    steps: comparedTasks(rows).map((task) =>
      stepOf(task, rows.filter((row) => row.task === task.name && row.trained === "LoRA"))
    ),
  });

function stepOf(task: ComparedTask, own: Rows): SliderStep {
  const level = (method: LossMethod, name: string, color: string) => {
    const value = cellOf(task, method)!.mean;
    return line(ends, (x) => x, () => value, { color, dash: "dash" }, { name });
  };
  return {
    label: task.name,
    caption: captionOf(task),
    data: [
      ...codes.map(({ name, aside, color }) =>
        dots(
          own.filter((row) => row.base.startsWith(name) && blockOf(row)),
          (row) => blockOf(row)! * aside,
          ({ loss, accuracy }) => loss ?? accuracy,
          { color, size: 9 },
          { name },
        )
      ),
      level(lora(inF32), "LoRA, F32", palette.lora[1]),
      level(full, "full fine-tuning", palette.full),
    ],
    layout: baseLayout(
      logAxis("values per block", {
        tickvals: [32, 64, 128, 256],
        ticktext: ["32", "64", "128", "256"],
      }),
      axis(task.measured.heading),
    ),
  };
}

/**
 * Caption: the better direction, the noise floor, and the value of the base before it is trained.
 */
function captionOf(task: ComparedTask): string {
  const { measured: { best, decimals }, compared: { noise } } = task;
  const before = [inF32, qloraBase].map((base) => cellOf(task, untrained(base))?.mean);
  const [plain, quantized] = before.map((value) => value?.toFixed(decimals));
  return [
    best === "lowest" ? "Lower is better." : "Higher is better.",
    Number.isNaN(noise)
      ? ""
      : `Noise floor${noiseIn(noise, decimals)}, of LoRA alone${
        noiseIn(loraNoise(task), decimals)
      }.`,
    plain === undefined ? "" : `Not trained: ${plain} in F32, ${quantized} in NF4, 64.`,
  ].filter((part) => part).join(" ");
}
