/** Places of the repository's files in the site. @module */

import { existsSync, statSync } from "node:fs";
import { dirname, normalize, relative } from "node:path/posix";
import { rootPath } from "../support/source_files.ts";

/** Target of a link in a guide. */
export type Target =
  | { readonly kind: "page" | "code" | "asset"; readonly path: string; readonly anchor: string }
  | { readonly kind: "elsewhere"; readonly href: string }
  | { readonly kind: "none"; readonly path: string };

/** The file of the repository that a link leads to, as the site has it. */
export function targetOf(from: string, href: string): Target {
  if (/^\w+:/.test(href)) return { kind: "elsewhere", href };
  const [link, anchor = ""] = href.split("#");
  const path = link === "" ? from : normalize(`${dirname(from)}/${link}`).replace(/\/$/, "");
  if (!existsSync(rootPath + path)) throw new RangeError(`${from} links to ${path}: there is none`);
  const readme = `${path}/README.md`;
  if (statSync(rootPath + path).isDirectory()) {
    return existsSync(rootPath + readme)
      ? { kind: "page", path: readme, anchor }
      : { kind: "none", path: `${path}/` };
  }
  if (/\.(md|ipynb)$/.test(path)) return { kind: "page", path, anchor };
  if (/\.(svg|png)$/.test(path)) return { kind: "asset", path, anchor };
  return { kind: "code", path, anchor };
}

/** The file of the site for a file of the repository. */
export function placeOf({ kind, path }: Exclude<Target, { kind: "elsewhere" | "none" }>): string {
  if (kind === "asset") return path;
  if (kind === "code") return `code/${path}.html`;
  if (path === "README.md") return "readme.html"; // the first page is another
  return path.replace(/README\.md$/, "index.md").replace(/\.(md|ipynb)$/, ".html");
}

/** A link from one file of the site to another. */
export function linkBetween(from: string, to: string): string {
  return relative(dirname(from), to) || to.split("/").at(-1)!;
}
