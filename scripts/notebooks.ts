/**
 * Runs notebooks and writes their outputs into the files: `deno task notebooks [NAME…]`. A name is
 * that of a notebook of the series, or a path. A notebook that fails keeps its old outputs.
 *
 * @module
 */

import { basename, dirname, resolve } from "node:path";
import {
  notebookNames,
  notebooksPath,
  notebookText,
  parseNotebook,
  readNotebook,
  writeNotebook,
} from "./support/notebook_file.ts";
import { contentsOf } from "./support/notebook_contents.ts";
import { formattedNotebook } from "./support/notebook_format.ts";
import { normalNotebook } from "./support/notebook_normal.ts";
import { runNotebook, withOutputs } from "./support/run_notebook.ts";

/** The file that an argument names: a path, a name, or how a name begins (`03`). */
function pathOf(name: string): string {
  if (name.endsWith(".ipynb")) return resolve(name);
  const found = notebookNames().filter((each) => each.startsWith(name));
  if (found.length === 1) return `${notebooksPath}/${found[0]}.ipynb`;
  throw new Error(`name one notebook of ${notebookNames().join(", ")}; found ${name}`);
}

/** Runs one notebook and writes it; returns whether all went well. */
async function refresh(path: string): Promise<boolean> {
  const notebook = parseNotebook(
    await formattedNotebook(notebookText(normalNotebook(await readNotebook(path)))),
  );
  const run = await runNotebook(notebook, { cwd: dirname(path) });
  const name = basename(path, ".ipynb"), text = normalNotebook(withOutputs(notebook, run));
  for (const problem of run.problems) console.error(`${name}, ${problem}`);
  if (run.problems.length > 0) return false;
  await writeNotebook(path, text);
  const { cells, checks, predictions, pageSliders, kernelSliders } = contentsOf(text);
  const kilobytes = Math.ceil(notebookText(text).length / 1000);
  console.log(
    `${name}: ${cells} cells, ${checks} checks, ${predictions} predictions, ` +
      `sliders: ${pageSliders} in the page, ${kernelSliders} of the kernel; ` +
      `${run.seconds.toFixed(1)} s, ${kilobytes} kB`,
  );
  return true;
}

if (import.meta.main) {
  // A notebook's kernel survives Ctrl-C, which stops what it does: it has to be told to end.
  Deno.addSignalListener("SIGINT", () => Deno.exit(130));
  const names = Deno.args.length > 0 ? Deno.args : notebookNames();
  let failed = 0;
  for (const path of names.map(pathOf)) if (!await refresh(path)) failed++;
  Deno.exit(failed > 0 ? 1 : 0);
}
