/**
 * Sliders that ask the kernel: their controls, their HTML, and one server for all of them,
 * reachable from this machine only.
 *
 * @module
 */

import { isLocalHost } from "../core/checks.ts";
import { mostSliderSteps } from "../core/limits.ts";
import { besideSlider, type Figure } from "../figures/figure.ts";
import { formatValue } from "../figures/format.ts";
import { compactJson, escapeHtml } from "../figures/html.ts";
import { drawable, figureCard, type Stepper, stepperHtml } from "../figures/show.ts";
import stepper from "../figures/stepper_script.js" with { type: "text" };
import { describe } from "./describe.ts";
import { display, flush, inNotebook, printText } from "./kernel.ts";
import { type Part, render } from "./part.ts";
import script from "./slider/page_script.js" with { type: "text" };

// Sliders.

/** Whatever `show` takes, for the values of all controls. */
type Draw = (values: never) => unknown;

/**
 * Controls above an output that the kernel makes again for every move: a slider for numbers, a list for
 * everything else. The first output is made at once and is saved with the notebook; it is what is shown
 * without a kernel. Figures are at most 260 pixels high. A terminal prints the text of the first output. Sliders draw one at a time, but they do not wait for a running cell: if a slider changes
 * something, such as a model, it should have its own copy.
 *
 * @param controls By name: a list of values, or numbers as `from`, `to` and `step`.
 * @param draw Returns anything that `show` takes. If it throws, the message is shown below the output.
 * @throws {RangeError} when there is no control, or a control has no values.
 *
 * @example
 * ```ts
 * import { slider } from "@lowrank/core/notebook";
 *
 * await slider({ rank: [1, 2, 4, 8], width: { from: 256, to: 1024, step: 256, unit: "values" } }, (
 *   { rank, width },
 * ) => `${2 * rank * width} parameters instead of ${width * width}`);
 * ```
 */
export async function slider<const C extends Controls>(
  controls: C,
  draw: (values: ValuesOf<C>) => unknown,
): Promise<void> {
  const tracks = tracksOf(controls);
  const start = tracks.map(({ start }) => start);
  const parts = await inTurn(() => drawAt(tracks, start, draw));
  const first = await Promise.all(parts.map((part) => render(part, widthOf(parts))));
  const text = [wordsOf(tracks), ...first.map(({ text }) => text)].join("\n");
  if (!inNotebook()) return printText(text);
  const address = serveAnswers(keyOf(controls, draw), answerTo(tracks, draw));
  const html = sliderHtml(tracks, first.map(({ html }) => html), address);
  await display({ "text/html": html, "text/plain": text });
  await flush();
}

/** Running a cell again gives the same controls and the same function; nothing else identifies a cell. */
function keyOf(controls: Controls, draw: Draw): string {
  return JSON.stringify(controls) + draw;
}

/** A page asks `at=2,0`: the position of each control. */
function answerTo(tracks: readonly Track[], draw: Draw): Answer {
  return async (query) => {
    const places = (query.get("at") ?? "").split(",");
    const parts = await drawAt(tracks, tracks.map((track, i) => placeOn(track, places[i])), draw);
    const isLive = query.has("live"), width = widthOf(parts);
    return { parts: await Promise.all(parts.map((part) => answerPart(part, isLive, width))) };
  };
}

function placeOn({ name, values }: Track, place = "nothing"): number {
  if (/^\d+$/.test(place) && Number(place) < values.length) return Number(place);
  throw new RangeError(`${name} needs a position below ${values.length}, found ${place}`);
}

async function drawAt(
  tracks: readonly Track[],
  places: readonly number[],
  draw: Draw,
): Promise<readonly Part[]> {
  const values = tracks.map(({ name, values }, i): [string, Choice] => [name, values[places[i]]]);
  const parts = await describe(await draw(Object.fromEntries(values) as never));
  return parts.map((part) => isFigure(part) ? besideSlider(part) : part);
}

const isFigure = (part: Part): part is Figure => typeof part === "object" && "layout" in part;

/** Pictures side by side are drawn no wider than their columns, in which their text would shrink. */
const widthOf = (parts: readonly Part[]) => parts.length > 1 ? columnWidth : undefined;

/** A page with plotly gets a figure's specification, any other page a picture. */
async function answerPart(part: Part, isLive: boolean, width?: number): Promise<object> {
  if (isLive && isFigure(part)) {
    const { title, caption } = part;
    return { figure: { title, caption, ...drawable(part) }, html: figureCard(part, "") };
  }
  const { html } = await render(part, width);
  return { html };
}

function wordsOf(tracks: readonly Track[]): string {
  return tracks.map(({ label, texts, start }) => `${label} ${texts[start]}`).join(", ");
}

// Controls.

/** A control's value at one position. */
export type Choice = string | number | boolean;

/** The label and unit of a control. */
export interface ControlWords {
  /** Its label; by default its key. */
  readonly label?: string;
  /** Unit of its values. */
  readonly unit?: string;
}

/** Equally spaced numbers. */
export interface Range extends ControlWords {
  /** The first number. */
  readonly from: number;
  /** The upper limit. */
  readonly to: number;
  /** The distance between two numbers. */
  readonly step: number;
  /** The starting value; by default `from`. */
  readonly value?: number;
}

/** Given values. */
export interface Choices<T extends Choice = Choice> extends ControlWords {
  /** Numbers are shown from left to right as a slider, everything else as a list. */
  readonly values: readonly T[];
  /** The starting value; by default the first. */
  readonly value?: T;
}

/** One control. */
export type Control = readonly Choice[] | Range | Choices;

/** Controls by name. */
export type Controls = Readonly<Record<string, Control>>;

/** The type of a control's value. */
export type ValueOf<C extends Control> = C extends Range ? number
  : C extends Choices<infer T> ? T
  : C extends readonly (infer T)[] ? T
  : never;

/** The values of all controls, by name. */
export type ValuesOf<C extends Controls> = { readonly [Name in keyof C]: ValueOf<C[Name]> };

/** A control with its values; numbers are a range, everything else is a choice. */
export interface Track extends Stepper {
  /** Its key. */
  readonly name: string;
  /** Its values, one for each text. */
  readonly values: readonly Choice[];
}

/**
 * The tracks of all controls.
 *
 * @throws {RangeError} when there is no control, or a control has no values or does not start at one of them.
 */
export function tracksOf(controls: Controls): Track[] {
  const names = Object.keys(controls);
  if (names.length === 0) throw new RangeError("slider needs at least one control, found none");
  return names.map((name) => trackOf(name, controls[name]));
}

/**
 * The track of one control.
 *
 * @throws {RangeError} when it has no values or does not start at one of them.
 */
export function trackOf(name: string, control: Control): Track {
  const { label = name, unit, value }: ControlWords & { value?: Choice } = isList(control)
    ? {}
    : control;
  const values = valuesOf(name, control), start = value === undefined ? 0 : values.indexOf(value);
  if (start < 0) {
    throw new RangeError(`${name} must start at one of its values, found ${value}`);
  }
  const texts = values.map((value) => textOf(value, unit));
  const isRange = values.every((value) => typeof value === "number");
  return { name, label, values, texts, start, isRange };
}

function isList(control: Control): control is readonly Choice[] {
  return Array.isArray(control);
}

function valuesOf(name: string, control: Control): readonly Choice[] {
  const values = isList(control)
    ? control
    : "values" in control
    ? control.values
    : rangeValues(name, control);
  if (values.length > 0) return values;
  throw new RangeError(`${name} needs values, found none`);
}

/** Rounded to twelve digits, so that three steps of 0.1 are 0.3. */
function rangeValues(name: string, { from, to, step }: Range): number[] {
  const count = Math.floor((to - from) / step + 1e-9) + 1;
  if (!(step > 0 && count >= 1 && count <= mostSliderSteps)) {
    throw new RangeError(
      `${name} needs 1 to ${mostSliderSteps} steps, found ${from} to ${to} by ${step}`,
    );
  }
  return Array.from({ length: count }, (_, i) => Number((from + i * step).toPrecision(12)));
}

/** A value as a reader sees it. */
export function textOf(value: Choice, unit?: string): string {
  const text = typeof value === "number" ? formatValue(value, "number") : String(value);
  if (unit === undefined) return text;
  if (["%", "×"].includes(unit)) return text + unit;
  return `${text} ${value === 1 ? unit.replace(pluralEnd, "") : unit}`;
}

/** The s of `values`, but not that of `ms` or of `loss`. */
const pluralEnd = /(?<=[a-z]{2}[a-rt-z])s$/;

// The page.

const asleep = "To use this slider, start the kernel and run this cell.";

const code = `{ const stepper = ${stepper}${script} }`.replaceAll("</script", "<\\/script");

/** The least width of a column, in pixels. */
const columnWidth = 400;

/** Several parts stand side by side where there is room, so that they are seen together with the controls. */
const picture =
  `display:grid;grid-template-columns:repeat(auto-fit,minmax(min(${columnWidth}px,100%),1fr));` +
  "gap:0.5em;align-items:start;margin:0.5em 0";

/** The controls, a line beside them, the first output, and the script that makes them live. */
export function sliderHtml(
  tracks: readonly Track[],
  parts: readonly string[],
  address: string,
): string {
  return `<div data-slider="${escapeHtml(address)}">
${tracks.map(stepperHtml).join("\n")}
<div role="status" style="opacity: 0.75; font-style: italic">${asleep}</div>
<div data-picture style="${picture}">${
    parts.map((part) => `<div style="min-width:0">${part}</div>`).join("\n")
  }</div>
<script>${code}</script></div>`;
}

// The server.

/** Answers a page's query with a value for JSON. */
export type Answer = (query: URLSearchParams) => Promise<unknown>;

/** The page has another origin: Jupyter's, or a file. */
const headers = {
  "access-control-allow-origin": "*",
  "access-control-allow-private-network": "true",
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; sandbox", // if it is opened as a page
  "content-type": "application/json",
  "x-content-type-options": "nosniff",
};

const answers = new Map<string, Answer>();

/** The token of each slider by its key. */
const tokens = new Map<string, string>();

let origin: string | undefined;

/**
 * Serves answers at a URL that cannot be guessed. An earlier slider with the same `key` is no longer served:
 * its cell was run again.
 */
export function serveAnswers(key: string, answer: Answer): string {
  answers.delete(tokens.get(key) ?? "");
  const token = crypto.randomUUID();
  tokens.set(key, token);
  answers.set(token, answer);
  origin ??= listen();
  return `${origin}/${token}`;
}

function listen(): string {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, respond);
  server.unref();
  return `http://127.0.0.1:${server.addr.port}`;
}

function respond(request: Request): Response {
  const url = URL.parse(request.url); // null if the client sent a Host that is none
  if (!url) return refusal(400, "a request needs a host");
  if (!isLocalHost(url.host)) return refusal(403, "a slider is asked at 127.0.0.1 or localhost");
  const token = url.pathname.slice(1), answer = answers.get(token);
  if (!answer) return refusal(404, "no such slider");
  // Before a page asks this machine, its browser asks whether it may; the headers say so.
  if (request.method === "OPTIONS") return new Response(null, { status: 204, headers });
  if (request.method !== "GET") return refusal(405, "a slider is asked with GET");
  if (url.searchParams.size === 0) return new Response(null, { status: 204, headers });
  const draw = async () =>
    answers.has(token) ? await answerJson(answer, url.searchParams) : replaced;
  return new Response(inTurnIfAwaited(draw), { headers });
}

/** Answer to a question that waited while the slider's cell was run again. */
const replaced = JSON.stringify({ error: "the cell of this slider was run again" });

/**
 * A body that is made when its turn comes, unless the client has left by then. A body hears at once that
 * its client leaves; a request's `signal` does too, but reading it makes Deno 2.9 print a warning.
 */
function inTurnIfAwaited(make: () => Promise<string>): ReadableStream<Uint8Array> {
  let isAwaited = true;
  return new ReadableStream({
    async start(controller) {
      const text = await inTurn(async () => isAwaited ? await make() : "");
      if (!isAwaited) return;
      controller.enqueue(new TextEncoder().encode(text));
      controller.close();
    },
    cancel() {
      isAwaited = false;
    },
  });
}

function refusal(status: number, text: string): Response {
  return new Response(text, { status, headers });
}

let before: Promise<unknown> = Promise.resolve();

/** Draws one at a time: sliders may share what they use, such as a model. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const done = before.then(work);
  before = done.catch(() => {}); // the failed request gets the error
  return done;
}

async function answerJson(answer: Answer, query: URLSearchParams): Promise<string> {
  try {
    return compactJson(await answer(query));
  } catch (error) {
    return JSON.stringify({ error: messageOf(error) });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
