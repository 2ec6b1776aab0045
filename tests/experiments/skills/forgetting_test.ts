/** Forgetting: a seed for every run, corrections of a model, and the rules on planted rows. */

import "../../support/open_lapack.ts";
import { assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { correctionOf, scaledAlong, scalings } from "../../../experiments/intruders.ts";
import { forgetting } from "../../../experiments/skills/forgetting/forgetting.ts";
import measured from "../../../experiments/skills/forgetting/forgetting.json" with { type: "json" };
import type { Both, ForgettingRow } from "../../../experiments/skills/forgetting/rows.ts";
import {
  forgettingArms,
  forgettingSteps,
  planForgetting,
  rateShares,
  scaledSteps,
} from "../../../experiments/skills/forgetting/runs.ts";
import { armName, liveTasks } from "../../../experiments/skills/needed_rank/runs.ts";
import type { LowRankUpdate } from "../../../src/core/update.ts";
import { denseOf, multiply } from "../../../src/linalg/mod.ts";

/** A training of planted rows. */
interface Place {
  readonly rank?: number;
  readonly steps: number;
  readonly share: number;
  readonly seed: number;
}

/** Functions of a training that plant its values, and those with a part scaled. */
interface Planted {
  readonly right?: (place: Place) => number;
  readonly own: (place: Place) => number;
  readonly intruders?: (place: Place) => number;
  readonly scaled?: (part: string, share: number, whole: Both) => Partial<Both>;
}

const planted = (
  { right = () => 100, own, intruders = () => 5, scaled = () => ({}) }: Planted,
) => ({
  base: { own: 0, ownRight: 99 },
  runs: [1, 2, 3].flatMap((seed) =>
    liveTasks.flatMap((task) =>
      forgettingArms.flatMap((arm) =>
        forgettingSteps.flatMap((steps) =>
          rateShares.map((share): ForgettingRow => {
            const place = { rank: arm.rank, steps, share, seed };
            const whole = { right: right(place), own: own(place) + 0.01 * seed, ownRight: 50 };
            return {
              ...{ task, arm: armName(arm), ...place, learningRate: 1, trained: 1, size: 0.1 },
              ...whole,
              ...steps === scaledSteps && {
                ...{ intruders: intruders(place), held: 0.5 },
                scaled: scalings.map((one) => ({
                  ...{ ...one, ...whole },
                  ...scaled(one.part, one.share, whole),
                })),
              },
            };
          })
        )
      )
    )
  ),
});

const verdicts = (rows: unknown) => forgetting.claims.map((claim) => claim.holds(rows));

Deno.test("each training has a seed of its own, and there are 360", () => {
  const plan = planForgetting({ seeds: [1, 2, 3], quick: false });
  assertEquals(plan.length, 360);
  assertEquals(new Set(plan.map(({ chosen }) => chosen.seed)).size, 360);
});

Deno.test("LoRA that keeps more passes, and its intruders undo forgetting at no cost", () => {
  const rows = planted({
    own: ({ rank = 100, steps }) => (1 + Math.log2(rank)) * steps / 300,
    intruders: ({ rank = 0 }) => rank === 0 ? 1 : 20 - Math.log2(rank),
    scaled: (part, share, { own }) =>
      part === "intruders" ? { own: own * share } : { own: own / 2, right: 50 },
  });
  assertEquals(verdicts(rows), Array(8).fill(true));
});

Deno.test("LoRA that forgets more fails, and so do intruders that cost what they undo", () => {
  const rows = planted({
    own: ({ rank = 0, steps }) => rank === 0 ? 1 : 3 + 1 / rank - steps / 300,
    intruders: ({ rank = 1 }) => rank,
    scaled: (part, share, { own, right }) =>
      part === "intruders" ? { own: own * share, right: right * share } : { own: 0 },
  });
  assertEquals(verdicts(rows), Array(8).fill(false));
});

Deno.test("arms on one Pareto curve are told from arms that forget less at the end alone", () => {
  const rows = planted({
    right: ({ rank, steps, share }) => rank || steps === 100 && share === 1 ? 100 : 90,
    own: ({ rank, steps }) => rank ? 1 : steps > 100 ? 2 : 1,
  });
  assertEquals(verdicts(rows).slice(0, 2), [true, false]);
});

Deno.test("a task that full fine-tuning has not learned is not compared", () => {
  const rows = planted({ right: ({ rank }) => rank ? 100 : 90, own: ({ rank }) => rank ? 1 : 2 });
  assertEquals(forgetting.claims[1].holds(rows), false);
  assertStringIncludes(forgetting.claims[1].found!(rows)!, "not learned");
});

Deno.test("a correction added to an update is the update with its part scaled", () => {
  const tensor = (shape: [number, number], ...values: number[]) => ({
    shape,
    data: Float32Array.from(values),
  });
  const update: LowRankUpdate = {
    module: "one",
    A: tensor([2, 3], 1, 2, 0, 0, 1, -1),
    B: tensor([3, 2], 3, 0, 1, 2, 0, -1),
    scaling: 2,
  };
  const directions = { rows: 1, columns: 3, data: Float64Array.of(0.6, 0, 0.8) };
  const productOf = ({ A, B }: LowRankUpdate) => multiply(denseOf(B), denseOf(A)).data;
  const [whole, scaled, correction] = [
    update,
    scaledAlong(update, directions, 0.25),
    correctionOf(update, directions, 0.25),
  ].map(productOf);
  whole.forEach((value, at) => assertAlmostEquals(value + correction[at], scaled[at], 1e-5));
});

Deno.test("every training of every seed is shipped", () => {
  const nameOf = (...parts: readonly (string | number)[]) => parts.join();
  const wanted = planForgetting({ seeds: measured.seeds, quick: false }).map(({ chosen }) =>
    nameOf(
      ...[chosen.task.name, armName(chosen.arm), chosen.steps, chosen.share],
      ...[chosen.repeat, chosen.learningRate],
    )
  );
  const shipped = measured.rows.runs.map((row) =>
    nameOf(row.task, row.arm, row.steps, row.share, row.seed, row.learningRate)
  );
  assertEquals(shipped.toSorted(), wanted.toSorted());
});
