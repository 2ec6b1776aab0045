/** The memory of our own loops. */

import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { openRows } from "../../src/blas/mod.ts";

const mostKept = 2 ** 23;

Deno.test("a memory of more than 64 MiB is not kept", () => {
  const large = openRows(mostKept + 1).values;
  assert(large.length > mostKept);
  assertStrictEquals(openRows(mostKept + 2).values.buffer, large.buffer); // until the next await
  assert(openRows(8).values.length <= mostKept);
});

Deno.test("the loops of a large memory work on it, and those of a small one on theirs", () => {
  const small = openRows(16);
  small.values.fill(2, 0, 4);
  const large = openRows(mostKept + 8);
  large.values.fill(3, mostKept, mostKept + 4);
  assertEquals(large.dot(mostKept, mostKept, 4), 36);
  assertEquals(small.dot(0, 0, 4), 16);
});

Deno.test("values that no memory holds end in a sentence", () => {
  for (const count of [2 ** 29 + 1, 2 ** 40]) {
    assertThrows(() => openRows(count), RangeError, `at most 536870912, found ${count}`);
  }
});
