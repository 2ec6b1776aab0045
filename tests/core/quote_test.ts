import { assertEquals } from "@std/assert";
import { oneLine, quote } from "../../src/core/errors.ts";

Deno.test("a value is shown as JSON, and as nothing where there is none", () => {
  const shown = [3, NaN, -Infinity, "a", null, true, [1, "b"], { c: 1 }, undefined].map(quote);
  const expected = [
    "3",
    "NaN",
    "-Infinity",
    '"a"',
    "null",
    "true",
    '[1,"b"]',
    '{"c":1}',
    "nothing",
  ];
  assertEquals(shown, expected);
});

Deno.test("what is not JSON is not shown", () => {
  const circle: unknown[] = [];
  circle.push(circle);
  const shown = [circle, () => 1, 2n].map(quote);
  assertEquals(shown, Array(3).fill("a value that is not JSON"));
});

Deno.test("a long value is cut, between whole characters", () => {
  assertEquals(quote("x".repeat(1e6)), `"${"x".repeat(118)}…`);
  assertEquals(oneLine("🎈".repeat(100)), "🎈".repeat(59) + "\ufffd…");
});

Deno.test("what would steer a terminal is escaped", () => {
  assertEquals(oneLine("a\u001b[2J\n\u202eb\u0085"), "a\\u{1b}[2J\\u{a}\\u{202e}b\\u{85}");
  assertEquals(quote("\u001b\u202e"), '"\\u001b\\u{202e}"');
});
