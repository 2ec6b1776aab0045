/**
 * Every cell of the paper's tables next to what we compute, or quoted where no formula computes it.
 *
 * @module
 */

import { howMany } from "../core/numbers.ts";
import { type Computation, computations } from "./computations.ts";
import { cellName, type PrintedTable, printedTables } from "./printed/mod.ts";
import {
  agreement,
  type CellVerdict,
  parsePrinted,
  toNumber,
  verdictOf,
} from "./printed_number.ts";

/** A printed cell. */
export interface PaperRow {
  /** `table1` to `table18`, or `text` for the claims outside the tables. */
  readonly table: string;
  /** Row and column. */
  readonly cell: string;
  /** The cell as printed. */
  readonly printed: string;
  /** Our value in whole units (parameters, bytes, percent), or null if only a measurement would tell. */
  readonly computed: number | null;
  /** Result of comparing the printed number with ours; `quoted` if we have none. */
  readonly verdict: CellVerdict;
  /**
   * Reason that it differs, an inference that was made, or the reason that it is quoted; null if
   * there is nothing to say.
   */
  readonly reason: string | null;
}

/** Number of cells with each verdict. */
export type VerdictCounts = Readonly<Record<CellVerdict, number>>;

/**
 * The cells of a table, of the text, or of all.
 *
 * @throws {RangeError} when there is no such table; the message names those that exist.
 *
 * @example
 * ```ts
 * import { paperRows } from "@lowrank/core/paper";
 *
 * const [row] = paperRows("table5");
 * console.log(row.printed, row.computed, row.verdict); // 18M 18874368 equal when truncated
 * ```
 */
export function paperRows(table = "all"): PaperRow[] {
  return tableNames(table).flatMap((name) => {
    const printed = printedTables[name];
    return Object.entries(printed.rows).flatMap(([row, cells]) =>
      cells.flatMap((text, column) =>
        text === null ? [] : [paperRow(name, cellName(printed, row, column), text)]
      )
    );
  });
}

/** The computation of a cell, if there is one. */
export function computationOf({ table, cell }: PaperRow): Computation | undefined {
  return computations[table]?.[cell];
}

/** Counts the verdicts. */
export function countVerdicts(rows: readonly PaperRow[]): VerdictCounts {
  const counts = {
    "equal when rounded": 0,
    "equal when truncated": 0,
    "differs": 0,
    "quoted": 0,
  };
  for (const { verdict } of rows) counts[verdict]++;
  return counts;
}

const lastTable = Object.keys(printedTables).findLast((name) => name.startsWith("table"));

function tableNames(table: string): string[] {
  const known = Object.keys(printedTables);
  if (table === "all") return known;
  if (known.includes(table)) return [table];
  const hint = meant(table, known);
  throw new RangeError(
    `a table must be table1 to ${lastTable}, text or all, found ${table || '""'}${hint}`,
  );
}

/** The table of a bare number: "6", "table 6" and "Table6" are table6. */
function meant(table: string, known: readonly string[]): string {
  const name = `table${/^(?:t(?:ab(?:le)?s?)?)?[ ._-]*(\d+)$/i.exec(table)?.[1]}`;
  return known.includes(name) ? ` (did you mean ${name}?)` : "";
}

function paperRow(table: string, cell: string, printed: string): PaperRow {
  const computation = computations[table]?.[cell];
  if (!computation) return quotedRow(table, cell, printed, printedTables[table]);
  const exact = computation.value();
  return {
    table,
    cell,
    printed,
    computed: toNumber(exact),
    verdict: verdictOf(printed, exact),
    reason: reasonOf(computation, [
      digitsRead(printed),
      agreement(printed, exact).halfway ? "exactly halfway" : null,
    ]),
  };
}

function quotedRow(
  table: string,
  cell: string,
  printed: string,
  { quoted, notes = {} }: PrintedTable,
): PaperRow {
  const reason = [quoted, notes[cell]].filter((part) => part !== undefined).join("; ");
  return { table, cell, printed, computed: null, verdict: "quoted", reason };
}

/** The precision to which a number was read if it has trailing zeros or is a fraction. */
function digitsRead(printed: string): string | null {
  const { digits, isRound, parts } = parsePrinted(printed), { length } = String(digits);
  if (parts > 1n) return `read to the nearest 1/${parts}`;
  return isRound ? `read to ${howMany(length, "digit")}` : null;
}

function reasonOf({ inferred, reason }: Computation, remarks: (string | null)[]): string | null {
  const parts = [inferred && `inferred, not stated in the paper: ${inferred}`, ...remarks, reason];
  return parts.filter(Boolean).join("; ") || null;
}

/** The quoted cells of a table in its own layout, without rows and columns that have none. */
export interface QuotedTable {
  /** Reason that its cells are only quoted. */
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
