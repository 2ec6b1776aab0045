/** A short way to make tables. @module */

import type { DataTable, Unit } from "./figure.ts";

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
