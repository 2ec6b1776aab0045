/** Figures of an adapter's spectra over the steps of its training. @module */

import type { Figure } from "../figures/figure.ts";
import { axis, baseLayout } from "../figures/layout.ts";
import { line } from "../figures/marks.ts";
import { palette } from "../figures/palette.ts";
import type { Axis } from "../figures/plotly_types.ts";
import type { SiteReading, SpectrumReading } from "./live_spectra.ts";

const mode = "lines+markers", stepsOf = ({ steps }: SpectrumReading) => steps;

/** `q` and 1 of `transformer.h.0.attn.c_attn:q`; a name without a layer as it is. */
function placeOf({ name }: SiteReading): { kind: string; layer?: number } {
  const found = /\.(\d+)\.(?:[^:]*:)?(.+)$/.exec(name);
  return found ? { kind: found[2], layer: Number(found[1]) + 1 } : { kind: name };
}

function shortName(site: SiteReading): string {
  const { kind, layer } = placeOf(site);
  return layer === undefined ? kind : `${kind}, layer ${layer}`;
}

/** One for each kind of site, such as the six of a transformer's layer. */
const kindColors: readonly string[] = [...palette.series, palette.lora[0]];

/** The line and the marks of the first, second, … layer; more begin again. */
const layerDashes = ["solid", "dash", "dot", "dashdot"] as const;
const layerSymbols = ["circle", "diamond", "square", "triangle-up"] as const;

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

/**
 * A number of every site over the steps, a line each, from at least one reading: in the color of the kind of
 * site, dashed and marked by layer.
 */
export function sitesOverSteps(
  readings: readonly SpectrumReading[],
  words: Pick<Figure, "id" | "title" | "caption">,
  y: Axis,
  value: (reading: SiteReading) => number | undefined,
): Figure {
  const { sites } = readings[0], places = sites.map(placeOf);
  const kinds = [...new Set(places.map(({ kind }) => kind))];
  const layers = [...new Set(places.map(({ layer }) => layer))];
  const lines = sites.map((reading, site) => {
    const { kind, layer } = places[site], depth = layers.indexOf(layer) % layerDashes.length;
    const color = kindColors[kinds.indexOf(kind) % kindColors.length];
    const marker = { symbol: layerSymbols[depth], size: 6 };
    const style = { color, width: 1.5, dash: layerDashes[depth] };
    const more = { mode, name: shortName(reading), marker } as const;
    return line(readings, stepsOf, ({ sites }) => value(sites[site]), style, more);
  });
  return { ...words, data: lines, layout: baseLayout(axis("step"), y) };
}
