/** Pictures of the library as HTML that needs no script. @module */

import { type Axis, type Figure, palette } from "../src/figures/figure.ts";
import { loadMathJax } from "../src/figures/formula.ts";
import { type DrawFormula, escapeHtml, pictureSource, tableHtml } from "../src/figures/html.ts";
import {
  type Picture,
  pictureStyle,
  planesPicture,
  type TitledPlane,
} from "../src/figures/pictures.ts";
import { plotSvg } from "../src/figures/still.ts";
import { tableOf } from "../src/figures/table.ts";

/** Pixels of a plot: so few that letters can be read from the last row of a room, and on a phone. */
const projector = { width: 620, height: 270 }, phone = { width: 350, height: 300 };

/** Pixels of letters in these: with a slide's words beside them, 3% of a projector's height. */
const letters = { plot: 16, drawing: 17 };

/** A plot, drawn twice; `alt` says what it shows. One with panels keeps the height that they need. */
export async function plotHtml(figure: Figure, alt: string): Promise<string> {
  const lettered = withLetters(figure.layout) as Figure["layout"], { height = usual } = lettered;
  const [large, small] = await Promise.all([projector, phone].map((size) => {
    const own = { margin: { t: 36, r: 16, b: 50, l: 60 }, height: size.height };
    const layout = size === phone ? { ...lettered, ...fewerTicks(lettered) } : lettered;
    return plotSvg({ ...figure, layout: { ...layout, ...height === usual && own } }, size.width);
  }));
  return `<picture class="plot">${
    imageHtml(alt, forBothPapers(large), forBothPapers(small))
  }</picture>`;
}

/** Height that figures have unless they need another one. */
const usual = 420;

/** Least pixels between the numbers below a plot on a phone, where all panels have about so many pixels. */
const leastApart = 28, panelsWidth = 200;

/** The horizontal axes whose panels are too narrow for their ticks, with every second or fourth. */
const fewerTicks = (layout: Figure["layout"]): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(layout).filter(([name]) => /^xaxis\d*$/.test(name)).map((
      [name, axis],
    ) => [name, { ...axis as Axis, ...widerSteps(axis as Axis) }]),
  );

function widerSteps({ range, dtick, domain: [from, to] = [0, 1] }: Axis): Axis {
  if (typeof dtick !== "number" || !range) return {};
  const width = panelsWidth * (to - from) / Math.abs(range[1]! - range[0]!);
  let step = dtick;
  while (step * width < leastApart) step *= 2;
  return { dtick: step };
}

/** Fonts of a layout, whatever they are for, at one size. */
function withLetters(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(withLetters);
  if (typeof part !== "object" || part === null) return part;
  const parts = Object.entries(part).map(([name, inner]) =>
    [name, name === "font" ? { ...inner, size: letters.plot } : withLetters(inner)] as const
  );
  return Object.fromEntries(parts);
}

/** A picture of matrices, on paper of its own for light and for dark pages, and another one for a phone. */
export function pictureHtml({ svg, alt }: Pick<Picture, "svg" | "alt">, small: string): string {
  const large = svg.replace("font: 14px", `font: ${letters.drawing}px`);
  return `<picture class="drawing">${imageHtml(alt, large, small)}</picture>`;
}

/** Planes side by side, and fewer on a phone. */
export function planesHtml(
  alt: string,
  planes: readonly TitledPlane[],
  few: readonly TitledPlane[],
  key: Parameters<typeof planesPicture>[2] = {},
): string {
  const [large, small] = [planes, few].map((some) =>
    planesPicture({ alt, caption: "" }, some, key)
  );
  return pictureHtml(large, small.svg);
}

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
