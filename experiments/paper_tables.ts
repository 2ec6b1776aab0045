/** "Every count, byte and table": the paper's printed numbers beside what follows from its settings. @module */

import type { DataTable, TableColumn } from "../src/figures/figure.ts";
import { formatBytes } from "../src/figures/format.ts";
import type { PaperRow, VerdictCounts } from "../src/paper/mod.ts";
import type { Experiment, Finding } from "./experiment.ts";
import { verdictFigure } from "./paper_figure.ts";

/** Loaded when it is needed, and mathjs with it. */
type Paper = typeof import("../src/paper/mod.ts");

const columns: readonly TableColumn[] = [
  { key: "cell", label: "cell", unit: "text", detail: "how" },
  { key: "printed", label: "printed", unit: "text" },
  { key: "computed", label: "ours", unit: "number", detail: "size" },
  { key: "verdict", label: "verdict", unit: "verdict" },
];

function computedTable(paper: Paper, name: string, rows: readonly PaperRow[]): DataTable {
  return {
    id: `paper-${name}`,
    title: `${paper.tableLabel(name)}: ${paper.printedTables[name].title}`,
    columns,
    rows: rows.map((row) => ({
      cell: row.cell.replace(/: trained parameters$/, ""),
      printed: row.printed,
      computed: row.computed!,
      size: /[MGT]B$/.test(row.printed) ? formatBytes(row.computed!) : undefined,
      verdict: row.verdict,
      how: [paper.computationOf(row)!.settings, row.reason ?? []].flat().join("; "),
    })),
  };
}

function quotedTable({ quotedTable, tableLabel }: Paper, name: string): DataTable {
  const { why, columns, rows } = quotedTable(name);
  return {
    id: `quoted-${name}`,
    title: `${tableLabel(name)}: what is quoted`,
    quoted: why,
    columns: [
      { key: "row", label: "", unit: "text" },
      ...columns.map((label, i) => ({ key: `${i}`, label, unit: "text" as const })),
    ],
    rows: rows.map(([row, cells]) => ({
      row,
      ...Object.fromEntries(cells.map((cell, i) => [`${i}`, cell ?? undefined])),
    })),
  };
}

/** What arithmetic reaches of a table, and below it what it does not. */
function tablesOf(paper: Paper, name: string, rows: readonly PaperRow[]): DataTable[] {
  const computed = rows.filter(({ verdict }) => verdict !== "quoted");
  return [
    ...(computed.length > 0 ? [computedTable(paper, name, computed)] : []),
    ...(computed.length < rows.length ? [quotedTable(paper, name)] : []),
  ];
}

function overview(paper: Paper, byTable: ReadonlyMap<string, readonly PaperRow[]>): DataTable {
  const verdicts = Object.keys(paper.countVerdicts([]));
  return {
    id: "paper-overview",
    title: "Printed cells by verdict",
    columns: [
      { key: "table", label: "", unit: "text", detail: "title" },
      ...verdicts.map((verdict) => ({ key: verdict, label: verdict, unit: "count" as const })),
    ],
    rows: Array.from(byTable, ([name, rows]) => ({
      table: paper.tableLabel(name),
      title: paper.printedTables[name].title,
      ...nonZero(paper.countVerdicts(rows)),
    })),
  };
}

function verdictsByTable(
  { countVerdicts, tableLabel }: Paper,
  byTable: ReadonlyMap<string, readonly PaperRow[]>,
): ReadonlyMap<string, VerdictCounts> {
  return new Map(Array.from(byTable, ([name, rows]) => [tableLabel(name), countVerdicts(rows)]));
}

/** Counts, of which a table shows none as a dash. */
const nonZero = (counts: VerdictCounts): Record<string, number | undefined> =>
  Object.fromEntries(Object.entries(counts).map(([verdict, n]) => [verdict, n || undefined]));

/** The formulas that the tables use, in TeX, and their letters. */
async function formulaTables(paper: Paper, rows: readonly PaperRow[]): Promise<DataTable[]> {
  const { formulas, formulaTex, symbols } = await import("../src/accounting/mod.ts");
  const names = [...new Set(rows.flatMap((row) => paper.computationOf(row)?.formula ?? []))];
  const letters = new Set(names.flatMap((name) => Object.keys(formulas[name].symbols)));
  return [{
    id: "paper-formulas",
    title: "Formulas",
    columns: [
      { key: "meaning", label: "what", unit: "text", detail: "source" },
      { key: "tex", label: "formula", unit: "math" },
    ],
    rows: names.map((name) => {
      const { meaning, source } = formulas[name];
      return { meaning, source, tex: formulaTex(name) };
    }),
  }, {
    id: "paper-letters",
    title: "Letters",
    columns: [
      { key: "letter", label: "in the tables", unit: "text" },
      { key: "tex", label: "in formulas", unit: "math" },
      { key: "meaning", label: "what", unit: "text" },
    ],
    rows: [...letters].map((letter) => ({ letter, ...symbols[letter] })),
  }];
}

function finding({ countVerdicts, computationOf }: Paper, rows: readonly PaperRow[]): Finding {
  const counts = countVerdicts(rows),
    rounded = counts["equal when rounded"],
    truncated = counts["equal when truncated"];
  const { differs } = counts, all = rounded + truncated + differs;
  const inferred =
    rows.filter((row) => computationOf(row)?.inferred && row.verdict !== "differs").length;
  return {
    claim: "The paper's counts, bytes, percentages and averages follow from its settings",
    rule:
      "held when every printed number that arithmetic reaches is ours with the digits shown, rounded " +
      "or cut off; settings that the paper does not state may be inferred from the print, and are marked",
    found: `${rounded + truncated} of ${all} do: ${rounded} rounded, ${truncated} only cut off; ` +
      `${inferred} of them with a setting inferred from the print. ` +
      `${differs} differ, each for the reason beside it.`,
    verdict: differs === 0 ? "held" : "differs from the paper",
  };
}

/** All printed numbers that arithmetic reaches, and the others as quotations. */
export const paperTables: Experiment = {
  name: "paper",
  title: "Every count, byte and table",
  question: "Which of the paper's printed numbers follow from its own settings, computed exactly?",
  source: "Hu et al. 2021, tables 1 to 18, abstract, sections 2, 4.2 and 7, appendices D and H",
  async run(context) {
    const paper = await import("../src/paper/mod.ts"), rows = paper.paperRows();
    const byTable = Map.groupBy(rows, ({ table }) => table);
    const tables = [
      overview(paper, byTable),
      ...[...byTable].flatMap(([name, rows]) => tablesOf(paper, name, rows)),
      ...await formulaTables(paper, rows),
    ];
    context.report(1, "compared the paper's printed numbers");
    return {
      settings:
        "Formulas are those of the paper's section 5.1, evaluated exactly; models are counted tensor by " +
        "tensor. No formula is fitted to a print; widths of adapters that the paper does not state are inferred " +
        "from it, and marked. Figures that only training or GPT-3's weights would " +
        "give are quoted, in italics, and folded.",
      findings: [finding(paper, rows)],
      tables,
      figures: [verdictFigure(verdictsByTable(paper, byTable))],
    };
  },
};
