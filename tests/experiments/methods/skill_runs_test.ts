/** The runs of methods on skills: their seeds, their sizes, and what the two experiments share. */

import { assert, assertEquals } from "@std/assert";
import { budgetMethods, placements } from "../../../experiments/methods/budget/budget.ts";
import { allSizes, comparedSizes, type SizedMethod } from "../../../experiments/methods/chosen.ts";
import { baselinesOn } from "../../../experiments/methods/skills/skills.ts";
import {
  lora,
  methodTasks,
  nearTask,
  planOnSkill,
  prefixes,
  searchedAlone,
  skillMethods,
} from "../../../experiments/methods/skills/runs.ts";
import { skillsFolder } from "../../../experiments/skills/runs.ts";
import { canonicalJson } from "../../../src/storage/digest.ts";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";
import { DryDevice } from "../../../src/device/dry.ts";
import { countTrainable, loadModel } from "../../../src/models/mod.ts";
import { allocateMethod } from "../../../src/runs/method.ts";

const cells = [...allSizes(skillMethods), ...comparedSizes(budgetMethods)];

const tasksOf = ([{ key }]: SizedMethod) =>
  prefixes.includes(key) ? [...methodTasks, nearTask] : methodTasks;

/** A cell's runs on a task: that of its search, then those of three seeds. */
const runsOf = (sized: SizedMethod, task: (typeof methodTasks)[number]) =>
  [0, 1, 2, 3].map((place) =>
    planOnSkill(task, searchedAlone(sized), { learningRate: 1e-3, place, split: "test" }).chosen
  );

Deno.test("no two cells share a seed, on one task or on two; the same cell in two experiments has the same", () => {
  const seeds = new Map<number, string>();
  for (const sized of cells) {
    for (const task of tasksOf(sized)) {
      for (const [place, { seed, method }] of runsOf(sized, task).entries()) {
        const run = `${task.name} ${canonicalJson(method)} ${place}`;
        assertEquals(seeds.getOrInsert(seed, run), run);
      }
    }
  }
  assertEquals(seeds.size, (28 * 2 + 7) * 4);
});

/** Values that a method trains at a size. */
async function trainedIn([, { spec }]: SizedMethod): Promise<number> {
  using model = await loadModel(new DryDevice(), skillsFolder);
  using _adapter = allocateMethod(model, spec, 1);
  return countTrainable(model);
}

Deno.test("what methods are compared at has the number of values nearest to LoRA's, where it can", async () => {
  const own = await trainedIn(comparedSizes(skillMethods).find(([{ key }]) => key === lora)!);
  assertEquals(own, 6144);
  for (const sized of comparedSizes(skillMethods)) {
    const trained = await trainedIn(sized), [{ key, family }] = sized;
    if (family === "full") assert(trained > 10 * own, key);
    else if (key !== "bitfit") {
      assert(Math.abs(Math.log2(trained / own)) < 0.5, `${key} ${trained}`);
    }
  }
  for (const sized of comparedSizes(placements)) assertEquals(await trainedIn(sized), own);
});

Deno.test("under the new word the base is never right, and no answer is frequent", async () => {
  using device = await openCpuDevice({ threads: 1 });
  for (const { key, value, texts } of await baselinesOn({ device })) {
    assertEquals(texts, 300);
    assert(value < 1, `${key} ${value}`);
  }
});
