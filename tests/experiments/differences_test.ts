import { assertAlmostEquals, assertEquals } from "@std/assert";
import { seedNoise } from "../../experiments/differences.ts";

Deno.test("the noise of seeds is pooled by their number, whichever group lacks one", () => {
  assertAlmostEquals(seedNoise([[1, 1], [2, 4]]), 2, 1e-12); // s² = (0 + 2) / 2
  for (const groups of [[[1, 3], [5]], [[5], [1, 3]]]) {
    assertAlmostEquals(seedNoise(groups), 4, 1e-12); // s² = 2 of the only group with a spread, n = 1
  }
  for (const groups of [[[1, 2, 3], [4, 4]], [[4, 4], [1, 2, 3]]]) {
    assertAlmostEquals(seedNoise(groups), 2 * Math.sqrt(2 / 3), 1e-12); // s² = (2 + 0) / 3, n = 2
  }
  assertEquals(seedNoise([[1], [2]]), NaN);
});
