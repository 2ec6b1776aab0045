/** The intrinsic dimension of an encoder: the rules on curves that are known, on the paper's number and on chance. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import {
  encoderClaims,
  encoderNeed,
  type EncoderRow,
  marksOf,
} from "../../experiments/intrinsic_dimension/encoder/encoder.ts";
import { encoderArms, encoderSeed } from "../../experiments/intrinsic_dimension/encoder/runs.ts";

const [values, lora] = encoderClaims;

/** Full fine-tuning has 93.8 on TREC and 95.1 on SUBJ (decision 0057), so that the first marks are near these. */
const firstMark = { TREC: 84.4, SUBJ: 85.6 };

/** Rows of every arm and three seeds with these accuracies. */
const rowsOf = (accuracyOf: (task: "TREC" | "SUBJ", d: number) => number): EncoderRow[] =>
  [1, 2, 3].flatMap((seed) =>
    encoderArms.map(({ task: { name }, dimension }) => ({
      ...{ task: name, dimension, seed, learningRate: 0.1, trained: dimension },
      accuracy: accuracyOf(name as "TREC" | "SUBJ", dimension),
    }))
  );

/** Accuracies that rise straight in ln d and are near the first mark at a d90. */
const rising = (d90: number) =>
  rowsOf((task, d) => Math.min(99, firstMark[task] + 2 * Math.log2(d / d90)));

Deno.test("d90 of an encoder is where its curve reaches a mark", () => {
  const rows = rising(100), { first, second } = encoderNeed(rows, "TREC");
  const mark = marksOf(rows, "TREC").first;
  assertAlmostEquals(Math.log2(first.d90 / 100), (mark - firstMark.TREC) / 2, 1e-9);
  assertEquals(second.d90 > first.d90, true);
  assertAlmostEquals(first.interval[0], first.interval[1], 1e-6);
});

Deno.test("the rules pass the paper's number and fail beside it, on chance and where the head is enough", () => {
  assertEquals([150, 300].map((d90) => values.holds(rising(d90))), [true, false]);
  const chance = rowsOf((task) => task === "TREC" ? 26.5 : 50);
  assertEquals([values, lora].map((claim) => claim.holds(chance)), [false, false]);
  assertEquals(values.holds(rowsOf(() => 93)), false);
});

Deno.test("LoRA has more values than a task needs where its interval is below them", () => {
  const from = (least: number) => rowsOf((_, d) => d < least ? 60 : 93.5);
  assertEquals([64, 256, 4096].map((least) => lora.holds(from(least))), [true, true, false]);
});

Deno.test("no two subspaces of an encoder share a seed", () => {
  const seeds = encoderArms.flatMap((arm) =>
    [0, 1, 2, 3].map((repeat) => encoderSeed(arm, repeat))
  );
  assertEquals(new Set(seeds).size, seeds.length);
});
