/** The tables and the figure of methods side by side. @module */

import { boundsOf, fromTo } from "../../src/core/numbers.ts";
import { axis, baseLayout, dots, line, logCountAxis, palette } from "../../src/figures/mod.ts";
import {
  type DataTable,
  type Figure,
  table,
  type Trace,
  type Unit,
} from "../../src/figures/mod.ts";
import { noiseIn, signed } from "../differences.ts";
import type { MethodCell, MethodComparison, MethodRow } from "./comparison.ts";

/** What is measured, in a table's and in an axis' words. */
export interface MeasuredValue {
  /** `held-out loss (nats per token)`. */
  readonly heading: string;
  /** Which values are better. */
  readonly best: "lowest" | "highest";
  /** Its unit. */
  readonly unit: Unit;
  /** Decimals of differences. */
  readonly decimals: number;
}

/** Held-out loss. */
export const lossValue: MeasuredValue = {
  heading: "held-out loss (nats per token)",
  best: "lowest",
  unit: "nats",
  decimals: 3,
};

/** Share of the texts. */
export const accuracyValue: MeasuredValue = {
  heading: "accuracy (%)",
  best: "highest",
  unit: "percent",
  decimals: 1,
};

/** Every run: the rows that are shipped. */
export const runsTable =
  (id: string, { heading, unit }: MeasuredValue) => (rows: readonly MethodRow[]): DataTable =>
    table<MethodRow>({
      id,
      title: "Every reported run",
      columns: [
        ["label", "method", "text"],
        ["size", "size", "text"],
        ["seed", "seed", "count"],
        ["learningRate", "rate", "number"],
        ["trained", "trained values", "count"],
        ["value", heading, unit],
        ["end", "end of its grid that the rate is", "text"],
        ["compared", "compared at this size", "count"],
        ["family", "family", "text"],
        ["key", "key", "text"],
      ],
      rows,
    });

/** A line of the table of means. */
interface MeansRow extends Pick<MethodCell, "label" | "size" | "trained" | "mean"> {
  readonly rate?: string;
  readonly seeds?: string;
  readonly difference?: string;
}

/** The mean of each method at each size, beside that of one that all are compared with. */
export function meansTable(
  words: Pick<DataTable, "id" | "title">,
  compared: MethodComparison,
  against: MethodCell,
  { heading, unit, decimals }: MeasuredValue,
): DataTable {
  const rows = compared.cells.map((cell): MeansRow => {
    const { label, size, trained, mean, values } = cell, own = { label, size, trained, mean };
    if (cell.family === "baseline") return own;
    const difference = signed(mean - against.mean, decimals) + noiseIn(compared.noise, decimals);
    return {
      ...{ ...own, rate: rateIn(cell), seeds: fromTo(values, decimals) },
      ...cell !== against && { difference },
    };
  });
  return table<MeansRow>({
    ...words,
    columns: [
      ["label", "method", "text"],
      ["size", "size", "text"],
      ["trained", "trained values", "count"],
      ["rate", "rate", "text"],
      ["mean", heading, unit],
      ["seeds", "of the seeds", "text"],
      ["difference", `minus ${against.label}`, "text"],
    ],
    rows,
  });
}

const rateIn = ({ learningRate, end }: MethodCell): string =>
  `${learningRate?.toExponential()}${end ? ` (${end})` : ""}`;

const colors: Readonly<Record<MethodRow["family"], string>> = {
  baseline: palette.base,
  full: palette.full,
  biases: palette.series[3],
  adapter: palette.series[1],
  prefix: palette.series[2],
  LoRA: palette.lora[0],
  "LoRA and prefix": palette.lora[2],
};

const dashes = ["dash", "dot", "dashdot"] as const;

const symbols = ["circle", "square", "diamond", "triangle-up", "cross", "x", "star"];

/** Quality against trained values: a mark for each seed, a line through each method's means; baselines dashed. */
export function methodsFigure(
  rows: readonly MethodRow[],
  compared: MethodComparison,
  { heading }: MeasuredValue,
): Pick<Figure, "data" | "layout"> {
  const seen = new Map<string, number>(), trained = rows.filter(({ trained }) => trained > 0);
  const ends = boundsOf(trained.map(({ trained }) => trained));
  const baselines = rows.filter(({ family }) => family === "baseline");
  const dashed = baselines.map(({ label: name, value }, place): Trace => {
    const style = { color: palette.base, width: 1.5, dash: dashes[place % dashes.length] } as const;
    return line(ends, (end) => end, () => value, style, { name });
  });
  const traces = [...Map.groupBy(trained, ({ key }) => key)].flatMap(([key, own]): Trace[] => {
    const { family, label } = own[0], color = colors[family], place = seen.get(family) ?? 0;
    seen.set(family, place + 1);
    const marker = { color, symbol: symbols[place % symbols.length], size: 9 };
    const quiet = { showlegend: false, hoverinfo: "skip", legendgroup: key };
    return [
      line(compared.sizesOf(key), ({ trained }) => trained, ({ mean }) => mean, {
        color,
        width: 1.2,
      }, quiet),
      dots(own, ({ trained }) => trained, ({ value }) => value, marker, {
        ...{ name: label, legendgroup: key },
      }),
    ];
  });
  const layout = baseLayout(logCountAxis("trained values"), axis(heading), { height: 620 });
  return { data: [...dashed, ...traces], layout };
}
