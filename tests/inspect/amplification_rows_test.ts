import "../support/open_lapack.ts";
import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { amplification, type LowRankFactors, toTensor } from "../../src/analysis/mod.ts";
import { Random } from "../../src/core/random.ts";
import { type AdaptedModule, amplificationRows, topDirectionsOf } from "../../src/inspect/mod.ts";
import { gaussian, identity } from "../../src/linalg/mod.ts";

const width = 30, random = new Random(1);

function moduleOf(site: string): AdaptedModule {
  const update = (rank: number): LowRankFactors => ({
    A: toTensor(gaussian(rank, width, random)),
    B: toTensor(gaussian(width, rank, random)),
    scaling: 1,
  });
  return {
    ...{ site, layer: 1, weight: gaussian(width, width, random) },
    metric: { secondMoment: identity(width) },
    updates: new Map([[2, [update(2)]], [4, [update(4)]]]),
  };
}

Deno.test("Figure 8 has a tenth of the width, whatever the width is", () => {
  assertEquals([30, 256, 576, 12288, 4].map(topDirectionsOf), [3, 26, 58, 1229, 1]);
  const modules = ["q", "k_proj"].map(moduleOf), rows = amplificationRows(modules, [2, 4]);
  assertEquals(rows.map(({ view, site, layer, rank }) => [view, site, layer, rank]), [
    ...["ΔW", "ΔW·S^½"].flatMap((view) =>
      ["q", "k_proj"].flatMap((site) => [2, 4].map((rank) => [view, site, "2", rank]))
    ),
  ]);
  for (const { rank, overlap, randomOverlap } of rows) {
    assertEquals([overlap.length, overlap[0].length], [3, rank]);
    assertEquals([randomOverlap.length, randomOverlap[0].length], [3, rank]);
  }
  const [{ factor }] = rows, [{ weight, updates }] = modules;
  const alone = amplification(updates.get(2)![0], weight, { seed: 11 });
  assertAlmostEquals(factor / alone.factor, 1, 1e-9);
});

Deno.test("the number of directions and of draws, and the seed, may be chosen", () => {
  const modules = [moduleOf("q")];
  const spreadOf = (draws: number, seed: number) =>
    amplificationRows(modules, [2], { randomDraws: draws, seed })[0].randomSpread;
  assertEquals(spreadOf(5, 1), spreadOf(5, 1));
  assertEquals(new Set([spreadOf(5, 1), spreadOf(5, 2), spreadOf(6, 1)]).size, 3);
  assertEquals(amplificationRows(modules, [2], { topDirections: 7 })[0].overlap.length, 7);
  assertThrows(
    () => amplificationRows(modules, [2], { topDirections: 31 }),
    RangeError,
    "topDirections must be at most the 30 of the weight, found 31",
  );
});
Deno.test("fewer random directions give other draws of the same size", () => {
  const modules = [moduleOf("q")];
  const few = amplificationRows(modules, [2, 4], { randomDirections: 4, inMetric: false });
  for (const [i, { inRandom, inDelta }] of few.entries()) {
    const all = amplificationRows(modules, [2, 4])[i];
    assertEquals(inDelta, all.inDelta);
    assertAlmostEquals(inRandom / all.inRandom, 1, 0.4);
  }
});

Deno.test("the metric of the inputs may be left out, and the rest stays as it is", () => {
  const modules = [moduleOf("q")], both = amplificationRows(modules, [2, 4]);
  assertEquals(amplificationRows(modules, [2, 4], { inMetric: false }), both.slice(0, 2));
});
