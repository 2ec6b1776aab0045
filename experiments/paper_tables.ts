/** "Every count, byte and table": the paper's printed numbers beside what follows from its settings. @module */

import { axis, barsAcross, baseLayout, palette, table } from "../src/figures/mod.ts";
import type { DataTable, Figure } from "../src/figures/mod.ts";
import { formatBytes } from "../src/figures/format.ts";
import type { PaperRow, VerdictCounts } from "../src/paper/mod.ts";
import { type Experiment, experiment } from "./frame/mod.ts";
import { quotedCells } from "./printed_table.ts";

/** Loaded when they are needed, and mathjs with them. */
type Paper = typeof import("../src/paper/mod.ts");
type Accounting = typeof import("../src/accounting/mod.ts");

interface PaperRows {
  readonly paper: Paper;
  readonly accounting: Accounting;
  readonly rows: readonly PaperRow[];
}

/** The rows of each of the paper's tables. */
const byTable = ({ rows }: PaperRows) => [...Map.groupBy(rows, ({ table }) => table)];

function overview({ paper, ...rest }: PaperRows): DataTable {
  const verdicts = Object.keys(paper.countVerdicts([])) as (keyof VerdictCounts)[];
  return table({
    id: "paper-overview",
    title: "Printed cells by verdict",
    columns: [
      ["table", "", "text", ({ label }) => label, ({ title }) => title],
      // A table shows none as a dash.
      ...verdicts.map((verdict) =>
        [
          verdict,
          verdict,
          "count",
          ({ counts }: { counts: VerdictCounts }) => counts[verdict] || undefined,
        ] as const
      ),
    ],
    rows: byTable({ paper, ...rest }).map(([name, rows]) => ({
      label: paper.tableLabel(name),
      title: paper.printedTables[name].title,
      counts: paper.countVerdicts(rows),
    })),
  });
}

/** What arithmetic reaches of each table, and below it what it does not. */
function cellTables({ paper, ...rest }: PaperRows): DataTable[] {
  return byTable({ paper, ...rest }).flatMap(([name, rows]) => {
    const computed = rows.filter(({ verdict }) => verdict !== "quoted");
    return [
      ...(computed.length > 0 ? [computedTable(paper, name, computed)] : []),
      ...(computed.length < rows.length ? [quotedTable(paper, name)] : []),
    ];
  });
}

function computedTable(paper: Paper, name: string, rows: readonly PaperRow[]): DataTable {
  const how = (row: PaperRow) =>
    [paper.computationOf(row)!.settings, row.reason ?? []].flat().join("; ");
  const size = ({ printed, computed }: PaperRow) =>
    /[MGT]B$/.test(printed) ? formatBytes(computed!) : undefined;
  return table({
    id: `paper-${name}`,
    title: `${paper.tableLabel(name)}: ${paper.printedTables[name].title}`,
    columns: [
      ["cell", "cell", "text", ({ cell }) => cell.replace(/: trained parameters$/, ""), how],
      ["printed", "printed", "text"],
      ["computed", "ours", "number", ({ computed }) => computed!, size],
      ["verdict", "verdict", "verdict"],
    ],
    rows,
  });
}

function quotedTable({ quotedTable, tableLabel }: Paper, name: string): DataTable {
  const { why, columns, rows } = quotedTable(name);
  const title = `${tableLabel(name)}: what is quoted`;
  return quotedCells({ id: `quoted-${name}`, title, quoted: why }, columns, rows);
}

/** The formulas that the tables use, in TeX, and their letters. */
function formulaTables({ paper, accounting, rows }: PaperRows): DataTable[] {
  const { formulas, formulaTex, symbols } = accounting;
  const names = [...new Set(rows.flatMap((row) => paper.computationOf(row)?.formula ?? []))];
  const letters = new Set(names.flatMap((name) => Object.keys(formulas[name].symbols)));
  return [
    table({
      id: "paper-formulas",
      title: "Formulas",
      columns: [
        [
          "meaning",
          "what",
          "text",
          (name) => formulas[name].meaning,
          (name) => formulas[name].source,
        ],
        ["tex", "formula", "math", formulaTex],
      ],
      rows: names,
    }),
    table({
      id: "paper-letters",
      title: "Letters",
      columns: [
        ["letter", "in the tables", "text", (letter) => letter],
        ["tex", "in formulas", "math", (letter) => symbols[letter].tex],
        ["meaning", "what", "text", (letter) => symbols[letter].meaning],
      ],
      rows: [...letters],
    }),
  ];
}

/** Colors of what is compared, without what is only quoted. */
const colors = {
  "equal when rounded": palette.merged,
  "equal when truncated": palette.series[4],
  "differs": palette.full,
} as const;

/** A bar for each table that arithmetic reaches, by verdict. */
export function verdictFigure(counts: ReadonlyMap<string, VerdictCounts>): Figure {
  const verdicts = Object.keys(colors) as (keyof typeof colors)[];
  const reached = [...counts].filter(([, count]) => verdicts.some((verdict) => count[verdict] > 0));
  return {
    id: "paper-verdicts",
    title: "Printed numbers that arithmetic reaches, beside ours",
    caption: "One bar a table, one unit a printed cell. What only training would give is left out.",
    data: verdicts.map((name) =>
      barsAcross(reached, ([, count]) => count[name], ([table]) => table, { color: colors[name] }, {
        name,
      })
    ),
    layout: baseLayout(
      axis("printed cells", { rangemode: "tozero" }),
      axis("", { autorange: "reversed" }),
      { barmode: "stack", height: 380 },
    ),
  };
}

/** All printed numbers that arithmetic reaches, and the others as quotations. */
export const paperTables: Experiment = experiment({
  name: "paper",
  title: "Every count, byte and table",
  question: "Which of the paper's printed numbers follow from its own settings, computed exactly?",
  source: "Hu et al. 2021, tables 1 to 18, abstract, sections 2, 4.2 and 7, appendices D and H",
  settings:
    "Formulas are those of the paper's section 5.1, evaluated exactly; models are counted tensor by " +
    "tensor. No formula is fitted to a print; widths of adapters that the paper does not state are inferred " +
    "from it, and marked. Figures that only training or GPT-3's weights would " +
    "give are quoted, in italics, and folded.",
  async rows(): Promise<PaperRows> {
    const paper = await import("../src/paper/mod.ts");
    const accounting = await import("../src/accounting/mod.ts");
    return { paper, accounting, rows: paper.paperRows() };
  },
  claims: [{
    text: "The paper's counts, bytes, percentages and averages follow from its settings",
    rule:
      "held when every printed number that arithmetic reaches is ours with the digits shown, rounded " +
      "or cut off; settings that the paper does not state may be inferred from the print, and are marked",
    printed: true,
    holds: ({ paper, rows }) => paper.countVerdicts(rows).differs === 0,
    found({ paper, rows }) {
      const { differs, ...counts } = paper.countVerdicts(rows);
      const rounded = counts["equal when rounded"], truncated = counts["equal when truncated"];
      const equal = rounded + truncated,
        isInferred = (row: PaperRow) =>
          paper.computationOf(row)?.inferred && row.verdict !== "differs";
      return `${equal} of ${equal + differs} do: ${rounded} rounded, ${truncated} only cut off; ` +
        `${rows.filter(isInferred).length} of them with a setting inferred from the print. ` +
        `${differs} differ, each for the reason beside it.`;
    },
  }],
  tables: [overview, cellTables, formulaTables],
  figures: [(all) => {
    const { countVerdicts, tableLabel } = all.paper;
    return verdictFigure(
      new Map(byTable(all).map(([name, rows]) => [tableLabel(name), countVerdicts(rows)])),
    );
  }],
});
