/** A notebook's cells in a page, in Deno's Jupyter kernel and in Deno: the same numbers on the cpu device. */

import { assertThrows } from "@std/assert";
import { assertSameNumbers, quickNotebook, testSameNumbers } from "./same_numbers.ts";

testSameNumbers(quickNotebook);

Deno.test("the last digit of an effective rank may differ, and of nothing else", () => {
  const probe = (effectiveRank: number, norm: number) => JSON.stringify([{ effectiveRank, norm }]);
  const expected = probe(206.00601494023198, 1.5);
  assertSameNumbers(probe(206.006014940232, 1.5), expected);
  assertThrows(() => assertSameNumbers(probe(206.006014941, 1.5), expected));
  assertThrows(() => assertSameNumbers(probe(206.00601494023198, 1.5000000000000002), expected));
});
