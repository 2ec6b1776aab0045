import { assertEquals } from "@std/assert";
import { formatTotals, readTotals } from "../scripts/test_totals.ts";

const report = (attributes: string, body = "") =>
  `<?xml version="1.0"?>\n<testsuites name="deno test" ${attributes}>${body}</testsuites>`;

Deno.test("totals leave skipped tests out of the passed ones", () => {
  const totals = readTotals(report('tests="7" failures="1" errors="1"', "<skipped/><skipped/>"));
  assertEquals(totals, { passed: 3, failed: 2, skipped: 2 });
  assertEquals(formatTotals(totals), "3 passed, 2 failed");
});

Deno.test("a run without a report is one failure", () => {
  assertEquals(formatTotals(readTotals("")), "0 passed, 1 failed");
});
