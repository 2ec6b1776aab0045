/** The rules of decision 0026 on rows that just keep and just break them. */

import { assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { latencyClaims } from "../../../experiments/latency/claims.ts";
import {
  byBatch,
  type LatencyRow,
  methodsIn,
  slowDowns,
} from "../../../experiments/latency/rows.ts";

const [merged, slowest, launches] = latencyClaims;

/** Times of a cell: the base takes 100 ms, with 10 launches and 1,000 operations. */
interface Cell {
  readonly batch: number;
  readonly length?: number;
  readonly again?: number;
  readonly merged?: number;
  readonly H?: number;
  readonly extraLaunches?: number;
}

function rowsOf(...cells: readonly Cell[]): LatencyRow[] {
  const oneToken = { batch: 1, length: 1, H: 105 }; // 5 ms whatever there is to compute
  return [oneToken, ...cells].flatMap((cell) => {
    const { batch, length = 8, again = 100, merged = 100, H = 120 } = cell as Cell;
    const { extraLaunches = 10 } = cell as Cell;
    const counts = { rounds: 5, launches: 10, flops: 1000, bytes: 1, launchMicros: 1000 };
    const row = (model: LatencyRow["model"], time: number): LatencyRow => {
      return {
        ...counts,
        space: "here",
        batch,
        length,
        model,
        bottleneck: 0,
        minimum: time,
        median: time,
      };
    };
    const adapted = { ...row("H", H), bottleneck: 4, launches: 10 + extraLaunches, flops: 1100 };
    return [row("base", 100), row("base again", again), row("merged", merged), adapted];
  });
}

Deno.test("merged LoRA may be 2% off on average, either way, and no more", () => {
  for (
    const [time, holds] of [[101.9, true], [98.1, true], [102.1, false], [97.9, false]] as const
  ) {
    assertEquals(
      merged.holds(rowsOf({ batch: 1, merged: time }, { batch: 2, merged: time })),
      holds,
    );
  }
  const mixed = rowsOf({ batch: 1, merged: 105 }, { batch: 2, merged: 96 });
  assertEquals(merged.holds(mixed), true);
  assertStringIncludes(merged.found!(mixed), "largest of a cell +5.0%");
});

Deno.test("a control that is off is named, and does not change the verdict", () => {
  const rows = rowsOf({ batch: 1, again: 103, merged: 103 });
  assertEquals(merged.holds(rows), false);
  assertStringIncludes(merged.found!(rows), "so that this run, on a busy machine, cannot tell");
  assertEquals(merged.found!(rowsOf({ batch: 1, again: 101.9 })).includes("cannot tell"), false);
});

Deno.test("the slow-down must be largest at batch 1, over the lengths that every batch has", () => {
  const [one, two] = [{ batch: 1, H: 120 }, { batch: 2, H: 119 }];
  assertEquals(slowest.holds(rowsOf(one, two)), true);
  assertEquals(slowest.holds(rowsOf(one, { ...two, H: 120 })), false);
  const long = { batch: 1, length: 16, H: 101 }; // batch 2 has no such length
  assertEquals(slowest.holds(rowsOf(one, two, long)), true);
  const method = methodsIn(rowsOf(one, two, long)).find(({ method }) => method === "H, r = 4")!;
  assertEquals(byBatch(method).map(({ batch }) => batch), [1, 2]);
  assertAlmostEquals(byBatch(method)[0].share, 0.2, 1e-12);
});

Deno.test("launches must explain half of what is added, in the smallest cell", () => {
  const half = { batch: 1, H: 120, extraLaunches: 10 }; // 10 ms of 20
  assertEquals(launches.holds(rowsOf(half)), true);
  assertEquals(launches.holds(rowsOf({ ...half, extraLaunches: 9 })), false);
  assertEquals(launches.holds(rowsOf(half, { batch: 2, extraLaunches: 1 })), true);
  for (const H of [100, 99]) assertEquals(launches.holds(rowsOf({ ...half, H })), false);
  assertStringIncludes(
    launches.found!(rowsOf(half)),
    "+20.0%, of which launches 50%, operations 50%, and with a single token already 25%",
  );
  const [adapted] = slowDowns(rowsOf(half)).filter(({ row }) => row.model === "H");
  assertAlmostEquals(adapted.byLaunches, 0.5, 1e-12);
  assertAlmostEquals(adapted.byFlops, 0.5, 1e-12); // a tenth of 100 ms
  assertAlmostEquals(adapted.ofOneToken, 0.25, 1e-12);
});
