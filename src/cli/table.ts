/** Tables of text. @module */

import { alignColumns } from "../figures/plain_table.ts";

/** A column: its title and how a row shows in it. */
export type Column<T> = readonly [title: string, show: (row: T) => string | number];

/** Aligned columns, numbers to the right, with a line of titles. */
export function table<T>(rows: readonly T[], columns: readonly Column<T>[]): string {
  const cells = [
    columns.map(([title]) => title),
    ...rows.map((row) => columns.map(([, show]) => display(show(row)))),
  ];
  const right = columns.map(([, show]) => rows.every((row) => typeof show(row) === "number"));
  return alignColumns(cells, right);
}

function display(value: string | number): string {
  return typeof value === "number" ? value.toLocaleString("en-US") : value;
}
