/** The proof that a conversion changes no update. */

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
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
