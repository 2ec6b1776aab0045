/** The frame of a page: navigation at the side, light and dark. @module */

import { escapeHtml } from "../../src/figures/html.ts";
import { linkBetween, placeOf } from "./repository.ts";

/** A page of the site. */
export interface Page {
  /** Its file in the site. */
  readonly place: string;
  readonly title: string;
  /** HTML inside the frame. */
  readonly html: string;
  readonly navigation: readonly (readonly [group: string, paths: readonly string[]])[];
  /** The titles of all guides by their paths. */
  readonly titles: ReadonlyMap<string, string>;
}

const style = `
:root { color-scheme: light dark; --text: light-dark(#1f2328, #e6edf3);
  --soft: light-dark(#57606a, #9ea7b3); --link: light-dark(#0969da, #58a6ff);
  --back: light-dark(#ffffff, #0d1117); --side: light-dark(#f6f8fa, #161b22);
  --line: light-dark(#d0d7de, #30363d) }
* { box-sizing: border-box }
body { margin: 0; display: grid; grid-template-columns: 250px minmax(0, 1fr); color: var(--text);
  background: var(--back); font: 16px/1.6 system-ui, "Segoe UI", Helvetica, Arial, sans-serif }
nav { background: var(--side); border-right: 1px solid var(--line); padding: 20px; font-size: 14px;
  position: sticky; top: 0; height: 100vh; overflow-y: auto }
nav b { display: block; margin-top: 16px; color: var(--soft) }
nav a { display: block; padding: 2px 8px; border-radius: 6px; color: inherit; text-decoration: none }
nav a:hover { text-decoration: underline }
nav a[aria-current] { background: var(--line); font-weight: 600 }
main { padding: 24px 40px 80px; max-width: 960px }
a { color: var(--link) }
img { max-width: 100%; height: auto }
h1, h2 { border-bottom: 1px solid var(--line); padding-bottom: 6px; line-height: 1.25 }
h2 { margin-top: 36px }
pre, code { font: 13.5px/1.5 ui-monospace, "SF Mono", Consolas, "Liberation Mono", monospace;
  background: var(--side); border-radius: 6px }
code { padding: 2px 4px }
pre { padding: 14px; overflow-x: auto }
pre code { padding: 0 }
.wide { overflow-x: auto }
.output pre { background: none; border-left: 3px solid var(--line); border-radius: 0 }
.formula { display: block; text-align: center; margin: 12px 0 }
table { border-collapse: collapse; margin: 12px 0; font-size: 14.5px }
th, td { border: 1px solid var(--line); padding: 6px 10px; text-align: left; vertical-align: top }
th { background: var(--side) }
.menu { display: none }
@media (max-width: 800px) {
  body { display: flex; flex-direction: column }
  nav { order: 1; position: static; height: auto; border-right: 0; border-top: 1px solid var(--line) }
  .menu { display: block; font-size: 14px }
  main { padding: 16px; max-width: 100vw }
}
@media print { nav { display: none } body { display: block } }`;

/** The page in its frame. */
export function framed({ place, title, html, navigation, titles }: Page): string {
  const link = (to: string, words: string) => {
    const current = to === place ? ' aria-current="page"' : "";
    return `<a href="${linkBetween(place, to)}"${current}>${escapeHtml(words)}</a>`;
  };
  const groups = navigation.map(([group, paths]) => {
    const links = paths.map((path) =>
      link(placeOf({ kind: "page", path, anchor: "" }), titles.get(path)!)
    );
    return `<b>${group}</b>\n${links.join("\n")}`;
  });
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}${title === "Lowrank" ? "" : " · Lowrank"}</title>
<style>${style}
</style>
</head>
<body>
<nav id="pages" aria-label="Pages">
${groups.join("\n")}
<b>In this browser</b>
${link("playground/index.html", "Playground")}
${link("slides/index.html", "Slides of the ninety minutes")}
<b>Every function</b>
${link("api/index.html", "API reference")}
</nav>
<main>
<a class="menu" href="#pages">All pages</a>
${html}
</main>
</body>
</html>
`;
}
