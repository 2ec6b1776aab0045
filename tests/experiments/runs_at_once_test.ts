/** `runs-at-once`: the rules of decision 0039 at their edges, and runs compared. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  allVariants,
  boundOf,
  compareRuns,
  type RunDifferences,
  type RunsAtOnce,
  runsAtOnceClaims,
  type Variant,
} from "../../experiments/cost/runs_at_once.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { notQuiet, tooNear } from "../../src/paper/claim.ts";
import { turnTimes } from "./turn_times.ts";

const equal: RunDifferences = { device: "here", difference: 0, changed: 0, compared: 1000 };

/** All take 100 ms that are not said to take another time with the load of the rule. */
function rowsOf(
  ruled: Partial<Record<Variant["kind"], number>>,
  differences: RunsAtOnce["differences"] = [equal, equal],
): RunsAtOnce {
  const times = allVariants.map((variant) => {
    const { kind, runs, rows, tokens, all } = variant;
    const isRuled = runs === 8 && rows === 1 && tokens === 16 && !all;
    return { ...variant, ...turnTimes((isRuled ? ruled[kind] : undefined) ?? 100) };
  });
  return { times, differences };
}

const [isFaster, isSame] = runsAtOnceClaims;

Deno.test("8 runs at once must take at most half the time of 8 in a row", () => {
  const judged = (time: number) => isFaster.holds(rowsOf({ "at once": time, "one run": 40 }));
  assertEquals([45, 46, 56].map(judged), [true, tooNear, false]);
  assertEquals(isFaster.holds(rowsOf({ "in a row": 221, "in a row again": 221 })), true);
  const found = rowsOf({ "at once": 50, "one run": 40 });
  assertEquals(boundOf(found).ratio, 2.5);
  assertStringIncludes(
    isFaster.found!(found),
    "1 x 16 tokens: 2.00 (2.00 to 2.00) times as fast of 2.50",
  );
  assertStringIncludes(
    isFaster.found!(found),
    "8 x 64 tokens: 1.00 (1.00 to 1.00) times as fast of 1.00",
  );
});

Deno.test("times are not judged where the runs in a row again are more than 10% off, either way", () => {
  const judged = (again: number) =>
    isFaster.holds(rowsOf({ "in a row again": again, "at once": 40, "one run": 40 }));
  assertEquals([90, 91, 109, 111].map(judged), [notQuiet, true, true, notQuiet]);
});

Deno.test("times are not judged where runs at once seem faster than their bound", () => {
  const judged = (time: number) => isFaster.holds(rowsOf({ "at once": time, "one run": 40 }));
  assertEquals([judged(39), judged(40)], [notQuiet, true]);
});

Deno.test("a first step may differ by 1e-5 of itself, and without BLAS no bit", () => {
  const holds = (own: Partial<RunDifferences>, plain: Partial<RunDifferences> = {}) =>
    isSame.holds(rowsOf({}, [{ ...equal, ...own }, { ...equal, ...plain }]));
  assertEquals(holds({ difference: 1e-5, changed: 700 }), true);
  assertEquals(holds({ difference: 1.1e-5 }), false);
  assertEquals(holds({ difference: NaN }), false);
  assertEquals(holds({}, { changed: 1 }), false);
  assertEquals(holds({}, { compared: 0 }), false);
});

Deno.test("runs at once have the bits of the same runs alone", async () => {
  using device = await openCpuDevice({ threads: 2, blas: false });
  const before = device.ledger.read().live, found = await compareRuns(device, 1);
  assertEquals([found.difference, found.changed], [0, 0]);
  assert(found.compared > 0);
  assertEquals(device.ledger.read().live, before);
});
