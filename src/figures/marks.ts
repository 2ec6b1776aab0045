/** Traces of rows: the position of each mark is read from its row. @module */

import type { Trace } from "./plotly_types.ts";

/** A position along an axis: a number or a category; null breaks a line. */
export type MarkPlace = string | number | null | undefined;

/** Reads the position of a row's mark along an axis. */
export type PlaceOf<Row> = (row: Row, index: number) => MarkPlace;

/**
 * Turns rows into a trace: the position of each row's mark along both axes, the style of all marks, and any
 * other fields of the trace.
 */
export type RowsToTrace<Style> = <Row>(
  rows: readonly Row[],
  x: PlaceOf<Row>,
  y: PlaceOf<Row>,
  style: Style,
  more?: Omit<Trace, "type">,
) => Trace;

/**
 * A mark for each row.
 *
 * @example
 * ```ts
 * import { dots } from "@lowrank/core/figures";
 *
 * const rows = [{ rank: 1, loss: 3.5 }, { rank: 4, loss: 3.3 }];
 * const trace = dots(rows, ({ rank }) => rank, ({ loss }) => loss, { size: 9 }, { name: "LoRA" });
 * console.log(trace.y); // [ 3.5, 3.3 ]
 * ```
 */
export const dots: RowsToTrace<Trace["marker"]> = (rows, x, y, marker, more): Trace => ({
  type: "scatter",
  mode: "markers",
  ...places(rows, x, y),
  marker,
  ...more,
});

/** A line through the rows. */
export const line: RowsToTrace<Trace["line"]> = (rows, x, y, line, more): Trace => ({
  type: "scatter",
  mode: "lines",
  ...places(rows, x, y),
  line,
  ...more,
});

/** A vertical bar for each row. */
export const bars: RowsToTrace<Trace["marker"]> = (rows, x, y, marker, more): Trace => ({
  type: "bar",
  ...places(rows, x, y),
  marker,
  ...more,
});

/** A horizontal bar for each row. */
export const barsAcross: RowsToTrace<Trace["marker"]> = (rows, x, y, marker, more): Trace => ({
  ...bars(rows, x, y, marker, more),
  orientation: "h",
});

/** A vertical line through the whole plot, for a layout's shapes. */
export function upright(x: number, line: Trace["line"]): Record<string, unknown> {
  return { type: "line", x0: x, x1: x, y0: 0, y1: 1, yref: "paper", line };
}

function places<Row>(
  rows: readonly Row[],
  x: PlaceOf<Row>,
  y: PlaceOf<Row>,
): Pick<Trace, "x" | "y"> {
  return { x: rows.map(x), y: rows.map(y) } as Pick<Trace, "x" | "y">;
}
