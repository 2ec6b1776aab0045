/** A figure that a slider steps through, without a kernel. @module */

import type { Figure, FigureSlider, SliderStep } from "./figure.ts";
import type { Layout, Trace } from "./plotly_types.ts";

/** What a slider figure is made of. */
export interface SliderOptions extends FigureSlider, Pick<Figure, "id" | "title" | "caption"> {
  /** The layout of all steps that have none of their own. Default: that of the first. */
  readonly layout?: Layout;
}

/** Pixels: with its slider and a line of text, a figure of this height fits on a small laptop's screen. */
const mostHeight = 260;

/** A figure that is low enough to be seen together with what moves it. */
export function besideSlider(figure: Figure): Figure {
  const height = Math.min(mostHeight, Number(figure.layout.height ?? mostHeight));
  return { ...figure, layout: { ...figure.layout, height } };
}

/**
 * A figure that contains all its steps: the slider works without a kernel, after a reload and in an
 * exported page. A still picture shows the first step. It is at most 260 pixels high.
 *
 * Axes keep the range given in `layout`; without one they adapt to each step. A step may be a figure with a
 * layout of its own.
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
 * console.log(figure.slider?.steps.length); // 3
 * ```
 */
export function sliderFigure({ name, steps, ...words }: SliderOptions): Figure {
  checkSteps(words.id, steps);
  const { data, layout = words.layout ?? {} } = steps[0];
  return besideSlider({ ...words, data, layout, slider: { name, steps } });
}

/** A step that needs no other. */
export interface WholeStep {
  /** Its traces. */
  readonly data: Trace[];
  /** Its layout. */
  readonly layout: Layout;
}

/** What is drawn at each step, at one height. */
export function wholeSteps({ steps }: FigureSlider, layout: Layout): WholeStep[] {
  return steps.map((step) => ({
    data: step.data.map((trace, i) => ({ ...steps[0].data[i], ...trace })),
    layout: step.layout ? { ...step.layout, height: layout.height } : layout,
  }));
}

function checkSteps(id: string, steps: readonly SliderStep[]): void {
  if (steps.length === 0) throw new RangeError(`cannot make the figure "${id}": it has no steps`);
  const labels = steps.map(({ label }) => label);
  const twice = labels.find((label, place) => labels.indexOf(label) !== place);
  if (twice !== undefined) {
    throw new RangeError(`cannot make the figure "${id}": two steps have the label "${twice}"`);
  }
}
