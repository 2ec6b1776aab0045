import { assertEquals, assertThrows } from "@std/assert";
import { Random } from "../../src/core/random.ts";
import { own } from "../../src/linalg/backend.ts";
import { gaussian } from "../../src/linalg/gaussian.ts";
import { rowsOf } from "../../src/linalg/matrix.ts";
import { testBackend } from "./backend_tests.ts";

testBackend("own", false, () => own);

Deno.test("own: products of wide matrices, a few rows at a time, are those of single rows", () => {
  const random = new Random(3), a = gaussian(5, 600_000, random), b = gaussian(5, 600_000, random);
  const { data } = own.multiplyTransposed(a, b);
  const single = [0, 1, 2, 3, 4].flatMap((i) => [
    ...own.multiplyTransposed(rowsOf(a, i, 1), b).data,
  ]);
  assertEquals([...data], single);
});

Deno.test("own: Q that has no room fails before anything is computed", () => {
  const none = { rows: 8192, columns: 32768, data: new Float64Array() };
  assertThrows(() => own.lq(none), RangeError, `found ${2 ** 29 + 8}`);
});
