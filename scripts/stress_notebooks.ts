/**
 * Runs notebooks many times and counts the runs in which an output was lost, came twice or was under
 * another cell: `deno task test:stress kernel ROUNDS NAME…` through the kernel client, with `lab`
 * through JupyterLab's Run All.
 *
 * @module
 */

import { Browser } from "../tests/support/browser.ts";
import { LabServer } from "../tests/support/lab.ts";
import { LabPage } from "../tests/support/lab_page.ts";
import { differences } from "../tests/support/notebook_compare.ts";
import { NotebookCopies } from "../tests/support/notebook_copies.ts";
import { type Notebook, notebooksPath, readNotebook } from "../tests/support/notebook_file.ts";
import { runNotebook, withOutputs } from "../tests/support/run_notebook.ts";

const runMs = 300_000;

const pathOf = (name: string) => `${notebooksPath}/${name}.ipynb`;

/** Gives a notebook as it is after one more run. */
type Run = (name: string) => Promise<Notebook>;

async function throughKernel(name: string): Promise<Notebook> {
  const notebook = await readNotebook(pathOf(name));
  return withOutputs(notebook, await runNotebook(notebook, { cwd: notebooksPath }));
}

/** Runs what `use` asks for in one JupyterLab. */
async function inLab(names: readonly string[], use: (run: Run) => Promise<void>): Promise<void> {
  await using copies = new NotebookCopies();
  for (const name of names) await copies.add(pathOf(name));
  await using server = await LabServer.start(copies.folder);
  await using browser = await Browser.start();
  await use(async (name) => {
    await using lab = await LabPage.open(browser, server, name);
    await lab.runAll(runMs);
    await lab.save();
    await server.endKernels();
    return await readNotebook(copies.path(name));
  });
}

/** Compares every run with what is committed; prints each difference and the counts. */
async function stress(run: Run, rounds: number, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const committed = await readNotebook(pathOf(name));
    let wrong = 0;
    for (let round = 1; round <= rounds; round++) {
      const found = differences(committed, await run(name));
      for (const difference of found) console.log(`${name}, round ${round}: ${difference}`);
      if (found.length > 0) wrong++;
    }
    console.log(`${name}: ${wrong} of ${rounds} runs differ`);
  }
}

const [way, rounds, ...names] = Deno.args;
const count = Number(rounds);
if (!["kernel", "lab"].includes(way) || !Number.isInteger(count) || names.length === 0) {
  console.error("name a way, kernel or lab, a number of rounds and notebooks; found", Deno.args);
  Deno.exit(2);
}
if (way === "kernel") await stress(throughKernel, count, names);
else await inLab(names, (run) => stress(run, count, names));
