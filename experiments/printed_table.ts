/** A table of the paper as it is printed, to stand beside ours. @module */

import type { DataTable } from "../src/figures/figure.ts";
import { printedTables, tableLabel } from "../src/paper/printed/mod.ts";

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
  return {
    id: `printed-${name}`,
    title: `${tableLabel(name)} of Hu et al. 2021, quoted: ${title}`,
    columns: [
      { key: "row", label: "", unit: "text" },
      ...columns.map((label, i) => ({ key: `${i}`, label, unit: "text" as const })),
    ],
    rows: Object.entries(rows).map(([row, cells]) => ({
      row,
      ...Object.fromEntries(cells.map((cell, i) => [`${i}`, cell ?? undefined])),
    })),
  };
}
