/** The guides of the site, and what they link to. @module */

import { rootPath, sourceText } from "../support/source_files.ts";
import type { DrawFormula } from "../../src/figures/html.ts";
import { renderWithFormulas } from "./formulas.ts";
import { framed } from "./frame.ts";
import { highlighted } from "./highlight.ts";
import type { Guide } from "./markdown.ts";
import { renderNotebook } from "./notebook.ts";
import { parts, pathsOf } from "./parts.ts";
import { placeOf, type Target } from "./repository.ts";

/** Everything that the guides lead to. */
export interface Reached {
  /** Guides and notebooks by their paths in the repository. */
  readonly guides: Guides;
  /** Paths of source files. */
  readonly code: ReadonlySet<string>;
  /** Paths of pictures. */
  readonly assets: ReadonlySet<string>;
}

/** Pages that are made elsewhere: a link to a README in their place leads to them. */
const elsewhere: ReadonlySet<string> = new Set(
  parts.filter(({ groups }) => groups.length === 0).map(({ home }) => home),
);

/** Renders all guides, and those to which they and these targets lead. */
export function reachGuides(
  targets: readonly Target[],
  sources: ReadonlySet<string>,
  draw: DrawFormula,
): Reached {
  const guides = new Map<string, Guide>(), code = new Set(sources), assets = new Set<string>();
  const visit = (path: string): void => {
    if (guides.has(path)) return;
    const text = sourceText(path), isNotebook = path.endsWith(".ipynb");
    const guide = isNotebook
      ? renderNotebook(path, text, draw)
      : renderWithFormulas(path, text, draw);
    guides.set(path, guide);
    for (const target of guide.targets) follow(target);
  };
  const follow = (target: Target): void => {
    if (target.kind === "page" && !elsewhere.has(placeOf(target))) visit(target.path);
    if (target.kind === "code") code.add(target.path);
    if (target.kind === "asset") assets.add(target.path);
  };
  for (const path of parts.flatMap(pathsOf)) visit(path);
  for (const target of targets) follow(target);
  return { guides, code, assets };
}

/** All pages by their places in the site, those of the sources too. */
export function* guidePages({ guides, code }: Reached): Generator<[place: string, html: string]> {
  yield* framedGuides(guides);
  yield* codePages(code, guides);
}

type Guides = ReadonlyMap<string, Guide>;

function* framedGuides(guides: Guides): Generator<[string, string]> {
  const titles = titlesOf(guides);
  for (const [path, { title, html }] of guides) {
    const place = placeOf({ kind: "page", path, anchor: "" });
    yield [place, framed({ place, path, title, html, titles })];
  }
}

/** A file of source text that a guide links to. */
function* codePages(paths: ReadonlySet<string>, guides: Guides): Generator<[string, string]> {
  const titles = titlesOf(guides);
  for (const path of paths) {
    const place = placeOf({ kind: "code", path, anchor: "" });
    const html = `<h1><code>${path}</code></h1>\n<pre><code>${
      highlighted(sourceText(path), path.split(".").at(-1))
    }</code></pre>`;
    yield [place, framed({ place, path, title: path, html, titles })];
  }
}

const titlesOf = (guides: Guides): ReadonlyMap<string, string> =>
  new Map(
    Array.from(guides, ([path, { title }]) => [path, path === "README.md" ? "README" : title]),
  );

/** Copies files of the repository to where the pages expect them. */
export async function copyAssets(paths: Iterable<string>, site: string): Promise<void> {
  for (const path of paths) {
    await Deno.mkdir(`${site}/${path}`.replace(/[^/]*$/, ""), { recursive: true });
    await Deno.copyFile(rootPath + path, `${site}/${path}`);
  }
}
