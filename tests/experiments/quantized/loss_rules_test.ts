/** The rules of decision 0033 for `quantized-loss`, on rows that just keep and just break them. */

import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { lossBases, type LossRow } from "../../../experiments/quantized/loss_runs.ts";
import {
  comparedTasks,
  judgedClaims,
  lossClaims,
  lossFigure,
  lossMeansTable,
  lossSettings,
} from "../../../experiments/quantized/loss.ts";
import { figureFaults } from "../../support/figure_rules.ts";

const [isPar, isRecovered, isBetter, costsNothing, isFiner] = lossClaims;

/** A mean for each base, and for full fine-tuning. */
type Means = Readonly<Record<string, number>>;

/** Two seeds of each method, `off` to both sides of its mean. */
const trained = (
  task: string,
  off: number,
  meanOf: (method: string) => number,
  valueOf: (value: number) => Pick<LossRow, "loss" | "accuracy">,
): LossRow[] =>
  ["full", ...lossBases.map(({ label }) => label)].flatMap((method) =>
    [1, 2].map((seed): LossRow => ({
      ...{ task, seed, learningRate: 1e-3, values: 100 },
      ...method === "full"
        ? { trained: "everything", base: "F32" }
        : { trained: "LoRA", base: method },
      ...valueOf(meanOf(method) + (seed === 1 ? -off : off)),
    }))
  );

/** Losses of 3 unless said, with a noise floor of 2 · 0.0707 · √(2/2) = 0.1414; before training 4. */
const definitions = (losses: Means = {}, before: Means = {}): LossRow[] => [
  ...trained("definitions", 0.05, (method) => losses[method] ?? 3, (loss) => ({ loss })),
  ...lossBases.map(({ label: base }): LossRow => ({
    ...{ task: "definitions", trained: "nothing", base, values: 0, loss: before[base] ?? 4 },
  })),
];

/** Accuracies of 80 unless said, with a noise floor of 1.414 points. */
const classifier = (task: string, accuracies: Means = {}): LossRow[] =>
  trained(task, 0.5, (method) => accuracies[method] ?? 80, (accuracy) => ({ accuracy }));

/** All tasks of a rule: a loss, and two accuracies. */
const rowsOf = (losses: Means, accuracies: Means = {}, before: Means = {}): LossRow[] => [
  ...definitions(losses, before),
  ...classifier("supersenses", accuracies),
  ...classifier("TREC"),
];

const lost: Means = { "NF4, 64": 4.01 };

Deno.test("losses are lower where they are better, accuracies higher, each with its task's noise floor", () => {
  const [loss, accuracy] = comparedTasks(rowsOf({})).map(({ measured, compared }) => {
    return { ...measured, noise: compared.noise };
  });
  assertEquals([loss.unit, loss.best, accuracy.unit, accuracy.best], [
    ...["nats", "lowest", "percent", "highest"],
  ]);
  assertAlmostEquals(loss.noise, 0.1414, 1e-4);
  assertAlmostEquals(accuracy.noise, 1.4142, 1e-4);
});

Deno.test("on a par is on every task not worse than LoRA and full fine-tuning, within the noise floor", () => {
  assertEquals(isPar.holds(rowsOf({ "NF4, 64": 3.14 }, { "NF4, 64": 78.6 })), true);
  assertEquals(isPar.holds(rowsOf({ "NF4, 64": 3.15 })), false);
  assertEquals(isPar.holds(rowsOf({}, { "NF4, 64": 78.5 })), false);
  assertEquals(isPar.holds(rowsOf({ full: 2.85 })), false);
  assertEquals(isPar.holds(rowsOf({}, { full: 81.5 })), false);
  assertEquals(isPar.holds(rowsOf({ full: 4, F32: 4 }, { full: 20, F32: 20 })), true);
});

Deno.test("what is recovered must have been lost, and no task may be worse than LoRA", () => {
  assertEquals(isRecovered.holds(rowsOf({}, {}, lost)), true);
  assertEquals(isRecovered.holds(rowsOf({})), false);
  assertEquals(isRecovered.holds(rowsOf({ "NF4, 64": 3.15 }, {}, lost)), false);
  assertEquals(isRecovered.holds(rowsOf({}, { "NF4, 64": 78.5 }, lost)), false);
  // Full fine-tuning is another rule's.
  assertEquals(isRecovered.holds(rowsOf({ full: 2 }, { full: 90 }, lost)), true);
});

Deno.test("FP4 is worse by more than one noise floor on average over the tasks", () => {
  const floors = (loss: number, accuracy: number) =>
    rowsOf({ "FP4, 64": 3 + loss * Math.SQRT2 / 10 }, { "FP4, 64": 80 - accuracy * Math.SQRT2 });
  assertEquals(isBetter.holds(floors(3.01, 0)), true); // The third task is equal.
  assertEquals(isBetter.holds(floors(2.99, 0)), false);
  assertEquals(isBetter.holds(floors(0, 3.01)), true);
  assertEquals(isBetter.holds(floors(2, 1.01)), true);
  assertEquals(isBetter.holds(floors(4, -1.01)), false); // Better on one counts against it.
  assertMatch(isBetter.ours!(floors(2, 1)), /^FP4 worse by 1\.0 noise floors$/);
});

Deno.test("where no seed differs, equal means are no noise floors apart", () => {
  const still = rowsOf({ "FP4, 64": 3 }).map((row) => ({ ...row, loss: 3, accuracy: undefined }));
  assertEquals(isBetter.ours!(still), "FP4 worse by 0.0 noise floors");
});

Deno.test("double quantization must cost nothing on any task", () => {
  const plain = "NF4, 64, scales in F32";
  assertEquals(costsNothing.holds(rowsOf({ [plain]: 2.86 }, { [plain]: 81.4 })), true);
  assertEquals(costsNothing.holds(rowsOf({ [plain]: 2.85 })), false);
  assertEquals(costsNothing.holds(rowsOf({}, { [plain]: 81.5 })), false);
});

Deno.test("blocks of 256 must be worse than of 32 on a task, and better on none", () => {
  assertEquals(isFiner.holds(rowsOf({ "NF4, 256": 3.15 })), true);
  assertEquals(isFiner.holds(rowsOf({ "NF4, 256": 3.14 })), false);
  assertEquals(isFiner.holds(rowsOf({}, { "NF4, 256": 78.5 })), true);
  assertEquals(isFiner.holds(rowsOf({ "NF4, 256": 3.15 }, { "NF4, 256": 81.4 })), true);
  assertEquals(isFiner.holds(rowsOf({ "NF4, 256": 3.15 }, { "NF4, 256": 81.5 })), false);
});

Deno.test("what is said of the rows names every task, and has no NaN", () => {
  const rows = rowsOf({ "NF4, 64": 3.02 }, { "NF4, 64": 79.5 }, lost);
  for (const { ours, found } of lossClaims) {
    assert(!/NaN|undefined/.test(`${ours!(rows)} ${found!(rows)}`));
    for (const task of ["definitions", "supersenses", "TREC"]) {
      assert(found!(rows).includes(`${task} `), `${task} in ${found!(rows)}`);
    }
  }
  assertMatch(
    isPar.found!(rows),
    /^QLoRA minus LoRA: definitions \+0\.020 ± 0\.141 nats, supersenses −0\.5 ± 1\.4 points, TREC/,
  );
  assertEquals(
    isPar.ours!(rowsOf({ "NF4, 64": 3.15 })),
    "than LoRA worse on 1 of 3 tasks, than full worse on 1 of 3 tasks",
  );
  assertMatch(isRecovered.ours!(rows), /^definitions \+0\.010 nats before; worse on 0 of 3 tasks/);
});

Deno.test("one seed has no verdicts, and a base that lost nothing none on what is recovered", () => {
  const all = rowsOf({}, {}, lost);
  assertEquals(judgedClaims(all), lossClaims);
  assert(!/judged|Left out/.test(lossSettings(all)));
  const one = all.filter(({ seed }) => seed !== 2);
  assertEquals(judgedClaims(one), []);
  assertMatch(lossSettings(one), /One seed gives no noise floor: nothing is judged/);
  assertEquals(judgedClaims(rowsOf({})), lossClaims.filter((claim) => claim !== isRecovered));
  assertMatch(lossSettings(rowsOf({})), /not worse in NF4: that it recovers is not judged/);
});

Deno.test("tasks without their data are left out in a line", () => {
  const here = rowsOf({}, {}, lost).filter(({ task }) => task !== "TREC");
  assertMatch(
    lossSettings(here),
    /Left out: the latter three, as LOWRANK_DATA is not a folder with models\/all-MiniLM-L6-v2 and/,
  );
});

Deno.test("the figure has a step for each task, and the table a column", () => {
  const rows = rowsOf({ full: 2.9 }, { "NF4, 64": 79 }, lost), figure = lossFigure(rows);
  assertEquals(figureFaults(figure), []);
  const { steps } = figure.slider!;
  assertEquals(steps.map(({ label }) => label), ["definitions", "supersenses", "TREC"]);
  const names = ["NF4", "FP4", "LoRA, F32", "full fine-tuning"];
  for (const { data, layout } of steps) {
    assertEquals(data.map(({ name }) => name), names);
    assertEquals(data.slice(0, 2).map(({ x }) => (x as number[]).length), [8, 8]);
    assertEquals(figureFaults({ ...figure, data, layout: layout! }), []);
  }
  assertEquals(
    steps.map(({ caption }) => caption),
    [
      "Lower is better. Noise floor ± 0.141, of LoRA alone ± 0.141. Not trained: 4.000 in F32, 4.010 in NF4, 64.",
      "Higher is better. Noise floor ± 1.4, of LoRA alone ± 1.4.",
      "Higher is better. Noise floor ± 1.4, of LoRA alone ± 1.4.",
    ],
  );
  const [first, , third] = lossMeansTable(rows).rows;
  assertEquals(
    [first.trained, first.definitions, first.definitionsDetail, first.supersenses],
    ["everything", 2.9, "−0.100 ± 0.141 nats", 80],
  );
  assertEquals([third.trained, third.base], ["LoRA", "NF4, 32"]);
  const alone = lossMeansTable(rows).rows.filter(({ trained }) => trained === "nothing");
  assertEquals(alone.length, lossBases.length);
  assertEquals([alone[0].definitions, alone[0].supersenses], [4, undefined]);
});
