import { assertAlmostEquals } from "@std/assert";
import { normalCdf } from "../../kernels/gelu/normal.ts";

Deno.test("the reference's normal distribution is right to 1e-15, and in its tail relatively", () => {
  // By mpmath, to 18 digits.
  const values = [
    [0, 0.5],
    [-0.3, 0.382088577811047363],
    [0.7, 0.758036347776926985],
    [-1, 0.158655253931457051],
    [-2.49, 0.00638715476494317701],
    [-2.5, 0.00620966532577613517],
    [3, 0.998650101968369905],
  ];
  for (const [x, expected] of values) assertAlmostEquals(normalCdf(x), expected, 1e-15, `at ${x}`);
  assertAlmostEquals(normalCdf(-6) / 9.86587645037698141e-10, 1, 1e-13);
});
