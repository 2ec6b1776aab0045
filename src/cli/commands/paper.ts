/** `lowrank paper`. @module */

import { formatValue } from "../../figures/format.ts";
import type { PaperRow } from "../../paper/mod.ts";
import type { LowrankCommand } from "../command.ts";
import { type CommonOptions, print, table } from "../common.ts";
import { Argument } from "../options.ts";

type Paper = typeof import("../../paper/mod.ts");

const help = `
The argument is one of table1 to table18, or text for claims outside the tables.
Each printed number has a verdict: equal when rounded, equal when truncated (if
rounding does not match), or differs. Numbers that only an experiment can give
are quoted; they are shown if one table is named, and with --json.

JSON: [{"table", "cell", "printed", "computed", "verdict", "reason"}].`;

/** Shows the LoRA paper's numbers next to what follows from its settings. */
export const paperCommand: LowrankCommand = {
  name: "paper",
  summary: "compare the numbers in the LoRA paper with ours",
  arguments: [new Argument("[table]", "table1 to table18, text, or all").default("all")],
  permissions: [],
  help,
  example: "paper table5",
  run,
};

async function run(name: string, options: CommonOptions): Promise<void> {
  const paper = await import("../../paper/mod.ts"), rows = paper.paperRows(name);
  const paint = Deno.stdout.isTerminal() && !Deno.noColor ? paintVerdicts : (text: string) => text;
  print(options, rows, () => {
    const byTable = Map.groupBy(rows, ({ table }) => table);
    return [
      ...[...byTable].flatMap(([table, rows]) => computedPart(paper, table, rows)),
      ...(name === "all" ? [] : quotedPart(paper, name)),
      summary(paper, rows),
    ].join("\n\n");
  }, paint);
}

/** The cells that we can compute, with numbered reasons below. */
function computedPart(
  { printedTables, tableLabel }: Paper,
  name: string,
  rows: readonly PaperRow[],
): string[] {
  const computed = rows.filter(({ verdict }) => verdict !== "quoted");
  if (computed.length === 0) return [];
  const reasons = [...new Set(computed.flatMap(({ reason }) => reason ?? []))];
  const shown = computed.map((row) => ({ ...row, ours: formatValue(row.computed!, "number") }));
  const width = Math.max(...shown.map(({ ours }) => ours.length));
  const cells = table(shown, [
    ["cell", ({ cell }) => cell],
    ["printed", ({ printed }) => printed],
    ["ours".padStart(width), ({ ours }) => ours.padStart(width)],
    ["verdict", ({ verdict }) => verdict],
    ["note", ({ reason }) => reason === null ? "" : `${1 + reasons.indexOf(reason)}`],
  ]);
  const notes = reasons.map((reason, i) => `${1 + i}. ${reason}`).join("\n");
  return [heading(tableLabel(name), printedTables[name].title), cells, notes]
    .filter((part) => part !== "");
}

function quotedPart({ printedTables, quotedTable, tableLabel }: Paper, name: string): string[] {
  const { why, columns, rows } = quotedTable(name);
  if (rows.length === 0) return [];
  return [
    heading(`Quoted from ${tableLabel(name)}`, `${printedTables[name].title} (${why})`),
    table(rows, [
      ["", ([row]) => row],
      ...columns.map((column, i) =>
        [column, ([, cells]: typeof rows[number]) => cells[i] ?? "–"] as const
      ),
    ]),
  ];
}

const heading = (label: string, title: string): string => `${label}. ${title}`;

function summary({ countVerdicts }: Paper, rows: readonly PaperRow[]): string {
  return Object.entries(countVerdicts(rows))
    .map(([verdict, n]) => `${formatValue(n, "count")} ${numbered(verdict, n)}`).join(", ");
}

/** A verdict as the verb of so many cells: one differs, two differ. */
const numbered = (verdict: string, n: number): string =>
  verdict === "differs" && n !== 1 ? "differ" : verdict;

const colors: readonly [verdict: RegExp, code: number][] = [
  [/equal when rounded/g, 32],
  [/equal when truncated/g, 33],
  [/differs?/g, 31],
];

/** Verdicts in the terminal's green, yellow and red. */
export function paintVerdicts(text: string): string {
  return colors.reduce(
    (painted, [verdict, code]) => painted.replace(verdict, `\x1b[${code}m$&\x1b[39m`),
    text,
  );
}
