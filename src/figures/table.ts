/**
 * Tables as lists of columns, each of which reads its value from a row, and tables as text.
 *
 * @module
 */

import { boundsOf } from "../core/numbers.ts";
import type { DataTable, Unit } from "./figure.ts";
import { formatValue, isText } from "./format.ts";

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
  /** Columns in the order in which they are shown. */
  readonly columns: readonly Column<Row>[];
  /** Rows that the columns read. */
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

/**
 * A table of rows whose keys are its headings, in their order. Text is shown as it is, whole numbers with all
 * digits, others with six.
 *
 * @param units Units of columns that should be formatted differently.
 *
 * @example
 * ```ts
 * import { tableOf } from "@lowrank/core/figures";
 *
 * const table = tableOf("Sizes", [{ "rank": 4, "on disk": 1.5e6 }], { "on disk": "bytes" });
 * console.log(table.columns[1].unit); // bytes
 * ```
 */
export function tableOf(
  title: string,
  rows: DataTable["rows"],
  units: Readonly<Record<string, Unit>> = {},
): DataTable {
  const keys = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const columns = keys.map((key) => ({ key, label: key, unit: units[key] ?? unitOf(rows, key) }));
  const id = title.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-|-$/g, "");
  return { id, title, columns, rows };
}

const unitOf = (rows: DataTable["rows"], key: string): Unit =>
  rows.some((row) => typeof row[key] === "string") ? "text" : "number";

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
