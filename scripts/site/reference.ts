/** Joins the pages that `deno doc` writes with the guides. @module */

import { existsSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { root } from "../../tests/support/source_files.ts";
import { placeOf } from "./repository.ts";

const bar = (home: string): string =>
  `<p style="padding: 6px 1rem; margin: 0; font-size: 14px"><a href="${home}" ` +
  `style="text-decoration: underline">← Lowrank's guides</a></p>`;

/**
 * Puts a way back into every page, and makes its links work without a server: those to folders, and those
 * to source files, whose paths in the repository it returns.
 */
export async function joinReference(folder: string): Promise<ReadonlySet<string>> {
  const sources = new Set<string>(), site = join(folder, "..");
  for (const page of pagesBelow(folder)) {
    const from = dirname(page), home = relative(from, join(site, "index.html"));
    const html = await Deno.readTextFile(page);
    const linkOf = (href: string) => {
      // Deno links to parameters that a type infers, and gives them no anchor.
      if (href.startsWith("#") && !html.includes(` id="${href.slice(1)}"`)) return "#";
      if (!href.startsWith(root.href)) return asFile(from, href);
      const path = href.slice(root.href.length);
      sources.add(path);
      return relative(from, join(site, placeOf({ kind: "code", path, anchor: "" })));
    };
    const joined = html.replace(/<body[^>]*>/, (body) => `${body}\n${bar(home)}`)
      .replace(/from &quot;(\.|\w+)&quot;/g, (_, entry) => `from &quot;${packageName(entry)}&quot;`)
      .replace(/href="([^"]*)"/g, (_, href) => `href="${linkOf(href.replaceAll("&#x2F;", "/"))}"`);
    await Deno.writeTextFile(page, joined);
  }
  return sources;
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
