/** The figures of the paper's numbers. */

import { assertEquals } from "@std/assert";
import {
  type CellVerdict,
  type PaperRow,
  paperRows,
  printedAgainstOurs,
  verdictFigure,
} from "../../src/paper/mod.ts";
import { plotSvg } from "../../src/figures/still.ts";

/** As many cells of a table as a verdict is repeated. */
const cells = (table: string, ...verdicts: CellVerdict[]): PaperRow[] =>
  verdicts.map((verdict) => {
    return { table, cell: "a", printed: "1", computed: null, verdict, reason: null };
  });

Deno.test("the bars leave out tables that arithmetic does not reach, and quoted cells", () => {
  const rounded = Array<CellVerdict>(3).fill("equal when rounded");
  const quoted = Array<CellVerdict>(9).fill("quoted");
  const { data } = verdictFigure([
    ...cells("table1", ...rounded, "differs", ...quoted),
    ...cells("table8", ...quoted),
  ]);
  assertEquals(data.map(({ name, x, y }) => [name, x, y]), [
    ["equal when rounded", [3], ["Table 1"]],
    ["equal when truncated", [0], ["Table 1"]],
    ["differs", [1], ["Table 1"]],
  ]);
});

Deno.test("every number that can be computed is a mark in both panels, and none that is quoted", () => {
  const rows = paperRows(), { data } = printedAgainstOurs(rows);
  const marks = data.filter(({ mode }) => mode === "markers");
  const count = (axis?: string) =>
    marks.filter(({ yaxis }) => yaxis === axis).reduce((sum, { x }) => sum + x!.length, 0);
  assertEquals([count(), count("y2")], [140, 140]);
  const names = marks.map(({ name, showlegend }) => `${name} ${showlegend}`);
  assertEquals(names, [
    ...["equal when rounded true", "equal when truncated true", "differs true"],
    ...["equal when rounded false", "equal when truncated false", "differs false"],
  ]);
});

Deno.test("the numbers along the axes are short, from ones to trillions", async () => {
  const svg = await plotSvg(printedAgainstOurs(paperRows()));
  const labels = Array.from(svg.matchAll(/>([\d.]+[kMBT]?)<\/text>/g), ([, label]) => label);
  assertEquals(["100", "1M", "10B"].filter((label) => !labels.includes(label)), []);
  assertEquals(labels.filter((label) => label.length > 4), []);
});

Deno.test("a mark is the printed number and ours in whole units, and says where it is printed", () => {
  const row = paperRows("table5").find(({ cell }) => cell.startsWith("W_q, W_v"))!;
  const [, , , upper, , , lower] = printedAgainstOurs([row]).data;
  assertEquals([upper.x, upper.y, lower.y], [[18_874_368], [18e6], [18e6 / 18_874_368]]);
  assertEquals(upper.text, [`Table 5, ${row.cell}: 18M`]);
});
