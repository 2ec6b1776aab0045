/** Checks of a notebook in JupyterLab: without trust, run, after a reload, and as an exported page. */

import { assert, assertEquals } from "@std/assert";
import { labPython } from "../../scripts/lab_environment.ts";
import { Browser } from "../../scripts/support/browser.ts";
import {
  emptyOutputs,
  kernelSlider,
  moveSliders,
  pageSlider,
  screenshots,
  untilFiguresLive,
  untilFiguresStill,
} from "../support/figures_on_page.ts";
import { LabServer } from "../support/lab.ts";
import { LabPage } from "../support/lab_page.ts";
import { differences } from "../support/notebook_compare.ts";
import { NotebookCopies } from "../support/notebook_copies.ts";
import { codeCells, type Notebook, readNotebook } from "../../scripts/support/notebook_file.ts";
import { assertStepsAreWhole, drawnSteps } from "../support/slider_steps.ts";
import { rootPath } from "../../scripts/support/source_files.ts";

/** The series is to take 60 s a notebook on two free cores; other work may stand beside a test. */
export const runMs = 1_200_000;

/** The place of the checks of notebooks. */
export interface Place {
  browser: Browser;
  server: LabServer;
  copies: NotebookCopies;
}

/** A check of one notebook, by the name of its copy. */
export type LabCheck = (place: Place, name: string, committed: Notebook) => Promise<void>;

/** Starts a server and a browser for checks; `copy` fills the folder that the server shows. */
export async function inLab(
  copy: (copies: NotebookCopies) => Promise<void>,
  use: (place: Place) => Promise<void>,
): Promise<void> {
  await using copies = new NotebookCopies();
  await copy(copies);
  await using server = await LabServer.start(copies.folder);
  await using browser = await Browser.start();
  await use({ browser, server, copies });
}

/** The committed outputs, before a run of the cells has made the server trust them: no script may run. */
export async function checkUntrusted(
  { browser, server }: Place,
  name: string,
  committed: Notebook,
): Promise<void> {
  await using lab = await LabPage.open(browser, server, name);
  await lab.showAll();
  await untilFiguresStill(lab.page, count(committed, /<div data-figure=/g));
  const hints =
    `document.body.innerText.split("A picture: run the cells (Run All) to move it.").length - 1`;
  assertEquals(await lab.page.evaluate(hints), count(committed, /<div data-steps/g));
  const controls = `[...document.querySelectorAll(".jp-OutputArea :is(input, select)")]`;
  assertEquals(await lab.page.evaluate(`${controls}.every(({ disabled }) => disabled)`), true);
  assertEquals(await emptyOutputs(lab.page), 0);
}

/** Runs all cells of a copy, saves it, and checks what the page shows, before and after a reload. */
export async function checkRun(place: Place, name: string, committed: Notebook): Promise<void> {
  await using lab = await LabPage.open(place.browser, place.server, name);
  await lab.runAll(runMs);
  await checkShown(place, lab, committed);
  await lab.reload();
  await checkFigures(lab, committed);
  assertEquals(lab.page.errors, []);
}

/** The outputs are those committed, and figures and sliders are live. */
export async function checkShown(
  { copies }: Place,
  lab: LabPage,
  committed: Notebook,
): Promise<void> {
  await lab.save();
  const saved = await readNotebook(copies.path(lab.name));
  assertEquals(differences(committed, saved), [], "where this is meant: deno task notebooks");
  await checkFigures(lab, committed);
  assertEquals(await moveSliders(lab.page, pageSlider), count(committed, /<div data-steps/g));
  assertEquals(await moveSliders(lab.page, kernelSlider), kernelControls(committed));
}

/** All figures are live, and nothing is empty. */
export async function checkFigures(lab: LabPage, committed: Notebook): Promise<void> {
  await lab.showAll();
  await untilFiguresLive(lab.page, count(committed, /<div data-figure=/g));
  await lab.showAll(); // live figures may be higher
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

/** Writes pictures of the saved copy in both themes, for people to look at. */
export async function takePictures({ browser, server }: Place, name: string): Promise<void> {
  const folder = `${rootPath}results/notebooks`;
  await Deno.mkdir(folder, { recursive: true });
  await using lab = await LabPage.open(browser, server, name);
  for (const theme of ["Dark", "Light"]) {
    await lab.setTheme(`JupyterLab ${theme}`);
    const height = await lab.showAll();
    await screenshots(lab.page, `${folder}/${name}_${theme.toLowerCase()}`, height);
  }
}

/** The controls of sliders that ask the kernel: a figure with steps has one of its own, and so may a question. */
const kernelControls = (notebook: Notebook) =>
  count(notebook, /<(?:input|select) data-control/g) - count(notebook, /<div data-steps/g) -
  count(notebook, /<fieldset data-question(?:(?!<\/fieldset>)[^])*?<input data-control/g);

/** Number of matches in the HTML of a notebook's outputs. */
function count(notebook: Notebook, pattern: RegExp): number {
  const outputs = codeCells(notebook).flatMap(({ outputs }) => outputs);
  const pages = outputs.map((output) => "data" in output ? output.data["text/html"] ?? "" : "");
  return String(pages.join("\n")).match(pattern)?.length ?? 0;
}
