/** Every fault at every operation of everything that saves, a second fault after a kill, and cuts of the power. */

import { assert } from "@std/assert";
import { checkRun } from "./check_run.ts";
import { checkPowerCuts, checkTested, checkTwoFaults } from "./check_saver.ts";
import { fewFiles, savers } from "./savers.ts";

for (const saver of savers) Deno.test(saver.name, () => checkTested(saver, "all"));

Deno.test("a run that a fault cuts off at any operation resumes to the same bits", () =>
  checkRun("all"));

Deno.test("a fault after a kill loses neither the old files nor the new ones", async () => {
  const pairs = await checkTwoFaults(fewFiles);
  // Three files, each made, written, flushed, set aside and replaced, in both saves.
  assert(pairs > 15 ** 2, `found ${pairs} pairs`);
});

for (const { name, withSaver } of savers) {
  Deno.test(`after a cut of the power, ${name}`, () =>
    withSaver(async (saver) => {
      // Of a model's tokenizer, which is no unit by itself, some files may then be gone.
      await checkPowerCuts({ ...saver, groups: saver.groups.slice(0, 1) });
    }));
}
