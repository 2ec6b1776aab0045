/** The part of a job that a process computes: as given, or as the variables of its array say. */

import { assertEquals, assertThrows } from "@std/assert";
import { partOf, shardOf, type shardVariables } from "../../src/runs/plan.ts";
import { flagsOf } from "../cli/lowrank.ts";

type Variables = Partial<Record<typeof shardVariables[number], string>>;

const shardIn = (given: string | undefined, variables: Variables) =>
  shardOf(given, (name) => variables[name]);

/** Variables that Slurm sets for a task of an array. */
const slurm = (id: number, least: number, most: number, count = most - least + 1): Variables => ({
  SLURM_ARRAY_TASK_ID: `${id}`,
  SLURM_ARRAY_TASK_COUNT: `${count}`,
  SLURM_ARRAY_TASK_MIN: `${least}`,
  SLURM_ARRAY_TASK_MAX: `${most}`,
});

Deno.test("a part is as given, as the array says, or none", () => {
  assertEquals(shardIn(undefined, {}), undefined);
  assertEquals(shardIn("2/4", {}), { index: 2, count: 4 });
  assertEquals(shardIn("2/4", slurm(3, 1, 8)), { index: 2, count: 4 });
  assertEquals(shardIn(undefined, slurm(3, 1, 8)), { index: 3, count: 8 });
  assertEquals(shardIn(undefined, slurm(3, 0, 7)), { index: 4, count: 8 });
  assertEquals(shardIn("/8", slurm(3, 1, 8)), { index: 3, count: 8 });
  assertEquals(shardIn("/8", { JOB_COMPLETION_INDEX: "0" }), { index: 1, count: 8 });
});

Deno.test("a lost task that is sent again alone is the same part with /n, and refused without", () => {
  assertEquals(shardIn("/8", slurm(3, 3, 3)), { index: 3, count: 8 });
  for (const alone of [slurm(3, 3, 3), slurm(1, 1, 1), slurm(5, 3, 5, 2), slurm(3, 3, 5)]) {
    const found = `found SLURM_ARRAY_TASK_ID="${alone.SLURM_ARRAY_TASK_ID}" alone`;
    assertThrows(() => shardIn(undefined, alone), RangeError, found);
  }
  const pod = { JOB_COMPLETION_INDEX: "3" };
  assertThrows(() => shardIn(undefined, pod), RangeError, "give --shard /n, found JOB_COMPLETION");
});

Deno.test("what is no part is refused in a sentence that has it", () => {
  for (const given of ["0/2", "3/2", "1", "a/b", "1/2/3", "", "/", "/0", "-1/2", "1.5/2"]) {
    assertThrows(() => shardIn(given, slurm(1, 1, 2)), RangeError, `found ${given}`);
  }
  assertThrows(() => shardIn("/4", {}), RangeError, "found /4 with no SLURM_ARRAY_TASK_ID");
  const found = 'found /4 with SLURM_ARRAY_TASK_ID="0"';
  assertThrows(() => shardIn("/4", slurm(0, 0, 3)), RangeError, found);
  assertThrows(() => shardIn("/4", { SLURM_ARRAY_TASK_ID: "x\n" }), RangeError, '="x\\n"');
});

Deno.test("the parts of a list are all of it, each item once, in pieces that differ by one", () => {
  const items = Array.from({ length: 11 }, (_, i) => i);
  const parts = [1, 2, 3, 4].map((index) => partOf(items, { index, count: 4 }));
  assertEquals(parts, [[0, 4, 8], [1, 5, 9], [2, 6, 10], [3, 7]]);
});

Deno.test("the tasks that share work see the variables of both kinds of array", () => {
  for (const task of ["lowrank", "reproduce"]) {
    const [variables] = flagsOf(task).flatMap((flag) => flag.match(/^-E=(.*)/)?.[1] ?? []);
    const seen = variables.split(",").filter((name) => /^(SLURM|JOB)_/.test(name));
    assertEquals(seen.toSorted(), ["JOB_COMPLETION_INDEX", "SLURM_ARRAY_TASK_*"]);
  }
});
