/** A figure as a still picture. @module */

import { hash32 } from "../core/random.ts";
import type { Figure, FigureSlider } from "./figure.ts";
import { escapeHtml } from "./html.ts";
import { headlessPlotly } from "./headless_plotly.ts";
import { slimSvg } from "./slim_svg.ts";
import { wrapText } from "./text_size.ts";

/** Width in pixels, unless said otherwise; a page scales the picture to its column. */
const wide = 800;

/**
 * The plot alone as SVG on white paper, 800 pixels wide unless said, without title and caption. The same figure gives the same bytes; element
 * names contain the figure's id.
 *
 * @throws {TypeError} when plotly does not know an attribute or rejects its value.
 */
export async function plotSvg(figure: Figure, width = wide): Promise<string> {
  const plotly = await headlessPlotly();
  const [fault] = plotly.faults(figure);
  if (fault) throw new TypeError(`cannot draw the figure "${figure.id}": ${fault}`);
  const height = figure.layout.height ?? 420;
  return slimSvg(await plotly.draw(figure, { width, height }, seedOf(figure.id)));
}

/** A figure with title and caption as a self-contained SVG, 800 pixels wide. */
export async function staticSvg(figure: Figure): Promise<string> {
  return framed(await plotSvg(figure), figure);
}

const seedOf = (id: string): number =>
  Array.from(id).reduce((seed, character) => hash32(seed, character.codePointAt(0)!), 0);

const margin = 16, titleSize = 16, captionSize = 13;

/** Puts title and caption around a plot. */
export function framed(plot: string, { title, caption: words, slider }: Figure): string {
  const [width, plotHeight] = /width="([\d.]+)" height="([\d.]+)"/.exec(plot)!.slice(1).map(Number);
  const caption = slider ? `${positionOf(slider)} ${words}` : words;
  const head = lines(title, titleSize, margin, width, "font-weight:600");
  const foot = lines(caption, captionSize, head.bottom + plotHeight, width, "fill:#5b6270");
  const height = foot.bottom + margin / 2;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<rect width="100%" height="100%" rx="6" fill="#ffffff"/>
<g style="font-family:system-ui,sans-serif;fill:#1f2430">${head.svg}${foot.svg}</g>
<g transform="translate(0,${head.bottom})">${plot}</g></svg>`;
}

/** Which of its steps a picture shows. */
function positionOf({ name, steps: [{ label, caption }] }: FigureSlider): string {
  return `Shown: ${name} ${label}${caption === undefined ? "" : `, ${caption}`}.`;
}

function lines(text: string, size: number, top: number, width: number, style: string) {
  const all = text === "" ? [] : wrapText(text, size, width - 2 * margin);
  const step = Math.round(1.4 * size);
  const svg = all.map((line, place) =>
    `<text x="${margin}" y="${top + step * place + size}" style="font-size:${size}px;${style}">${
      escapeHtml(line)
    }</text>`
  );
  return { svg: svg.join(""), bottom: top + step * all.length };
}
