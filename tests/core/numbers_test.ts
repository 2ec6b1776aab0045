/** Numbers of a sample, and numbers in sentences. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { fromTo, howMany, standardDeviation } from "../../src/core/numbers.ts";

Deno.test("the standard deviation is that of a sample", () => {
  assertAlmostEquals(standardDeviation([1, 2, 3, 4]), Math.sqrt(5 / 3));
  assertEquals(standardDeviation([2, 2]), 0);
});

Deno.test("bounds that print alike are said once", () => {
  assertEquals(fromTo([0.5, 0.126, 0.3], 2), "0.13 to 0.50");
  assertEquals(fromTo([1.01, 1.04], 1), "1.0");
});

Deno.test("one has the singular, every other number the plural", () => {
  assertEquals([0, 1, 2].map((count) => howMany(count, "step")), ["0 steps", "1 step", "2 steps"]);
  assertEquals(howMany(5, "process", "processes"), "5 processes");
});
