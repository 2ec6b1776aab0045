/**
 * A figure as a bundle from which every notebook front end can show something: a still picture,
 * which becomes live where plotly can be loaded, a slider, and downloads that need no network.
 *
 * @module
 */

import {
  type Axis,
  type DataTable,
  type Figure,
  type FigureSlider,
  type Layout,
  type Trace,
  wholeSteps,
} from "./figure.ts";
import { compactJson, escapeHtml, pictureSource, scriptJson, symbolsHtml } from "./html.ts";
import { framed, plotlyConfig, plotSvg } from "./still.ts";

// Bundles.

/** The same output in several media types; a front end shows the richest that it can. */
export type MimeBundle = Readonly<Record<string, unknown>>;

/**
 * A figure as `application/vnd.plotly.v1+json`, `text/html` (the still picture, which the page's
 * plotly makes live: `figureLoader`), `image/svg+xml` and `text/plain`. Pictures are `width` pixels
 * wide, by default 800.
 */
export async function figureBundle(figure: Figure, width?: number): Promise<MimeBundle> {
  const drawn = withSymbols(figure), plot = await plotSvg(drawn, width);
  return {
    "application/vnd.plotly.v1+json": JSON.parse(compactJson(titled(drawn))),
    "text/html": figureCard(drawn, plot),
    "image/svg+xml": framed(plot, figure),
    "text/plain": plainFigure(figure),
  };
}

/** A figure with indices and powers in its texts and names, as plotly writes them. */
export function withSymbols(figure: Figure): Figure {
  const { data, layout, slider } = figure, drawn = { ...figure, ...marked({ data, layout }) };
  return slider ? { ...drawn, slider: { ...slider, steps: marked(slider.steps) } } : drawn;
}

function marked<T>(part: T): T {
  const written = (key: string, value: unknown) =>
    typeof value === "string" && ["text", "name"].includes(key)
      ? symbolsHtml(value)
      : marked(value);
  if (Array.isArray(part)) return part.map(marked) as T;
  if (typeof part !== "object" || part === null || ArrayBuffer.isView(part)) return part;
  return Object.fromEntries(
    Object.entries(part).map(([key, value]) => [key, written(key, value)]),
  ) as T;
}

/** A specification with the title and the slider drawn by plotly, as some front ends show nothing else. */
function titled({ title, data, layout, slider }: Figure) {
  const headed = { ...layout, title: { text: title } };
  return { data, layout: slider ? withSlider(headed, slider) : headed, config: plotlyConfig };
}

/** Title, caption and a line about each trace. */
function plainFigure({ title, caption, data, slider }: Figure): string {
  const traces = data.map(({ name, type, x, y, z }, place) => {
    const values = (y ?? z ?? x ?? []) as ArrayLike<unknown>;
    const count = values.length === 1 ? "1 value" : `${values.length} values`;
    return `  ${name ?? `trace ${place + 1}`}: ${type ?? "scatter"}, ${count}`;
  });
  const steps = slider
    ? [`${slider.name}: ${slider.steps.map(({ label }) => label).join(", ")}`]
    : [];
  return [`[figure] ${title}`, caption, ...steps, ...traces].join("\n");
}

// Cards.

// Styles are inline and colors fixed: a front end strips style elements from untrusted output, and a
// white card is readable in a dark theme too.
const card = "max-width:800px;box-sizing:border-box;padding:12px 0 10px;border-radius:6px;" +
  "background:#fff;color:#1f2430;color-scheme:light;font:14px/1.45 system-ui,sans-serif";
const heading = "margin:0 16px 4px;font-weight:600;font-size:15px";
const small = "margin:4px 16px 0;color:#5b6270;font-size:13px";

/** A figure's card: title, plot and caption; `plot` is drawn by {@link plotSvg}. */
export function figureCard(figure: Figure, plot: string): string {
  return `<div style="${card}"><div style="${heading}">${
    symbolsHtml(escapeHtml(figure.title))
  }</div>
${plotHtml(figure, plot)}
<div style="${small}">${symbolsHtml(escapeHtml(figure.caption))}</div></div>`;
}

/** A plot as a still picture, and the script that makes it live once `figureLoader` has run. */
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

/** The data that the loader's script draws. */
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

// Sliders that plotly draws.

/** Pixels below the plot for the slider, and above it for the line of each step. */
const below = 84, above = 26;

/** A titled layout with a slider. */
function withSlider(layout: Layout, slider: FigureSlider): Layout {
  const { height = 420, margin = {}, title } = layout, { name, steps } = slider;
  const titles = steps.map(({ caption }) =>
    caption === undefined ? title?.text : `${title?.text}<br><sub>${caption}</sub>`
  );
  return {
    ...layout,
    title: { ...title, text: titles[0] ?? "" },
    height: height + below + above,
    margin: { ...margin, t: (margin.t ?? 40) + above, b: (margin.b ?? 64) + below },
    sliders: [{
      active: 0,
      currentvalue: { prefix: `${name}: `, font: { size: 13 } },
      pad: { t: 56, b: 8 },
      steps: wholeSteps(slider, layout).map((step, i) => ({
        label: steps[i].label,
        // An animation would keep the axes of the first step.
        method: "update",
        args: [columnsOf(step.data), { "title.text": titles[i], ...rangesOf(step.layout) }],
      })),
    }],
  };
}

/** Each attribute with its value in every trace, as plotly's `restyle` takes them. */
function columnsOf(traces: readonly Trace[]): Record<string, unknown[]> {
  const names = new Set(traces.flatMap((trace) => Object.keys(trace)));
  return Object.fromEntries(
    Array.from(names, (name) => [name, traces.map((t) => t[name] ?? null)]),
  );
}

/** The range of each axis; one that has none of its own is asked to find one. */
function rangesOf(layout: Layout): Record<string, unknown> {
  const axes = Object.entries(layout).filter(([name]) => /^[xy]axis\d*$/.test(name));
  return Object.fromEntries(axes.map(([name, axis]) => {
    const { range, autorange = true } = axis as Axis;
    return range ? [`${name}.range`, range] : [`${name}.autorange`, autorange];
  }));
}

// Controls.

/** A control: its positions are those of its texts. */
export interface Stepper {
  /** Name of the value that it changes. */
  readonly label: string;
  /** Each position as text. */
  readonly texts: readonly string[];
  /** The starting position. */
  readonly start: number;
  /** True if the positions are numbers, which rise or fall; false if they are a choice. */
  readonly isRange: boolean;
}

const row = "display:flex;align-items:center;gap:0.8em;max-width:44em;margin:2px 0";
const wide = "min-width:8em";
/** All labels are equally wide, so that the controls below each other begin at one place. */
const labeled = "width:13em;min-width:8em";

/** A labeled control, disabled until a script makes it live, as none does in an untrusted notebook. */
export function stepperHtml({ label, texts, start, isRange }: Stepper): string {
  const control = isRange ? rangeHtml(texts, start) : choiceHtml(texts, start);
  return `<label style="${row}"><span style="${labeled}">${
    escapeHtml(label)
  }</span>${control}</label>`;
}

function rangeHtml(texts: readonly string[], start: number): string {
  const range = `type="range" min="0" max="${texts.length - 1}" step="1" value="${start}"`;
  const now = escapeHtml(texts[start]), all = escapeHtml(JSON.stringify(texts));
  return `<input data-control disabled ${range} aria-valuetext="${now}" data-texts="${all}" ` +
    `style="flex:1;${wide}"><span style="${wide}">${now}</span>`;
}

function choiceHtml(texts: readonly string[], start: number): string {
  const options = texts.map((text, place) =>
    `<option${place === start ? " selected" : ""}>${escapeHtml(text)}</option>`
  );
  return `<select data-control disabled style="font:inherit;min-width:0">${
    options.join("")
  }</select>`;
}

// Downloads.

/** A text that a page offers as a file. */
export interface Download {
  /** Name of the file. */
  readonly name: string;
  /** Its media type: `text/csv`. */
  readonly type: string;
  /** Its content. */
  readonly text: string;
}

/** A link that saves the file. */
export function downloadHtml({ name, type, text }: Download, label = name): string {
  const content = new TextEncoder().encode(text).toBase64();
  return `<a class="download" download="${escapeHtml(name)}" ` +
    `href="data:${type};charset=utf-8;base64,${content}">${escapeHtml(label)}</a>`;
}

/** A table as CSV (RFC 4180): its headings, then numbers with all digits; small print has columns of its own. */
export function tableCsv({ id, columns, rows }: DataTable): Download {
  const all = columns.flatMap(({ key, label, detail }) => [
    { key, label },
    ...(detail === undefined ? [] : [{ key: detail, label: `${label}: detail` }]),
  ]);
  const lines = [
    all.map(({ label }) => label),
    ...rows.map((row) => all.map(({ key }) => row[key])),
  ];
  const text = lines.map((line) => line.map(csvCell).join(",") + "\r\n").join("");
  return { name: `${id}.csv`, type: "text/csv", text };
}

function csvCell(value: string | number | undefined): string {
  const isFormula = /^[=+\-@\t\r\n]/.test(String(value)) && Number.isNaN(Number(value));
  const text = (isFormula ? "'" : "") + (value ?? ""); // A spreadsheet takes what follows for text.
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
