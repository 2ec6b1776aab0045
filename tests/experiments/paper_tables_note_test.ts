import { assertStringIncludes } from "@std/assert";
import { paperTables } from "../../experiments/paper_tables.ts";
import { paperRows } from "../../src/paper/mod.ts";

Deno.test("the printed numbers that differ are counted in their note as the tables have them", () => {
  const differing = paperRows().filter(({ verdict }) => verdict === "differs");
  const count = (test: RegExp) =>
    differing.filter(({ cell, printed }) => test.test(`${cell}: ${printed}`)).length;
  const why = paperTables.claims[0].why!;
  assertStringIncludes(why, `Of the ${differing.length}, ${count(/PreLayer|LoRA\+PL/)} are counts`);
  assertStringIncludes(why, ` ${count(/^GPT-2 [ML], LoRA/)} are of LoRA on GPT-2`);
  assertStringIncludes(why, ` ${count(/10,000|35 MB/)} follow from the round 10,000`);
});
