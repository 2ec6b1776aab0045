/** Tables as lists of columns, each of which reads its value from a row. @module */

import type { DataTable, Unit } from "./figure.ts";

/** The value of a cell; a missing value shows as a dash. */
export type Cell = string | number | undefined;

/**
 * A column: its key, its heading, how its values are printed, what it shows of a row (the value under
 * its key unless said), and what stands below that in small print.
 */
export type Column<Row> =
  | readonly [key: keyof Row & string, label: string, unit: Unit]
  | readonly [
    key: string,
    label: string,
    unit: Unit,
    value: (row: Row) => Cell,
    detail?: (row: Row) => Cell,
  ];

/** A table before its columns have read its rows. */
export interface TableDefinition<Row> extends Pick<DataTable, "id" | "title" | "quoted"> {
  /** In the order in which they are shown. */
  readonly columns: readonly Column<Row>[];
  /** What they read. */
  readonly rows: readonly Row[];
}

/**
 * The table that the columns make of the rows.
 *
 * @example
 * ```ts
 * import { table } from "@lowrank/core/figures";
 *
 * const { rows } = table({
 *   id: "losses",
 *   title: "Losses",
 *   columns: [
 *     ["rank", "r", "count"],
 *     ["gain", "gained (nats)", "nats", ({ before, after }) => before - after],
 *   ],
 *   rows: [{ rank: 4, before: 4.5, after: 3 }],
 * });
 * console.log(rows); // [ { rank: 4, gain: 1.5 } ]
 * ```
 */
export function table<Row>({ columns, rows, ...words }: TableDefinition<Row>): DataTable {
  return {
    ...words,
    columns: columns.map(([key, label, unit, , detail]) => {
      return { key, label, unit, ...(detail && { detail: detailKey(key) }) };
    }),
    rows: rows.map((row) => Object.fromEntries(columns.flatMap((column) => cells(column, row)))),
  };
}

const detailKey = (key: string) => `${key}Detail`;

function cells<Row>([key, , , value, detail]: Column<Row>, row: Row): [key: string, cell: Cell][] {
  const shown = value ? value(row) : row[key as keyof Row] as Cell;
  return detail ? [[key, shown], [detailKey(key), detail(row)]] : [[key, shown]];
}
