/** A figure as HTML: a still picture, which becomes live if the page has plotly. @module */

import { gzipSync } from "node:zlib";
import type { Figure } from "./figure.ts";
import { escapeHtml } from "./html.ts";
import { scriptJson } from "./json.ts";
import { pictureSource } from "./picture.ts";
import { plotlyConfig, plotlySource } from "./plotly.ts";

// Styles are inline and colors fixed: a front end strips style elements from untrusted output, and a
// white card is readable in a dark theme too.
const card = "max-width:800px;box-sizing:border-box;padding:12px 0 10px;border-radius:6px;" +
  "background:#fff;color:#1f2430;font:14px/1.45 system-ui,sans-serif";
const heading = "margin:0 16px 4px;font-weight:600;font-size:15px";
const small = "margin:4px 16px 0;color:#5b6270;font-size:13px";

/** A figure's card: title, plot and caption; `plot` is drawn by {@link plotSvg}. */
export function figureCard(figure: Figure, plot: string): string {
  return `<div style="${card}"><div style="${heading}">${escapeHtml(figure.title)}</div>
${plotHtml(figure, plot)}
<div style="${small}">${escapeHtml(figure.caption)}</div></div>`;
}

/** A plot as a still picture, and the script that makes it live once {@link figureLoader} has run. */
export function plotHtml(figure: Figure, plot: string): string {
  const picture = `<img alt="${escapeHtml(figure.title)}" style="display:block;width:100%" src="${
    pictureSource(plot)
  }">`;
  return `<div><div data-figure="${escapeHtml(figure.id)}" class="plot">${picture}</div>
<script>${plotScript(figure)}</script></div>`;
}

/** The script of {@link plotHtml}; a front end may run it in place, or after the whole output. */
export function plotScript({ id, data, layout, frames }: Figure): string {
  return `{ const places = document.currentScript.parentElement.querySelectorAll("[data-figure]");
const place = [...places].find(({ dataset }) => dataset.figure === ${scriptJson(id)});
const draw = () => lowrankFigures.draw(place, ${scriptJson({ data, layout, frames })});
globalThis.lowrankFigures ? draw() : addEventListener("lowrank-figures", draw, { once: true }); }`;
}

/**
 * Invisible HTML that loads plotly into a page, compressed (about 630 kB); then every {@link figureCard} in
 * the page, later ones too, becomes live. Adding it twice is harmless.
 */
export async function figureLoader(): Promise<string> {
  const [script] = await loaderScripts();
  return `<script>${script}</script>`;
}

/** The script of {@link figureLoader}, and the one that it unpacks and adds to the page. */
export async function loaderScripts(): Promise<[loading: string, library: string]> {
  const library =
    `globalThis.lowrankPlotly = function (module, exports, define) {${await plotlySource()}\n}`;
  const packed = gzipSync(library, { level: 9 }).toBase64();
  return [`globalThis.lowrankFigures ?? (${loader})("${packed}");`, library];
}

/**
 * Runs in the page. The library runs as a module of its own, so that it neither registers with the page's
 * require.js nor replaces another plotly; as a script element, it needs no permission to evaluate text.
 */
const loader = `(packed) => {
  const load = async () => {
    const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script"), module = { exports: {} }, before = globalThis.Plotly;
    script.textContent = await new Response(stream).text();
    document.head.append(script);
    script.remove();
    globalThis.lowrankPlotly(module, module.exports);
    delete globalThis.lowrankPlotly;
    if (before) globalThis.Plotly = before;
    return module.exports;
  };
  const plotly = load(), config = ${JSON.stringify(plotlyConfig)};
  const draw = async (place, { data, layout, frames }) => {
    const { newPlot, react } = await plotly;
    const show = (plot) => {
      place.style.height = (layout.height ?? 420) + "px"; // plotly asks for it when the width changes
      return plot(place, { data, layout, frames, config });
    };
    if (place.data) return await show(react); // drawn before
    new ResizeObserver((_, observer) => { // says when the place is on the page and has a width
      if (place.clientWidth === 0) return;
      observer.disconnect();
      place.replaceChildren();
      show(newPlot);
    }).observe(place);
  };
  globalThis.lowrankFigures = { draw };
  dispatchEvent(new Event("lowrank-figures"));
}`;
