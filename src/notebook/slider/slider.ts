/** Sliders that ask the kernel. @module */

import { drawable, figureCard } from "../../figures/figure_card.ts";
import { besideSlider } from "../../figures/slider_figure.ts";
import type { Figure } from "../../figures/figure.ts";
import { describe } from "../describe/describe.ts";
import { display, flush, inNotebook, printText } from "../kernel.ts";
import { type Part, render } from "../part.ts";
import { type Choice, type Controls, type Track, tracksOf, type ValuesOf } from "./controls.ts";
import { columnWidth, sliderHtml } from "./page.ts";
import { type Answer, inTurn, serveAnswers } from "./server.ts";

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
