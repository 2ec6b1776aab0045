/** What a notebook must do in JupyterLab, after a reload, without trust and as an exported page. */

import { assert, assertEquals } from "@std/assert";
import { labPython } from "../../scripts/lab_environment.ts";
import type { Browser } from "../support/browser.ts";
import {
  emptyOutputs,
  kernelSlider,
  moveSliders,
  pageSlider,
  screenshots,
  untilFiguresLive,
  untilFiguresStill,
} from "../support/figures_on_page.ts";
import type { LabServer } from "../support/lab.ts";
import { LabPage } from "../support/lab_page.ts";
import { differences } from "../support/notebook_compare.ts";
import type { NotebookCopies } from "../support/notebook_copies.ts";
import { codeCells, type Notebook, readNotebook } from "../support/notebook_file.ts";
import { assertStepsAreWhole, drawnSteps } from "../support/slider_steps.ts";
import { rootPath } from "../support/source_files.ts";

/** The series is to take 60 s a notebook on two free cores; other work may stand beside a test. */
const runMs = 300_000;

/** What the checks of one notebook need. */
export interface Place {
  browser: Browser;
  server: LabServer;
  /** A server that did not see the notebook run, and so does not trust it. */
  stranger: LabServer;
  copies: NotebookCopies;
}

/** Runs all cells of a copy, saves it, and checks what the page shows, before and after a reload. */
export async function checkInLab(place: Place, name: string, committed: Notebook): Promise<void> {
  const figures = count(committed, /<div data-figure=/g);
  await using lab = await LabPage.open(place.browser, place.server, name);
  await lab.runAll(runMs);
  await lab.save();
  const saved = await readNotebook(place.copies.path(name));
  assertEquals(differences(committed, saved), [], "where this is meant: deno task notebooks");
  await checkFigures(lab, figures);
  await takePictures(lab);
  assertEquals(await moveSliders(lab.page, pageSlider), count(committed, /<div data-steps/g));
  assertEquals(await moveSliders(lab.page, kernelSlider), kernelControls(committed));
  await lab.reload();
  await checkFigures(lab, figures);
  assertEquals(lab.page.errors, []);
}

async function checkFigures(lab: LabPage, figures: number): Promise<void> {
  await lab.showAll();
  await untilFiguresLive(lab.page, figures);
  await lab.showAll(); // live figures may be higher
  assertEquals(await emptyOutputs(lab.page), 0);
}

/** For people to look at, in both themes. */
async function takePictures(lab: LabPage): Promise<void> {
  const folder = `${rootPath}results/notebooks`;
  await Deno.mkdir(folder, { recursive: true });
  for (const theme of ["Dark", "Light"]) {
    await lab.setTheme(`JupyterLab ${theme}`);
    const height = await lab.showAll();
    await screenshots(lab.page, `${folder}/${lab.name}_${theme.toLowerCase()}`, height);
  }
}

/** The saved copy where its scripts must not run. */
export async function checkUntrusted(
  place: Place,
  name: string,
  committed: Notebook,
): Promise<void> {
  await using lab = await LabPage.open(place.browser, place.stranger, name);
  await lab.showAll();
  await untilFiguresStill(lab.page, count(committed, /<div data-figure=/g));
  const hints =
    `document.body.innerText.split("A picture: run the cells (Run All) to move it.").length - 1`;
  assertEquals(await lab.page.evaluate(hints), count(committed, /<div data-steps/g));
  const controls = `[...document.querySelectorAll(".jp-OutputArea :is(input, select)")]`;
  assertEquals(await lab.page.evaluate(`${controls}.every(({ disabled }) => disabled)`), true);
  assertEquals(await emptyOutputs(lab.page), 0);
}

/** The saved copy as a page that is opened without a network. */
export async function checkExport(place: Place, name: string, committed: Notebook): Promise<void> {
  const { folder } = place.copies;
  const { success, stderr } = await new Deno.Command(labPython, {
    args: ["-m", "nbconvert", "--to", "html", "--log-level=ERROR", `${name}.ipynb`],
    cwd: folder,
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  await using page = await place.browser.open(`file://${folder}/${name}.html`);
  await untilFiguresLive(page, count(committed, /<div data-figure=/g));
  assertStepsAreWhole(await drawnSteps(page));
  assertEquals(await moveSliders(page, pageSlider), count(committed, /<div data-steps/g));
}

/** The controls of sliders that ask the kernel: a figure with steps has one of its own, and so may a question. */
const kernelControls = (notebook: Notebook) =>
  count(notebook, /<(?:input|select) data-control/g) - count(notebook, /<div data-steps/g) -
  count(notebook, /<fieldset data-question(?:(?!<\/fieldset>)[^])*?<input data-control/g);

/** How often the HTML of a notebook's outputs has something. */
function count(notebook: Notebook, pattern: RegExp): number {
  const outputs = codeCells(notebook).flatMap(({ outputs }) => outputs);
  const pages = outputs.map((output) => "data" in output ? output.data["text/html"] ?? "" : "");
  return String(pages.join("\n")).match(pattern)?.length ?? 0;
}
