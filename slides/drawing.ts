/** Pictures of the library as HTML that needs no script. @module */

import { type Figure, palette } from "../src/figures/figure.ts";
import { loadMathJax } from "../src/figures/formula.ts";
import { type DrawFormula, escapeHtml, pictureSource, tableHtml } from "../src/figures/html.ts";
import { type Picture, pictureStyle } from "../src/figures/pictures.ts";
import { plotSvg } from "../src/figures/still.ts";
import { tableOf } from "../src/figures/table.ts";

/** Pixels of a plot: so few that letters can be read from the last row of a room, and on a phone. */
const projector = { width: 640, height: 280 }, phone = { width: 350, height: 300 };

/** A plot, drawn twice; `alt` says what it shows. One with panels keeps the height that they need. */
export async function plotHtml(figure: Figure, alt: string): Promise<string> {
  const [large, small] = await Promise.all([projector, phone].map((size) => {
    const { height = usual } = figure.layout, margin = { t: 36, r: 16, b: 50, l: 60 };
    const own = { margin, font: { ...fontOf(figure), size: 14 } };
    const layout = { ...figure.layout, ...height === usual && { ...own, height: size.height } };
    return plotSvg({ ...figure, layout }, size.width);
  }));
  return `<picture class="plot">${
    imageHtml(alt, forBothPapers(large), forBothPapers(small))
  }</picture>`;
}

/** Height that figures have unless they need another one. */
const usual = 420;

const fontOf = ({ layout: { font } }: Figure): object => font as object;

/** A picture of matrices, on paper of its own for light and for dark pages, and another one for a phone. */
export const pictureHtml = ({ svg, alt }: Pick<Picture, "svg" | "alt">, small: string): string =>
  `<picture class="drawing">${imageHtml(alt, svg, small)}</picture>`;

/** Paper that is printed is as wide as a screen. */
const imageHtml = (alt: string, large: string, small: string): string =>
  `<source media="screen and (max-width: 560px)" srcset="${pictureSource(small)}"><img alt="${
    escapeHtml(alt)
  }" src="${pictureSource(large)}">`;

/** Replaces plotly's colors of light paper by the colors of the same names on dark paper. */
const onDark = [
  ["rect", "fill", "#ffffff", "paper"],
  ["text", "fill", "#1f2430", "ink"],
  ["path", "stroke", "#e6e8ee", "line"],
  ["", "stroke", palette.lora[1], "lora"],
  ["", "fill", palette.lora[1], "lora"],
  ["", "fill", palette.base, "base"],
  ["", "stroke", palette.base, "base"],
  ["", "fill", palette.signed[0], "positive"],
].map(([tag, property, color, name]) =>
  `${tag}[style*="${property}:${color}"] { ${property}: var(--${name}) !important }`
).join("\n");

/** Plotly knows light paper only. */
const forBothPapers = (svg: string): string =>
  svg.replace(
    "<defs",
    `<style>${pictureStyle}\n@media (prefers-color-scheme: dark) {\n${onDark}\n}</style><defs`,
  );

/** A table of texts. */
export const textTable = (
  title: string,
  heads: readonly string[],
  rows: readonly (readonly string[])[],
): string =>
  tableHtml(
    tableOf(title, rows.map((row) => Object.fromEntries(heads.map((head, i) => [head, row[i]])))),
  );

/** Programs side by side, each with its title. */
export const codeHtml = (programs: Readonly<Record<string, string>>): string =>
  `<div class="scroll code">${
    Object.entries(programs).map(([title, code]) =>
      `<div><h3>${escapeHtml(title)}</h3><pre><code>${escapeHtml(code.trim())}</code></pre></div>`
    ).join("")
  }</div>`;

/** Items below each other. */
export const listHtml = (items: readonly string[]): string =>
  `<div class="scroll"><ol class="items">${
    items.map((item) => `<li>${escapeHtml(item)}</li>`).join("")
  }</ol></div>`;

let drawing: Promise<DrawFormula> | undefined;

/** Formulas in TeX, one below the other. */
export async function formulasHtml(...formulas: readonly string[]): Promise<string> {
  const draw = await (drawing ??= loadMathJax());
  return formulas.map((tex) => `<p class="formula">${draw(tex)}</p>`).join("\n");
}
