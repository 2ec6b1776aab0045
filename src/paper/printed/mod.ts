/** The paper's printed numbers: Hu et al. 2021, arXiv 2106.09685, version 2. @module */

import table1 from "./table1.json" with { type: "json" };
import table2 from "./table2.json" with { type: "json" };
import table3 from "./table3.json" with { type: "json" };
import table4 from "./table4.json" with { type: "json" };
import table5 from "./table5.json" with { type: "json" };
import table6 from "./table6.json" with { type: "json" };
import table7 from "./table7.json" with { type: "json" };
import table8 from "./table8.json" with { type: "json" };
import table9 from "./table9.json" with { type: "json" };
import table10 from "./table10.json" with { type: "json" };
import table11 from "./table11.json" with { type: "json" };
import table12 from "./table12.json" with { type: "json" };
import table13 from "./table13.json" with { type: "json" };
import table14 from "./table14.json" with { type: "json" };
import table15 from "./table15.json" with { type: "json" };
import table16 from "./table16.json" with { type: "json" };
import table17 from "./table17.json" with { type: "json" };
import table18 from "./table18.json" with { type: "json" };
import text from "./text.json" with { type: "json" };

/**
 * A table as printed, or the claims in the text. Numbers that are compared with a formula are exactly
 * as printed, with their unit; measurements and settings are in our notation (`70.4 ± 0.1`, `5e-4`). A
 * † marks GLUE's restricted runs, as in the paper.
 */
export interface PrintedTable {
  /** Its subject, in our words. */
  readonly title: string;
  /** Reason that cells without a formula are only quoted. */
  readonly quoted: string;
  /** Names of the columns. */
  readonly columns: readonly string[];
  /** The cells of each row by its name; null where the paper has none. */
  readonly rows: Readonly<Record<string, readonly (string | null)[]>>;
  /** Other statements of the paper about a cell, by the cell's name. */
  readonly notes?: Readonly<Record<string, string>>;
}

/** All tables by name. */
export const printedTables: Readonly<Record<string, PrintedTable>> = {
  table1,
  table2,
  table3,
  table4,
  table5,
  table6,
  table7,
  table8,
  table9,
  table10,
  table11,
  table12,
  table13,
  table14,
  table15,
  table16,
  table17,
  table18,
  text,
};

/** A table's label: `Table 3`, `Text`. */
export function tableLabel(name: string): string {
  return name === "text" ? "Text" : name.replace("table", "Table ");
}

/** The name of a cell: its row and its column, or its row if there is only one column. */
export function cellName({ columns }: PrintedTable, row: string, column: number): string {
  return columns.length === 1 ? row : `${row}: ${columns[column]}`;
}

/** The value of a cell, without its spread. */
export function measured(table: string, row: string, column = "printed"): string {
  const { columns, rows } = printedTables[table];
  const cell = rows[row]?.[columns.indexOf(column)];
  if (cell) return cell.split(" ± ")[0];
  throw new RangeError(`${table} has no cell in ${row} under ${column}`);
}
