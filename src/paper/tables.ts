/** The paper's printed numbers next to ours, as tables and as a figure. @module */

import { formulas, formulaTex, symbols } from "../accounting/mod.ts";
import { boundsOf } from "../core/numbers.ts";
import {
  axis,
  baseLayout,
  type DataTable,
  type Figure,
  logCountAxis,
  palette,
  type TableColumn,
  type Trace,
} from "../figures/figure.ts";
import { formatBytes } from "../figures/format.ts";
import { barsAcross, dots, line } from "../figures/marks.ts";
import { type Column, table } from "../figures/table.ts";
import { printedTables, tableLabel } from "./printed/mod.ts";
import { printedValue } from "./printed_number.ts";
import {
  computationOf,
  countVerdicts,
  type PaperRow,
  quotedTable,
  type VerdictCounts,
} from "./rows.ts";

/** The number of cells with each verdict, for each of the paper's tables. */
export function verdictTable(rows: readonly PaperRow[]): DataTable {
  const verdicts = Object.keys(countVerdicts([])) as (keyof VerdictCounts)[];
  return table({
    id: "paper-overview",
    title: "Printed cells by verdict",
    columns: [
      ["table", "", "text", ([name]) => tableLabel(name), ([name]) => printedTables[name].title],
      ...verdicts.map((verdict): Column<[string, PaperRow[]]> => {
        // A table shows none as a dash.
        return [verdict, verdict, "count", ([, own]) => countVerdicts(own)[verdict] || undefined];
      }),
    ],
    rows: byTable(rows),
  });
}

/** The rows of each of the paper's tables. */
const byTable = (rows: readonly PaperRow[]) => [...Map.groupBy(rows, ({ table }) => table)];

/** The cells of each of the paper's tables that can be computed, then those that are quoted. */
export function comparisonTables(rows: readonly PaperRow[]): DataTable[] {
  return byTable(rows).flatMap(([name, own]) => {
    const computed = own.filter(({ verdict }) => verdict !== "quoted");
    return [
      ...(computed.length > 0 ? [computedCells(name, computed)] : []),
      ...(computed.length < own.length ? [whatIsQuoted(name)] : []),
    ];
  });
}

function computedCells(name: string, rows: readonly PaperRow[]): DataTable {
  const how = (row: PaperRow) => [computationOf(row)!.settings, row.reason ?? []].flat().join("; ");
  const size = ({ printed, computed }: PaperRow) =>
    /[MGT]B$/.test(printed) ? formatBytes(computed!) : undefined;
  return table({
    id: `paper-${name}`,
    title: `${tableLabel(name)}: ${printedTables[name].title}`,
    columns: [
      ["cell", "cell", "text", ({ cell }) => cell.replace(/: trained parameters$/, ""), how],
      ["printed", "printed", "text"],
      ["computed", "ours", "number", ({ computed }) => computed!, size],
      ["verdict", "verdict", "verdict"],
    ],
    rows,
  });
}

function whatIsQuoted(name: string): DataTable {
  const { why, columns, rows } = quotedTable(name);
  const title = `${tableLabel(name)}: quoted cells`;
  return quotedCells({ id: `quoted-${name}`, title, quoted: why }, columns, rows);
}

/** The formulas that the tables use, in TeX, and their symbols. */
export function formulaTables(rows: readonly PaperRow[]): DataTable[] {
  const names = [...new Set(rows.flatMap((row) => computationOf(row)?.formula ?? []))];
  const letters = new Set(names.flatMap((name) => Object.keys(formulas[name].symbols)));
  return [
    table({
      id: "paper-formulas",
      title: "Formulas",
      columns: [
        ["meaning", "quantity", "text", ({ meaning }) => meaning, ({ source }) => source],
        ["tex", "formula", "math"],
      ],
      rows: names.map((name) => ({ ...formulas[name], tex: formulaTex(name) })),
    }),
    table({
      id: "paper-letters",
      title: "Symbols",
      columns: [
        ["letter", "in the tables", "text"],
        ["tex", "in formulas", "math"],
        ["meaning", "meaning", "text"],
      ],
      rows: [...letters].map((letter) => ({ letter, ...symbols[letter] })),
    }),
  ];
}

/** Colors of the cells that are compared; quoted cells have none. */
const verdictColors = {
  "equal when rounded": palette.merged,
  "equal when truncated": palette.series[4],
  "differs": palette.full,
} as const;

/** A bar for each table with cells that can be computed, by verdict. */
export function verdictFigure(rows: readonly PaperRow[]): Figure {
  const verdicts = Object.keys(verdictColors) as (keyof typeof verdictColors)[];
  const counts = byTable(rows).map(([name, own]) => {
    return { label: tableLabel(name), ...countVerdicts(own) };
  });
  const reached = counts.filter((count) => verdicts.some((verdict) => count[verdict] > 0));
  return {
    id: "paper-verdicts",
    title: "Printed numbers that can be computed, by verdict",
    caption:
      "One bar per table; its length counts printed cells. Numbers that only training could give are left out.",
    data: verdicts.map((name) => {
      const marker = { color: verdictColors[name] };
      return barsAcross(reached, (count) => count[name], ({ label }) => label, marker, { name });
    }),
    layout: baseLayout(
      axis("printed cells", { rangemode: "tozero" }),
      axis("", { autorange: "reversed" }),
      { barmode: "stack", height: 380 },
    ),
  };
}

/** Grid lines of the lower panel, in which a printed number is above or below ours. */
const ratios = [0.8, 1, 1.25, 1.6, 2];

/**
 * Printed numbers over ours, on the diagonal where they agree, and below it their ratio, which shows
 * differences that sixteen powers of ten hide.
 */
export function printedAgainstOurs(rows: readonly PaperRow[]): Figure {
  const computed = rows.filter(({ verdict }) => verdict !== "quoted");
  const ends = boundsOf(computed.map((row) => ours(row))), same = { color: palette.base, width: 1 };
  const guide = (y: (value: number) => number, more: Partial<Trace>) =>
    line(ends, (value) => value, y, same, { showlegend: false, hoverinfo: "skip", ...more });
  return {
    id: "paper-scatter",
    title: `Printed against ours: ${computed.length} numbers of the paper`,
    caption:
      "One mark per printed number that can be computed, in whole units (parameters, bytes, " +
      "percent, factors). On the line, they agree; below, the printed number divided by ours. Zoom by " +
      "dragging; a mark says which number it is.",
    data: [
      guide((value) => value, {}),
      guide(() => 1, { yaxis: "y2" }),
      ...marks(computed, printed, { showlegend: true }),
      ...marks(computed, (row) => printed(row) / ours(row), { yaxis: "y2", showlegend: false }),
    ],
    layout: {
      ...baseLayout(
        logCountAxis("ours", { anchor: "y2", dtick: 2 }),
        logCountAxis("printed", { domain: [0.4, 1], dtick: 2 }),
        { height: 560, hovermode: "closest" },
      ),
      yaxis2: axis("printed / ours", {
        type: "log",
        domain: [0, 0.3],
        range: [-0.12, 0.33],
        tickvals: ratios,
        ticktext: ratios.map(String),
      }),
    },
  };
}

const ours = ({ computed }: PaperRow) => computed!;
const printed = ({ printed }: PaperRow) => printedValue(printed);

/** Marks of each verdict, the rare ones on top. */
function marks(
  rows: readonly PaperRow[],
  y: (row: PaperRow) => number,
  more: Partial<Trace>,
): Trace[] {
  return Object.entries(verdictColors).map(([name, color]) => {
    const own = rows.filter(({ verdict }) => verdict === name);
    const text = own.map((row) => `${tableLabel(row.table)}, ${row.cell}: ${row.printed}`);
    const marker = { color, size: 7, opacity: 0.75 };
    return dots(own, ours, y, marker, { name, text, legendgroup: name, ...more });
  });
}

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
