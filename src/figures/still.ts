/**
 * A figure as a still picture: plotly runs without a browser, on a small DOM and canvas, and its
 * SVG is shrunk, since a notebook stores each drawing twice.
 *
 * @module
 */

import { crc32, deflateSync } from "node:zlib";
import type { Window } from "npm:happy-dom@21.0.4";
import { hash32, Random } from "../core/random.ts";
import { readText } from "../storage/files.ts";
import type { Figure, FigureSlider } from "./figure.ts";
import { escapeHtml } from "./html.ts";
import { textWidth, wrapText } from "./format.ts";

// Still pictures.

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

/** A sentence that names the step of a slider in the picture. */
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

// Plotly without a browser.

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
function headlessPlotly(): Promise<HeadlessPlotly> {
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

/** Declarations that repeat the default. */
const idle: ReadonlySet<string> = new Set([
  "opacity:1",
  "fill-opacity:1",
  "stroke-opacity:1",
  "stroke-width:1px",
  "stroke-miterlimit:2",
  "vector-effect:none",
  "white-space:pre",
]);

// Plotly.

/** Its source, from its package: one file without dependencies. */
export async function plotlySource(): Promise<string> {
  await import("npm:plotly.js-cartesian-dist-min@4.1.1/package.json", { with: { type: "json" } });
  const folder = import.meta.resolve("npm:plotly.js-cartesian-dist-min@4.1.1/package.json");
  return await readText(new URL("plotly-cartesian.min.js", folder));
}

/**
 * Behavior of a live plot: it is as wide as its container and has no button bar, which would cover
 * legends and can send data to plotly's site. Dragging zooms; a double click resets.
 */
export const plotlyConfig = { displayModeBar: false, responsive: true } as const;

// The small DOM: texts, and a canvas.

/** The part of a DOM element that we use. */
export interface DrawnElement {
  readonly localName: string;
  readonly parentNode: DrawnElement | null;
  readonly children: Iterable<DrawnElement>;
  readonly style?: { readonly fontSize: string };
  readonly textContent: string | null;
  getAttribute(name: string): string | null;
  querySelectorAll(selector: string): Iterable<DrawnElement>;
}

type Point = readonly [x: number, y: number];

/** The rectangle around all texts in an element, in the coordinates of the element's parent. */
function boundingBox(element: DrawnElement) {
  const points = corners(element);
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  const left = Math.min(...xs), right = Math.max(...xs);
  const top = Math.min(...ys), bottom = Math.max(...ys);
  if (points.length === 0) return box(0, 0, 0, 0);
  return box(left, top, right, bottom);
}

function box(left: number, top: number, right: number, bottom: number) {
  const width = right - left, height = bottom - top;
  return { x: left, y: top, left, top, right, bottom, width, height };
}

function corners(element: DrawnElement): Point[] {
  const own = element.localName === "text"
    ? textCorners(element)
    : Array.from(element.children).flatMap(corners);
  return own.map((point) => moved(point, element.getAttribute("transform") ?? ""));
}

/** A line is 1.2 times the font's size high, and the next one begins after 1.3 times. */
function textCorners(text: DrawnElement): Point[] {
  if (!text.textContent) return [];
  const size = fontSize(text), tspans = [...text.querySelectorAll("tspan.line")];
  const lines = tspans.length > 0 ? tspans : [text];
  const width = Math.max(...lines.map(({ textContent }) => textWidth(textContent ?? "", size)));
  const anchor = styleOf(text, "text-anchor");
  const share = anchor === "middle" ? 0.5 : anchor === "end" ? 1 : 0;
  const left = Number(text.getAttribute("x")) - share * width;
  const top = Number(text.getAttribute("y")) - 0.95 * size;
  const bottom = top + (1.3 * lines.length - 0.1) * size;
  return [[left, top], [left + width, top], [left, bottom], [left + width, bottom]];
}

function styleOf(element: DrawnElement, name: string): string | null {
  const style = element.getAttribute("style") ?? "";
  return new RegExp(`${name}: *([^;]+)`).exec(style)?.[1] ?? element.getAttribute(name);
}

function fontSize(element: DrawnElement): number {
  for (let node: DrawnElement | null = element; node; node = node.parentNode) {
    const size = parseFloat(node.style?.fontSize ?? "");
    if (size > 0) return size;
  }
  return 12;
}

/** Applies SVG's `translate`, `rotate` and `scale`, the last one first, as SVG does. */
function moved(point: Point, transform: string): Point {
  const steps = [...transform.matchAll(/(\w+)\(([^)]*)\)/g)].reverse();
  return steps.reduce(([x, y], [, name, list]): Point => {
    const [a = 0, b = 0, c = 0] = list.split(/[ ,]+/).map(Number);
    if (name === "translate") return [x + a, y + b];
    if (name === "scale") return [x * a, y * (b || a)];
    const turn = a * Math.PI / 180, cos = Math.cos(turn), sin = Math.sin(turn);
    return [b + cos * (x - b) - sin * (y - c), c + sin * (x - b) + cos * (y - c)];
  }, point);
}

/** The properties of a canvas element that we use. */
export interface CanvasSize {
  /** Columns of pixels. */
  readonly width: number;
  /** Rows of pixels. */
  readonly height: number;
}

/** A drawing context that keeps its pixels in memory; plotly draws heat maps with it. */
class HeadlessCanvas {
  /** Color of the next rectangle: `rgb(…)` or `rgba(…)`. */
  fillStyle = "rgb(0, 0, 0)";
  readonly #width: number;
  readonly #height: number;
  #pixels: Uint8ClampedArray;

  /** Starts with a transparent picture. */
  constructor({ width, height }: CanvasSize) {
    this.#width = width;
    this.#height = height;
    this.#pixels = new Uint8ClampedArray(4 * width * height);
  }

  /** Fills a rectangle, given in whole pixels; what is outside of the picture is left out. */
  fillRect(left: number, top: number, width: number, height: number): void {
    const color = channels(this.fillStyle);
    const right = Math.min(this.#width, left + width);
    const bottom = Math.min(this.#height, top + height);
    for (let y = Math.max(0, top); y < bottom; y++) {
      for (let x = Math.max(0, left); x < right; x++) {
        this.#pixels.set(color, 4 * (y * this.#width + x));
      }
    }
  }

  /** Transparent pixels, which plotly fills for a smooth heat map. */
  createImageData(width: number, height: number): { data: Uint8ClampedArray } {
    return { data: new Uint8ClampedArray(4 * width * height) };
  }

  /** Replaces the whole picture, which is all that plotly does with this. */
  putImageData({ data }: { data: Uint8ClampedArray }): void {
    this.#pixels = data;
  }

  /** The picture as a data URL of a PNG. */
  toDataUrl(): string {
    const picture = { width: this.#width, height: this.#height, data: this.#pixels };
    return `data:image/png;base64,${encodePng(picture).toBase64()}`;
  }
}

/** Red, green, blue and opacity, from 0 to 255. */
function channels(style: string): number[] {
  const [red, green, blue, opacity = 1] = (style.match(/[\d.]+/g) ?? []).map(Number);
  return [red, green, blue, 255 * opacity];
}

// PNG.

/** A picture: four bytes per pixel (red, green, blue, opacity), rows from the top. */
export interface Pixels {
  /** Pixels in a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** 4 · width · height bytes. */
  readonly data: Uint8ClampedArray;
}

const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** Encodes a picture; each byte is stored as its difference from the one above, which compresses better. */
export function encodePng({ width, height, data }: Pixels): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(13), view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, 6], 8); // eight bits a channel; red, green, blue, opacity
  const stride = 4 * width, rows = new Uint8Array(height * (stride + 1));
  for (let y = 0; y < height; y++) {
    const row = rows.subarray(y * (stride + 1), (y + 1) * (stride + 1));
    row[0] = 2; // the filter "up"
    for (let x = 0; x < stride; x++) {
      row[1 + x] = data[y * stride + x] - (y > 0 ? data[(y - 1) * stride + x] : 0);
    }
  }
  const body = deflateSync(rows, { level: 9 });
  return joined([signature, chunk("IHDR", header), chunk("IDAT", body), chunk("IEND", header, 0)]);
}

function chunk(type: string, content: Uint8Array, length = content.length): Uint8Array {
  const bytes = new Uint8Array(12 + length), view = new DataView(bytes.buffer);
  view.setUint32(0, length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(content.subarray(0, length), 8);
  view.setUint32(8 + length, crc32(bytes.subarray(4, 8 + length)));
  return bytes;
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

// Smaller SVG.

/** Drops classes, unused clips and empty groups, shortens colors and numbers, and names the font once. */
export function slimSvg(svg: string): string {
  const family = /font-family: ([^;"]+)/.exec(svg)?.[1] ?? "sans-serif";
  const tags = svg.replace(/<[a-z][^>]*>/gi, (tag) => slimTag(tag, family));
  return withoutEmptyParts(withoutIdleClips(tags)).replace(
    "<svg ",
    `<svg style="font-family:${family}" `,
  );
}

function slimTag(tag: string, family: string): string {
  return tag
    .replace(/ class="[^"]*"/, "")
    .replace(/ style="([^"]*)"/, (_, style: string) => {
      const kept = declarations(style).filter((one) => one !== `font-family:${family}`);
      return kept.length === 0 ? "" : ` style="${kept.join(";")}"`;
    })
    .replace(
      / (d|transform|x|y|width|height)="([^"]*)"/g,
      (_, name: string, value: string) =>
        ` ${name}="${value.replace(/-?\d+\.\d{3,}/g, (number) => String(round(Number(number))))}"`,
    );
}

/** Two decimals are a hundredth of a pixel. */
const round = (value: number): number => Math.round(100 * value) / 100;

function declarations(style: string): string[] {
  return style.split(";").map((one) => one.trim().replace(/: /, ":").replace(/rgb\([\d, ]+\)/, hex))
    .filter((one) => one !== "" && !idle.has(one));
}

function hex(color: string): string {
  const channels = color.match(/\d+/g)!.map((part) => Number(part).toString(16).padStart(2, "0"));
  return `#${channels.join("")}`;
}

/** A heat map of ten panels defines 130 clips and uses ten. */
function withoutIdleClips(svg: string): string {
  return svg.replace(
    /<clipPath id="([^"]+)">.*?<\/clipPath>/gs,
    (clip, id) => svg.includes(`url(#${id})`) ? clip : "",
  );
}

const emptyParts = [
  /<path(?: style="[^"]*")?(?: d="")?\/>/g,
  /<g(?: (?!id)[^>]*)?\/>/g,
  /<g(?: (?!id)[^>]*)?><\/g>/g,
];

/** Repeats, as removing empty groups can leave the group around them empty. */
function withoutEmptyParts(svg: string): string {
  const less = emptyParts.reduce((left, part) => left.replace(part, ""), svg);
  return less === svg ? svg : withoutEmptyParts(less);
}
