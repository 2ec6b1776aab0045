/** Tables of text. @module */

/** A column: its title and how a row shows in it. */
export type Column<T> = readonly [title: string, show: (row: T) => string | number];

/** Aligned columns, numbers to the right, with a line of titles. */
export function table<T>(rows: readonly T[], columns: readonly Column<T>[]): string {
  const cells = [
    columns.map(([title]) => title),
    ...rows.map((row) => columns.map(([, show]) => display(show(row)))),
  ];
  const right = columns.map(([, show]) => rows.every((row) => typeof show(row) === "number"));
  const widths = columns.map((_, i) => Math.max(...cells.map((line) => line[i].length)));
  return cells.map((line) =>
    line.map((cell, i) => right[i] ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))
      .join("  ").trimEnd()
  ).join("\n");
}

function display(value: string | number): string {
  return typeof value === "number" ? value.toLocaleString("en-US") : value;
}
