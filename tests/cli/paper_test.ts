/** `lowrank paper`. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { paintVerdicts } from "../../src/cli/commands/paper.ts";
import { paperRows, printedTables } from "../../src/paper/mod.ts";
import { assertFails, lowrank, lowrankJson } from "./lowrank.ts";

Deno.test("paper prints the cells of a table as JSON with fixed fields", async () => {
  const rows = await lowrankJson("paper", "table5");
  assertEquals(rows.length, 21);
  const keys = ["table", "cell", "printed", "computed", "verdict", "reason"];
  for (const row of rows) assertEquals(Object.keys(row), keys);
  assertEquals(rows[0], {
    table: "table5",
    cell: "W_q, r = 8: trained parameters",
    printed: "18M",
    computed: 18_874_368,
    verdict: "equal when truncated",
    reason: null,
  });
  assertEquals([rows[1].computed, rows[1].verdict], [null, "quoted"]);
});

Deno.test("without a table, or with all, every cell is printed", async () => {
  assertEquals(await lowrankJson("paper"), paperRows());
  assertEquals(await lowrankJson("paper", "all"), paperRows());
  const { stdout } = await lowrank("paper", "all");
  for (const part of ["Table 1. ", "Table 15. ", "Text. "]) assertStringIncludes(stdout, part);
  assertEquals(stdout.includes("Quoted from"), false);
  assertMatch(
    stdout,
    /\n85 equal when rounded, 16 equal when truncated, 39 differ, 1,\d{3} quoted\n$/,
  );
});

Deno.test("the text output has separators, numbered reasons and separate quotations, without color", async () => {
  const { stdout, stderr } = await lowrank("paper", "table3");
  assertEquals(stderr, "");
  assertMatch(stdout, /^GPT-2 M, LoRA: trained parameters +0\.35M +393,216 +differs +6$/m);
  assertMatch(stdout, /^6\. the printed value is 0\.1% of the model/m);
  const [ours, quoted] = stdout.split("Quoted from Table 3. ");
  assertEquals(ours.includes("70.4"), false);
  assertMatch(quoted, /^GPT-2 M, LoRA +70\.4 ± 0\.1 /m);
  assertEquals(stdout.includes("\x1b"), false);
});

Deno.test("every table can be shown", async () => {
  for (const name of Object.keys(printedTables)) {
    const { code, stdout } = await lowrank("paper", name);
    assertEquals(code, 0);
    assertStringIncludes(stdout, printedTables[name].title);
  }
});

Deno.test("only verdicts are colored in a terminal", () => {
  const painted = paintVerdicts("a  differs\nb  equal when rounded  1\nc  equal when truncated");
  const expected = "a  \x1b[31mdiffers\x1b[39m\nb  \x1b[32mequal when rounded\x1b[39m  1\n" +
    "c  \x1b[33mequal when truncated\x1b[39m";
  assertEquals(painted, expected);
});

Deno.test("an unknown table gives one sentence that names those that exist", async () => {
  const rule = "a table must be table1 to table18, text or all, found ";
  for (const unknown of ["table19", "19", "figure6", "tables"]) {
    await assertFails(["paper", unknown], `${rule}${unknown}\n`);
  }
  for (const number of ["6", "table 6", "Table6"]) {
    await assertFails(["paper", number], `${rule}${number} (did you mean table6?)`);
  }
  await assertFails(["paper", "table5", "table6"], "too many arguments");
});

Deno.test("the help says what the verdicts are", async () => {
  const { stdout } = await lowrank("help", "paper");
  assert(["equal when rounded", "quoted"].every((word) => stdout.includes(word)), stdout);
});
