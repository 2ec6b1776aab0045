import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { spectrum } from "../../src/analysis/mod.ts";
import { ShapeError } from "../../src/core/errors.ts";
import { hostTensor } from "../../src/core/tensor.ts";
import { Random } from "../../src/core/random.ts";

/** rows x columns with orthonormal columns, by Gram-Schmidt twice. */
function orthonormal(rows: number, columns: number, random: Random): number[][] {
  const basis: number[][] = [];
  while (basis.length < columns) {
    let vector = Array.from({ length: rows }, () => random.normal());
    for (let pass = 0; pass < 2; pass++) {
      for (const other of basis) {
        const share = vector.reduce((sum, value, i) => sum + value * other[i], 0);
        vector = vector.map((value, i) => value - share * other[i]);
      }
    }
    const norm = Math.hypot(...vector);
    basis.push(vector.map((value) => value / norm));
  }
  return basis;
}

Deno.test("spectrum finds the singular values that were planted", () => {
  const random = new Random(4), planted = [3, 1, 1e-3, 1e-9];
  const left = orthonormal(20, 4, random), right = orthonormal(33, 4, random);
  const A = hostTensor([4, 33], Float64Array.from(right.flat()));
  const B = hostTensor(
    [20, 4],
    Float64Array.from({ length: 80 }, (_, at) => {
      const [row, column] = [Math.floor(at / 4), at % 4];
      return left[column][row] * planted[column] / 0.5;
    }),
  );
  const found = spectrum({ A, B, scaling: 0.5 });
  planted.forEach((value, i) => assertAlmostEquals(found.singularValues[i], value, 1e-14 * 20));
  assertEquals(found.numericalRank, 3);
  assertAlmostEquals(found.frobenius, Math.hypot(...planted), 1e-13);
  assertAlmostEquals(found.stableRank, (Math.hypot(...planted) / 3) ** 2, 1e-13);
});

Deno.test("spectrum of a fresh adapter (B = 0) is zero", () => {
  const A = hostTensor([2, 3], Float32Array.of(1, 2, 3, 4, 5, 6));
  const B = hostTensor([4, 2], new Float32Array(8));
  const { frobenius, numericalRank, stableRank } = spectrum({ A, B, scaling: 1 });
  assertEquals({ frobenius, numericalRank, stableRank }, {
    frobenius: 0,
    numericalRank: 0,
    stableRank: 0,
  });
});

Deno.test("spectrum refuses factors that do not fit", () => {
  const matrix = hostTensor([2, 3], new Float32Array(6));
  assertThrows(
    () => spectrum({ A: matrix, B: matrix, scaling: 1 }),
    ShapeError,
    "A and B of the update must be (rank, in) and (out, rank), found [2, 3] and [2, 3]",
  );
});
