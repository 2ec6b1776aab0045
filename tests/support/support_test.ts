import {
  assert,
  assertAlmostEquals,
  assertEquals,
  AssertionError,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { afterEach, beforeAll, beforeEach, describe, it } from "@std/testing/bdd";
import { assertAllClose } from "./all_close.ts";

Deno.test("assertAllClose names the worst index and both values", () => {
  const error = assertThrows(
    () => assertAllClose(Float32Array.of(1, 2.5, 3.25), Float32Array.of(1, 2, 3), { what: "y" }),
    AssertionError,
    "y: 2 of 3 values outside the tolerance",
  );
  assertMatch(error.message, /worst at \[1\]: actual 2\.5, expected 2 /);
});

Deno.test("assertAllClose fails on NaN in actual, also where NaN is expected", () => {
  const nan = Float32Array.of(0, NaN);
  assertThrows(() => assertAllClose(nan, Float32Array.of(0, 1)), AssertionError, "[1]");
  assertThrows(() => assertAllClose(nan, nan), AssertionError, "[1]");
  assertThrows(() => assertAllClose([1], [NaN]), AssertionError, "[0]");
});

Deno.test("assertAllClose accepts equal infinities and the tolerance's edge", () => {
  assertAllClose([Infinity, -Infinity, 0], [Infinity, -Infinity, 0], { relative: 0, absolute: 0 });
  assertAllClose([1.5], [1], { relative: 0, absolute: 0.5 });
  assertThrows(() => assertAllClose([1], [Infinity]), AssertionError, "[0]");
  assertThrows(() => assertAllClose([1], [1, 2]), AssertionError, "1 values, expected 2");
});

Deno.test("assertThrows and assertRejects check class and message, and return the error", async () => {
  const error = new RangeError("rank must be positive");
  const raise = () => {
    throw error;
  };
  assertStrictEquals(assertThrows(raise, RangeError, "positive"), error);
  assertThrows(() => assertThrows(raise, TypeError), AssertionError, "instance of TypeError");
  assertThrows(() => assertThrows(() => 1, "why"), AssertionError, "to throw: why");
  assertStrictEquals(await assertRejects(() => Promise.reject(error), RangeError), error);
  await assertRejects(() => assertRejects(() => Promise.resolve(1)), AssertionError, "to reject");
  await assertRejects(() => assertRejects(raise), AssertionError, "throws when expected to reject");
});

Deno.test("equality goes down to the leaves, with the message in front", () => {
  assertEquals({ data: Float32Array.of(1, NaN) }, { data: Float32Array.of(1, NaN) });
  assertThrows(() => assertEquals([0], [-0], "signs"), AssertionError, "signs");
  assertThrows(() => assertEquals<ArrayLike<number>>(Float32Array.of(1), [1]), AssertionError);
  assertAlmostEquals(1 + 1e-9, 1);
  assertThrows(() => assertAlmostEquals(1.1, 1, 0.05), AssertionError, "within 0.05 of 1");
});

describe("bdd hooks", () => {
  const log: string[] = [];
  beforeAll(() => void log.push("all"));
  beforeEach(() => void log.push("outer"));
  afterEach(() => void log.push("after"));
  describe("of an inner suite", () => {
    beforeEach(() => void log.push("inner"));
    it("run after the outer ones", () => assertEquals(log, ["all", "outer", "inner"]));
  });
  it("run around each case", () => {
    assert(log.length > 0);
    assertEquals(log, ["all", "outer", "inner", "after", "outer"]);
  });
});
