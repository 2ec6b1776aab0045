/** The rules of decision 0058 on rows that just keep and just break them. */

import { assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import {
  budgetClaims,
  enoughClaim,
  enoughRank,
} from "../../../experiments/methods/budget/budget.ts";
import {
  marginBetween,
  marginOf,
  MethodComparison,
  type MethodsClaim,
} from "../../../experiments/methods/comparison.ts";
import {
  averageOfTasks,
  eachTaskClaims,
  severalClaim,
  skillClaims,
  type SkillComparison,
  withFurther,
  withTasks,
} from "../../../experiments/methods/skills/claims.ts";
import { nearTask, type SkillRow } from "../../../experiments/methods/skills/runs.ts";
import { judge, type Judgment, type Verdict } from "../../../src/paper/claim.ts";
import { intervalOf } from "../../../src/paper/margin.ts";

const tasks = ["near", "far"];

/** A cell: its mean on each task, and what else its rows have. */
type Cell = readonly [
  key: string,
  means: readonly [near: number, far: number],
  own?: Partial<SkillRow>,
];

/** Two seeds a cell and task, one point about the mean on both tasks: a noise floor of √2 · 2 points. */
const rowsOf = (cells: readonly Cell[]): SkillRow[] =>
  cells.flatMap(([key, means, own]) =>
    tasks.flatMap((task, i) =>
      [-1, 1].map((off, seed): SkillRow => ({
        ...{ key, label: key, family: "LoRA", size: "", compared: 1, trained: 1000, texts: 300 },
        ...{ task, seed, learningRate: 1, validation: 1, value: means[i] + off, ...own },
      }))
    )
  );

const noise = 2 * Math.SQRT2;

const compare = (cells: readonly Cell[]): SkillComparison => {
  const rows = rowsOf(cells);
  return withTasks(new MethodComparison(averageOfTasks(rows), "highest"), rows);
};

/** A claim without the paper's own numbers, which have other tests. */
type Rule = Omit<MethodsClaim<SkillComparison>, "paper" | "contrary">;

/** Judgment of a rule on cells. */
const holds = (claim: Rule, cells: readonly Cell[]): Judgment => claim.holds(compare(cells));

const verdict = (claim: Rule, cells: readonly Cell[]): Verdict =>
  judge({ ...claim, scale: true }, compare(cells), false).verdict;

/** Half of the interval of a difference: Student's, with a degree of freedom for each cell that is compared. */
const interval = (cells: readonly Cell[]): number => intervalOf(marginOf(compare(cells), 0));

/** The same mean on both tasks. */
const at = (mean: number): readonly [number, number] => [mean, mean];

Deno.test("what is compared is each seed's average over the tasks", () => {
  const compared = compare([["a", [90, 70]], ["b", [50, 50]]]);
  assertEquals(compared.cell("a").values, [79, 81]);
  assertAlmostEquals(compared.noise, noise, 1e-12);
  assertEquals(compared.tasks.map(({ compared }) => compared.cell("a").mean), [90, 70]);
});

const [parClaim, monotone] = eachTaskClaims;

/** Full fine-tuning at 95, the base at 0, and LoRA at two ranks, of which the second was chosen on other texts. */
const par = (near: number, far: number, full = 95): Cell[] => [
  ["full", at(full)],
  ["lora-qv", at(1), { size: "r = 1", compared: 0, validation: 2 }],
  ["lora-qv", [near, far], { size: "r = 4", validation: 1 }],
  ["base", at(0), { size: "none", compared: 0 }],
];

Deno.test("on a par: on each task at most 1.1 points below full fine-tuning, at the chosen rank", () => {
  assertEquals(holds(parClaim, par(93.9, 100)), true);
  assertEquals(holds(parClaim, par(93.8, 100)), false);
  assertEquals(holds(parClaim, par(100, 93.8)), false);
  assertEquals(holds(parClaim, par(60, 60, 50)), true);
  assertEquals(holds(parClaim, par(60, 60, 49.9)), false); // Full fine-tuning has to be able to.
});

Deno.test("on a par: the task that is the furthest behind says whether that is of scale", () => {
  const mark = 95 - 1.1 - interval(par(100, 100));
  assertEquals(verdict(parClaim, par(100, mark + 0.01)), "not reproduced at this scale");
  assertEquals(verdict(parClaim, par(100, mark - 0.01)), "not reproduced");
});

const table3 = severalClaim, [scales, adapters] = skillClaims;

/** LoRA at 80 and its baselines of table 3, of which so many are worse by so much. */
const baselines = (worse: number, by: number, trained = 1000): Cell[] => [
  ["lora-qv", at(80)],
  ...["full", "top-layers", "adapter-h", "adapter-l", "prefix-layer"].map((key, i): Cell => [
    ...[key, at(i < worse ? 80 - by : 80), { trained }] as const,
  ]),
];

Deno.test("table 3: three of five baselines, by more than the noise, with 0.9 times the values", () => {
  assertEquals(holds(table3, baselines(3, noise + 1e-9)), true);
  assertEquals(holds(table3, baselines(3, noise - 1e-9)), false);
  assertEquals(holds(table3, baselines(2, 9)), false);
  assertEquals(holds(table3, baselines(5, 9, 900)), true);
  assertEquals(holds(table3, baselines(5, 9, 899)), false);
});

Deno.test("table 3: the third best lead is beyond the noise where three baselines are clearly better", () => {
  const better = (count: number, by: number) => baselines(count, -by);
  const half = interval(better(3, 9));
  assertEquals(verdict(table3, better(3, half + 1e-9)), "not reproduced");
  assertEquals(verdict(table3, better(3, half - 1e-9)), "not reproduced at this scale");
  assertEquals(verdict(table3, better(2, 9)), "not reproduced at this scale"); // Three are level.
});

Deno.test("table 3 alone reads further seeds, and its noise is that of two cells of unlike many", () => {
  const cells = baselines(3, 9), rows = rowsOf(cells);
  const further = rows.filter(({ key }) => key === "lora-qv").flatMap((row) =>
    [2, 3].map((seed): SkillRow => ({ ...row, seed, value: 90 - 10 * (seed - 2), further: 1 }))
  );
  const compared = withFurther([...rows, ...further]), own = compared.cell("lora-qv");
  assertEquals(
    compare(cells).cell("lora-qv").values,
    averageOfTasks([...rows, ...further])
      .filter(({ key }) => key === "lora-qv").map(({ value }) => value),
  );
  assertEquals(own.values, [79, 81, 90, 80]);
  // Squares about the means: 2 for each of five baselines, 77 for LoRA; 5 + 3 degrees of freedom.
  const variance = (5 * 2 + 77) / 8;
  assertAlmostEquals(
    compared.noiseBetween(own, compared.cell("full")),
    2 * Math.sqrt(variance * (1 / 4 + 1 / 2)),
    1e-12,
  );
  assertEquals(marginBetween(compared, [own, compared.cell("full")]).freedom, 8);
});

/** Prefixes of two sizes on the near task, the smaller prefix-layer at `small`, the others at 50. */
function onNear(small: number): SkillComparison {
  const cells: Cell[] = ["prefix-embedding", "prefix-layer"].flatMap((key): Cell[] => [
    [key, at(50), { trained: 20 }],
    [key, at(key === "prefix-layer" ? small : 50), { size: "s", trained: 10, compared: 0 }],
  ]);
  const rows = rowsOf(cells).filter(({ task }) => task === tasks[0]);
  return withTasks(
    new MethodComparison([], "highest"),
    rows.map((row) => ({ ...row, task: nearTask.name })),
  );
}

Deno.test("figure 2: a smaller prefix that is better on the near task, by more than the noise", () => {
  assertAlmostEquals(onNear(1).near.noise, noise, 1e-12);
  assertEquals(monotone.holds(onNear(50 + noise + 1e-9)), true);
  assertEquals(monotone.holds(onNear(50 + noise - 1e-9)), false);
  assertEquals(monotone.holds(onNear(10)), false);
  const { beyond, noise: floor } = monotone.margin!(onNear(50 + noise - 1e-9));
  assertAlmostEquals(beyond, -noise, 1e-8);
  assertAlmostEquals(floor, noise, 1e-12);
});

Deno.test("the near task is no part of the average", () => {
  const rows = rowsOf([["a", [90, 70]]]);
  const more = rows.slice(0, 2).map((row) => ({ ...row, task: nearTask.name, value: 0 }));
  assertEquals(averageOfTasks([...rows, ...more]), averageOfTasks(rows));
  assertEquals(withTasks(new MethodComparison([], "highest"), more).tasks, []);
});

/** LoRA's small and large size, the best of adapters H, and of both prefixes. */
const scaling = (small: number, large: number, houlsby: number, prefix: number): Cell[] => [
  ["lora-qv", at(small), { trained: 10 }],
  ["lora-qv", at(large), { size: "l", trained: 20, compared: 0 }],
  ["adapter-h", at(houlsby)],
  ...["prefix-embedding", "prefix-layer"].map((key): Cell => [key, at(prefix)]),
];

Deno.test("figure 2: LoRA rises with its size, as high as adapters H and higher than both prefixes", () => {
  assertEquals(holds(scales, scaling(80, 90, 90, 90 - noise - 1e-9)), true);
  assertEquals(holds(scales, scaling(80, 90, 90, 90 - noise + 1e-9)), false);
  assertEquals(holds(scales, scaling(80, 90, 90.01, 10)), false);
  assertEquals(holds(scales, scaling(80, 80 - noise - 1e-9, 70, 10)), false);
  assertEquals(holds(scales, scaling(80, 80 - noise + 1e-9, 70, 10)), true);
});

Deno.test("figure 2: what is furthest on the wrong side says whether that is of scale", () => {
  const half = interval(scaling(80, 90, 90, 10));
  assertEquals(
    verdict(scales, scaling(80, 90, 90 + half - 1e-9, 10)),
    "not reproduced at this scale",
  );
  assertEquals(verdict(scales, scaling(80, 90, 90 + half + 1e-9, 10)), "not reproduced");
  assertEquals(verdict(scales, scaling(80, 80 - half - 1e-9, 70, 10)), "not reproduced");
});

Deno.test("with as many values, none of three adapters is better than LoRA", () => {
  const cells = (mean: number): Cell[] => [
    ["lora-qv", at(80)],
    ...["adapter-h", "adapter-l"].map((key): Cell => [key, at(80)]),
    ["adapter-p", at(mean)],
  ];
  assertEquals(holds(adapters, cells(80 + noise - 1e-9)), true);
  assertEquals(holds(adapters, cells(80 + noise + 1e-9)), false);
  const said = "Points above LoRA's. Noise floor of 2 seeds: 2.8 points.";
  const lead = " P is better by 1.0, less than the noise: undecided.";
  assertEquals(adapters.found!(compare(cells(80))), said);
  assertEquals(adapters.found!(compare(cells(81))), said + lead);
});

const [table5, bestPlace, table18] = budgetClaims;

/** Table 5's rows at 40 but for q,v and q alone, and all four at 80. */
const placed = (both: number, alone: number, output = 40): Cell[] => [
  ...["k-8", "v-8", "qk-4"].map((key): Cell => [key, at(40)]),
  ["o-8", at(output)],
  ["qkvo-2", at(80)],
  ["qv-4", at(both)],
  ["q-8", at(alone)],
];

Deno.test("table 5: both choices are better than q and than k, by more than the noise", () => {
  assertEquals(holds(table5, placed(80, 80 - noise - 1e-9)), true);
  assertEquals(holds(table5, placed(80, 80 - noise + 1e-9)), false);
  assertEquals(holds(table5, placed(40 + noise - 1e-9, 0)), false); // Than k.
});

Deno.test("table 5: q,v is the best when nothing is better by more than the noise", () => {
  assertEquals(holds(bestPlace, placed(80 - noise + 1e-9, 0)), true);
  assertEquals(holds(bestPlace, placed(80 - noise - 1e-9, 0)), false);
  const found = (both: number) => bestPlace.found!(compare(placed(both, 0)));
  assertMatch(found(79), /points\. qkvo-2 is better by 1\.0, less than the noise: undecided\.$/);
  for (const both of [80, 81, 70]) {
    assertMatch(found(both), /Noise floor of 2 seeds: 2\.8 points\.$/);
  }
  const half = interval(placed(80, 0));
  assertEquals(verdict(bestPlace, placed(80, 0, 80 + half + 1e-9)), "not reproduced");
});

/** q and v at r = 1, 4, 16 and 64, on each task. */
const ranked = (...means: readonly (readonly [near: number, far: number])[]): Cell[] =>
  [1, 4, 16, 64].map((rank, i) => [
    ...[`qv-${rank}`, means[i], { size: `r = ${rank}`, trained: rank }] as const,
  ]);

Deno.test("table 6: on each task r = 1 is at most 1.1 points below the best rank", () => {
  assertEquals(holds(enoughClaim, ranked([98.9, 90], [100, 91], at(90), at(90))), true);
  assertEquals(holds(enoughClaim, ranked([98.8, 90], [100, 91], at(90), at(90))), false);
  assertEquals(holds(enoughClaim, ranked([100, 89.8], [100, 91], at(90), at(90))), false);
  assertEquals(
    verdict(enoughClaim, ranked([100, 10], at(100), at(100), at(100))),
    "not reproduced",
  );
});

Deno.test("table 18: the smallest rank that no other is better than is from 4 to 16", () => {
  assertEquals(holds(table18, ranked(at(50), at(80), at(81), at(82))), true);
  assertEquals(holds(table18, ranked(at(80), at(80), at(80), at(80))), false); // r = 1 is enough.
  assertEquals(holds(table18, ranked(at(50), at(60), at(70), at(80))), false); // r = 64.
  assertEquals(enoughRank(compare(ranked(at(50), at(70), at(80), at(81)))).size, "r = 16");
  assertEquals(verdict(table18, ranked(at(50), at(60), at(70), at(80))), "not reproduced");
  assertEquals(
    verdict(table18, ranked(at(80), at(79), at(79), at(79))),
    "not reproduced at this scale",
  );
});
