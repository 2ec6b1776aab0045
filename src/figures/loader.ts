/** The script that loads plotly into a page and makes the figures there live. @module */

import { gzipSync } from "node:zlib";
import fit from "./fit_script.js" with { type: "text" };
import stepper from "./stepper_script.js" with { type: "text" };
import thin from "./thin_script.js" with { type: "text" };
import { plotlyConfig, plotlySource } from "./still.ts";

/**
 * Invisible HTML that loads plotly into a page, compressed (about 630 kB); then every figure card in
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
  const fit = ${fit}
  const thin = ${thin}
  const letMove = (box, sayings, show) => {
    const saying = box.querySelector("[data-saying]");
    const control = stepper(box, ([at]) => {
      saying.textContent = sayings[at];
      show(at);
    });
    box.querySelector("[data-hint]").remove();
    control.enable(true);
  };
  // A mark at the end of an axis is whole, not half a disc.
  const whole = (trace) => /markers/.test(trace.mode) ? { ...trace, cliponaxis: false } : trace;
  const draw = async (place, { data, layout, steps = [{ data, layout }], sayings }) => {
    const { newPlot, react, relayout } = await plotly;
    const show = async (at) => {
      const { data, layout } = steps[at];
      place.style.height = (layout.height ?? 420) + "px"; // plotly asks for it when the width changes
      // Plotly writes into a layout, and would keep the range of one step for the next.
      const figure = { data: data.map(whole), layout: structuredClone(layout), config };
      await (place.data ? react(place, figure) : newPlot(place, figure));
      const changes = { ...thin(place), ...fit(place) };
      if (changes.height) place.style.height = changes.height + "px";
      if (Object.keys(changes).length > 0) await relayout(place, changes);
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
