/** What a reader does to a notebook in JupyterLab beside running it once. */

import { assertEquals } from "@std/assert";
import { labInstalled } from "../../scripts/lab_environment.ts";
import { Browser } from "../support/browser.ts";
import { kernelSlider, moveSliders, untilFiguresLive } from "../support/figures_on_page.ts";
import { LabServer } from "../support/lab.ts";
import { LabPage } from "../support/lab_page.ts";
import { differences } from "../support/notebook_compare.ts";
import { NotebookCopies } from "../support/notebook_copies.ts";
import { readNotebook } from "../support/notebook_file.ts";
import { browserPath } from "../support/parts.ts";
import { rootPath } from "../support/source_files.ts";

const names = ["one", "two"], runMs = 120_000;
const fixture = `${rootPath}tests/notebooks/fixtures/live.ipynb`;
const asleep = "To use this slider, start the kernel and run this cell.";

Deno.test({
  name: "two notebooks at once, run again, after a restart and after the browser was closed",
  ignore: !labInstalled() || browserPath() === undefined,
  sanitizeOps: false, // a server and a browser are at work all the time
  sanitizeResources: false,
  fn: async (test) => {
    await using copies = new NotebookCopies();
    for (const name of names) await Deno.copyFile(fixture, copies.path(name));
    const committed = await readNotebook(fixture);
    await using server = await LabServer.start(copies.folder);
    await using browser = await Browser.start();
    const open = (name: string) => LabPage.open(browser, server, name);

    /** It shows what is committed, its figures and its slider are live. */
    async function assertWhole(lab: LabPage): Promise<void> {
      await lab.save();
      assertEquals(differences(committed, await readNotebook(copies.path(lab.name))), []);
      await lab.showAll();
      await untilFiguresLive(lab.page, 3);
      assertEquals(await moveSliders(lab.page, kernelSlider), 1);
    }

    await test.step("two at once do not mix", async () => {
      await using one = await open("one");
      await using two = await open("two");
      await Promise.all([one, two].map((lab) => lab.runAll(runMs)));
      for (const lab of [one, two]) await assertWhole(lab);
    });

    await test.step("after the browser was closed its figures and the slider are there", async () => {
      await using lab = await open("one");
      await lab.showAll();
      await untilFiguresLive(lab.page, 3);
      assertEquals(await moveSliders(lab.page, kernelSlider), 1);
    });

    await test.step("run again, all is as it was", async () => {
      await using lab = await open("one");
      await lab.runAll(runMs);
      await assertWhole(lab);
    });

    await test.step("after a restart the slider says what to do, and that helps", async () => {
      await using lab = await open("two");
      await lab.showAll();
      await server.restartKernels();
      const input = `document.querySelector("[data-slider] input")`;
      await lab.page.evaluate(`${input}.dispatchEvent(new Event("input"))`);
      const text = `document.querySelector("[data-slider]").innerText`;
      await lab.page.until(`${text}.includes(${JSON.stringify(asleep)})`, 20_000, "it to say so");
      await lab.runAll(runMs);
      await assertWhole(lab);
    });
  },
});
