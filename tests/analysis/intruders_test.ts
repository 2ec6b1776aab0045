import { assertAlmostEquals, assertEquals } from "@std/assert";
import { intruders, toTensor } from "../../src/analysis/mod.ts";
import { Random } from "../../src/core/random.ts";
import { zeros } from "../../src/linalg/mod.ts";
import { gaussian } from "../../src/linalg/gaussian.ts";

function diagonal(...values: number[]) {
  const matrix = zeros(values.length, values.length);
  values.forEach((value, i) => matrix.data[i * (values.length + 1)] = value);
  return matrix;
}

const rankOne = (direction: number[], scaling: number) => ({
  A: { shape: [1, direction.length], data: Float64Array.from(direction) },
  B: { shape: [direction.length, 1], data: Float64Array.from(direction) },
  scaling,
});

Deno.test("no update, no intruders; a large one in a new direction is one", () => {
  const random = new Random(1), weight = gaussian(36, 30, random);
  const factors = {
    A: toTensor(gaussian(1, 30, random)),
    B: toTensor(gaussian(36, 1, random)),
    scaling: 0,
  };
  const without = intruders(factors, weight);
  assertEquals([without.count, without.blockCount, without.directions.length], [0, 0, 10]);
  for (const [i, { cosine, nearest }] of without.directions.entries()) {
    assertAlmostEquals(cosine, 1, 1e-12);
    assertEquals(nearest, i);
  }
  // The odds that a random direction of 36 is within 60° of one of 30 are those of a |cosine| of 3 σ.
  const found = intruders({ ...factors, scaling: 10 }, weight);
  assertEquals([found.count, found.directions[0].cosine < 0.5], [1, true]);
});

Deno.test("an update along a direction of the weight brings none", () => {
  const { count, directions } = intruders(rankOne([0, 1, 0, 0], 9), diagonal(4, 3, 2, 1));
  assertEquals([count, directions[0].nearest], [0, 1]);
  assertAlmostEquals(directions[0].cosine, 1, 1e-14);
});

Deno.test("near values mix: a direction that is far from each is within their block", () => {
  const weight = diagonal(3, 3 - 1e-5, 3 - 2e-5, 1, 0.9), u = Math.sqrt(1 / 3);
  const mixed = intruders(rankOne([u, u, u, 0, 0], 0.5), weight, { threshold: 0.6, leading: 1 });
  assertEquals([mixed.count, mixed.blockCount], [1, 0]);
  assertAlmostEquals(mixed.directions[0].cosine, u, 1e-4);
  assertAlmostEquals(mixed.directions[0].blockCosine, 1, 1e-9);
});
