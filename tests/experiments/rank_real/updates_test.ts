/** Intruder dimensions of the study of a real base: how they are scaled, and the rules on them. */

import "../../support/open_lapack.ts";
import { assertAlmostEquals, assertEquals } from "@std/assert";
import {
  countClaim,
  intruderCounts,
  scalingClaim,
  updateClaims,
  type UpdateRows,
} from "../../../experiments/rank_real/updates.ts";
import { type RealRow, unpacked } from "../../../experiments/rank_real/rows.ts";
import { asMuchAlong, scaledAlong, type ScaledPart } from "../../../experiments/intruders.ts";
import type { ScaledRow } from "../../../experiments/rank_real/scaling.ts";
import { type UpdateLine, updateLines } from "../../../experiments/rank_real/update_lines.ts";
import type { LowRankUpdate } from "../../../src/adapt/mod.ts";
import { Random } from "../../../src/core/random.ts";
import type { BaseWeights } from "../../../src/inspect/second_moments.ts";
import { type DenseMatrix, denseOf, frobeniusNorm, multiply } from "../../../src/linalg/mod.ts";

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

Deno.test("a control takes out as much of ΔW along other directions of it", () => {
  const normOf = ({ A, B }: LowRankUpdate) => frobeniusNorm(multiply(denseOf(B), denseOf(A)));
  const taken = (directions: DenseMatrix) => {
    const { B } = scaledAlong(update, directions, 0),
      data = B.data.map((left, i) => update.B.data[i] - left);
    return { ...update, B: { ...B, data } };
  };
  for (
    const [seed, u] of [[1, [1, 0, 0]], [2, [0, 1, 0]], [3, [0.6, 0.8, 0]], [4, [0, 0, 1]]] as const
  ) {
    const directions = { rows: 1, columns: 3, data: Float64Array.from(u) };
    const control = asMuchAlong(update, directions, new Random(seed));
    assertAlmostEquals(normOf(taken(control)), normOf(taken(directions)), 1e-6);
    assertAlmostEquals(control.data[2], 0, 1e-9); // ΔW writes nothing there.
  }
  const all = { rows: 2, columns: 3, data: Float64Array.of(1, 0, 0, 0, 1, 0) };
  const { B } = scaledAlong(update, asMuchAlong(update, all, new Random(1)), 0);
  assertAlmostEquals(Math.max(...B.data.map(Math.abs)), 0, 1e-6); // Nothing else is left.
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

/** Seeds 1 and 2 of both ranks, with so many intruders at r = 1. */
const linesOf = (...low: readonly [number, string][]) => [
  ...low.map(([data, intruders]) => lineOf("qv-1", 100 + data, data, intruders)),
  ...["1 1", "0 2"].map((intruders, i) => lineOf("qv-64", 6401 + i, 1 + i, intruders)),
  lineOf("qv-64", 801, 1, "9 9"), // With the start of r = 8: not a reported run.
];

const runs = [
  { key: "base", value: 3, own: 3.5 },
  ...["qv-1", "qv-8"].flatMap((key) => [1, 2, 3].map((seed) => ({ key, seed, value: 1, own: 4 }))),
] as RealRow[];

const rowsOf = (lines: UpdateLine[], scaled: readonly ScaledRow[] = []): UpdateRows => ({
  ...{ lines, scaled, runs },
});

Deno.test("r = 1 has more intruders than r = 64 for every seed, paired by the seed's number", () => {
  const more = linesOf([2, "3 0"], [1, "2 1"]), [first, second] = intruderCounts(more);
  assertEquals([first, second], [
    { seed: 1, low: 3, high: 2, of: 20 },
    { seed: 2, low: 3, high: 2, of: 20 },
  ]);
  assertEquals(countClaim.holds(rowsOf(more)), true);
  assertEquals(countClaim.holds(rowsOf(linesOf([1, "2 1"], [2, "1 1"]))), false);
  // The third has no partner, the second no own row.
  assertEquals(intruderCounts(linesOf([3, "9 9"], [1, "2 1"])).map(({ seed }) => seed), [1]);
});

/** Losses of both ranks with a part taken out, a seed each: of a rise of 0.5 and a gain of 2. */
const taken = (part: ScaledPart, ...losses: readonly (readonly [value: number, own: number])[]) =>
  losses.flatMap(([value, own], i) =>
    ["qv-1", "qv-8"].map((key): ScaledRow => ({
      ...{ key, seed: i + 1, part, share: 0, held: 0.6, value, own, novel: 4 },
    }))
  );

/** Undone 6% and lost 10%, as of a part that is nothing special. */
const control = taken("control", [1.2, 3.97], [1.2, 3.97], [1.2, 3.97]);

Deno.test("what is undone and what is lost are compared as shares, on average", () => {
  const holds = (own: number) =>
    scalingClaim.holds(rowsOf([], [
      ...taken("intruders", [1.2, own], [1.2, own + 0.001], [1.2, own]),
      ...control,
    ]));
  assertEquals(holds(3.94), true); // 12% and 10%.
  assertEquals(holds(3.96), false); // 8% and 10%, though above the control.
});

Deno.test("intruders do more than as much of ΔW, for every seed and by more than seeds differ", () => {
  const holds = (...own: readonly number[]) =>
    scalingClaim.holds(rowsOf([], [
      ...taken("intruders", ...own.map((one) => [1.2, one] as const)),
      ...taken("control", [1.2, 3.9], [1.2, 3.9], [1.2, 3.9]),
    ]));
  assertEquals(holds(3.88, 3.881, 3.879), true); // By 4 points.
  assertEquals(holds(3.9, 3.9, 3.9), false); // As much as any part of that norm.
  assertEquals(holds(3.88, 3.881, 3.901), false); // Less for one seed.
  assertEquals(holds(3.88, 3.84, 3.895), false); // 5.7 points ± 14.
});

Deno.test("claims need two seeds with all that they read", () => {
  const intruders = taken("intruders", [1.2, 3.9], [1.2, 3.9], [1.2, 3.9]);
  const counts = linesOf([1, "2 1"], [2, "3 0"]),
    texts = (rows: UpdateRows) => updateClaims(rows).length;
  assertEquals(texts(rowsOf(counts, [...intruders, ...control])), 2);
  assertEquals(texts(rowsOf(counts, intruders)), 1, "no control");
  assertEquals(texts(rowsOf(counts.slice(0, 1), [])), 0);
  assertEquals(texts({ ...rowsOf([], [...intruders, ...control]), runs: runs.slice(0, 3) }), 0);
  const nothingForgotten = runs.map((run) => run.key === "base" ? { ...run, own: 4 } : run);
  assertEquals(texts({ ...rowsOf([], [...intruders, ...control]), runs: nothingForgotten }), 0);
  const noBase = { ...rowsOf([], [...intruders, ...control]), runs: runs.slice(1) };
  assertEquals(texts(noBase), 0, "no row of the base");
});
