/** Builds what a notebook's page needs to run its cells, for the folder `run/` of the site. @module */

import { rootPath } from "../../../tests/support/source_files.ts";

/** The client of the hub, which no page asks. */
const leftOut = "npm:@huggingface/hub@*";

/** Folders of models that the notebooks read. */
const models = ["tiny-gpt2", "tiny-skills", "rank-study"];

/** Writes the scripts to `<site>/run/`, and beside it the files that cells read. */
export async function buildRun(site: string): Promise<void> {
  await Deno.remove(`${site}/run`, { recursive: true }).catch(() => {});
  await bundle(`${site}/run`);
  await Deno.copyFile(`${rootPath}kernels/cpu.wasm`, `${site}/run/cpu.wasm`);
  await Deno.copyFile(`${rootPath}scripts/site/run/page.css`, `${site}/run/page.css`);
  for (const name of models) {
    await copyFolder(`${rootPath}models/${name}`, `${site}/models/${name}`);
  }
}

async function bundle(folder: string): Promise<void> {
  const here = `${rootPath}scripts/site/run`;
  const format = ["--format=esm", "--platform=browser", "--code-splitting", "--minify"];
  const config = [`--import-map=${here}/import_map.json`];
  const out = [`--external=${leftOut}`, `--outdir=${folder}`];
  const args = [
    "bundle",
    "--quiet",
    ...format,
    ...config,
    ...out,
    `${here}/page.ts`,
    `${here}/worker.ts`,
  ];
  const { success } = await new Deno.Command(Deno.execPath(), { args, cwd: rootPath }).spawn()
    .status;
  if (!success) throw new Error("deno bundle could not bundle the scripts of the notebooks' pages");
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}
