/** The frame of a page: the bar, the pages of its part, its contents, and the ways on. @module */

import { escapeHtml } from "../../src/figures/html.ts";
import { assets, barHead, barHtml } from "./bar.ts";
import { contentsHtml, contentsOf } from "./contents.ts";
import { type Part, partOf, pathsOf } from "./parts.ts";
import { linkBetween, placeOf } from "./repository.ts";

/** A page of the site. */
export interface Page {
  /** Its file in the site. */
  readonly place: string;
  /** Its file in the repository. */
  readonly path: string;
  readonly title: string;
  /** HTML inside the frame. */
  readonly html: string;
  /** The titles of all guides by their paths. */
  readonly titles: ReadonlyMap<string, string>;
}

/** The page in its frame. */
export function framed(page: Page): string {
  const { place, path, title } = page, part = partOf(path);
  const { html, headings } = contentsOf(page.html), contents = contentsHtml(headings);
  const main = `<main>
${html}
${turnsHtml(page, part)}
</main>`;
  return documentHtml({
    ...{ place, title, part: part.name },
    body: `<div class="page">
${pagesHtml(page, part)}
${contents === "" ? "" : contents + opened(1300)}
${main}
</div>`,
  });
}

/** A whole HTML file, with the bar above its body. */
export function documentHtml(
  { place, title, part, body }: { place: string; title: string; part: string; body: string },
): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}${title === "Lowrank" ? "" : " · Lowrank"}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${linkBetween(place, assets.style)}">
${barHead(place)}
</head>
<body>
${barHtml(place, part)}
${body}
</body>
</html>
`;
}

/** Opens the fold before it, where a window is wide enough to have it at the side. */
const opened = (width: number): string =>
  `<script>document.currentScript.previousElementSibling.open = matchMedia("(min-width: ${width}px)").matches</script>`;

/** The pages of a part, at the side. */
function pagesHtml(page: Page, { name, groups }: Part): string {
  if (groups.flatMap(([, paths]) => paths).length < 2) return "";
  const lists = groups.map(([title, paths]) =>
    `<b>${title}</b>\n${paths.map((path) => pageLink(page, path)).join("\n")}`
  );
  return `<details class="pages"><summary>Pages of ${name}</summary><nav aria-label="Pages of ${name}">
${lists.join("\n")}</nav></details>${opened(900)}`;
}

const placeOfPage = (path: string): string => placeOf({ kind: "page", path, anchor: "" });

function pageLink({ place, titles }: Page, path: string): string {
  const to = placeOfPage(path), current = to === place ? ' aria-current="page"' : "";
  return `<a href="${linkBetween(place, to)}"${current}>${escapeHtml(titles.get(path)!)}</a>`;
}

/** The ways to the pages before and after, in the order of the part. */
function turnsHtml({ place, path, titles }: Page, part: Part): string {
  const paths = pathsOf(part), at = paths.indexOf(path);
  const link = (to: string | undefined, rel: string, words: string) =>
    to === undefined
      ? ""
      : `<a rel="${rel}" href="${linkBetween(place, placeOfPage(to))}"><span>${words}</span> ${
        escapeHtml(titles.get(to)!)
      }</a>`;
  if (at < 0 || paths.length < 2) return "";
  const [before, after] = [paths[at - 1], paths[at + 1]];
  return `<nav class="turns" aria-label="Previous and next">${link(before, "prev", "← Previous")}${
    link(after, "next", "Next →")
  }</nav>`;
}
