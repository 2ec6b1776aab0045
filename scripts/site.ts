/**
 * Builds one site of the guides, the playground, the slides and the API reference that needs no server and no
 * network: `deno task site`, then open `site/index.html`.
 *
 * @module
 */

import { rootPath, sourceText } from "../tests/support/source_files.ts";
import { loadMathJax } from "../src/figures/formula.ts";
import { loaderScripts } from "../src/figures/loader.ts";
import { buildPlayground } from "./playground.ts";
import { buildSlides } from "./slides.ts";
import { copyAssets, guidePages } from "./site/guides.ts";
import { figuresPath } from "./site/notebook.ts";
import { joinReference } from "./site/reference.ts";
import { buildRun } from "./site/run/build.ts";

/** Builds the site in a folder, which is replaced; returns the number of guides. */
export async function buildSite(folder: string): Promise<number> {
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder);
  const sources = await writeReference(`${folder}/api`);
  const { pages, assets } = guidePages(sources, await loadMathJax());
  for (const [path, html] of pages) {
    await Deno.mkdir(`${folder}/${path}`.replace(/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(`${folder}/${path}`, html);
  }
  await copyAssets(assets, folder);
  const [figures] = await loaderScripts();
  await Deno.writeTextFile(`${folder}/${figuresPath}`, figures);
  await buildRun(folder);
  await buildPlayground(`${folder}/playground`);
  await buildSlides(`${folder}/slides`);
  return pages.size;
}

/** Writes the reference of every entry; returns the source files that it links to. */
async function writeReference(folder: string): Promise<ReadonlySet<string>> {
  const { exports } = JSON.parse(sourceText("deno.json"));
  const entries = Object.values<string>(exports);
  const args = ["doc", "--quiet", "--html", "--name=Lowrank", `--output=${folder}`, ...entries];
  const command = new Deno.Command(Deno.execPath(), { args, cwd: rootPath, stdout: "null" });
  const { success } = await command.spawn().status;
  if (!success) throw new Error("deno doc could not write the API reference");
  return await joinReference(folder);
}

if (import.meta.main) {
  const count = await buildSite(`${rootPath}site`);
  console.log(`wrote ${count} pages and the API reference; open site/index.html`);
}
