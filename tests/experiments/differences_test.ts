import { assertAlmostEquals, assertEquals } from "@std/assert";
import { marginBelow, reachedBy, seedNoise } from "../../experiments/differences.ts";

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

Deno.test("a share of the values reach the one at that place, three quarters of four the third", () => {
  assertEquals([4, 1, 3, 2].map((_, i, all) => reachedBy(all, (i + 1) / 4)), [4, 3, 2, 1]);
  assertEquals(reachedBy([5, 6, 7], 0.75), 5); // Three of three, as two are less than three quarters.
  assertEquals(marginBelow(1, 0.4, [0.3, 0.5]), { beyond: 0.6, noise: 0.2, seeds: 2 });
  assertEquals(marginBelow(1, 0.5, [0.5]).noise, Infinity);
});
