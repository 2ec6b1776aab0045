/** Builds what a notebook's page needs to run its cells, for the folder `run/` of the site. @module */

import { wordNetPackage } from "../../../src/data/packages.ts";
import { rootPath } from "../../../tests/support/source_files.ts";

/** The client of the hub, which no page asks. */
const leftOut = "npm:@huggingface/hub@*";

/** Parts of WordNet that the notebooks read. */
const parts = ["noun", "verb"];

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
  await writeMeanings(`${site}/wordnet/dict`);
  await Deno.writeTextFile(
    `${site}/run/models.json`,
    JSON.stringify(await namesIn(`${site}/models`, "models/")),
  );
}

async function bundle(folder: string): Promise<void> {
  const here = `${rootPath}scripts/site/run`;
  const format = ["--format=esm", "--platform=browser", "--code-splitting"];
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

/** Writes WordNet's files with the first word and the definition of each meaning: a third of their bytes. */
async function writeMeanings(folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const part of parts) {
    const text = await Deno.readTextFile(new URL(`dict/data.${part}`, await wordNetPackage()));
    await Deno.writeTextFile(`${folder}/data.${part}`, meaningsIn(text));
  }
}

/** The lines of such a file as far as the library reads them; the license stays. */
export function meaningsIn(text: string): string {
  return text.split("\n").map((line) => {
    if (line === "" || line.startsWith("  ")) return line;
    const bar = line.indexOf(" | "), [definition] = line.slice(bar).split('; "');
    return line.slice(0, bar).split(" ").slice(0, 5).join(" ") + definition.trimEnd();
  }).join("\n");
}

/** The files under a folder, by their paths in it. */
async function namesIn(folder: string, before = ""): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) names.push(...await namesIn(`${folder}/${name}`, `${before}${name}/`));
    else names.push(before + name);
  }
  return names.toSorted();
}
