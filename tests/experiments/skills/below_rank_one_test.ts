/** Below rank 1: seeds of its own for every run, and its rules on planted shares. */

import { assertEquals } from "@std/assert";
import { belowRankOne } from "../../../experiments/skills/below_rank_one/below_rank_one.ts";
import { studiedTasks } from "../../../experiments/skills/arms.ts";
import { smallArms, smallName } from "../../../experiments/skills/below_rank_one/runs.ts";

/** Values of an arm on eight layers. */
const valuesOf = ({ rank, values = 8 * rank ** 2 }: (typeof smallArms)[number]): number => values;

/** Rows of three seeds, with as many right answers as a function of values says. */
const planted = (right: (task: number, values: number, isShared: boolean) => number) =>
  [1, 2, 3].flatMap((seed) =>
    studiedTasks.flatMap((task, at) =>
      smallArms.map((arm) => ({
        ...{ task: task.name, method: arm.method, rank: arm.rank, name: smallName(arm), seed },
        ...{ trained: valuesOf(arm), learningRate: 0.1, loss: 0, texts: 600 },
        right: right(at, valuesOf(arm), arm.method === "TinyLoRA"),
      }))
    )
  );

const verdicts = (rows: unknown) => belowRankOne.claims.map((claim) => claim.holds(rows));

Deno.test("arms have from 1 to 8,192 values, and names of their own", () => {
  assertEquals(smallArms.map(valuesOf), [8, 32, 128, 512, 2048, 8192, 1, 13, 100, 900]);
  assertEquals(new Set(smallArms.map(smallName)).size, smallArms.length);
});

Deno.test("values that do what rank 1 does not pass, and those that do nothing fail", () => {
  const all = planted((at, values) => values >= [32, 512, 512][at] ? 100 : 0);
  assertEquals(verdicts(all), [true, true, true, true, true]);
  assertEquals(verdicts(planted(() => 0)), [false, true, false, false, false]);
  assertEquals(verdicts(planted(() => 100)), [true, false, true, true, false]);
});

Deno.test("as many values on every task are no sign of distance, and shared vectors are judged apart", () => {
  const alike = planted((_, values, isShared) => !isShared && values >= 512 ? 100 : 0);
  assertEquals(verdicts(alike), [false, true, true, true, false]);
});
