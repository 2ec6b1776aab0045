import { assertAlmostEquals, assertEquals } from "@std/assert";
import { fromTo, standardDeviation } from "../../src/core/numbers.ts";

Deno.test("the standard deviation is that of a sample", () => {
  assertAlmostEquals(standardDeviation([1, 2, 3, 4]), Math.sqrt(5 / 3));
  assertEquals(standardDeviation([2, 2]), 0);
});

Deno.test("bounds that print alike are said once", () => {
  assertEquals(fromTo([0.5, 0.126, 0.3], 2), "0.13 to 0.50");
  assertEquals(fromTo([1.01, 1.04], 1), "1.0");
});
