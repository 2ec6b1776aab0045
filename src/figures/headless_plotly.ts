/**
 * Plotly without a browser: its own code on a small DOM, so that a still picture looks like the live
 * figure.
 *
 * @module
 */

import type { Window } from "npm:happy-dom@21.0.4";
import { Random } from "../core/random.ts";
import type { Figure } from "./figure.ts";
import { type CanvasSize, HeadlessCanvas } from "./headless_canvas.ts";
import { plotlySource } from "./plotly.ts";
import { boundingBox, type DrawnElement } from "./text_boxes.ts";

/** Plotly on a DOM of its own. */
export interface HeadlessPlotly {
  /** Draws traces and layout as SVG; `seed` determines the element names in it. */
  draw(figure: Specification, size: Size, seed: number): Promise<string>;
  /** The attributes that plotly does not know or would reject, one sentence each. */
  faults(figure: Specification): string[];
}

type Specification = Pick<Figure, "data" | "layout">;

interface Size {
  readonly width: number;
  readonly height: number;
}

let loaded: Promise<HeadlessPlotly> | undefined;

/** Loads plotly and its DOM, once. */
export function headlessPlotly(): Promise<HeadlessPlotly> {
  return loaded ??= loadHeadless();
}

async function loadHeadless(): Promise<HeadlessPlotly> {
  let random = new Random(0);
  const { Window } = await import("npm:happy-dom@21.0.4");
  const window = new Window();
  const plotly = await loadLibrary(window, () => random.uniform());
  let last: Promise<unknown> = Promise.resolve();
  const drawNow = async ({ data, layout }: Specification, size: Size, seed: number) => {
    random = new Random(seed);
    const figure = structuredClone({ data, layout: { ...layout, ...size } });
    try {
      return await plotly.toImage(figure, { format: "svg", imageDataOnly: true, ...size });
    } finally {
      forgetQueries(window.document);
    }
  };
  return {
    draw(...figure) {
      const drawn = last.then(() => drawNow(...figure)); // in turn, as random numbers are shared
      last = drawn.catch(() => {});
      return drawn;
    },
    faults(figure) {
      const { data, layout } = validated(figure);
      const found = plotly.validate(data, layout) ?? [];
      return found.filter(({ code }) => faultCodes.includes(code)).map(({ msg }) => msg);
    },
  };
}

/** Codes of visible faults; others are attributes without effect and hidden parts. */
const faultCodes = ["object", "array", "schema", "value"];

/** The specification without what plotly 4.1.1 cannot validate: the first legend, a shared color axis. */
function validated({ data, layout: { legend: _, ...layout } }: Specification): Specification {
  return structuredClone({ data: data.map(({ coloraxis: _, ...trace }) => trace), layout });
}

/**
 * happy-dom notes on the document and on each element which queries and styles depend on it, until it
 * changes: 40 kB and more for each figure. So what stays after a drawing is changed, and changed back.
 */
function forgetQueries(document: Window["document"]): void {
  const mark = document.createComment("");
  document.appendChild(mark);
  mark.remove();
  for (const element of document.getElementsByTagName("*")) {
    element.setAttribute("data-drawn", "");
    element.removeAttribute("data-drawn");
  }
}

async function loadLibrary(window: Window, random: () => number): Promise<Plotly> {
  giveTextASize(window.SVGElement.prototype);
  giveCanvasPixels(window.HTMLCanvasElement.prototype);
  return run(await plotlySource(), {
    window,
    self: window,
    document: window.document,
    navigator: window.navigator,
    DOMParser: window.DOMParser,
    XMLSerializer: window.XMLSerializer,
    getComputedStyle: window.getComputedStyle.bind(window),
    Image: window.Image,
    Element: window.Element,
    HTMLElement: window.HTMLElement,
    // Plotly names clip paths at random, but the same figure must give the same bytes.
    Math: Object.create(Math, { random: { value: random } }),
  });
}

interface Plotly {
  toImage(figure: unknown, options: unknown): Promise<string>;
  validate(
    data: unknown,
    layout: unknown,
  ): { readonly code: string; readonly msg: string }[] | undefined;
}

/** Runs the library with its own variables in place of globals, so that ours stay unchanged. */
function run(source: string, globals: Readonly<Record<string, unknown>>): Plotly {
  const module = { exports: {} };
  const library = new Function("module", ...Object.keys(globals), source);
  library(module, ...Object.values(globals));
  return module.exports as Plotly;
}

function giveTextASize(prototype: object): void {
  const box = function (this: DrawnElement) {
    return boundingBox(this);
  };
  Object.assign(prototype, { getBBox: box, getBoundingClientRect: box });
}

function giveCanvasPixels(prototype: object): void {
  const contexts = new WeakMap<object, HeadlessCanvas>();
  const contextOf = (canvas: CanvasSize) => {
    if (!contexts.has(canvas)) contexts.set(canvas, new HeadlessCanvas(canvas));
    return contexts.get(canvas)!;
  };
  Object.assign(prototype, {
    getContext(this: CanvasSize) {
      return contextOf(this);
    },
    toDataURL(this: CanvasSize) {
      return contextOf(this).toDataUrl();
    },
  });
}
