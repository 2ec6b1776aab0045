import { assertEquals } from "@std/assert";
import { openLapack } from "../../src/blas/mod.ts";
import { Random } from "../../src/core/random.ts";
import { choleskyLq } from "../../src/linalg/lq.ts";
import { gaussian } from "../../src/linalg/gaussian.ts";
import { lapackBackend } from "../../src/linalg/lapack.ts";
import { testBackend } from "./backend_tests.ts";

const lapack = openLapack();

testBackend("LAPACK", lapack === undefined, () => lapackBackend(lapack!));

Deno.test({
  name:
    "LAPACK: Cholesky factors of dependent rows are refused, on whatever side of 0 rounding puts a pivot",
  ignore: lapack === undefined,
  fn: () => {
    for (let seed = 0; seed < 12; seed++) {
      const matrix = gaussian(24, 192, new Random(seed)), { columns, data } = matrix;
      for (let j = 0; j < columns; j++) data[23 * columns + j] = data[j] + data[columns + j];
      assertEquals(choleskyLq(lapack!.symbols, matrix), undefined, `seed ${seed}`);
    }
  },
});
