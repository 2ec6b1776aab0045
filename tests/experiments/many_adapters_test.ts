/** `many-adapters`: the rules of decision 0038 at their edges, and rows compared. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  compareRows,
  type ManyAdapters,
  manyAdaptersClaims,
  type RowDifferences,
} from "../../experiments/cost/many_adapters.ts";
import { allVariants } from "../../experiments/cost/random_adapters.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { notQuiet, tooNear } from "../../src/paper/claim.ts";
import { turnTimes } from "./turn_times.ts";

interface Times {
  readonly again?: number;
  readonly of32?: number;
  readonly of128?: number;
}

const equal: RowDifferences = { device: "here", difference: 0, changed: 0, changedOfBase: 0 };

/** One adapter takes 100 ms, and so do the base and all sets that are not said to take longer. */
function rowsOf(
  { again = 100, of32 = 100, of128 = 100 }: Times,
  differences: ManyAdapters["differences"] = [equal, equal],
): ManyAdapters {
  const times = allVariants.map((variant) => {
    const isRuled = variant.kind === "set" && variant.ranks.length === 1 && variant.ranks[0] === 8;
    const own = isRuled ? { 32: of32, 128: of128 }[variant.adapters] : undefined;
    return { ...variant, ...turnTimes(variant.kind === "base again" ? again : own ?? 100) };
  });
  return { times, differences };
}

const [isCheap, isSame] = manyAdaptersClaims;

Deno.test("a set of 32 may take 1.3 times as long as one adapter, and one of 128 2 times", () => {
  const judged = (of32: number, of128: number) => isCheap.holds(rowsOf({ of32, of128 }));
  assertEquals([judged(118, 181), judged(119, 181), judged(118, 182)], [true, tooNear, tooNear]);
  assertEquals([judged(142, 181), judged(144, 181), judged(118, 221)], [tooNear, false, false]);
  assertStringIncludes(
    isCheap.found!(rowsOf({ of32: 120 })),
    "16: 1.00 (1.00 to 1.00), 32: 1.20 (1.20 to 1.20), 64: 1.00 (1.00 to 1.00)",
  );
});

Deno.test("times are not judged where the base again is more than 10% off, either way", () => {
  for (const again of [90, 111]) assertEquals(isCheap.holds(rowsOf({ again })), notQuiet);
  for (const again of [91, 109]) assertEquals(isCheap.holds(rowsOf({ again })), true);
  assertStringIncludes(isCheap.found!(rowsOf({ again: 111 })), "The control took 1.11");
});

Deno.test("rows may differ by 1e-5 of the largest logit, those of the base and without BLAS by no bit", () => {
  const holds = (own: Partial<RowDifferences>, plain: Partial<RowDifferences> = {}) =>
    isSame.holds(rowsOf({}, [{ ...equal, ...own }, { ...equal, ...plain }]));
  assertEquals(holds({ difference: 1e-5, changed: 7 }), true);
  assertEquals(holds({ difference: 1.1e-5 }), false);
  assertEquals(holds({ changedOfBase: 1 }), false);
  assertEquals(holds({}, { changed: 1 }), false);
  assertEquals(holds({}, { changedOfBase: 1 }), false);
});

Deno.test("rows of a batch have the bits of their own adapters alone, and the base's those of no adapter", async () => {
  using device = await openCpuDevice({ threads: 2, blas: false });
  const before = device.ledger.read().live,
    { device: _, ...found } = await compareRows(device, 1, 1);
  assertEquals(found, { difference: 0, changed: 0, changedOfBase: 0 });
  assertEquals(device.ledger.read().live, before);
});
