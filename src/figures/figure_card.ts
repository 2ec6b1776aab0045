/** A figure as HTML: a still picture, which becomes live if the page has plotly. @module */

import { gzipSync } from "node:zlib";
import type { Figure, FigureSlider } from "./figure.ts";
import { escapeHtml } from "./html.ts";
import { scriptJson } from "./json.ts";
import { pictureSource } from "./picture.ts";
import { plotlyConfig, plotlySource } from "./plotly.ts";
import { wholeSteps } from "./slider_figure.ts";
import stepper from "./stepper_script.js" with { type: "text" };
import { stepperHtml } from "./stepper.ts";

// Styles are inline and colors fixed: a front end strips style elements from untrusted output, and a
// white card is readable in a dark theme too.
const card = "max-width:800px;box-sizing:border-box;padding:12px 0 10px;border-radius:6px;" +
  "background:#fff;color:#1f2430;color-scheme:light;font:14px/1.45 system-ui,sans-serif";
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
  return `<div>${figure.slider ? sliderHtml(figure.slider) : ""}<div data-figure="${
    escapeHtml(figure.id)
  }" class="plot">${picture}</div>
<script>${plotScript(figure)}</script></div>`;
}

/** The control of a figure with steps, and a hint that stays where no script runs. */
function sliderHtml({ name, steps }: FigureSlider): string {
  const texts = steps.map(({ label }) => label), [{ caption = "" }] = steps;
  const isRange = texts.every((text) => text !== "" && Number.isFinite(Number(text)));
  return `<div data-steps style="margin:4px 16px 0">${
    stepperHtml({ label: name, texts, start: 0, isRange })
  }<div data-hint style="font-size:13px;font-style:italic">${hint}</div>
<div data-saying role="status">${escapeHtml(caption)}</div></div>`;
}

const hint = "A picture: run the cells (Run All) to move it.";

/** What the loader's script draws. */
export function drawable({ data, layout, slider }: Figure): Readonly<Record<string, unknown>> {
  if (!slider) return { data, layout };
  const sayings = slider.steps.map(({ caption = "" }) => caption);
  return { steps: wholeSteps(slider, layout), sayings };
}

/** The script of {@link plotHtml}; a front end may run it in place, or after the whole output. */
export function plotScript(figure: Figure): string {
  return `{ const places = document.currentScript.parentElement.querySelectorAll("[data-figure]");
const place = [...places].find(({ dataset }) => dataset.figure === ${scriptJson(figure.id)});
const draw = () => lowrankFigures.draw(place, ${scriptJson(drawable(figure))});
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
  const stepper = ${stepper}
  const letMove = (box, sayings, show) => {
    const saying = box.querySelector("[data-saying]");
    const control = stepper(box, ([at]) => {
      saying.textContent = sayings[at];
      show(at);
    });
    box.querySelector("[data-hint]").remove();
    control.enable(true);
  };
  const draw = async (place, { data, layout, steps = [{ data, layout }], sayings }) => {
    const { newPlot, react } = await plotly;
    const show = (at) => {
      const { data, layout } = steps[at];
      place.style.height = (layout.height ?? 420) + "px"; // plotly asks for it when the width changes
      // Plotly writes into a layout, and would keep the range of one step for the next.
      const figure = { data, layout: structuredClone(layout), config };
      return place.data ? react(place, figure) : newPlot(place, figure);
    };
    if (place.data) return await show(0); // drawn before
    new ResizeObserver((_, observer) => { // says when the place is on the page and has a width
      if (place.clientWidth === 0) return;
      observer.disconnect();
      place.replaceChildren();
      show(0);
      if (sayings) letMove(place.previousElementSibling, sayings, show);
    }).observe(place);
  };
  globalThis.lowrankFigures = { draw };
  dispatchEvent(new Event("lowrank-figures"));
}`;
