import { assert, assertEquals } from "@std/assert";
import { Random } from "../../src/core/random.ts";
import {
  leadingSvd,
  lq,
  multiply,
  rangeFinder,
  svd,
  times,
  timesTransposed,
  transposed,
} from "../../src/linalg/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { gaussian } from "../../src/linalg/gaussian.ts";

/** 40 x 24 with values 0.7^i. */
function falling() {
  const random = new Random(1);
  const left = lq(gaussian(24, 40, random)).Q, right = lq(gaussian(24, 24, random)).Q;
  right.data.forEach((value, at) => right.data[at] = value * 0.7 ** Math.floor(at / 24));
  return multiply(transposed(left), right);
}

Deno.test("leading values and vectors are those of the whole decomposition", () => {
  const matrix = falling(), whole = svd(matrix);
  const found = leadingSvd(matrix, 5, { seed: 3, oversampling: 4, iterations: 8 });
  assertAllClose(found.values, whole.values.slice(0, 5), { relative: 1e-10, absolute: 0 });
  for (const side of ["left", "right"] as const) {
    const { columns } = whole[side];
    assertEquals([found[side].rows, found[side].columns], [5, columns]);
    for (let i = 0; i < 5; i++) {
      const [a, b] = [found, whole].map((each) =>
        each[side].data.slice(i * columns, (i + 1) * columns)
      );
      const cosine = a.reduce((sum, value, j) => sum + value * b[j], 0);
      assert(1 - Math.abs(cosine) < 1e-10, `${side} ${i}: ${cosine}`);
    }
  }
});

Deno.test("values are never too large, and more iterations bring them closer", () => {
  const matrix = falling(), whole = svd(matrix).values;
  const errors = [0, 1, 3].map((iterations) => {
    const { values } = leadingSvd(matrix, 4, { seed: 5, oversampling: 0, iterations });
    values.forEach((value, i) => assert(value <= whole[i] * (1 + 1e-12)));
    return whole[3] - values[3];
  });
  assert(errors[0] > errors[1] && errors[1] > errors[2], errors.join());
});

Deno.test("the same seed gives the same range, another seed another", () => {
  const matrix = gaussian(20, 30, new Random(2));
  const [one, again, other] = [7, 7, 8].map((seed) => rangeFinder(matrix, 3, { seed }));
  assertEquals(one.data, again.data);
  assert(one.data.some((value, at) => value !== other.data[at]));
});

Deno.test("F32 matrices are multiplied in float64", () => {
  const random = new Random(4), x = gaussian(3, 20, random), y = gaussian(3, 30, random);
  const large = { rows: 20, columns: 30, data: new Float32Array(gaussian(20, 30, random).data) };
  const copy = { ...large, data: new Float64Array(large.data) };
  assertEquals(times(x, large).data, multiply(x, copy).data);
  assertAllClose(timesTransposed(y, large).data, multiply(y, transposed(copy)).data, {
    relative: 1e-13,
    absolute: 1e-13,
  });
});
