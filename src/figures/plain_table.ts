/** Tables as text. @module */

import { boundsOf } from "../core/numbers.ts";
import type { DataTable } from "./figure.ts";
import { formatValue, isText } from "./format.ts";

/** Lines of cells as columns two spaces apart; marked columns are right-aligned. */
export function alignColumns(
  lines: readonly (readonly string[])[],
  right: readonly boolean[],
): string {
  const widths = right.map((_, i) => boundsOf(lines.map((line) => line[i].length))[1]);
  return lines.map((line) =>
    line.map((cell, i) => right[i] ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))
      .join("  ").trimEnd()
  ).join("\n");
}

/**
 * A table for a terminal: title, headings and rows, with numbers right-aligned; small print is left out.
 *
 * @example
 * ```ts
 * import { plainTable, tableOf } from "@lowrank/core/figures";
 *
 * console.log(plainTable(tableOf("Sizes", [{ "rank": 4, "on disk": 1.5e6 }], { "on disk": "bytes" })));
 * ```
 */
export function plainTable({ title, quoted, columns, rows }: DataTable): string {
  const cells = rows.map((row) => columns.map(({ key, unit }) => formatValue(row[key], unit)));
  const heads = columns.map(({ group, label }) => group ? `${group}, ${label}` : label);
  const lines = [heads, ...cells];
  const whose = quoted === undefined ? "" : ` (${quoted})`;
  return `${title}${whose}\n${alignColumns(lines, columns.map(({ unit }) => !isText(unit)))}`;
}
