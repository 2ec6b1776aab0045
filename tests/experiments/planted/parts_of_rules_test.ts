/** Functions that the rules are made of. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import type { HostTensor } from "../../../src/core/tensor.ts";
import { Random } from "../../../src/core/random.ts";
import { bendOf, crossing, neededRank } from "../../../src/analysis/mod.ts";
import { enough } from "../../../experiments/planted/rules.ts";
import { rotate } from "../../../src/data/mod.ts";
import { meansByRank } from "../../../src/figures/marks.ts";
import { gaussian, orthonormalRows, singularValues } from "../../../src/linalg/mod.ts";
import { assertAllClose } from "../../support/all_close.ts";

const curve = (values: Record<number, number>) =>
  Object.entries(values).map(([rank, value]) => ({ rank: Number(rank), value }));

Deno.test("a curve bends at the doubling that lowers it by the largest factor", () => {
  assertEquals(bendOf(curve({ 1: 0.9, 2: 0.5, 4: 0.01, 8: 0.005 })), 4);
  assertEquals(bendOf(curve({ 1: 0.9, 4: 0.01 })), undefined); // no doubling was measured
  assertEquals(bendOf([]), undefined);
});

Deno.test("the needed rank is the least that leaves a twentieth", () => {
  assertEquals(neededRank(curve({ 1: 0.9, 2: 0.051, 4: 0.05, 8: 0.001 }), enough), 4);
  assertEquals(neededRank(curve({ 1: 0.9 }), enough), undefined);
});

Deno.test("curves cross where a straight line between two places says", () => {
  assertEquals(crossing([{ x: 0, gap: 3 }, { x: 1, gap: 1 }, { x: 2, gap: -1 }]), 1.5);
  assertEquals(crossing([{ x: 0, gap: 3 }, { x: 2, gap: 0 }]), 2);
  assertEquals(crossing([{ x: 0, gap: 0 }, { x: 2, gap: 1 }]), 0);
  assertEquals(crossing([{ x: 0, gap: 3 }, { x: 1, gap: 1 }]), undefined);
  assertEquals(crossing([]), undefined);
});

Deno.test("means are taken rank by rank, ranks rising", () => {
  const points = [{ rank: 4, value: 1 }, { rank: 1, value: 5 }, { rank: 4, value: 3 }];
  assertEquals(meansByRank(points), [{ rank: 1, value: 5 }, { rank: 4, value: 2 }]);
});

Deno.test("a rotation keeps lengths, and what it changes has rank 2 for each plane", () => {
  const width = 9, directions = orthonormalRows(width, width, new Random(1));
  const { data } = gaussian(width, width, new Random(2));
  const images = { shape: [width, width], data: Float32Array.from(data) };
  for (const planes of [1, 2, 4]) {
    const turned = rotate(images, directions, planes, 135);
    const change = Float64Array.from(turned.data, (value, i) => value - images.data[i]);
    const values = singularValues({ rows: width, columns: width, data: change });
    assertEquals(values.filter((value) => value > 1e-5).length, 2 * planes);
    const norms = (x: HostTensor) =>
      Array.from({ length: width }, (_, i) => Math.hypot(...x.data.subarray(i * 9, i * 9 + 9)));
    assertAllClose(norms(turned), norms(images), { absolute: 1e-6, what: "lengths" });
  }
  const once = rotate(images, directions, 2, 180), twice = rotate(once, directions, 2, 180);
  assertAllClose([...twice.data], [...images.data], { absolute: 1e-6, what: "full turn" });
  const quarter = rotate(
    { shape: [1, width], data: Float32Array.from(directions.data.subarray(0, width)) },
    directions,
    1,
    90,
  );
  quarter.data.forEach((value, i) => assertAlmostEquals(value, directions.data[width + i], 1e-6));
});
