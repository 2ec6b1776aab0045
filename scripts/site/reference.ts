/** Joins the pages that `deno doc` writes with the guides. @module */

import { existsSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { root } from "../support/source_files.ts";
import { barHead, barHtml } from "./bar.ts";
import { placeOf } from "./repository.ts";
import type { ApiNode } from "./search/entries.ts";

/** Everything that the reference leads to. */
export interface Reference {
  /** Paths of source files in the repository. */
  readonly sources: ReadonlySet<string>;
  /** All exports and their members. */
  readonly nodes: readonly ApiNode[];
}

/** Puts the bar above every page, with the search of the site in the place of Deno's, and mends the links. */
export async function joinReference(folder: string): Promise<Reference> {
  const sources = new Set<string>(), site = join(folder, "..");
  for (const page of pagesBelow(folder)) {
    const html = await Deno.readTextFile(page);
    await Deno.writeTextFile(page, barred(relative(site, page), linked(page, html, site, sources)));
  }
  await Deno.writeTextFile(join(folder, "darkmode_toggle.js"), darkScript);
  return { sources, nodes: await takeIndex(folder) };
}

/** The reference is as dark as the rest of the site; Deno's own script keeps what the first visit had. */
const darkScript = `{ const dark = matchMedia("(prefers-color-scheme: dark)");
const fit = () => document.documentElement.classList.toggle("dark", dark.matches);
dark.addEventListener("change", fit);
fit(); }
`;

/** Deno's own search, which takes a megabyte. */
const ownSearch = ["fuse.js", "search.js", "search_index.js"];

/** Removes Deno's search from the folder; returns what it finds. */
async function takeIndex(folder: string): Promise<readonly ApiNode[]> {
  const text = await Deno.readTextFile(join(folder, "search_index.js"));
  const [, json] = /DENO_DOC_SEARCH_INDEX = (\{.*\})/.exec(text)!;
  for (const name of ownSearch) await Deno.remove(join(folder, name));
  return JSON.parse(json).nodes;
}

const searchTag = new RegExp(
  `<script src="[^"]*(?:${
    ownSearch.join("|")
  })" defer></script>\\s*|<input\\s[^>]*id="searchbar"[^>]*>`,
  "g",
);

/** The page below the bar of the site. */
function barred(place: string, html: string): string {
  return html.replace("<html>", `<html lang="en">`)
    .replaceAll("&#x2F;", "/")
    .replaceAll(searchTag, "")
    .replace("</head>", () => `${barHead(place)}\n</head>`)
    .replace(/<body[^>]*>/, (body) => `${body}\n${barHtml(place, "API")}`);
}

/**
 * The page with links that work without a server: those to folders, and those to source files, which are
 * added to `sources`.
 */
function linked(page: string, html: string, site: string, sources: Set<string>): string {
  const from = dirname(page);
  const linkOf = (href: string) => {
    // Deno links to parameters that a type infers, and gives them no anchor.
    if (href.startsWith("#") && !html.includes(` id="${href.slice(1)}"`)) return "#";
    if (!href.startsWith(root.href)) return asFile(from, href);
    const path = href.slice(root.href.length);
    sources.add(path);
    return relative(from, join(site, placeOf({ kind: "code", path, anchor: "" })));
  };
  return html
    .replace(/from &quot;(\.|\w+)&quot;/g, (_, entry) => `from &quot;${packageName(entry)}&quot;`)
    .replace(/href="([^"]*)"/g, (_, href) => `href="${linkOf(href.replaceAll("&#x2F;", "/"))}"`);
}

/** Name of an entry in a program's imports; Deno names entries after their folders. */
const packageName = (entry: string): string =>
  entry === "." ? "@lowrank/core" : `@lowrank/core/${entry}`;

/** Every HTML file in a folder and those below. */
export function* pagesBelow(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = join(folder, name);
    if (isDirectory) yield* pagesBelow(path);
    else if (name.endsWith(".html")) yield path;
  }
}

/** A link to a folder, as one to the page in it. */
function asFile(from: string, link: string): string {
  if (/^(\w+:|#)/.test(link)) return link;
  const [path, anchor] = link.split("#"), place = join(from, decodeURIComponent(path));
  const isFolder = existsSync(place) && statSync(place).isDirectory();
  const file = isFolder ? `${path.replace(/\/?$/, path === "" ? "" : "/")}index.html` : path;
  return anchor === undefined ? file : `${file}#${anchor}`;
}
