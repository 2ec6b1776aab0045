import { assertEquals, assertThrows } from "@std/assert";
import { matrixFactors, spectrum, truncateUpdate } from "../../src/analysis/mod.ts";
import { deltaWeight } from "../../src/adapt/mod.ts";
import { assertAllClose } from "../support/all_close.ts";

const data = Float32Array.of(3, 0, 0, 0, 4, 0);

Deno.test("a matrix is the product of its factors, wide or tall", () => {
  for (const shape of [[2, 3], [3, 2]]) {
    const factors = matrixFactors({ shape, data });
    const { data: whole, shape: found } = deltaWeight(truncateUpdate(factors, 2));
    assertEquals(found, shape);
    assertAllClose(whole, data, { absolute: 1e-6 });
  }
  assertEquals(spectrum(matrixFactors({ shape: [2, 3], data })).singularValues, [4, 3]);
});

Deno.test("what is no matrix is named", () => {
  assertThrows(() => matrixFactors({ shape: [6], data }, "W"), Error, "W must be a matrix");
});
