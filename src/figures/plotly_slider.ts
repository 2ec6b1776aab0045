/** A slider that plotly itself draws, for front ends that show nothing but plotly's specification. @module */

import type { FigureSlider } from "./figure.ts";
import type { Axis, Layout, Trace } from "./plotly_types.ts";
import { wholeSteps } from "./slider_figure.ts";

/** Pixels below the plot for the slider, and above it for the line of each step. */
const below = 84, above = 26;

/** A titled layout with a slider. */
export function withSlider(layout: Layout, slider: FigureSlider): Layout {
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
