/** A slider in JupyterLab: keys, an error, and a kernel that is gone. */

import { assertEquals } from "@std/assert";
import { labInstalled } from "../../scripts/lab_environment.ts";
import { Browser } from "../support/browser.ts";
import { LabServer } from "../support/lab.ts";
import { LabPage } from "../support/lab_page.ts";
import { makeNotebook } from "../support/make_notebook.ts";
import { NotebookCopies } from "../support/notebook_copies.ts";
import { writeNotebook } from "../support/notebook_file.ts";
import { normalNotebook } from "../support/notebook_normal.ts";
import { browserPath } from "../support/parts.ts";

const notebook = normalNotebook(makeNotebook(
  'import { setup, slider } from "@lowrank/core/notebook";\nawait setup();',
  `await slider({ rank: { values: [1, 2, 4, 8], unit: "directions" } }, ({ rank }) => {
  if (rank === 8) throw new Error("rank 8 is too much");
  return { id: "f", title: \`r = \${rank}\`, caption: "", data: [{ y: [rank] }], layout: {} };
});`,
));

const asleep = "To use this slider, start the kernel and run this cell.";

/** Presses a key with the slider in focus. */
async function press({ page }: LabPage, key: string): Promise<void> {
  await page.evaluate(`document.querySelector("[data-slider] input").focus()`);
  const virtual = { ArrowRight: 39, ArrowUp: 38, ArrowLeft: 37, End: 35 }[key];
  for (const type of ["rawKeyDown", "keyUp"]) {
    await page.send("Input.dispatchKeyEvent", {
      type,
      key,
      code: key,
      windowsVirtualKeyCode: virtual,
    });
  }
}

/** What is read of the slider: value, title, and the line below. */
async function untilRead({ page }: LabPage, ...words: string[]): Promise<void> {
  const text = `document.querySelector("[data-slider]").innerText`;
  await page.until(
    `${JSON.stringify(words)}.every((word) => ${text}.includes(word))`,
    20_000,
    `the slider to say ${words.join(", ")}`,
  );
}

Deno.test({
  name: "a slider in JupyterLab follows the keys, says what failed, and outlives its kernel",
  ignore: !labInstalled() || browserPath() === undefined,
  sanitizeOps: false, // a server and a browser are at work all the time
  sanitizeResources: false,
  fn: async () => {
    await using copies = new NotebookCopies();
    await writeNotebook(copies.path("slider"), notebook);
    await using server = await LabServer.start(copies.folder);
    await using browser = await Browser.start();
    await using lab = await LabPage.open(browser, server, "slider");
    await lab.runAll(120_000);
    await lab.showAll();
    await untilRead(lab, "1 directions", "r = 1");
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
    const hint =
      `document.querySelector("[data-slider] [role=status]").getBoundingClientRect().top`;
    const picture =
      `document.querySelector("[data-slider] [data-picture]").getBoundingClientRect().top`;
    assertEquals(await lab.page.evaluate(`${hint} < ${picture}`), true);
    assertEquals(lab.page.errors.filter((error) => !/fetch|ERR_CONNECTION/.test(error)), []);
  },
});
