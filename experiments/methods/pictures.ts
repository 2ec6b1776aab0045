/** The tables and the figure of methods side by side. @module */

import { boundsOf, fromTo } from "../../src/core/numbers.ts";
import { axis, baseLayout, dots, line, logCountAxis, palette } from "../../src/figures/mod.ts";
import { methodKinds } from "../../src/figures/figure.ts";
import {
  type Column,
  type DataTable,
  type Figure,
  table,
  type Trace,
  type Unit,
} from "../../src/figures/mod.ts";
import { noiseIn, signed } from "../differences.ts";
import type { MethodCell, MethodComparison, MethodRow } from "./comparison.ts";

/** Name, unit and direction of the measured value in tables and on axes. */
export interface MeasuredValue {
  /** `held-out loss (nats per token)`. */
  readonly heading: string;
  /** The better end of the values. */
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

/** Every run: the rows that are shipped, with columns of their own before and after those of all studies. */
export const runsTable = <Row extends MethodRow>(
  id: string,
  { heading, unit }: MeasuredValue,
  { before = [], after = [] }: OwnColumns<Row> = {},
) =>
(rows: readonly Row[]): DataTable =>
  table<Row>({
    id,
    title: "Every reported run",
    columns: [
      ...before,
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
      ...after,
    ],
    rows,
  });

/** Columns of a study's own. */
export interface OwnColumns<Row> {
  /** Those before the method's name. */
  readonly before?: readonly Column<Row>[];
  /** Those at the end. */
  readonly after?: readonly Column<Row>[];
}

/**
 * The mean of each method at each size, beside that of one that all are compared with.
 *
 * @param parts Columns of what the mean is made of.
 */
export function meansTable(
  words: Pick<DataTable, "id" | "title">,
  compared: MethodComparison,
  against: MethodCell,
  { heading, unit, decimals }: MeasuredValue,
  parts: readonly Column<MethodCell>[] = [],
): DataTable {
  const ofTrained = (show: (cell: MethodCell) => string) => (cell: MethodCell) =>
    cell.family === "baseline" ? undefined : show(cell);
  const difference = (cell: MethodCell) =>
    signed(cell.mean - against.mean, decimals) +
    noiseIn(compared.noiseBetween(cell, against), decimals);
  return table<MethodCell>({
    ...words,
    columns: [
      ["label", "method", "text"],
      ["size", "size", "text"],
      ["trained", "trained values", "count"],
      ...(compared.cells.some(({ learningRate }) => learningRate !== undefined)
        ? [["rate", "rate", "text", ofTrained(rateIn)]] satisfies Column<MethodCell>[]
        : []),
      ...parts,
      ["mean", heading, unit],
      ["seeds", "of the seeds", "text", ofTrained(({ values }) => fromTo(values, decimals))],
      [
        "difference",
        `minus ${against.label}`,
        "text",
        (cell) => cell === against ? undefined : ofTrained(difference)(cell),
      ],
    ],
    rows: compared.cells,
  });
}

/** `3e-3 (highest)`: a rate, and which end of its grid it is. */
export const rateIn = ({ learningRate, end }: Pick<MethodRow, "learningRate" | "end">): string =>
  `${learningRate?.toExponential()}${end ? ` (${end})` : ""}`;

const dashes = ["solid", "dash", "dot", "dashdot"] as const;

const symbols = ["circle", "square", "diamond", "triangle-up", "cross", "x", "star"];

/** Dashes of the n-th method of a family: no two lines of one shade are dashed alike. */
function styleOf(family: MethodRow["family"], place: number) {
  const own = methodKinds[family].shades, color = own[place % own.length];
  return { color, dash: dashes[Math.floor(place / own.length) % dashes.length] };
}

/** Quality against trained values: a mark for each seed, a line through each method's means; baselines dashed. */
export function methodsFigure(
  rows: readonly MethodRow[],
  compared: MethodComparison,
  { heading }: Pick<MeasuredValue, "heading">,
): Pick<Figure, "data" | "layout"> {
  const seen = new Map<string, number>(), trained = rows.filter(({ trained }) => trained > 0);
  const ends = boundsOf(trained.map(({ trained }) => trained));
  const baselines = rows.filter(({ family }) => family === "baseline");
  const dashed = baselines.map(({ label: name, value }, place): Trace => {
    const dash = dashes[1 + place % (dashes.length - 1)];
    const style = { color: palette.base, width: 1.5, dash } as const;
    return line(ends, (end) => end, () => value, style, { name });
  });
  const traces = [...Map.groupBy(trained, ({ key }) => key)].flatMap(([key, own], i): Trace[] => {
    const { family, label } = own[0], place = seen.get(family) ?? 0;
    seen.set(family, place + 1);
    const { color, dash } = styleOf(family, place);
    const marker = { color, symbol: symbols[i % symbols.length], size: 9 };
    const quiet = { showlegend: false, hoverinfo: "skip", legendgroup: key };
    return [
      line(compared.sizesOf(key), ({ trained }) => trained, ({ mean }) => mean, {
        ...{ color, dash, width: 1.2 },
      }, quiet),
      dots(own, ({ trained }) => trained, ({ value }) => value, marker, {
        ...{ name: label, legendgroup: key },
      }),
    ];
  });
  const layout = baseLayout(logCountAxis("trained values"), axis(heading), { height: 620 });
  return { data: [...dashed, ...traces], layout };
}
