/** Figures of an adapter's spectra over the steps of its training. @module */

import type { Figure } from "../figures/figure.ts";
import { axis, baseLayout } from "../figures/layout.ts";
import { line } from "../figures/marks.ts";
import { palette } from "../figures/palette.ts";
import type { Axis } from "../figures/plotly_types.ts";
import type { SiteReading, SpectrumReading } from "./live_spectra.ts";

const mode = "lines+markers", stepsOf = ({ steps }: SpectrumReading) => steps;

/** `q, layer 1` of `transformer.h.0.attn.c_attn:q`; a name without a layer as it is. */
function shortName({ name }: SiteReading): string {
  const found = /\.(\d+)\.(?:[^:]*:)?(.+)$/.exec(name);
  return found ? `${found[2]}, layer ${Number(found[1]) + 1}` : name;
}

/** Every singular value of one site over the steps, from at least one reading. */
export function trainingSpectrum(readings: readonly SpectrumReading[], site: number): Figure {
  const [{ sites }] = readings, { singularValues } = sites[site];
  return {
    id: "spectra-values",
    title: `Singular values of ΔW during training: ${shortName(sites[site])}`,
    caption:
      `All ${singularValues.length}, the largest dark and on top; ${readings.length} readings while training continued.`,
    data: singularValues.map((_, place) => {
      const color = palette.lora[place === 0 ? 2 : place < 4 ? 1 : 0];
      const more = { mode, name: `σ ${place + 1}`, showlegend: false } as const;
      const value = ({ sites }: SpectrumReading) => sites[site].singularValues[place];
      return line(readings, stepsOf, value, { color, width: 1.5 }, more);
    }),
    layout: baseLayout(axis("step"), axis("singular value", { rangemode: "tozero" })),
  };
}

/** A number of every site over the steps, a line each, from at least one reading. */
export function sitesOverSteps(
  readings: readonly SpectrumReading[],
  words: Pick<Figure, "id" | "title" | "caption">,
  y: Axis,
  value: (reading: SiteReading) => number | undefined,
): Figure {
  const { series } = palette;
  const lines = readings[0].sites.map((reading, site) => {
    const marker = { symbol: site < series.length ? "circle" : "diamond", size: 6 };
    const style = { color: series[site % series.length], width: 1.5 };
    const more = { mode, name: shortName(reading), marker } as const;
    return line(readings, stepsOf, ({ sites }) => value(sites[site]), style, more);
  });
  return { ...words, data: lines, layout: baseLayout(axis("step"), y) };
}
