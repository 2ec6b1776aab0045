/** Three tasks of the map in PyTorch and PEFT: what makes two shares the same. */

import { assert, assertEquals } from "@std/assert";
import {
  areApart,
  haveSameShares,
  pairsOf,
  peftCells,
  type PeftRow,
  repeatsOf,
} from "../../../experiments/skills/needed_rank/peft.ts";
import { armSeed } from "../../../experiments/skills/needed_rank/runs.ts";

/** Rows of three seeds in each cell, of so many right answers of 600. */
const rowsOf = (right: (cell: number) => readonly number[]): PeftRow[] =>
  peftCells.flatMap(({ task: { name: task }, arm: { line, rank } }, cell) =>
    right(cell).map((count, seed) => ({
      ...{ task, line, rank, base: "trained", steps: 300, seed, learningRate: 1, trained: 1 },
      ...{ right: count / 6, loss: 0, texts: 600 },
    }))
  );

/** The comparison of three seeds with three others in the first cells; in the rest all is right. */
const compared = (ours: readonly number[], peft: readonly number[], cells = 1) => {
  const [one, other] = [ours, peft].map((right) =>
    rowsOf((cell) => cell < cells ? right : [600, 600, 600])
  );
  return pairsOf(one, other);
};

Deno.test("where all is right five wrong answers of 1,800 are noise, and six are not", () => {
  assertEquals(compared([600, 600, 600], [598, 599, 598]).filter(areApart), []);
  assertEquals(compared([600, 600, 600], [598, 598, 598]).filter(areApart).length, 1);
});

Deno.test("where seeds differ, two standard errors are those of the seeds", () => {
  const spread = [300, 360, 420]; // s = 10 points: 2 s √(2/3) = 16.3
  assertEquals(compared(spread, spread.map((right) => right + 96)).filter(areApart), []);
  assertEquals(compared(spread, spread.map((right) => right + 100)).filter(areApart).length, 1);
  const [{ noise }] = compared(spread, spread);
  assert(Math.abs(noise - 16.33) < 0.01, `${noise}`);
});

Deno.test("three cells may be apart and four may not, and none by three times the noise", () => {
  const ours = [600, 600, 600], peft = [598, 598, 598];
  assertEquals([3, 4].map((cells) => haveSameShares(compared(ours, peft, cells))), [true, false]);
  assert(!haveSameShares(compared(ours, [580, 580, 580])));
});

Deno.test("no seed is that of another cell's arm, nor of both programs", () => {
  const { ours, peft } = repeatsOf,
    arms = peftCells.filter(({ task }) => task.level === 4).map(({ arm }) => arm);
  const seeds = arms.flatMap((arm) => [...ours, ...peft].map((one) => armSeed(arm, one)));
  assertEquals([arms.length, new Set(seeds).size], [5, 30]);
});
