/** The tables and the figure of the latency study. @module */

import { mean } from "../../src/core/numbers.ts";
import {
  type DataTable,
  type Figure,
  type Line,
  linesSlider,
  table,
} from "../../src/figures/mod.ts";
import { palette } from "../../src/figures/figure.ts";
import { baseOf, byBatch, type LatencyRow, type MethodCells, methodsIn } from "./rows.ts";

type Rows = readonly LatencyRow[];

/** Every pass that was timed, as it was measured. */
export const passTable = (id: string, rows: Rows): DataTable =>
  table<LatencyRow>({
    id,
    title: "Every cell: times, and what a pass asks of the device",
    columns: [
      ["space", "shape and device", "text"],
      ["batch", "batch", "count"],
      ["length", "length", "count"],
      ["model", "model", "text"],
      ["bottleneck", "r", "count"],
      ["minimum", "minimum (ms)", "time"],
      ["median", "median (ms)", "time"],
      ["rounds", "rounds", "count"],
      ["ratio", "by the base's", "number"],
      ["low", "at least", "number"],
      ["high", "at most", "number"],
      ["launches", "launches", "count"],
      ["differing", "not the base's", "count"],
      ["flops", "operations", "count"],
      ["bytes", "bytes", "bytes"],
      ["launchMicros", "a launch (µs)", "time"],
    ],
    rows,
  });

/** A method at one batch, averaged over the lengths that every batch has. */
interface BatchRow {
  readonly space: string;
  readonly method: string;
  readonly batch: number;
  readonly lengths: string;
  readonly share: number;
  readonly median: number;
  readonly launches: number;
  readonly flops: number;
  readonly byLaunches: number | undefined;
  readonly byFlops: number | undefined;
  readonly ofOneToken: number | undefined;
}

function batchRows(method: MethodCells, rows: Rows): BatchRow[] {
  return byBatch(method).map(({ batch, own, share }) => {
    const bases = own.map(({ row }) => baseOf(rows, row));
    const average = (value: (place: number) => number) => 100 * mean(own.map((_, i) => value(i)));
    // Of a difference that is noise, no share is explained.
    const explained = (value: (place: number) => number) =>
      share > 0.02 && own.every((one) => one.share > 0) ? average(value) : undefined;
    return {
      ...{ space: method.space, method: method.method, batch, share: 100 * share },
      lengths: own.map(({ row }) => row.length).join(", "),
      median: average((i) => own[i].medianShare),
      launches: own[0].row.launches - bases[0].launches,
      flops: average((i) => own[i].row.flops / bases[i].flops - 1),
      byLaunches: explained((i) => own[i].byLaunches),
      byFlops: explained((i) => own[i].byFlops),
      ofOneToken: explained((i) => own[i].ofOneToken),
    };
  });
}

/** Table of the time that each method adds, and what explains it. */
export const slowDownTable = (id: string, rows: Rows): DataTable =>
  table<BatchRow>({
    id: `${id}-slow-downs`,
    title: "Slow-down against the base, averaged over the lengths that every batch has",
    columns: [
      ["space", "shape and device", "text"],
      ["method", "model", "text"],
      ["batch", "batch", "count"],
      ["lengths", "lengths", "text"],
      ["share", "slow-down (%)", "percent"],
      ["median", "by medians (%)", "percent"],
      ["launches", "launches more", "count"],
      ["flops", "operations more (%)", "percent"],
      ["byLaunches", "of it launches (%)", "percent"],
      ["byFlops", "of it operations (%)", "percent"],
      ["ofOneToken", "of it with one token (%)", "percent"],
    ],
    rows: methodsIn(rows).filter(({ method }) => method !== "base")
      .flatMap((method) => batchRows(method, rows)),
  });

/** Each bottleneck of a kind of adapter has a shade of the kind's color, the largest the darkest. */
const colors: Readonly<Record<string, readonly string[]>> = {
  "base again": [palette.base],
  merged: [palette.merged],
  unmerged: [palette.lora[1]],
  H: ["#e3b5ce", "#cc79a7", "#7d3560"],
  L: ["#f4cf87", "#e69f00", "#8a5a00"],
};

/** Names in the order of the legend, with their colors. */
function colored(names: readonly string[]): [name: string, color: string][] {
  const kindOf = (name: string) => name.split(",")[0];
  return names.map((name) => {
    const kin = names.filter((other) => kindOf(other) === kindOf(name));
    return [name, colors[kindOf(name)][kin.indexOf(name)]];
  });
}

/** Figure 5: the slow-down of each method by batch, a step of the slider for each shape and length. */
export function slowDownFigure(id: string, rows: Rows): Figure {
  const methods = methodsIn(rows).filter(({ method }) => method !== "base");
  const grid = methods.flatMap(({ cells }) => cells.map(({ row }) => row));
  const places = Map.groupBy(grid, ({ space, length }) => `${length} tokens, ${space}`);
  const names = colored([...new Set(methods.map(({ method }) => method))]);
  const steps = [...places].map(([label, [{ space, length }]]) => ({
    label,
    lines: names.map(([name, color]): Line => {
      const cells = methods.find((one) => one.space === space && one.method === name)?.cells ?? [];
      const own = cells.filter(({ row }) => row.length === length);
      const [x, y] = [own.map(({ row }) => row.batch), own.map(({ share }) => 100 * share)];
      return { name, x, y, color, dashed: name === "base again" };
    }),
  }));
  return linesSlider({
    id: `${id}-slow-downs`,
    title: "Slow-down of a forward pass",
    caption:
      "Against the base, by the minimum over passes that take turns; dashed: the base again, which is noise alone.",
    name: "length and shape",
    x: { title: "batch (sequences)", log: true },
    y: { title: "slow-down (%)" },
  }, steps);
}
