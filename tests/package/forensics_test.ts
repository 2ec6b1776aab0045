/** The forensic appendix beside what it is about: the paper's cells, and the findings. */

import { assert, assertEquals } from "@std/assert";
import { type PaperRow, paperRows, tableLabel } from "../../src/paper/mod.ts";
import { printedValue } from "../../src/paper/printed_number.ts";
import { markdownRows } from "../support/markdown_rows.ts";
import { sourceText } from "../../scripts/support/source_files.ts";

const page = sourceText("docs/teaching/forensic_appendix.md");
const [, ...sections] = page.split(/^### /m);
const items = Object.fromEntries(sections.map((text) => {
  const [item] = text.split("\n");
  return [item, text.split(/^## /m)[0]];
}));

/** The rows of an item's table, one for each cell of the paper: `3, 13` are two. */
const cellsOf = (item: string): string[] =>
  markdownRows(items[item]).filter(([table]) => table !== "table" && !table.startsWith("-"))
    .flatMap(([tables, ...rest]) =>
      tables.split(", ").map((table) => [table, ...rest].join(" | "))
    );

function differenceOf({ printed, computed }: PaperRow): string {
  const percent = 100 * (printedValue(printed) / computed! - 1), size = Math.abs(percent);
  return `${percent < 0 ? "−" : "+"}${size < 0.1 ? size.toPrecision(1) : size.toFixed(1)}%`;
}

/** The page's line on a cell. */
function lineOf(row: PaperRow): string {
  const table = tableLabel(row.table).replace("Table ", "").toLowerCase();
  const digits = Number.isInteger(row.computed) ? {} : { maximumSignificantDigits: 6 };
  const ours = row.computed!.toLocaleString("en-US", digits);
  const cell = row.cell.replace(/: trained parameters$/, "");
  return [table, cell, row.printed, ours, differenceOf(row)].join(" | ");
}

const linesWith = (verdict: PaperRow["verdict"]) =>
  paperRows().filter((row) => row.verdict === verdict).map(lineOf).sort();

Deno.test("every cell that differs is in one item, with what is printed, ours and the difference", () => {
  const named = Array.from({ length: 17 }, (_, i) => cellsOf(`F${i + 1}`));
  assert(named.every((cells) => cells.length > 0));
  assertEquals(named.flat().sort(), linesWith("differs"));
});

Deno.test("every truncated cell is in F18", () => {
  assertEquals(cellsOf("F18").sort(), linesWith("equal when truncated"));
});

Deno.test("items are numbered without a gap, and each has a line in the overview", () => {
  const names = (letter: string, count: number) =>
    Array.from({ length: count }, (_, i) => `${letter}${i + 1}`);
  assertEquals(Object.keys(items), [...names("F", 23), ...names("V", 5)]);
  const linked = Array.from(page.split("\n## ")[0].matchAll(/\| .*\(#[fv]\d+\)/g), ([row]) => row)
    .flatMap((row) => Array.from(row.matchAll(/\[([FV]\d+)\]\(#([fv]\d+)\)/g)));
  assertEquals(linked.map(([, item]) => item), Object.keys(items));
  assert(linked.every(([, item, anchor]) => item.toLowerCase() === anchor));
});
