/**
 * Opens notebooks in JupyterLab: `deno task lab [FOLDER | NOTEBOOK] [OPTION…]`, without a place copies of the
 * project's own in `lab`. The first time it installs JupyterLab and a BLAS into `.venv`. Ctrl-C ends it. With
 * `--blank FOLDER` the folder gets the project's notebooks without outputs, but for those that it has. Other
 * options go to JupyterLab (`--no-browser`, `--port=8889`).
 *
 * @module
 */

import { notebooksPath } from "./support/notebook_file.ts";
import { copyBlank, copySeries } from "./lab_blank.ts";
import { labPython, prepareLab } from "./lab_environment.ts";
import { linkClone } from "./lab_link.ts";
import { labArguments, labPlace } from "./lab_place.ts";
import { trustCommitted } from "./lab_trust.ts";

async function lab(args: readonly string[]): Promise<number> {
  // A task runs in the project's folder; this variable names the one where it was asked for.
  const place = labPlace(args, Deno.env.get("INIT_CWD") ?? Deno.cwd());
  if (place.copies) {
    console.log(await (place.copies === "blank" ? copyBlank : copySeries)(place.folder));
  }
  const said = linkClone(place.folder);
  if (said !== undefined) console.log(said);
  await prepareLab();
  // Jupyter trusts contents: a copy is trusted with the clone's notebook until somebody saves it.
  if (place.copies === "whole" || place.folder === notebooksPath) await trustCommitted();
  let stop = () => {};
  // To listen before the start is also to pass on: where a shell ignores Ctrl-C (`deno task lab &`), a
  // server that inherited that would have kernels that no Stop button reaches.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => stop());
  }
  const server = new Deno.Command(labPython, {
    args: ["-m", "jupyterlab", ...labArguments(place)],
    stdin: "null",
    detached: true, // Ctrl-C is ours: SIGTERM ends kernels without a question, SIGINT may not
  }).spawn();
  stop = () => server.kill("SIGTERM");
  return (await server.status).code;
}

if (import.meta.main) {
  try {
    Deno.exit(await lab(Deno.args));
  } catch (error) {
    console.error((error as Error).message);
    Deno.exit(1);
  }
}
