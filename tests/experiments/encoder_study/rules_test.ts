/** The rules of decision 0021 on made-up rows that just keep and just break them. */

import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { encoderStudy, studyClaims } from "../../../experiments/encoder_study/encoder_study.ts";
import { compareCells, isLearned, taskResults } from "../../../experiments/encoder_study/rows.ts";
import { cellOf, type StudyRow } from "../../../experiments/encoder_study/rows.ts";
import { judge } from "../../../experiments/frame/mod.ts";
import { outcomeWithoutData } from "../without_data.ts";

/** Accuracies of full fine-tuning, of LoRA on q and v and on all linears at r = 8, and on q and v at r = 1. */
type Made = readonly [full: number, qv8: number, all8: number, qv1: number];

const methods = [["full"], ["qv", 8], ["all", 8], ["qv", 1]] as const;

/** Three seeds, `spread` apart, whose means are these; guessing is right in half of all cases. */
function rowsOf(task: string, made: Made, spread = 0): StudyRow[] {
  return methods.flatMap(([places, rank], i) =>
    [1, 2, 3].map((seed): StudyRow => ({
      ...{ task, places, rank, seed, accuracy: made[i] + (seed - 2) * spread },
      ...{ learningRate: 1e-3, trained: 1000 * (i + 1), majority: 50 },
    }))
  );
}

const good: Made = [90, 90, 90, 90];

const verdicts = (...rows: StudyRow[][]) =>
  studyClaims.map((claim) => judge({ scale: true, ...claim }, rows.flat(), false).verdict);

Deno.test("on a par is at most 1.1 points below full fine-tuning, on every task", () => {
  const kept = ["reproduced", "holds", "reproduced"];
  assertEquals(verdicts(rowsOf("a", good), rowsOf("b", [90, 88.9, 88.9, 87.8])), kept);
  const broken = "not reproduced at this scale";
  assertEquals(verdicts(rowsOf("a", good), rowsOf("b", [90, 88.8, 89, 88])), [
    ...[broken, "holds", "reproduced"],
  ]);
  assertEquals(verdicts(rowsOf("a", [90, 89, 88.8, 89]), rowsOf("b", good)), [
    ...["reproduced", "does not hold", "reproduced"],
  ]);
  assertEquals(verdicts(rowsOf("a", [90, 95, 95, 93.8])), ["reproduced", "holds", broken]);
});

Deno.test("1.1 points are 1.1 points, however the shares of whole texts round", () => {
  for (let right = 0; right <= 989; right++) {
    const [low, high] = [right, right + 11].map((count) => 100 * (count / 1000));
    const [result] = taskResults(rowsOf("a", [high, low, low, low]));
    assert(compareCells(result, cellOf(result, "qv", 8), cellOf(result, "full")).isOnPar);
  }
});

Deno.test("methods that learn nothing are not on a par", () => {
  assertEquals(verdicts(rowsOf("a", [75, 75, 75, 75])), ["reproduced", "holds", "reproduced"]);
  const broken = "not reproduced at this scale";
  assertEquals(verdicts(rowsOf("a", [74.9, 76, 76, 76])), [
    ...[broken, "does not hold", "reproduced"],
  ]);
  const [half, less] = [75, 74.9].map((full) => taskResults(rowsOf("a", [full, 0, 0, 0]))[0]);
  assertEquals([half, less].map(isLearned), [true, false]);
});

Deno.test("the noise floor is two standard errors of a difference of means, pooled over methods", () => {
  const [{ noise, cells }] = taskResults(rowsOf("a", good, 1));
  assertEquals(cells.map(({ accuracy }) => accuracy), [...good]);
  assertAlmostEquals(noise, 2 * Math.sqrt(2 / 3), 1e-12); // every variance is 1
  const one = rowsOf("a", good).filter(({ seed }) => seed === 1);
  assert(Number.isNaN(taskResults(one)[0].noise));
  const { ours, found } = judge({ ...studyClaims[0], scale: true }, one, false);
  assertEquals([ours, found], ["a +0.0 points", "One seed has no noise floor."]);
});

Deno.test("what the seeds leave open is said, whatever the verdict", () => {
  const found = (spread: number) =>
    judge({ ...studyClaims[0], scale: true }, rowsOf("a", [90, 88.5, 0, 0], spread), false);
  assertEquals(found(0).ours, "a −1.5 ± 0.0 points");
  assertMatch(found(0).found, /^None is nearer to the mark/);
  assertMatch(found(1).found, /^Undecided by these seeds, .*: a\.$/);
  assertEquals(found(1).verdict, found(0).verdict);
});

Deno.test("without the data a full job says in a line that the study was left out", async () => {
  const outcome = await outcomeWithoutData(encoderStudy, { full: true });
  const { settings, findings, figures, tables } = outcome;
  assertEquals(
    settings,
    "Left out: LOWRANK_DATA is not a folder with models/all-MiniLM-L6-v2 and the texts of TREC, " +
      "SUBJ, SST-2.",
  );
  assertEquals([...findings, ...figures, ...tables], []);
});
