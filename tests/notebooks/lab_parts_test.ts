/** A real JupyterLab in a real browser: what a reader meets who opens a notebook and runs it. */

import { assertEquals, assertMatch } from "@std/assert";
import { basename } from "node:path";
import { labInstalled } from "../../scripts/lab_environment.ts";
import { Browser } from "../support/browser.ts";
import { LabServer } from "../support/lab.ts";
import { LabPage } from "../support/lab_page.ts";
import { makeNotebook } from "../support/make_notebook.ts";
import { NotebookCopies } from "../support/notebook_copies.ts";
import {
  notebookNames,
  notebooksPath,
  readNotebook,
  writeNotebook,
} from "../support/notebook_file.ts";
import { normalNotebook } from "../support/notebook_normal.ts";
import { browserPath } from "../support/parts.ts";
import { rootPath } from "../support/source_files.ts";
import { checkExport, checkInLab, checkUntrusted, type Place } from "./lab_checks.ts";

const paths = [
  `${rootPath}tests/notebooks/fixtures/live.ipynb`,
  ...notebookNames().map((name) => `${notebooksPath}/${name}.ipynb`),
].filter((path) => Deno.args.length === 0 || Deno.args.includes(basename(path, ".ipynb")));

const checks = [
  ["all cells run and show what is committed, figures and sliders live", checkInLab],
  ["untrusted, its figures are still", checkUntrusted],
  ["as a page without a network, its figures are live", checkExport],
] as const;

Deno.test({
  name: "notebooks in JupyterLab",
  ignore: !labInstalled() || browserPath() === undefined,
  fn: async (test) => {
    await using copies = new NotebookCopies();
    for (const path of paths) await copies.add(path);
    await writeNotebook(copies.path("stop"), stopNotebook);
    await using server = await LabServer.start(copies.folder);
    await using stranger = await LabServer.start(copies.folder);
    await using browser = await Browser.start();
    const place = { browser, server, stranger, copies };
    // What a server or a browser is doing began before the step, and goes on after it.
    const step = (name: string, fn: () => Promise<void>) =>
      test.step({ name, fn, sanitizeOps: false, sanitizeResources: false });
    await step("Stop ends a loop, and state is kept", () => checkStop(place));
    for (const path of paths) {
      const name = basename(path, ".ipynb"), committed = await readNotebook(path);
      for (const [what, check] of checks) {
        if (!await step(`${name}: ${what}`, () => check(place, name, committed))) break;
      }
      await server.endKernels();
      await stranger.endKernels();
    }
  },
});

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
