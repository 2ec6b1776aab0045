/** Builds what a notebook's page needs to run its cells, for the folder `run/` of the site. @module */

import { wordNetPackage } from "../../../src/data/packages.ts";
import { filesUnder, rootPath } from "../../support/source_files.ts";
import { bundle } from "../../bundle.ts";
import { copyAssets } from "../guides.ts";

/** Parts of WordNet that the notebooks read. */
const parts = ["noun", "verb"];

/** Folders of models that the notebooks read. */
const models = ["tiny-gpt2", "tiny-skills", "rank-study"];

/** Writes the scripts to `<site>/run/`, and beside it the files that cells read. */
export async function buildRun(site: string): Promise<void> {
  await Deno.remove(`${site}/run`, { recursive: true }).catch(() => {});
  await bundleScripts(`${site}/run`);
  await Deno.copyFile(`${rootPath}kernels/cpu.wasm`, `${site}/run/cpu.wasm`);
  await Deno.copyFile(`${rootPath}${here}/page.css`, `${site}/run/page.css`);
  const files = models.flatMap((name) => filesUnder(`models/${name}`)).toSorted();
  await copyAssets(files, site);
  await writeMeanings(`${site}/wordnet/dict`);
  await Deno.writeTextFile(`${site}/run/models.json`, JSON.stringify(files));
}

const here = "scripts/site/run";

const bundleScripts = (folder: string): Promise<void> =>
  bundle([`${here}/page.ts`, `${here}/worker.ts`], [
    ...["--format=esm", "--code-splitting", `--import-map=${here}/import_map.json`],
    `--outdir=${folder}`,
  ]);

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
