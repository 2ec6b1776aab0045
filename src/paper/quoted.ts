/** The cells of the paper's tables that no formula computes. @module */

import { computations } from "./computations/mod.ts";
import { cellName, printedTables } from "./printed/mod.ts";

/** The quoted cells of a table in its own layout, without rows and columns that have none. */
export interface QuotedTable {
  /** Why they are only quoted. */
  readonly why: string;
  /** Names of the columns. */
  readonly columns: readonly string[];
  /** Rows by name; null where the paper has no cell, or we compute it. */
  readonly rows: readonly (readonly [name: string, cells: readonly (string | null)[]])[];
}

/** The quoted cells of one of `printedTables`. */
export function quotedTable(name: string): QuotedTable {
  const printed = printedTables[name];
  const rows = Object.entries(printed.rows).map(([row, cells]) =>
    [
      row,
      cells.map((cell, i) => isComputed(name, cellName(printed, row, i)) ? null : cell),
    ] as const
  );
  const isKept = printed.columns.map((_, i) => rows.some(([, cells]) => cells[i] !== null));
  const keep = <T>(cells: readonly T[]) => cells.filter((_, i) => isKept[i]);
  return {
    why: printed.quoted,
    columns: keep(printed.columns),
    rows: rows.filter(([, cells]) => cells.some((cell) => cell !== null))
      .map(([row, cells]) => [row, keep(cells)]),
  };
}

const isComputed = (table: string, cell: string): boolean =>
  Object.hasOwn(computations[table] ?? {}, cell);
