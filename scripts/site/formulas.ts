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
    .replaceAll(/FORMULA(\d+)END/g, (_, at) => pictures[at]);
  return { ...guide, html, title: guide.title.replace(/FORMULA\d+END/g, "") };
}
