/** The tiny GPT-2 of the playground learns lines, without a page. */

import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { TuningCurves } from "../../playground/tiny/curves.ts";
import { exampleLines } from "../../playground/tiny/settings.ts";
import { RightByRank } from "../../playground/tiny/ranks.ts";
import { loadBase, textsOf, Tuning } from "../../playground/tiny/tuning.ts";
import { initial, tinySettingsOf } from "../../playground/state.ts";
import { siteName } from "../../src/core/update.ts";
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

Deno.test("it learns to flip words that it never saw, and the base stays as it is", async () => {
  using device = await openCpuDevice();
  const base = await loadBase(device, "models/tiny-skills"), { live } = device.ledger.read();
  await using tuning = new Tuning(base, exampleLines, settings);
  const { prompt } = initial, before = await tuning.speak("base", prompt, 1);
  assertEquals(before, " gREEN");
  assertEquals(await tuning.speak("student", prompt, 1), before, "B begins at zero");
  const first = await tuning.next(prompt);
  assertEquals(first.map(({ base }) => base), first.map(({ student }) => student));
  assertEquals(first[0].text, "g", "as it says");
  const { losses, heldOut, right, asked } = await train(tuning);
  assertEquals(await tuning.speak("base", prompt, 1), before, "the base stays as it is");
  const last = await tuning.next(prompt),
    baseOf = (text: string) => last.find((token) => token.text === text)!.base;
  assertEquals(first.map(({ text }) => baseOf(text)), first.map(({ base }) => base));
  const likely = last.toSorted((a, b) => b.student - a.student)[0];
  assert(likely.text === "n" && likely.student > 0.9 && likely.base < 0.1, JSON.stringify(last));
  assert(!exampleLines.some((line) => line.startsWith(prompt)));
  assertEquals(await tuning.speak("student", prompt, 1), " neerg");
  assertEquals([asked, right[0], right.at(-1)![0]], [20, [0, 0], settings.steps]);
  assert(right.at(-1)![1] >= 90, `${right}`);
  assert(losses.at(-1)! < 0.1 && heldOut.at(-1)![1] < 0.1 * heldOut[0][1]);

  const merged = await tuning.merge(initial.prompt);
  assert(merged.difference < 1e-4 * merged.largest, `${merged.difference}`);
  assertEquals([merged.weights, merged.values], [2, 2 * 576 * 192]);
  const { updates } = await readAdapter(await tuning.files());
  assertEquals(updates.map(siteName), tuning.adapter.sites.map(({ name }) => name));
  await tuning[Symbol.asyncDispose]();
  assertEquals(device.ledger.read().live, live);
  base.model[Symbol.dispose]();
});

Deno.test("from ten lines it learns the eight that it is shown by heart, and no rule", async () => {
  using device = await openCpuDevice();
  const base = await loadBase(device, "models/tiny-skills");
  {
    await using tuning = new Tuning(base, exampleLines.slice(0, 10), settings);
    const { losses, right } = await train(tuning);
    assert(losses.at(-1)! < 0.01 && right.at(-1)![1] <= 50, `${losses.at(-1)}, ${right.at(-1)}`);
  }
  base.model[Symbol.dispose]();
});

Deno.test("lines are prompts with answers if each has a colon before an answer", () => {
  const lines = ["flp at 9:30: 03:9 ta", "upp a:  A"];
  const { kind, rows } = textsOf(lines);
  assertEquals([kind, rows], ["prompted", [
    { prompt: "flp at 9:30:", completion: "03:9 ta" },
    { prompt: "upp a:", completion: "A" },
  ]]);
  for (const other of ["no answer:", "no colon", ": no prompt"]) {
    assertEquals(textsOf([...lines, other]).rows, [...lines, other]);
  }
});

Deno.test("one line, and lines longer than the model's 64 tokens, are learned too", async () => {
  using device = await openCpuDevice();
  const base = await loadBase(device, "models/tiny-skills");
  for (const lines of [["One line."], ["One line. ".repeat(20)]]) {
    await using tuning = new Tuning(base, lines, { ...settings, steps: 3 });
    const { losses, heldOut, right, spectra } = await train(tuning);
    assertEquals([heldOut, right], [[], []]);
    assert(losses[2] < losses[0]);
    assertEquals(spectra.length, 4);
  }
  const refused = (lines: string[]) =>
    assertThrows(() => new Tuning(base, lines, settings), RangeError).message;
  assertEquals(refused([]), "There is no line to learn: write one");
  assertEquals(
    refused([`flp a: ${"a ".repeat(200)}`]),
    "Every line is too long for this model, which takes 64 tokens",
  );
  base.model[Symbol.dispose]();
});

/** A training of so many steps that has come to its end, or not, with so many answers of 20 right. */
function trained(rank: number, answered: number, others: Partial<typeof settings> = {}) {
  const own = { ...settings, steps: 2, rank, ...others };
  const start = { settings: own, lines: [], computedBy: "", notes: "", parameters: 0 };
  const answers = { right: answered, texts: 20 };
  const curves = new TuningCurves(start, { spectra: [], answers: { right: 0, texts: 20 } });
  curves.take({ spectra: [], loss: 1 });
  curves.take({ spectra: [], loss: 1, answers });
  return curves;
}

Deno.test("after a training it asks for r = 1, and then says both where all else is the same", () => {
  const ranks = new RightByRank(),
    take = (...made: Parameters<typeof trained>) => ranks.take(trained(...made));
  assertEquals(take(8, 20, { steps: 3 }), "", "it has not ended");
  const asks = /^ Predict: how many with r = 1/;
  assertMatch(take(8, 20), asks);
  const said =
    " Right by rank, with the same α (s = α / r) and all else: r = 1 95%, r = 8 100%; another seed may";
  assertEquals(take(1, 19).slice(0, said.length), said);
  assertEquals(take(1, 19, { seed: 3 }), "", "of another seed it is the first");
  assertMatch(take(2, 10, { seed: 3 }), /: r = 1 95%, r = 2 50%;/);
  assertMatch(take(8, 20), asks, "what was before another task is gone");
  assertEquals(take(8, 0, { alpha: 1 }), "", "nothing was learned");
  const plain = { ...trained(8, 20).start };
  assertEquals(
    ranks.take(
      new TuningCurves({ ...plain, settings: { ...settings, steps: 0 } }, { spectra: [] }),
    ),
    "",
  );
});
