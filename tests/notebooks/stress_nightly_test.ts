/** A notebook many times: no output is lost, comes twice or is under another cell. */

import { assertEquals } from "@std/assert";
import { labInstalled } from "../../scripts/lab_environment.ts";
import { LabPage } from "../support/lab_page.ts";
import { differences } from "../support/notebook_compare.ts";
import { readNotebook } from "../../scripts/support/notebook_file.ts";
import { browserPath } from "../../scripts/support/parts.ts";
import { runNotebook, withOutputs } from "../../scripts/support/run_notebook.ts";
import { rootPath } from "../../scripts/support/source_files.ts";
import { inLab, runMs } from "./lab_checks.ts";

const cwd = `${rootPath}tests/notebooks/fixtures`;
const fixture = await readNotebook(`${cwd}/live.ipynb`);
const rounds = 20;

Deno.test(`a new kernel each time, ${rounds} times`, async () => {
  for (let round = 1; round <= rounds; round++) {
    const run = await runNotebook(fixture, { cwd });
    assertEquals(differences(fixture, withOutputs(fixture, run)), [], `round ${round}`);
  }
});

Deno.test({
  name: `JupyterLab's Run All, ${rounds} times in one kernel`,
  ignore: !labInstalled() || browserPath() === undefined,
  sanitizeOps: false, // a server and a browser are at work all the time
  sanitizeResources: false,
  fn: () =>
    inLab((copies) => copies.add(`${cwd}/live.ipynb`), async ({ browser, server, copies }) => {
      await using lab = await LabPage.open(browser, server, "live");
      for (let round = 1; round <= rounds; round++) {
        await lab.runAll(runMs);
        await lab.save();
        const saved = await readNotebook(copies.path("live"));
        assertEquals(differences(fixture, saved), [], `round ${round}`);
      }
    }),
});
