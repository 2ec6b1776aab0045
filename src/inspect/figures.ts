/** An adapter's numbers as figures. @module */

import { truncationError } from "../analysis/mod.ts";
import { boundsOf } from "../core/numbers.ts";
import type { Figure } from "../figures/figure.ts";
import { heatmaps } from "../figures/heatmaps.ts";
import { axis, baseLayout, logAxis } from "../figures/layout.ts";
import { palette } from "../figures/palette.ts";
import type { Trace } from "../figures/plotly_types.ts";
import { chanceAngles, chanceOf, chancePairs, type ComparedUpdate } from "./compare.ts";
import type { UpdateRow } from "./describe.ts";
import { shortNames } from "./updates.ts";

/** Most points of a line with markers: more would overlap. */
const mostMarks = 24;

/** A color for each line, from the palette if it has enough, otherwise from light to dark. */
function colors(count: number): string[] {
  if (count <= palette.series.length) return [...palette.series];
  const [light, , dark] = palette.lora.map((hex) =>
    [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16))
  );
  return Array.from({ length: count }, (_, i) => {
    const mixed = light.map((from, c) => Math.round(from + i / (count - 1) * (dark[c] - from)));
    return `rgb(${mixed.join()})`;
  });
}

function lines(
  named: readonly { readonly name: string }[],
  values: readonly (readonly number[])[],
  first = 1,
): Trace[] {
  const names = shortNames(named.map(({ name }) => name)), color = colors(named.length);
  return values.map((y, i) => ({
    type: "scatter",
    mode: y.length <= mostMarks ? "lines+markers" : "lines",
    name: names[i],
    x0: first,
    y: y.map((value) => Number(value.toPrecision(4))),
    showlegend: named.length <= 8,
    line: { color: color[i], width: 1.5 },
    marker: { color: color[i], size: 5 },
  }));
}

/** Singular values of every update, the noise edge dashed. */
export function spectraFigure(
  updates: readonly Pick<UpdateRow, "name" | "singularValues" | "noiseEdge">[],
): Figure {
  const color = colors(updates.length);
  const [, longest] = boundsOf(updates.map(({ singularValues }) => singularValues.length));
  return {
    id: "spectra",
    title: "Singular values of ΔW",
    caption:
      "Dashed, in the color of the update: the largest singular value of noise of the same shape " +
      "and norm (Marchenko and Pastur).",
    data: [
      ...lines(updates, updates.map(({ singularValues }) => singularValues)),
      ...updates.map(({ noiseEdge }, i): Trace => ({
        type: "scatter",
        mode: "lines",
        x: [1, longest],
        y: [noiseEdge, noiseEdge],
        showlegend: false,
        hoverinfo: "skip",
        line: { color: color[i], width: 1, dash: "dash" },
      })),
    ],
    // Labels at powers of ten alone would leave a single label if all values are within a decade.
    layout: baseLayout(axis("index i"), logAxis("singular value σᵢ", { dtick: "D2" })),
  };
}

/** The error of updates truncated to a rank, and the error allowed for the suggested ranks. */
export function truncationFigure(updates: readonly UpdateRow[], error: number): Figure {
  const curves = updates.map(({ singularValues }) =>
    Array.from(
      { length: singularValues.length + 1 },
      (_, k) => truncationError(singularValues, k).relative,
    )
  );
  return {
    id: "truncation",
    title: "What is lost at a lower rank",
    caption:
      "‖ΔW − ΔWₖ‖ / ‖ΔW‖ of the best update of rank k, Frobenius norms (Eckart and Young). " +
      `Dashed: the requested error of ${error}.`,
    data: lines(updates, curves, 0),
    layout: baseLayout(axis("rank k"), axis("relative error", { range: [0, 1.02] }), {
      shapes: [{
        type: "line",
        xref: "paper",
        ...{ x0: 0, x1: 1, y0: error, y1: error },
        line: { color: palette.base, width: 1, dash: "dash" },
      }],
    }),
  };
}

/** φ of every pair of updates, and below it the value by chance. */
export function similarityFigure(compared: readonly ComparedUpdate[], of: string): Figure {
  const names = shortNames(compared.map(({ name }) => name));
  return {
    id: "similarity",
    title: `φ(i, j) between two adapters, in ${of}`,
    caption: "i directions of the first adapter down, j of the second across. The lower row is " +
      `chance, max(i, j) / d, with d = ${
        [...new Set(compared.map(({ dimensions }) => dimensions))].join(", ")
      }.`,
    ...heatmaps({
      columns: names,
      rows: [
        { label: "i", panels: compared.map(({ phi }) => phi) },
        { label: "i, by chance", panels: compared.map(chanceOf) },
      ],
      xTitle: "j",
      panelHeight: 110,
    }),
  };
}

/** Principal angles of every pair, and those of random subspaces of the first pair's sizes. */
export function anglesFigure(compared: readonly ComparedUpdate[], seed: number): Figure {
  const degrees = (angles: readonly number[]) => angles.map((angle) => angle * 180 / Math.PI);
  const [first] = compared, chance = degrees(chanceAngles(first, seed));
  return {
    id: "angles",
    title: "Principal angles between two adapters",
    caption:
      "From the direction that they share most to the one that they share least; 90 degrees means " +
      `nothing in common. Dashed: random subspaces of ${first.phi.length} and ${
        first.phi[0].length
      } of ${first.dimensions} dimensions, the mean of ${chancePairs} pairs, seed ${seed}.`,
    data: [
      ...lines(compared, compared.map(({ principalAngles }) => degrees(principalAngles))),
      {
        type: "scatter",
        mode: "lines",
        name: "by chance",
        x: chance.map((_, i) => i + 1),
        y: chance,
        line: { color: palette.base, width: 2, dash: "dash" },
      },
    ],
    layout: baseLayout(axis("k-th angle"), axis("degrees", { range: [0, 92] })),
  };
}
