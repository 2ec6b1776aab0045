import { assertEquals } from "@std/assert";
import { type CellVerdict, type PaperRow, verdictFigure } from "../../src/paper/mod.ts";

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
