/** Traces of rows: what a mark's place says is read off each row. @module */

import type { Trace } from "./plotly_types.ts";

/** A place along an axis; null breaks a line. */
type Place = string | number | null | undefined;

type Reader<R> = (row: R, index: number) => Place;

/** A mark for each row. */
export function dots<R>(
  rows: readonly R[],
  x: Reader<R>,
  y: Reader<R>,
  marker: Trace["marker"],
  more: Omit<Trace, "type"> = {},
): Trace {
  return { type: "scatter", mode: "markers", ...places(rows, x, y), marker, ...more };
}

/** A line through the rows. */
export function line<R>(
  rows: readonly R[],
  x: Reader<R>,
  y: Reader<R>,
  line: Trace["line"],
  more: Omit<Trace, "type"> = {},
): Trace {
  return { type: "scatter", mode: "lines", ...places(rows, x, y), line, ...more };
}

/** An upright bar for each row. */
export function bars<R>(
  rows: readonly R[],
  x: Reader<R>,
  y: Reader<R>,
  marker: Trace["marker"],
  more: Omit<Trace, "type"> = {},
): Trace {
  return { type: "bar", ...places(rows, x, y), marker, ...more };
}

/** A bar to the right for each row. */
export function barsAcross<R>(
  rows: readonly R[],
  x: Reader<R>,
  y: Reader<R>,
  marker: Trace["marker"],
  more: Omit<Trace, "type"> = {},
): Trace {
  return { ...bars(rows, x, y, marker, more), orientation: "h" };
}

/** An upright line through the whole plot, for a layout's shapes. */
export function upright(x: number, line: Trace["line"]): Record<string, unknown> {
  return { type: "line", x0: x, x1: x, y0: 0, y1: 1, yref: "paper", line };
}

function places<R>(rows: readonly R[], x: Reader<R>, y: Reader<R>): Pick<Trace, "x" | "y"> {
  return { x: rows.map(x), y: rows.map(y) } as Pick<Trace, "x" | "y">;
}
