/** Shipped rows as text: a line for each, and the same values again. */

import { assertEquals } from "@std/assert";
import { rowsText } from "../../scripts/ship_rows.ts";

Deno.test("a row is a line, at any depth, and what is read is what was written", () => {
  const shipped = {
    source: "commit abc",
    seeds: [1, 2],
    rows: { base: { own: 0.5 }, runs: [{ task: "a", scaled: [{ share: 0 }] }, { task: "b" }] },
    none: null,
  };
  const text = rowsText(shipped);
  assertEquals(JSON.parse(text), shipped);
  const rows = text.split("\n").filter((line) => line.includes("task"));
  assertEquals(rows, ['{"task":"a","scaled":[{"share":0}]},', '{"task":"b"}']);
});
