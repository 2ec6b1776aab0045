/**
 * Opens the notebooks in JupyterLab: `deno task lab [OPTION…]`. The first time it installs JupyterLab
 * into `.venv`. Ctrl-C ends it. Options go to JupyterLab (`--no-browser`, `--port=8889`).
 *
 * @module
 */

import { notebooksPath } from "../tests/support/notebook_file.ts";
import { labPython, prepareLab } from "./lab_environment.ts";

async function lab(options: readonly string[]): Promise<number> {
  await prepareLab();
  let stop = () => {};
  // To listen before the start is also to pass on: where a shell ignores Ctrl-C (`deno task lab &`), a
  // server that inherited that would have kernels that no Stop button reaches.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => stop());
  }
  const server = new Deno.Command(labPython, {
    args: [
      "-m",
      "jupyterlab",
      `--ServerApp.root_dir=${notebooksPath}`,
      "--LabApp.default_url=/lab/tree/00_tour.ipynb",
      ...options,
    ],
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
