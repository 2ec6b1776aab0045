/** Pictures of the library as HTML that needs no script. @module */

import type { Figure } from "../src/figures/figure.ts";
import { loadMathJax } from "../src/figures/formula.ts";
import { type DrawFormula, escapeHtml } from "../src/figures/html.ts";
import { pictureSource } from "../src/figures/picture.ts";
import type { Picture } from "../src/figures/pictures/picture.ts";
import { plotSvg } from "../src/figures/static_svg.ts";

/** Widths of a plot in pixels: letters are large on a projector, and readable on a phone. */
const wide = 660, narrow = 350;

/** A plot, drawn twice; `alt` says what it shows. */
export async function plotHtml(figure: Figure, alt: string): Promise<string> {
  const [large, small] = [wide, narrow].map((width) => plotSvg(figure, width));
  return `<picture class="plot"><source media="(max-width: 560px)" srcset="${
    pictureSource(await small)
  }"><img alt="${escapeHtml(alt)}" src="${pictureSource(await large)}"></picture>`;
}

/** A picture of matrices, on paper of its own for light and for dark pages. */
export const pictureHtml = ({ svg, alt }: Pick<Picture, "svg" | "alt">): string =>
  `<div class="scroll"><img class="drawing" alt="${escapeHtml(alt)}" src="${
    pictureSource(svg)
  }"></div>`;

let drawing: Promise<DrawFormula> | undefined;

/** Formulas in TeX, one below the other. */
export async function formulasHtml(...formulas: readonly string[]): Promise<string> {
  const draw = await (drawing ??= loadMathJax());
  return formulas.map((tex) => `<p class="formula">${draw(tex)}</p>`).join("\n");
}
