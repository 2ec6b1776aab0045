/** A slider that plotly itself draws, for front ends that show nothing but plotly's specification. @module */

import type { FigureSlider } from "./figure.ts";
import type { Axis, Layout, Trace } from "./plotly_types.ts";
import { tracesOfSteps } from "./slider_figure.ts";

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
      steps: tracesOfSteps(slider).map((traces, i) => ({
        label: steps[i].label,
        // An animation would keep the axes of the first step.
        method: "update",
        args: [columnsOf(traces), { "title.text": titles[i], ...freeAxes(layout) }],
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

/** Asks for a new range of each axis that has none of its own. */
function freeAxes(layout: Layout): Record<string, unknown> {
  const axes = Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name));
  const free = axes.map((name): [string, Axis] => [name, layout[name] as Axis])
    .filter(([, { range }]) => range === undefined);
  return Object.fromEntries(
    free.map(([name, { autorange = true }]) => [`${name}.autorange`, autorange]),
  );
}
