/** The rules of decision 0026 on rows that just keep and just break them. */

import { assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { ratioOf } from "../../../experiments/frame/mod.ts";
import { judge, notQuiet, tooFew, tooNear } from "../../../src/paper/claim.ts";
import { turnTimes } from "../turn_times.ts";
import {
  byBatch,
  latencyClaims,
  type LatencyRow,
  methodsIn,
  slowDowns,
} from "../../../experiments/latency/claims.ts";

const [merged, slowest, launches] = latencyClaims("small");

/** Times of a cell: the base takes 100 ms, with 10 launches and 1,000 operations. */
interface Cell {
  readonly batch: number;
  readonly length?: number;
  readonly again?: number;
  readonly merged?: number;
  readonly H?: number;
  readonly extraLaunches?: number;
  readonly differing?: number;
  readonly ofUnmerged?: number;
}

function rowsOf(...cells: readonly Cell[]): LatencyRow[] {
  const oneToken = { batch: 1, length: 1, H: 105 }; // 5 ms whatever there is to compute
  return [oneToken, ...cells].flatMap((cell) => {
    const { batch, length = 8, again = 100, merged = 100, H = 120 } = cell as Cell;
    const { extraLaunches = 10, differing = 0, ofUnmerged = 3 } = cell as Cell;
    const counts = { rounds: 15, launches: 10, flops: 1000, bytes: 1, launchMicros: 1000 };
    const row = (model: LatencyRow["model"], time: number): LatencyRow => {
      return {
        ...{ ...counts, differing: 0 },
        ...ratioOf(turnTimes(time).each, turnTimes(100).each),
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
    return [
      row("base", 100),
      row("base again", again),
      { ...row("merged", merged), differing },
      { ...row("unmerged", 110), launches: 12, differing: ofUnmerged },
      adapted,
    ];
  });
}

/** Rows of a run that did not keep its rounds. */
const withoutInterval = (rows: readonly LatencyRow[]): LatencyRow[] =>
  rows.map(({ ratio: _, low: _low, high: _high, ...row }) => row);

Deno.test("merged LoRA adds no latency where its launches are the base's, whatever a clock says", () => {
  const cells = [{ batch: 1, merged: 150 }, { batch: 2, merged: 50, again: 300 }];
  const rows = rowsOf(...cells);
  assertEquals(judge(merged, rows, true).verdict, "reproduced");
  assertEquals(merged.ours!(rows), "0 of 10 launches differ; unmerged 2 more");
  assertStringIncludes(merged.found!(rows), "0.87 (0.50 to 1.50) times the base's time");
  assertStringIncludes(merged.found!(withoutInterval(rows)), "0.87 (no interval) times");
});

Deno.test("one launch of one cell that differs breaks it, and so does a record that cannot tell", () => {
  for (const broken of [{ differing: 1 }, { ofUnmerged: 0 }]) {
    const rows = rowsOf({ batch: 1 }, { batch: 2, ...broken });
    assertEquals(judge(merged, rows, false).verdict, "not reproduced");
  }
});

Deno.test("times are not judged where the base again is more than 2% off in a cell", () => {
  for (const claim of [slowest, launches]) {
    for (const again of [97.9, 102.1]) {
      assertEquals(claim.holds(rowsOf({ batch: 1, again }, { batch: 2, H: 110 })), notQuiet);
    }
    for (const again of [98.1, 101.9]) {
      assertEquals(
        claim.holds(rowsOf({ batch: 1, again }, { batch: 2, H: 110 })) === notQuiet,
        false,
      );
    }
  }
  const larger = rowsOf({ batch: 1 }, { batch: 2, again: 103, H: 110 });
  assertEquals(slowest.holds(larger), notQuiet);
  assertEquals(launches.holds(larger) === notQuiet, false); // It reads the smallest cell alone.
  assertStringIncludes(slowest.found!(larger), "The control took 1.03 (1.03 to 1.03) times");
});

Deno.test("a quick run, whose one round has no interval, judges launches alone", () => {
  const rows = withoutInterval(rowsOf({ batch: 1 }, { batch: 2, H: 110 }));
  const verdicts = [merged, slowest, launches].map((claim) => judge(claim, rows, true).verdict);
  assertEquals(verdicts, ["reproduced", "not judged (quick run)", "not judged (quick run)"]);
  // A count of times that were not judged says so itself: it does not read as a result.
  assertEquals(slowest.ours(rows), "as timed, 1 of 1 adapters");
  assertEquals(launches.ours(rows), "as timed, 1 of 1 adapters"); // 10 ms of 20
});

Deno.test("the slow-down must be largest at batch 1, over the lengths that every batch has", () => {
  const [one, two] = [{ batch: 1, H: 120 }, { batch: 2, H: 117 }];
  const judged = (H: number) => slowest.holds(rowsOf(one, { ...two, H }));
  assertEquals([117, 118, 122, 123].map(judged), [true, tooNear, tooNear, false]);
  assertEquals(slowest.holds(rowsOf(one, two, { batch: 4, H: 123 })), false);
  assertEquals(slowest.holds(withoutInterval(rowsOf(one, two))), tooFew);
  const long = { batch: 1, length: 16, H: 101 }; // batch 2 has no such length
  assertEquals(slowest.holds(rowsOf(one, two, long)), true);
  const method = methodsIn(rowsOf(one, two, long)).find(({ method }) => method === "H, r = 4")!;
  assertEquals(byBatch(method).map(({ batch }) => batch), [1, 2]);
  assertAlmostEquals(byBatch(method)[0].share, 0.2, 1e-12);
});

Deno.test("launches must explain half of what is added, in the smallest cell", () => {
  const half = { batch: 1, H: 120, extraLaunches: 10 }; // 10 ms of 20
  const judged = (H: number) => launches.holds(rowsOf({ ...half, H }));
  assertEquals([117, 118, 122, 123].map(judged), [true, tooNear, tooNear, false]);
  assertEquals(launches.holds(rowsOf({ ...half, H: 117 }, { batch: 2, extraLaunches: 1 })), true);
  assertEquals([97, 100].map(judged), [false, tooNear]); // What adds no time is explained by nothing.
  assertStringIncludes(
    launches.found!(rowsOf(half)),
    "+20.0%, of which 50% are launches, 50% operations, and 25% are there with a single token",
  );
  const [adapted] = slowDowns(rowsOf(half)).filter(({ row }) => row.model === "H");
  assertAlmostEquals(adapted.byLaunches, 0.5, 1e-12);
  assertAlmostEquals(adapted.byFlops, 0.5, 1e-12); // a tenth of 100 ms
  assertAlmostEquals(adapted.ofOneToken, 0.25, 1e-12);
});
