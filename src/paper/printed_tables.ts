/** A table of the paper as printed, to show next to ours. @module */

import type { DataTable, TableColumn } from "../figures/figure.ts";
import { table } from "../figures/table.ts";
import { printedTables, tableLabel } from "./printed/mod.ts";

/** A row's name and its cells. */
export type PrintedRow = readonly [name: string, cells: readonly (string | null)[]];

/** Printed cells as they are, under their names. */
export function quotedCells(
  words: Pick<DataTable, "id" | "title" | "quoted">,
  columns: readonly string[],
  rows: readonly PrintedRow[],
): DataTable {
  const flat = table({
    ...words,
    columns: [
      ["row", "", "text", ([name]) => name],
      ...columns.map((label, i) =>
        [`${i}`, label, "text", ([, cells]: PrintedRow) => cells[i] ?? undefined] as const
      ),
    ],
    rows,
  });
  return { ...flat, columns: flat.columns.map((column) => grouped(column, columns)) };
}

/** `ms` below `32 × 512` for `32 × 512, ms`, where another column is of 32 × 512, too. */
function grouped(column: TableColumn, labels: readonly string[]): TableColumn {
  const [group, ...rest] = column.label.split(", "), prefix = `${group}, `;
  const isGroup = labels.filter((label) => label.startsWith(prefix)).length > 1;
  return isGroup ? { ...column, label: rest.join(", "), group } : column;
}

/**
 * One of the paper's tables, quoted in full.
 *
 * @param name `table5`, as in `printedTables` of `@lowrank/core/paper`.
 * @throws {RangeError} when there is no such table.
 *
 * @example
 * ```ts
 * import { quotedFromPaper } from "@lowrank/core/experiments";
 *
 * console.log(quotedFromPaper("table5").rows.length); // 7
 * ```
 */
export function quotedFromPaper(name: string): DataTable {
  if (!Object.hasOwn(printedTables, name)) {
    const names = Object.keys(printedTables).join(", ");
    throw new RangeError(`the paper's tables are ${names}, found "${name}"`);
  }
  const { title, columns, rows } = printedTables[name];
  const words = {
    id: `printed-${name}`,
    title: `${tableLabel(name)} of Hu et al. 2021, quoted: ${title}`,
  };
  return quotedCells(words, columns, Object.entries(rows));
}
