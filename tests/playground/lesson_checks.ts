/** The page's numbers and pictures of the planted shift, and of the memory of a model. */

import { assert, assertEquals } from "@std/assert";
import { formatState, initial, settingsOf, type State } from "../../playground/state.ts";
import { catalog } from "../../src/architectures/mod.ts";
import { injectLora } from "../../src/adapt/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { type LessonReading, type LessonSettings, openLesson } from "../../src/lesson/mod.ts";
import { completeConfig } from "../../src/models/mod.ts";
import { formatBytes } from "../../src/figures/format.ts";
import { predictMemory } from "../../src/runs/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import type { Page } from "../../scripts/support/browser.ts";
import { assertSaid, assertShown, shownTerms } from "./shown.ts";

/** The page's text under "The exact numbers". */
interface Exact {
  settings: LessonSettings;
  computedBy: string;
  steps: number;
  losses: { lora: readonly number[]; full: readonly number[] };
  loss: { lora: number; full: number };
  singularValues: Record<"D" | "lora" | "full", readonly number[]>;
  beside?: { rank: number; losses: readonly number[] };
}

type Numbers = Omit<Exact, "computedBy">;

/** Waits until the page stands still after so many steps, or more. */
export async function exactAfter(page: Page, steps: number): Promise<Exact> {
  const text = "document.querySelector('#exact pre').textContent";
  const ready = `${text} !== "" && JSON.parse(${text}).steps >= ${steps}`;
  // SwiftShader compiles the kernels, half a minute on a busy machine.
  await page.until(ready, 120_000, `${steps} steps`);
  return JSON.parse(await page.evaluate(text));
}

/** A page at a state has the numbers that a lesson has here. */
export async function assertEqualToDeno(page: Page, address: string, state: State): Promise<void> {
  const { steps } = state;
  await page.goTo("about:blank"); // From one address to another of the same page, nothing is loaded.
  await page.goTo(address + formatState(state));
  const { computedBy, ...found } = await exactAfter(page, steps);
  assert(computedBy.startsWith(state.device), computedBy);
  using device = await openCpuDevice({ threads: 1, blas: false });
  using lesson = await openLesson(device, settingsOf(state));
  await lesson.train(steps);
  const reading = await lesson.read(), { losses, loss, shift, lora, full } = reading;
  const singularValues = { D: [...shift.values], lora: [...lora.values], full: [...full.values] };
  const expected = { settings: settingsOf(state), steps, losses, loss, singularValues };
  if (state.device !== "cpu") return assertNear(found, expected);
  const { singularValues: foundValues, ...others } = found;
  assertEquals(others, { settings: expected.settings, steps, losses, loss });
  for (const name of ["D", "lora", "full"] as const) {
    assertSameValues(foundValues[name], singularValues[name], name);
  }
  await assertReadingShown(page, reading);
}

/**
 * Singular values are found in float64 by JavaScript, which leaves the last bit of `Math.log` and its like to
 * the engine: that of 1,024 values, the most that are summed, is 1.1e-13 of the largest.
 */
export function assertSameValues(
  found: readonly number[],
  expected: readonly number[],
  what: string,
): void {
  const absolute = 1024 * 2 ** -53 * expected[0];
  assertAllClose(found, expected, { relative: 0, absolute, what: `singular values of ${what}` });
}

/** Sums of 16 on a GPU, in three steps: 3 · √16 · u is 7e-7. */
function assertNear(found: Numbers, expected: Numbers): void {
  assertEquals([found.settings, found.steps], [expected.settings, expected.steps]);
  for (const name of ["lora", "full"] as const) {
    const tolerance = { relative: 1e-6, absolute: 0, what: `losses of ${name}` };
    assertAllClose(found.losses[name], expected.losses[name], tolerance);
    assertAllClose([found.loss[name]], [expected.loss[name]], tolerance);
  }
  for (const name of ["D", "lora", "full"] as const) {
    const tolerance = { relative: 1e-6, absolute: 1e-6, what: `singular values of ${name}` };
    assertAllClose(found.singularValues[name], expected.singularValues[name], tolerance);
  }
}

/** The numbers beside the buttons, and those that the charts say. */
async function assertReadingShown(page: Page, reading: LessonReading): Promise<void> {
  const { steps, loss, lora, shift, bounds } = reading;
  const shown = await shownTerms(page, "numbers"), { best } = bounds;
  const expected = {
    ...{ step: steps, "loss of LoRA": loss.lora, "of full": loss.full },
    ...best === undefined ? {} : { "best of rank r": best },
  };
  assertEquals(Object.keys(shown), Object.keys(expected));
  for (const [term, value] of Object.entries(expected)) assertShown(shown[term], value, term);
  const values = [lora, shift].flatMap(({ values }) => [...values.slice(0, 8)]);
  await assertSaid(page, "spectrum", [steps, ...values]);
  await assertSaid(page, "loss", [steps, loss.lora, loss.full]);
}

/** The table of memory, of the model that a page begins with: rounded, with all bytes in the titles. */
export async function assertBytesShown(page: Page): Promise<void> {
  const { model, modelRank: rank, sites, dtype, batch, length } = initial;
  const config = completeConfig(catalog[model].config), step = { batch, length };
  const full = predictMemory(config, step).peakByRole;
  const { peakByRole: lora } = predictMemory(config, {
    ...{ ...step, dtype: dtype as "F32" },
    adapt: (base) => void injectLora(base, { rank, sites: sites.split(",") }),
  });
  const rows = await page.evaluate<Record<string, number[]>>(
    `Object.fromEntries([...document.querySelectorAll("#bytes tbody tr")].map(({ cells }) =>
      [cells[0].textContent, [1, 2].map((at) => Number(/^[\\d,]+(?= bytes$)/.exec(cells[at].title)[0].replaceAll(",", "")))]))`,
  );
  const { all, ...byRole } = rows,
    sum = (values: object) => Object.values(values).reduce((total, value) => total + value, 0);
  for (const [role, bytes] of Object.entries(byRole)) {
    assertEquals(bytes, [full[role as keyof typeof full], lora[role as keyof typeof lora]], role);
  }
  assertEquals(all, [sum(full), sum(lora)]);
  const shown = `[...document.querySelectorAll("#bytes tbody tr:last-child td, #bars span")]
    .map(({ textContent }) => textContent)`;
  const [inFull, withLora] = [full, lora].map((bytes) => formatBytes(sum(bytes)));
  assertEquals([inFull, withLora], ["109 GB", "27.8 GB"]);
  assertEquals(await page.evaluate(shown), [
    `full ${inFull}: does not fit in 80 GB`,
    `LoRA ${withLora}: fits in 48 GB, not in 24`,
    inFull,
    withLora,
  ]);
}
