/** Markdown with formulas in TeX, which become pictures. @module */

import type { DrawFormula } from "../../src/figures/html.ts";
import { type Guide, renderGuide } from "./markdown.ts";

/** Code, which has no formulas, or a formula on its own or in a line. */
const codeOrFormula =
  /```[^]*?```|`[^`]*`|^ {4}.*$|\$\$([^$]+)\$\$|\$([^$\s](?:[^$`]*[^$\s])?)\$/gm;

/** Renders a page whose formulas are pictures: they are taken out before Markdown reads their signs. */
export function renderWithFormulas(path: string, text: string, draw: DrawFormula): Guide {
  const pictures: string[] = [];
  const marked = text.replace(codeOrFormula, (all, block, inline) => {
    const tex: string | undefined = block ?? inline;
    if (tex === undefined) return all;
    const picture = draw(tex.replaceAll("\n", " "));
    pictures.push(block === undefined ? picture : `<span class="formula">${picture}</span>`);
    return `FORMULA${pictures.length - 1}END`;
  });
  const guide = renderGuide(path, marked);
  const html = guide.html.replaceAll(/(?<=<h\d id="[^"]*)-?formula\d+end/g, "")
    .replaceAll(touched, (_, before, at, after) => held(before, pictures[at], after));
  return { ...guide, html, title: guide.title.replace(/FORMULA\d+END/g, "") };
}

/** A formula in a text, with the signs that touch it: a browser would break a line between them. */
const touched = /(\(?)FORMULA(\d+)END((?:(?!FORMULA\d)[^\s<])*)/g;

/** A formula and the signs that touch it, on one line. */
const held = (before: string, picture: string, after: string): string =>
  before + after === "" || picture.startsWith("<span")
    ? before + picture + after
    : `<span class="held">${before}${picture}${after}</span>`;
