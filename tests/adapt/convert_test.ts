/** Baking scalings into B, and the proof that a conversion changes no update. */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { bakeUpdates } from "../../src/adapt/convert/forms.ts";
import { assertProven, proveUpdates } from "../../src/adapt/convert/convert.ts";
import { hostTensor } from "../../src/core/tensor.ts";
import { deltaWeight } from "../../src/core/update.ts";
import { matrix } from "../formats/adapter_folders.ts";

const update = { module: "h.0.c_fc", A: matrix(2, 3), B: matrix(4, 2), scaling: 3 };

Deno.test("the proof finds the largest difference, and stops what it does not explain", () => {
  const B = { ...update.B, data: update.B.data.slice() };
  B.data[5] += 0.5;
  const [{ difference, limit }] = proveUpdates([update], [{ ...update, B }]);
  const [one, other] = [update, { ...update, B }].map((each) => deltaWeight(each).data);
  assertEquals(difference, Math.max(...one.map((value, i) => Math.abs(value - other[i]))));
  const A = { ...update.A, data: update.A.data.map((value) => value + 1) };
  const [turned] = proveUpdates([update], [{ ...update, A }]);
  const third = deltaWeight({ ...update, A }).data;
  assertEquals(turned.difference, Math.max(...one.map((v, i) => Math.abs(v - third[i]))));
  assertThrows(
    () => assertProven([{ ...turned, difference, limit }]),
    RangeError,
    "nothing was written: the new file must have the same dW up to rounding (",
  );
  assertThrows(() => assertProven([{ ...turned, difference: NaN }]), RangeError, "of NaN");
  assertThrows(() => proveUpdates([update], []), RangeError, "the same modules");
});

Deno.test("baking is proven to rounding, and exact for powers of two", () => {
  const other = { ...update, module: "h.1.c_fc", A: matrix(1, 3), B: matrix(4, 1), scaling: 4 };
  const before = [{ ...update, scaling: Math.SQRT2 }, other], after = bakeUpdates(before);
  const proof = proveUpdates(before, after);
  assertProven(proof);
  assertEquals(proof.map(({ rankBefore, rank, scaling }) => [rankBefore, rank, scaling]), [
    [2, 2, 1],
    [1, 2, 1],
  ]);
  assert(proof[0].difference > 0);
  assertEquals(proof[1].difference, 0);
});

Deno.test("ranks that are too far apart are not baked into one", () => {
  const narrow = { module: "a", A: matrix(400, 1), B: matrix(1, 400), scaling: 1 };
  const wide = { module: "b", A: matrix(1, 100), B: matrix(100, 1), scaling: 1 };
  const many = Array.from({ length: 5 }, (_, i) => ({ ...wide, module: `b${i}` }));
  const near = { ...narrow, A: matrix(20, 1), B: matrix(1, 20) };
  assertEquals(bakeUpdates([near, wide]).map(({ A }) => A.shape[0]), [20, 20]);
  assertThrows(
    () => bakeUpdates([narrow, ...many]),
    RangeError,
    "must make the adapter at most 64 times as large, found 223 times at rank 400",
  );
});

Deno.test("the proof takes any rank that a file may have", () => {
  const rank = 200_000, ones = new Float32Array(rank).fill(1);
  const update = {
    module: "a",
    A: hostTensor([rank, 1], ones),
    B: hostTensor([1, rank], ones),
    scaling: 1,
  };
  const [{ difference, limit }] = proveUpdates([update], [update]);
  assertEquals(difference, 0);
  assertAlmostEquals(limit, 4 * 2 ** -24 * rank, 1e-9);
});
