/**
 * In the page's bundle in the place of `src/figures/still.ts`: a worker has no document to draw in, so the
 * page draws each figure live, in the room that is left for it here.
 *
 * @module
 */

import type { Figure } from "../../../../src/figures/figure.ts";
import { compactJson, escapeHtml } from "../../../../src/figures/html.ts";

const heightOf = ({ layout }: Figure): number => layout.height ?? 420;

/** Empty room of the plot's size. */
export function plotSvg(figure: Figure, width = 800): Promise<string> {
  return Promise.resolve(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${heightOf(figure)}"></svg>`,
  );
}

/** A figure that changes while a cell runs: the page draws the figure that the attribute holds. */
export function staticSvg(figure: Figure): Promise<string> {
  const { title, caption, data, layout } = figure;
  const held = escapeHtml(compactJson({ title, caption, data, layout }));
  return Promise.resolve(`<svg data-drawing="${held}"></svg>`);
}

/** The plot alone: its card has title and caption. */
export function framed(plot: string): string {
  return plot;
}

/** As in the other one. */
export const plotlyConfig = { displayModeBar: false, responsive: true } as const;
