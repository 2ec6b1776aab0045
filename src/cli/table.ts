/** Text tables. @module */

import { grouped } from "../core/numbers.ts";
import { terminalLine } from "../core/terminal_text.ts";
import { alignColumns } from "../figures/plain_table.ts";

/** A column: its title, and what it shows for a row. */
export type Column<T> = readonly [title: string, show: (row: T) => string | number];

/** More rows than these do not fit a screen, so that a row for each kind of layer comes before them. */
export const mostRows = 24;

/** Aligned columns under a line of titles; numbers are right-aligned. */
export function table<T>(rows: readonly T[], columns: readonly Column<T>[]): string {
  const cells = [
    columns.map(([title]) => title),
    ...rows.map((row) => columns.map(([, show]) => display(show(row)))),
  ];
  const right = columns.map(([, show]) => rows.every((row) => typeof show(row) === "number"));
  return alignColumns(cells, right);
}

function display(value: string | number): string {
  return typeof value === "number" ? grouped(value) : terminalLine(value);
}
