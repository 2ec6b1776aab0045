/** Intruder dimensions of the study of a real base: how they are scaled, and the rules on them. */

import "../../support/open_lapack.ts";
import { assertAlmostEquals, assertEquals } from "@std/assert";
import {
  countClaim,
  intruderCounts,
  scalingClaim,
  updateClaims,
  type UpdateRows,
} from "../../../experiments/rank_real/intruders.ts";
import { type RealRow, unpacked } from "../../../experiments/rank_real/rows.ts";
import { scaledAlong, type ScaledRow } from "../../../experiments/rank_real/scaling.ts";
import { type UpdateLine, updateLines } from "../../../experiments/rank_real/update_lines.ts";
import type { LowRankUpdate } from "../../../src/adapt/mod.ts";
import type { BaseWeights } from "../../../src/inspect/second_moments.ts";

const tensor = (shape: [number, number], ...values: number[]) => {
  return { shape, data: Float32Array.from(values) };
};

/** Changes row 0 by 3 and row 1 by 2. */
const update: LowRankUpdate = {
  module: "model.layers.0.self_attn.q_proj",
  A: tensor([2, 3], 1, 0, 0, 0, 1, 0),
  B: tensor([3, 2], 3, 0, 0, 2, 0, 0),
  scaling: 1,
};

Deno.test("only what an update writes along a direction is scaled", () => {
  const first = { rows: 1, columns: 3, data: Float64Array.of(1, 0, 0) };
  assertEquals([...scaledAlong(update, first, 0.25).B.data], [0.75, 0, 0, 2, 0, 0]);
  assertEquals([...scaledAlong(update, first, 1).B.data], [...update.B.data]);
  const mixed = { rows: 1, columns: 3, data: Float64Array.of(0.6, 0.8, 0) };
  const { data } = scaledAlong(update, mixed, 0).B;
  assertAlmostEquals(0.6 * data[0] + 0.8 * data[2], 0, 1e-6); // Nothing is left along it.
});

Deno.test("a module's numbers are packed by layer, its intruder among them", async () => {
  const diagonal = Array.from({ length: 25 }, (_, at) => at % 6 === 0 ? 5 - Math.floor(at / 6) : 0);
  const weights = {
    weightOf: () => Promise.resolve(tensor([5, 5], ...diagonal)),
  } as unknown as BaseWeights;
  // A large direction of outputs with a cosine of 1 / √5 with each of W's.
  const own = {
    ...{ ...update, A: tensor([1, 5], 0, 0, 0, 0, 1) },
    B: tensor([5, 1], 100, 100, 100, 100, 100),
  };
  const [line, ...others] = await updateLines("one", [own, { ...own, scaling: 0 }], weights);
  assertEquals([line.name, line.site, others.length], ["one", "q", 0]);
  assertEquals(line.intruders, "1 0");
  assertEquals(
    unpacked(line.relativeNorm, 1e-4)[0].toFixed(2),
    (100 * Math.sqrt(5 / 55)).toFixed(2),
  );
});

/** Lines of a rank with so many intruders in two layers of q. */
const lineOf = (key: string, start: number, data: number, intruders: string) =>
  ({ name: `${key}-start${start}-data${data}`, site: "q", intruders }) as UpdateLine;

const rows = (low: [string, string], scaled: readonly ScaledRow[] = []): UpdateRows => ({
  lines: [
    ...low.map((intruders, i) => lineOf("qv-1", 101 + i, 1 + i, intruders)),
    ...["1 1", "0 2"].map((intruders, i) => lineOf("qv-64", 6401 + i, 1 + i, intruders)),
    lineOf("qv-64", 801, 1, "9 9"), // With the start of r = 8: not a reported run.
  ],
  scaled,
  runs: [
    { key: "base", value: 3, own: 3.5 },
    { key: "qv-1", seed: 1, value: 1, own: 4 },
    { key: "qv-8", seed: 1, value: 1, own: 4 },
  ] as RealRow[],
});

Deno.test("r = 1 has more intruders than r = 64 for every seed", () => {
  assertEquals(intruderCounts(rows(["2 1", "3 0"]).lines, "qv-64"), [2, 2]);
  assertEquals(countClaim.holds(rows(["2 1", "3 0"])), true);
  assertEquals(countClaim.holds(rows(["2 1", "1 1"])), false);
});

Deno.test("what is undone and what is lost are compared as shares, on average", () => {
  const scaled = (value: number, own: number) =>
    ["qv-1", "qv-8"].map((key) => ({ key, seed: 1, share: 0, value, own, novel: 4 }));
  // Of a rise of 0.5 and a gain of 2.
  assertEquals(scalingClaim.holds(rows(["2 1", "3 0"], scaled(1.2, 3.94))), true); // 12% and 10%
  assertEquals(scalingClaim.holds(rows(["2 1", "3 0"], scaled(1.2, 3.96))), false); // 8% and 10%
  assertEquals(updateClaims(rows(["2 1", "3 0"], scaled(1.2, 3.9))).length, 2);
  assertEquals(updateClaims(rows(["2 1", "3 0"])).length, 1);
  assertEquals(updateClaims({ ...rows(["2 1", "3 0"]), lines: [] }).length, 0);
});
