/**
 * Builds one site that needs no server and no network: the first page, the playground, notebooks, slides,
 * teaching, guides, findings and the API reference. `deno task site`, then open `site/index.html`; with
 * `--serve` it is served on this machine, as cells of notebooks run in no page that is a file.
 *
 * @module
 */

import { gzipSync } from "node:zlib";
import { rootPath, sourceText } from "./support/source_files.ts";
import { loadMathJax } from "../src/figures/formula.ts";
import { loaderScripts } from "../src/figures/loader.ts";
import { bundle } from "./bundle.ts";
import { buildPlayground } from "./playground.ts";
import { buildSlides } from "./slides.ts";
import { assets, partsHtml } from "./site/bar.ts";
import { copyAssets, guidePages, reachGuides } from "./site/guides.ts";
import { makeHome } from "./site/home.ts";
import { figuresPath } from "./site/notebook.ts";
import { joinReference, type Reference } from "./site/reference.ts";
import { buildRun } from "./site/run/build.ts";
import { apiEntries, guideEntries, indexOf, stopEntries } from "./site/search/entries.ts";

/** Builds the site in a folder, which is replaced; returns the number of its own pages. */
export async function buildSite(folder: string): Promise<number> {
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder);
  const count = await writePages(folder, await writeReference(`${folder}/api`));
  await buildRun(folder);
  await buildPlayground(`${folder}/playground`);
  await buildSlides(`${folder}/slides`);
  await addParts(folder, "playground/index.html");
  await addWayBack(`${folder}/slides/index.html`);
  return count;
}

/** Writes all pages with the site's frame, the search, and what they load; returns the number of pages. */
export async function writePages(folder: string, { sources, nodes }: Reference): Promise<number> {
  const home = await makeHome(), draw = await loadMathJax();
  const reached = reachGuides(home.targets, sources, draw);
  const pages = new Map([["index.html", home.html], ...guidePages(reached)]);
  const entries = [...apiEntries(nodes), ...guideEntries(reached.guides), ...stopEntries()];
  await writeFiles(folder, new Map([...pages, ...home.pictures]));
  await writeFiles(folder, await scripts(JSON.stringify(indexOf(entries))));
  const search = [`--output=${folder}/${assets.search}`, "--format=iife", "--minify"];
  await bundle(["scripts/site/search/page.ts"], search); // Nothing in it is disposed.
  await copyAssets(reached.assets, folder);
  return pages.size;
}

async function writeFiles(folder: string, files: ReadonlyMap<string, string>): Promise<void> {
  for (const [path, text] of files) {
    await Deno.mkdir(`${folder}/${path}`.replace(/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(`${folder}/${path}`, text);
  }
}

/** Styles and scripts of all pages by their places. */
async function scripts(index: string): Promise<Map<string, string>> {
  const [figures] = await loaderScripts();
  return new Map([
    [assets.style, sourceText("scripts/site/assets/site.css")],
    [assets.barStyle, sourceText("scripts/site/assets/bar.css")],
    [assets.script, sourceText("scripts/site/assets/page.js")],
    [assets.index, packed(index)],
    [figuresPath, figures],
  ]);
}

/** The index as a script, compressed: a page from a file may load one, but not fetch a file. */
function packed(index: string): string {
  const base64 = gzipSync(index, { level: 9 }).toString("base64");
  return `lowrankIndex = new Response(new Blob([Uint8Array.from(atob("${base64}"), (c) => c.charCodeAt(0))])
  .stream().pipeThrough(new DecompressionStream("gzip"))).text();\n`;
}

/** Writes the reference of every entry. */
async function writeReference(folder: string): Promise<Reference> {
  const { exports } = JSON.parse(sourceText("deno.json"));
  const entries = Object.values<string>(exports);
  const args = ["doc", "--quiet", "--html", "--name=Lowrank", `--output=${folder}`, ...entries];
  const options = { args, cwd: rootPath, stdout: "null" } as const;
  const { success } = await new Deno.Command(Deno.execPath(), options).spawn().status;
  if (!success) throw new Error("deno doc could not write the reference");
  return await joinReference(folder);
}

/** Puts the parts of the site into the header of the playground, which allows no script beside its own. */
async function addParts(folder: string, place: string): Promise<void> {
  await replaceIn(`${folder}/${place}`, {
    "</head>": `<style>\n${sourceText("scripts/site/assets/playground.css")}</style>\n</head>`,
    "<h1>LoRA playground</h1>": `${partsHtml(place, "Playground")}\n<h1>LoRA playground</h1>`,
  });
}

/** Makes the heading of the slides lead to the first page, and their buttons, where the heading is hidden. */
async function addWayBack(path: string): Promise<void> {
  const home = `<a href="../index.html" style="color: inherit">Lowrank</a>`;
  const title = "LoRA in ninety minutes", nav = `<nav aria-label="Slides" hidden>`;
  await replaceIn(path, {
    [`<h1>${title}</h1>`]: `<h1>${home} › ${title}</h1>`,
    [nav]: `${nav}\n${home}`,
  });
}

/** Replaces parts of a page that is built elsewhere. */
async function replaceIn(path: string, changes: Readonly<Record<string, string>>): Promise<void> {
  let html = await Deno.readTextFile(path);
  for (const [part, text] of Object.entries(changes)) {
    if (!html.includes(part)) throw new Error(`${path} needs ${part}`);
    html = html.replace(part, () => text);
  }
  await Deno.writeTextFile(path, html);
}

/** Serves the site from a process that may read nothing else, until a signal ends both. */
async function serve(folder: string): Promise<void> {
  const permissions = ["--no-prompt", `-R=${folder}`, "-N=127.0.0.1:8000", "--ignore-env"];
  const args = ["run", ...permissions, `${rootPath}scripts/support/serve.ts`, folder, "8000"];
  const server = new Deno.Command(Deno.execPath(), { args }).spawn();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => server.kill("SIGTERM"));
  }
  Deno.exit((await server.status).code);
}

if (import.meta.main) {
  const folder = `${rootPath}site`, count = await buildSite(folder);
  console.log(`wrote ${count} pages and the API reference; open site/index.html`);
  if (Deno.args.includes("--serve")) await serve(folder);
}
