/** The rules of decision 0031 on rows that just keep and just break them. */

import { assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { claimsOn } from "../../../experiments/methods/claims.ts";
import { MethodComparison } from "../../../experiments/methods/comparison.ts";
import { textClaims } from "../../../experiments/methods/texts/claims.ts";
import {
  averageOfTasks,
  factsOf,
  type TextRow,
  withFacts,
} from "../../../experiments/methods/texts/rows.ts";
import type { Judgment } from "../../../src/paper/claim.ts";

const tasks = ["TREC", "SUBJ", "SST-2"];

/** On each task two seeds of a method, ±0.01 about a mean: a noise floor of 2 · √0.0002 = 0.0283. */
const runs = (key: string, means: readonly number[]): TextRow[] =>
  [-0.01, 0.01].flatMap((off, seed) =>
    means.map((mean, i) =>
      ({
        ...{ task: tasks[i], texts: 500, key, label: key, family: "LoRA", size: "", compared: 1 },
        ...{ seed, learningRate: 1, trained: 1000 + i, value: mean + off },
      }) as const
    )
  );

const noise = 2 * Math.sqrt(2e-4);

/** The most frequent label, and two bags of which the second is better on the texts to choose by. */
const baselines = (frequent: number, bag: number): TextRow[] =>
  tasks.flatMap((task): TextRow[] => {
    const family = "baseline" as const,
      row = { task, texts: 500, family, size: "", compared: 0, trained: 0 };
    return [
      { ...row, key: "frequent", label: "frequent", value: frequent, validation: frequent },
      { ...row, key: "bag-1", label: "one", value: 99, validation: 10 },
      { ...row, key: "bag-2", label: "other", value: bag, validation: 20 },
    ];
  });

const same = (mean: number) => tasks.map(() => mean);

/** Verdicts of the rules if all methods are at 80 except some. */
function verdicts(
  others: Readonly<Record<string, readonly number[]>>,
  { frequent = 50, bag = 60 } = {},
): Judgment[] {
  const means = {
    ...{ "lora-qv": same(80), full: same(80), bitfit: same(79), "adapter-d": same(79) },
    ...{ "adapter-h": same(79), "adapter-p": same(80) },
    ...others,
  };
  const rows = [
    ...baselines(frequent, bag),
    ...Object.entries(means).flatMap(([key, own]) => runs(key, own)),
  ];
  const compared = new MethodComparison(averageOfTasks(rows), "highest");
  assertAlmostEquals(compared.noise, noise, 1e-9);
  return claimsOn(withFacts(compared, rows), textClaims).map((claim) => claim.holds(undefined));
}

Deno.test("methods are compared by the average over the tasks, and noise is that of the averages", () => {
  const rows = runs("full", [80, 90, 70]), [first, second] = averageOfTasks(rows);
  assertAlmostEquals(first.value, 79.99, 1e-9);
  assertAlmostEquals(second.value, 80.01, 1e-9);
  assertEquals([first.trained, first.seed, second.seed, "task" in first], [1001, 0, 1, false]);
  // Where one seed is better on one task and worse on another, its average has no noise.
  const crossed = runs("full", [80, 80]).map((row, i) => ({
    ...row,
    value: 80 + (i % 3 ? 1 : -1),
  }));
  assertEquals(new MethodComparison(averageOfTasks(crossed), "highest").noise, 0);
});

Deno.test("all four hold where LoRA is ahead, on a par, and above chance and the better bag", () => {
  assertEquals(verdicts({}), [true, true, true, true]);
});

Deno.test("table 2: above BitFit and adapters D on average, by more than the noise, and above chance on all", () => {
  const [off, on] = [noise - 1e-6, noise + 1e-6];
  assertEquals(verdicts({ bitfit: same(80 - on) })[0], true);
  assertEquals(verdicts({ bitfit: same(80 - off) })[0], false);
  assertEquals(verdicts({ "adapter-d": [80 - 3 * on, 80, 80] })[0], true);
  assertEquals(verdicts({ "adapter-d": [80 - 3 * off, 80, 80] })[0], false);
  // Two standard errors of 80.0 and 75.0% of 500 texts are 5.3 points.
  assertEquals(verdicts({}, { frequent: 74 })[0], true);
  assertEquals(verdicts({}, { frequent: 75 })[0], false);
  const one = { "lora-qv": [54, 90, 98], bitfit: same(70), "adapter-d": same(70) };
  assertEquals(verdicts(one)[0], false); // Its average is far above, and on one task there is only chance.
});

Deno.test("on average at most 1.1 points below full fine-tuning, which has learned every task", () => {
  assertEquals(verdicts({ full: same(81.1) })[1], true);
  assertEquals(verdicts({ full: same(81.11) })[1], false);
  assertEquals(verdicts({ full: [83.3, 80, 80] })[1], true);
  assertEquals(verdicts({ full: [83.4, 80, 80] })[1], false);
  assertEquals(verdicts({ full: [75, 80, 80] })[1], true);
  assertEquals(verdicts({ full: [74.9, 80, 80] })[1], false); // More than half of 50 points.
});

Deno.test("above adapters H by more than the noise, and adapters P not above LoRA by more", () => {
  const [off, on] = [noise - 1e-6, noise + 1e-6];
  assertEquals(verdicts({ "adapter-h": same(80 - on) })[2], true);
  assertEquals(verdicts({ "adapter-h": same(80 - off) })[2], false);
  assertEquals(verdicts({ "adapter-p": same(80 + off) })[2], true);
  assertEquals(verdicts({ "adapter-p": same(80 + on) })[2], false);
});

Deno.test("above the bag that was better on the texts to choose by, on every task", () => {
  assertEquals(verdicts({}, { bag: 74 })[3], true);
  assertEquals(verdicts({}, { bag: 75 })[3], false);
  assertEquals(verdicts({ "lora-qv": [95, 95, 65] })[3], false);
  const [{ bag }] = factsOf([...baselines(50, 60), ...runs("lora-qv", same(80))]);
  assertEquals([bag.key, bag.value], ["bag-2", 60]);
});

Deno.test("what is found names the tasks, and one seed has no noise floor", () => {
  const keys = ["lora-qv", "full", "bitfit", "adapter-d"];
  const rows = [...baselines(50, 60), ...keys.flatMap((key) => runs(key, [80, 90, 70]))]
    .filter(({ seed = 0 }) => seed === 0);
  const [table2] = claimsOn(
    withFacts(new MethodComparison(averageOfTasks(rows), "highest"), rows),
    textClaims,
  );
  assertEquals(table2.holds(undefined), false);
  const found = table2.found!(undefined);
  assertStringIncludes(
    found,
    "LoRA on q and v: TREC 80.0, SUBJ 90.0, SST-2 70.0; the most frequent",
  );
  assertStringIncludes(found, "One seed has no noise floor.");
});
