/** A figure that a slider steps through, without a kernel. @module */

import type { Figure } from "./figure.ts";

/** One position of the slider. */
export interface SliderStep {
  /** The value at this position, as the slider shows it. */
  readonly label: string;
  /** The traces: the same number at every position, in the same order. */
  readonly data: Figure["data"];
  /** A line about this position, above the plot. */
  readonly caption?: string;
}

/** What a slider figure is made of. */
export interface SliderOptions extends Pick<Figure, "id" | "title" | "caption" | "layout"> {
  /** What the slider changes; it is shown before the label. */
  readonly name: string;
  /** At least one; the figure starts with the first. */
  readonly steps: readonly SliderStep[];
}

/** Pixels below the plot for the slider, and above it for the line of each step. */
const sliderHeight = 84, sayingHeight = 26;

/**
 * A figure that contains all its steps: the slider works without a kernel, after a reload and in an
 * exported page. A still picture shows the first step.
 *
 * Axes keep the range given in `layout`; without one they adapt to each step.
 *
 * @throws {RangeError} when there is no step, or two steps have the same label.
 *
 * @example
 * ```ts
 * import { axis, baseLayout, sliderFigure } from "@lowrank/core/figures";
 *
 * const figure = sliderFigure({
 *   id: "line",
 *   title: "A line",
 *   caption: "y = slope · x.",
 *   name: "slope",
 *   steps: [1, 2, 3].map((slope) => ({
 *     label: String(slope),
 *     data: [{ type: "scatter", x: [0, 1], y: [0, slope] }],
 *   })),
 *   layout: baseLayout(axis("x"), axis("y", { range: [0, 3] })),
 * });
 * console.log(figure.frames?.length); // 3
 * ```
 */
export function sliderFigure({ name, steps, layout, ...words }: SliderOptions): Figure {
  checkSteps(words.id, steps);
  const saying = steps.some(({ caption }) => caption !== undefined);
  const frames = steps.map(({ label, data, caption = " " }) => ({
    name: label,
    data,
    ...(saying && { layout: { title: { text: caption } } }),
  }));
  const above = saying ? sayingHeight : 0, { margin = {} } = layout;
  return {
    ...words,
    data: steps[0].data,
    frames,
    layout: {
      ...layout,
      ...(saying && { title: sayingStyle(steps[0].caption ?? " ") }),
      height: Number(layout.height ?? 420) + sliderHeight + above,
      margin: { ...margin, t: (margin.t ?? 40) + above, b: (margin.b ?? 64) + sliderHeight },
      sliders: [slider(name, frames.map((frame) => frame.name))],
    },
  };
}

function checkSteps(id: string, steps: readonly SliderStep[]): void {
  if (steps.length === 0) throw new RangeError(`cannot make the figure "${id}": it has no steps`);
  const labels = steps.map(({ label }) => label);
  const twice = labels.find((label, place) => labels.indexOf(label) !== place);
  if (twice !== undefined) {
    throw new RangeError(`cannot make the figure "${id}": two steps have the label "${twice}"`);
  }
}

function slider(name: string, labels: readonly string[]) {
  const animation = { mode: "immediate", transition: { duration: 0 } };
  const frame = { duration: 0, redraw: true };
  return {
    active: 0,
    currentvalue: { prefix: `${name}: `, font: { size: 13 } },
    pad: { t: 56, b: 8 },
    steps: labels.map((label) => ({
      label,
      method: "animate",
      args: [[label], { ...animation, frame }],
    })),
  };
}

function sayingStyle(text: string) {
  const place = { x: 0, xref: "paper", y: 1, yref: "container", yanchor: "top" };
  return { text, font: { size: 13 }, ...place, pad: { t: 8 } };
}
