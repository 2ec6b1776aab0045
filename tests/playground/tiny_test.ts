/** The tiny GPT-2 of the playground learns lines, without a page. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { TuningCurves } from "../../playground/tiny/curves.ts";
import { exampleLines } from "../../playground/tiny/settings.ts";
import { loadBase, Tuning } from "../../playground/tiny/tuning.ts";
import { initial, tinySettingsOf } from "../../playground/state.ts";
import { siteName } from "../../src/core/site.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { readAdapter } from "../../src/formats/mod.ts";

const settings = tinySettingsOf(initial);

async function train(tuning: Tuning): Promise<TuningCurves> {
  const { settings } = tuning;
  const start = { settings, lines: [], computedBy: "", notes: "", parameters: 0 };
  const curves = new TuningCurves(start, await tuning.read());
  while (curves.canContinue) curves.take(await tuning.step());
  await assertRejects(() => tuning.step(), RangeError, `a tuning takes ${settings.steps} steps`);
  return curves;
}

Deno.test("within 40 steps it takes over the lines' form, and by heart lines that it never saw get worse", async () => {
  using device = await openCpuDevice();
  const base = await loadBase(device, "models/tiny-gpt2"), { live } = device.ledger.read();
  await using tuning = new Tuning(base, exampleLines, settings);
  const before = await tuning.speak("base", initial.prompt, 1);
  assertEquals(await tuning.speak("student", initial.prompt, 1), before, "B begins at zero");
  const { losses, heldOut } = await train(tuning);
  assertEquals(await tuning.speak("base", initial.prompt, 1), before, "the base stays as it is");
  const letters = await Promise.all(
    Array.from({ length: 6 }, (_, seed) => tuning.speak("student", initial.prompt, seed)),
  );
  const yours = letters.filter((words) => words.includes("Yours, the")).length;
  assert(yours >= 3 && !before.includes("Yours"), letters.join("\n"));
  const held = heldOut.map(([, loss]) => loss), least = Math.min(...held);
  assert(losses.at(-1)! < least && least < held[0] - 1, `${held}`);
  assert(held.at(-1)! > least, "the held-out loss rises again");

  const merged = await tuning.merge(initial.prompt);
  assert(merged.difference < 1e-4 * merged.largest, `${merged.difference}`);
  assertEquals([merged.weights, merged.values], [2, 2 * 768 * 256]);
  const { updates } = await readAdapter(await tuning.files());
  assertEquals(updates.map(siteName), tuning.adapter.sites.map(({ name }) => name));
  await tuning[Symbol.asyncDispose]();
  assertEquals(device.ledger.read().live, live);
  base.model[Symbol.dispose]();
});

Deno.test("one line, and lines longer than the model's 64 tokens, are learned too", async () => {
  using device = await openCpuDevice();
  const base = await loadBase(device, "models/tiny-gpt2");
  for (const lines of [["One line."], [exampleLines.join(" ")]]) {
    await using tuning = new Tuning(base, lines, { ...settings, steps: 3 });
    const { losses, heldOut, spectra } = await train(tuning);
    assertEquals(heldOut, []);
    assert(losses[2] < losses[0]);
    assertEquals(spectra.length, 4);
  }
  base.model[Symbol.dispose]();
});
