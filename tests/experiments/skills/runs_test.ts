/** Runs on the base with skills: their metrics, and what names them. */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { planSkill, type SkillRun } from "../../../experiments/skills/runs.ts";
import { taskNamed } from "../../../experiments/skills/tasks.ts";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";
import { canonicalJson } from "../../../src/storage/digest.ts";
import { withFolder } from "../../../scripts/support/folders.ts";

const chosen: SkillRun = {
  method: { kind: "lora", rank: 2, alpha: 4, sites: ["q", "v"] },
  ...{ learningRate: 0.01, steps: 2, seed: 1, split: "validation" },
  ...{ task: taskNamed("subtraction"), examples: 40 },
};

Deno.test("a run says how many answers are right, their loss, and what was trained", async () => {
  await withFolder(async (folder) => {
    using device = await openCpuDevice();
    for (const base of ["trained", "untrained"] as const) {
      const { metrics, log } = await planSkill({ ...chosen, base }, "LoRA").make({
        device,
        folder,
      });
      assertEquals(Object.keys(metrics).sort(), ["exact", "loss", "texts", "trained", "updates"]);
      const { exact, loss, texts, trained } = metrics as Record<string, number>;
      assertEquals([log.loss.length, texts, trained], [2, 200, 2 * 2 * 2 * 2 * 192]);
      assert(exact >= 0 && exact <= 1 && loss > 0);
    }
  });
});

Deno.test("facts are measured on what was trained on, and few examples are those alone", async () => {
  await withFolder(async (folder) => {
    using device = await openCpuDevice();
    const facts = { ...chosen, task: taskNamed("256 facts"), steps: 1, examples: 10 };
    const { metrics } = await planSkill(facts, "LoRA").make({ device, folder });
    assertEquals(metrics.texts, 10);
  });
});

Deno.test("a specification has the base, the texts and the split", async () => {
  using device = await openCpuDevice();
  const named = async (change: Partial<SkillRun>) =>
    canonicalJson(await planSkill({ ...chosen, ...change }, "LoRA").spec(device));
  const one = await named({});
  assertEquals(await named({}), one);
  const { task } = chosen;
  const changes: Partial<SkillRun>[] = [
    { base: "untrained" },
    { split: "test" },
    { examples: 41 },
    { seed: 2 },
    { task: { ...task, answer: () => "1" } },
  ];
  for (const change of changes) assertNotEquals(await named(change), one);
});
