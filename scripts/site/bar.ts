/** The bar above every page: the parts of the site, and the search. @module */

import { linkBetween } from "./repository.ts";
import { parts } from "./parts.ts";

/** Scripts and styles of all pages, as the site has them. */
export const assets = {
  style: "site.css",
  barStyle: "bar.css",
  script: "site.js",
  search: "search.js",
  index: "search_index.js",
} as const;

/** The elements of the head that the bar needs. */
export function barHead(place: string): string {
  return `<link rel="stylesheet" href="${linkBetween(place, assets.barStyle)}">
<script defer src="${linkBetween(place, assets.script)}" data-home="${homeOf(place)}"></script>`;
}

/** The way from a page to the folder of the site: `../../`. */
const homeOf = (place: string): string => linkBetween(place, "index.html").replace(/[^/]*$/, "");

/** The links of a page, which belongs to a part, to all parts. */
export function partsHtml(place: string, part: string): string {
  const links = parts.map(({ name, home }) => {
    const current = name === part ? ` aria-current="${home === place ? "page" : "true"}"` : "";
    return `<a href="${linkBetween(place, home)}"${current}>${name}</a>`;
  });
  return `<nav aria-label="Parts of the site">${links.join("\n")}</nav>`;
}

/** The bar of a page, which belongs to a part. */
export function barHtml(place: string, part: string): string {
  return `<header class="bar">${partsHtml(place, part)}
<form role="search" hidden><input type="search" placeholder="Search: press /" autocomplete="off" \
spellcheck="false" aria-label="Search guides, notebooks and API"><ol class="found" hidden></ol></form></header>`;
}
