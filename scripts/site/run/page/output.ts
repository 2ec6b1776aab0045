/** Outputs of a cell in the page: what JupyterLab makes of the same messages. @module */

import { escapeHtml } from "../../../../src/figures/html.ts";
import type { CellError } from "../calls.ts";
import type { Broadcast } from "../kernel/small_deno.ts";
import { type DrawnFigure, made, page, type PageElement } from "./dom.ts";

type Bundle = Readonly<Record<string, unknown>>;

/** The outputs of a cell. */
export class Outputs {
  readonly #place: PageElement;
  /** All that is shown, as it came. */
  #taken: Broadcast[] = [];
  readonly #places = new Map<string, { readonly place: PageElement; readonly at: number }>();

  /** Takes the element that holds them. */
  constructor(place: PageElement) {
    this.#place = place;
  }

  /** All outputs, to be shown again after a reload. */
  get taken(): readonly Broadcast[] {
    return this.#taken;
  }

  /** Removes all. */
  clear(): void {
    this.#place.replaceChildren();
    this.#taken = [];
    this.#places.clear();
  }

  /** Shows an output, or puts it in the place of the one with its id. */
  take(output: Broadcast): void {
    const { type, content } = output;
    if (type === "clear_output") return this.clear();
    const id = (content.transient as { display_id?: string } | undefined)?.display_id;
    const old = id === undefined ? undefined : this.#places.get(id);
    if (old) {
      this.#taken[old.at] = { type: "display_data", content };
      return fill(old.place, content.data as Bundle);
    }
    if (type === "update_display_data") return;
    const place = made("div", type);
    this.#place.append(place);
    const at = this.#taken.push(output) - 1;
    if (id !== undefined) this.#places.set(id, { place, at });
    show(place, output);
  }
}

function show(place: PageElement, { type, content }: Broadcast): void {
  if (type === "error") place.textContent = failure(content as unknown as CellError);
  else if (type === "stream") place.textContent = String(content.text).replace(/\n$/, "");
  else fill(place, content.data as Bundle);
}

/** The error that ended a cell, in words. */
function failure({ name, message, line }: CellError): string {
  const place = line === undefined ? "" : ` (line ${line})`;
  const hint = name === "ReferenceError"
    ? "\nRun the cells above first: one of them declares it."
    : "";
  return name === "NotInPage" || name === "Stopped"
    ? message
    : `${name}: ${message}${place}${hint}`;
}

/** Fills a place with the richest type of a bundle. */
function fill(place: PageElement, data: Bundle): void {
  const html = data["text/html"], svg = data["image/svg+xml"], markdown = data["text/markdown"];
  const drawing = svg === undefined ? undefined : drawingIn(String(svg));
  if (drawing) return draw(place, drawing);
  if (html !== undefined || svg !== undefined) return fillHtml(place, String(html ?? svg));
  const text = String(markdown ?? data["text/plain"] ?? "");
  place.innerHTML = `<pre>${escapeHtml(text)}</pre>`;
}

/** HTML whose scripts run where they stand, as they do in JupyterLab. */
function fillHtml(place: PageElement, html: string): void {
  place.innerHTML = html;
  for (const script of place.querySelectorAll("script")) {
    const live = made("script");
    live.textContent = script.textContent;
    script.replaceWith(live);
  }
}

/** A figure that changes while its cell runs; see `stand_ins/still.ts`. */
function drawingIn(svg: string): DrawnFigure | undefined {
  const held = made("div");
  held.innerHTML = svg;
  const drawing = held.querySelector("svg[data-drawing]")?.getAttribute("data-drawing");
  return drawing ? JSON.parse(drawing) : undefined;
}

const card = "max-width:800px;padding:12px 0 10px;border-radius:6px;background:#fff;" +
  "color:#1f2430;color-scheme:light;font:14px/1.45 system-ui,sans-serif";

/** Draws a figure again in its card, so that it does not flicker. */
function draw(place: PageElement, figure: DrawnFigure): void {
  if (!place.querySelector("[data-live]")) {
    place.innerHTML = `<div style="${card}"><div style="margin:0 16px 4px;font-weight:600"></div>` +
      `<div data-live style="min-height:420px"></div><div style="margin:4px 16px 0"></div></div>`;
  }
  const plot = place.querySelector("[data-live]")!;
  plot.parentElement!.querySelector("div")!.textContent = figure.title;
  plot.nextElementSibling!.textContent = figure.caption;
  page.lowrankFigures?.draw(plot, figure);
}
