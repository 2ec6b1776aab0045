/**
 * Builds the slides of the ninety minutes, a page that needs no server and no network: `deno task slides`,
 * then open `slides/site/index.html`.
 *
 * @module
 */

import { slidesMarkdown } from "../slides/markdown.ts";
import { makeParts } from "../slides/parts/all.ts";
import { slidesHtml } from "../slides/slide.ts";
import { contentPolicy } from "../src/figures/html.ts";
import { pictureStyle } from "../src/figures/pictures.ts";
import { rootPath } from "./support/source_files.ts";

/** Computes all numbers, draws all figures and writes the page into a folder, and Markdown to edit; returns the page's size in bytes. */
export async function buildSlides(folder: string): Promise<number> {
  const read = (name: string) => Deno.readTextFile(`${rootPath}slides/${name}`);
  const [page, style, script] = await Promise.all(["page.html", "page.css", "page.js"].map(read));
  const parts = await makeParts(), policy = await contentPolicy([script]);
  const html = page
    .replace("SLIDES", () => slidesHtml(parts))
    .replace(
      `<meta charset="utf-8">`,
      (charset) => `${charset}\n<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    )
    .replace(
      `<link rel="stylesheet" href="page.css">`,
      () => `<style>\n${pictureStyle}\n${style}</style>`,
    )
    .replace(
      `<script type="module" src="page.js"></script>`,
      () => `<script type="module">${script}</script>`,
    );
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${folder}/index.html`, html);
  await Deno.writeTextFile(`${folder}/slides.md`, slidesMarkdown(parts));
  return new TextEncoder().encode(html).length;
}

if (import.meta.main) {
  const bytes = await buildSlides(`${rootPath}slides/site`);
  console.log(`wrote ${bytes.toLocaleString("en-US")} bytes; open slides/site/index.html`);
}
