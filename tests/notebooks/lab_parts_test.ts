/** JupyterLab in a real browser, on small notebooks and one of the series. */

import { assertEquals, assertMatch } from "@std/assert";
import { labInstalled } from "../../scripts/lab_environment.ts";
import { kernelSlider, moveSliders } from "../support/figures_on_page.ts";
import { LabPage } from "../support/lab_page.ts";
import { makeNotebook } from "../support/make_notebook.ts";
import type { NotebookCopies } from "../support/notebook_copies.ts";
import { notebooksPath, readNotebook, writeNotebook } from "../../scripts/support/notebook_file.ts";
import { normalNotebook } from "../../scripts/support/notebook_normal.ts";
import { browserPath } from "../../scripts/support/parts.ts";
import { rootPath } from "../../scripts/support/source_files.ts";
import {
  checkExport,
  checkFigures,
  checkShown,
  checkUntrusted,
  inLab,
  type Place,
  runMs,
} from "./lab_checks.ts";

const fixture = `${rootPath}tests/notebooks/fixtures/live.ipynb`;
const ofSeries = "01_one_low_rank_matrix";
const asleep = "To use this slider, start the kernel and run this cell.";

const stopNotebook = normalNotebook(makeNotebook(
  'import { progress, setup, stoppable } from "@lowrank/core/notebook";\nawait setup();',
  `let steps = 0;
await stoppable(async (signal) => {
  const bar = progress("counting");
  while (true) {
    signal.throwIfAborted();
    bar.report(0, \`step \${++steps}\`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
});`,
  "steps > 0;",
));

const sliderNotebook = normalNotebook(makeNotebook(
  'import { setup, slider } from "@lowrank/core/notebook";\nawait setup();',
  `await slider({ rank: { values: [1, 2, 4, 8], unit: "directions" } }, ({ rank }) => {
  if (rank === 8) throw new Error("rank 8 is too much");
  return { id: "f", title: \`r = \${rank}\`, caption: "", data: [{ y: [rank] }], layout: {} };
});`,
));

async function copyAll(copies: NotebookCopies): Promise<void> {
  await writeNotebook(copies.path("stop"), stopNotebook);
  await writeNotebook(copies.path("slider"), sliderNotebook);
  for (const name of ["one", "two"]) await Deno.copyFile(fixture, copies.path(name));
  await copies.add(`${notebooksPath}/${ofSeries}.ipynb`);
}

/** The loop never ends by itself: that the run ends at all is Stop's work. */
async function checkStop({ browser, server }: Place): Promise<void> {
  await using lab = await LabPage.open(browser, server, "stop");
  const kernel = await lab.kernelId();
  await lab.start("notebook:run-all-cells");
  await lab.untilShown("step 1", 60_000);
  await lab.command("notebook:interrupt-kernel");
  await lab.untilDone(60_000);
  const [, loop, after] = (await lab.outputs()).map((outputs) => JSON.stringify(outputs));
  assertMatch(loop, /stopped at step \d+/);
  assertEquals(loop.includes('"error"'), false);
  assertMatch(after, /true/);
  assertEquals(await lab.kernelId(), kernel);
}

/** Presses a key with the slider in focus. */
async function press({ page }: LabPage, key: string): Promise<void> {
  await page.evaluate(`document.querySelector("[data-slider] input").focus()`);
  const virtual = { ArrowRight: 39, ArrowUp: 38, ArrowLeft: 37, End: 35 }[key];
  for (const type of ["rawKeyDown", "keyUp"]) {
    const event = { type, key, code: key, windowsVirtualKeyCode: virtual };
    await page.send("Input.dispatchKeyEvent", event);
  }
}

/** Waits for words of the slider: value, title, or the line below. */
async function untilRead({ page }: LabPage, ...words: string[]): Promise<void> {
  const text = `document.querySelector("[data-slider]").innerText`;
  const all = `${JSON.stringify(words)}.every((word) => ${text}.includes(word))`;
  await page.until(all, 20_000, `the slider to say ${words.join(", ")}`);
}

async function checkKeys({ browser, server }: Place): Promise<void> {
  await using lab = await LabPage.open(browser, server, "slider");
  await lab.runAll(runMs);
  await lab.showAll();
  await untilRead(lab, "1 direction", "r = 1");
  await press(lab, "ArrowRight");
  await untilRead(lab, "2 directions", "r = 2");
  await press(lab, "ArrowUp");
  await untilRead(lab, "4 directions", "r = 4");
  const plot = `document.querySelectorAll("[data-slider] .main-svg").length > 0`;
  await lab.page.until(plot, 20_000, "plotly to redraw it in place");
  await press(lab, "End");
  await untilRead(lab, "8 directions", "r = 4", "rank 8 is too much");
  await press(lab, "ArrowLeft");
  await untilRead(lab, "4 directions", "r = 4");
  const said = `document.querySelector("[data-slider]").innerText.includes("too much")`;
  await lab.page.until(`!${said}`, 20_000, "the slider to say no more of it");
  await server.endKernels();
  await press(lab, "ArrowLeft");
  // Its kernel is gone: it says again what the output shows, and cannot be moved.
  await untilRead(lab, "4 directions", "r = 4", asleep);
  const at =
    `(({ value, disabled }) => [value, disabled])(document.querySelector("[data-slider] input"))`;
  assertEquals(await lab.page.evaluate(at), ["2", true]);
  const topOf = (part: string) =>
    `document.querySelector("[data-slider] ${part}").getBoundingClientRect().top`;
  assertEquals(
    await lab.page.evaluate(`${topOf("[role=status]")} < ${topOf("[data-picture]")}`),
    true,
  );
  assertEquals(lab.page.errors.filter((error) => !/fetch|ERR_CONNECTION/.test(error)), []);
}

/** The fixture twice, with what a reader does beside running it once. */
async function checkAgain(test: Deno.TestContext, place: Place): Promise<void> {
  const committed = await readNotebook(fixture);
  const open = (name: string) => LabPage.open(place.browser, place.server, name);

  await test.step("untrusted, figures are still", () => checkUntrusted(place, "one", committed));

  await test.step("two notebooks at once do not mix", async () => {
    await using one = await open("one");
    await using two = await open("two");
    await Promise.all([one, two].map((lab) => lab.runAll(runMs)));
    for (const lab of [one, two]) await checkShown(place, lab, committed);
  });

  await test.step("after the browser was closed all is live, and it runs again", async () => {
    await using lab = await open("one");
    await checkFigures(lab, committed);
    assertEquals(await moveSliders(lab.page, kernelSlider), 1);
    await lab.runAll(runMs);
    await checkShown(place, lab, committed);
  });

  await test.step("after a restart the slider says what to do, and that helps", async () => {
    await using lab = await open("two");
    await lab.showAll();
    await place.server.restartKernels();
    const input = `document.querySelector("[data-slider] input")`;
    await lab.page.evaluate(`${input}.dispatchEvent(new Event("input"))`);
    await untilRead(lab, asleep);
    await lab.runAll(runMs);
    await checkShown(place, lab, committed);
  });

  await test.step("as a page without a network, figures are live", () =>
    checkExport(place, "one", committed));
}

/** The others are lab_nightly_test.ts's. */
async function checkOfSeries(place: Place): Promise<void> {
  await using lab = await LabPage.open(place.browser, place.server, ofSeries);
  await lab.runAll(runMs);
  await checkShown(place, lab, await readNotebook(`${notebooksPath}/${ofSeries}.ipynb`));
  assertEquals(lab.page.errors, []);
}

Deno.test({
  name: "notebooks in JupyterLab",
  ignore: !labInstalled() || browserPath() === undefined,
  sanitizeOps: false, // a server and a browser are at work all the time
  sanitizeResources: false,
  fn: (test) =>
    inLab(copyAll, async (place) => {
      await test.step("Stop ends a loop, and state is kept", () => checkStop(place));
      await test.step("a slider follows keys, says what failed, and outlives its kernel", () =>
        checkKeys(place));
      await checkAgain(test, place);
      await test.step(`${ofSeries} runs and shows what is committed`, () => checkOfSeries(place));
    }),
});
