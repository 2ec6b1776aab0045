/** The scale: slopes, norms of gradients on the base with skills, and the rules of best rates on planted ones. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { gradientRows } from "../../experiments/which_scale/gradients.ts";
import { type RateRow, scales } from "../../experiments/which_scale/rates.ts";
import { logSlope, scaleGradients, scaleRates } from "../../experiments/which_scale/which_scale.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";

Deno.test("a slope is the power of a power law", () => {
  assertAlmostEquals(logSlope([1, 2, 4, 8].map((x) => [x, 3 * x ** -0.5])), -0.5, 1e-12);
  assertAlmostEquals(logSlope([[1, 5], [10, 5]]), 0, 1e-12);
});

Deno.test("the gradient of A is far smaller than that of B where B is small, and both grow with the rank", async () => {
  using device = await openCpuDevice({ blas: false });
  const { live } = device.ledger.read();
  const [one, four] = await gradientRows(device, { ranks: [1, 16], draws: 2, seed: 5 });
  assertEquals([one.rank, four.rank], [1, 16]);
  for (const { start, ofA, ofB } of [one, four]) {
    assert(ofA > 0 && ofA < 1e-3 * ofB, `${ofA} beside ${ofB}`);
    assertAlmostEquals(ofB / start, 1, 1e-2); // The steps are small.
  }
  assert(four.start > 2 * one.start);
  assertEquals(device.ledger.read().live, live);
});

/** True of each claim that holds of rows. */
const verdicts = ({ claims }: typeof scaleRates, rows: unknown) =>
  claims.map((claim) => claim.holds(rows));

Deno.test("gradients that do not depend on the rank, at one scale, fail the rule of rsLoRA", () => {
  const rows = (power: number) =>
    [1, 4, 16].map((rank) => ({
      rank,
      start: rank ** power,
      ofA: rank ** power,
      ofB: rank ** power,
    }));
  assertEquals([0.5, 0.41, 0.61, 0].map((power) => verdicts(scaleGradients, rows(power))[0]), [
    ...[true, true, false, false],
  ]);
});

Deno.test("best rates that fall as the inverse of α/r pass, those that do not depend on it fail", () => {
  const rows = (ratio: (scale: number) => number): RateRow[] =>
    [1, 2].flatMap((seed) => [
      { seed, learningRate: 1e-3, loss: 1, tried: 3 },
      ...scales.map((scale) => ({
        scale,
        seed,
        learningRate: 1e-3 * ratio(scale),
        loss: 1,
        tried: 3,
      })),
    ]);
  assertEquals(verdicts(scaleRates, rows((scale) => 400 / scale)), [true, true, false, false]);
  assertEquals(verdicts(scaleRates, rows((scale) => 30 / scale)), [true, true, true, true]);
  assertEquals(verdicts(scaleRates, rows(() => 10)), [false, false, false, true]);
  assertEquals(verdicts(scaleRates, rows((scale) => 4 / Math.sqrt(scale))), [
    true,
    false,
    false,
    false,
  ]);
});
