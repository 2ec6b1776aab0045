/** An adapter's numbers as figures. @module */

import { truncationError } from "../analysis/mod.ts";
import { boundsOf } from "../core/numbers.ts";
import type { Figure } from "../figures/figure.ts";
import { heatmaps } from "../figures/heatmaps.ts";
import { axis, baseLayout, indexAxis, logAxis } from "../figures/layout.ts";
import { methodKinds, mixed, palette } from "../figures/palette.ts";
import type { Layout, Trace } from "../figures/plotly_types.ts";
import { chanceAngles, chanceOf, chancePairs, type ComparedUpdate } from "./compare.ts";
import type { UpdateRow } from "./describe.ts";
import { shortNames } from "./updates.ts";

/** Most points of a line with markers: more would overlap. */
const mostMarks = 24;

/** A color for each line, from the palette if it has enough, otherwise from light to dark. */
const colors = (count: number): readonly string[] =>
  count <= palette.series.length ? palette.series : mixed(methodKinds.LoRA.shades, count);

type Named = readonly { readonly name: string }[];

/** The short name and the color that each of some sites has among all. */
function looksOf(some: Named, all: Named = some): { name: string; color: string }[] {
  const names = shortNames(all.map(({ name }) => name)), color = colors(all.length);
  return some.map((one) => {
    const place = all.findIndex(({ name }) => name === one.name);
    return { name: names[place], color: color[place] };
  });
}

function lines(
  looks: ReturnType<typeof looksOf>,
  values: readonly (readonly number[])[],
  first = 1,
): Trace[] {
  return values.map((y, i) => ({
    type: "scatter",
    mode: y.length <= mostMarks ? "lines+markers" : "lines",
    name: looks[i].name,
    x0: first,
    y: y.map((value) => Number(value.toPrecision(4))),
    showlegend: looks.length <= 8,
    line: { color: looks[i].color, width: 1.5 },
    marker: { color: looks[i].color, size: 5 },
  }));
}

/** What a spectrum's figure needs of an update. */
export type SpectrumRow = Pick<UpdateRow, "name" | "singularValues" | "noiseEdge">;

const longestOf = (updates: readonly SpectrumRow[]): number =>
  boundsOf(updates.map(({ singularValues }) => singularValues.length))[1];

/**
 * Singular values of every update, the noise edge dashed. Where only some of an adapter's updates are drawn,
 * `all` are the sites among which each keeps its name and color.
 */
export function spectraFigure(
  updates: readonly SpectrumRow[],
  all: readonly { readonly name: string }[] = updates,
): Figure {
  const looks = looksOf(updates, all), longest = longestOf(updates);
  const isZero = updates.every(({ singularValues: [largest] }) => largest === 0);
  return {
    id: "spectra",
    title: "Singular values of ΔW",
    caption: isZero
      ? "All are zero, which has no place on a logarithmic axis."
      : "Dashed, in the color of the update: the largest singular value of noise of the same shape " +
        "and norm (Marchenko and Pastur).",
    data: [
      ...lines(looks, updates.map(({ singularValues }) => singularValues)),
      ...updates.map(({ noiseEdge }, i): Trace => ({
        type: "scatter",
        mode: "lines",
        x: [0.5, longest + 0.5],
        y: [noiseEdge, noiseEdge],
        showlegend: false,
        hoverinfo: "skip",
        line: { color: looks[i].color, width: 1, dash: "dash" },
      })),
    ],
    layout: baseLayout(
      indexAxis("index i", 1, longest),
      logAxis("σᵢ", isZero ? { range: [-1, 2] } : {}),
      isZero ? sayZero : {},
    ),
  };
}

/** In the middle of a plot that shows nothing else, as at weight 0. */
const sayZero: Layout = {
  annotations: [{ text: "ΔW = 0", xref: "paper", yref: "paper", x: 0.5, y: 0.5, showarrow: false }],
};

/** The error of updates truncated to a rank, and the error allowed for the suggested ranks. */
export function truncationFigure(updates: readonly UpdateRow[], error: number): Figure {
  const longest = longestOf(updates);
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
    data: lines(looksOf(updates), curves, 0),
    layout: baseLayout(
      indexAxis("rank k", 0, longest),
      axis("relative error", { range: [0, 1.02] }),
      {
        shapes: [{
          type: "line",
          xref: "paper",
          ...{ x0: 0, x1: 1, y0: error, y1: error },
          line: { color: palette.base, width: 1, dash: "dash" },
        }],
      },
    ),
  };
}

const beyondChance = (compared: ComparedUpdate) => {
  const chance = chanceOf(compared);
  return compared.phi.map((row, i) => row.map((phi, j) => phi - chance[i][j]));
};

/** φ of every pair of updates minus its value by chance. */
export function similarityFigure(compared: readonly ComparedUpdate[], of: string): Figure {
  const names = shortNames(compared.map(({ name }) => name));
  return {
    id: "similarity",
    title: `φ(i, j) between two adapters beyond chance, in ${of}`,
    caption: "i directions of the first adapter down, j of the second across. White is chance, " +
      `max(i, j) / d, with d = ${
        [...new Set(compared.map(({ dimensions }) => dimensions))].join(", ")
      }.`,
    ...heatmaps({
      columns: names,
      rows: [
        { label: "i", panels: compared.map(beyondChance) },
      ],
      xTitle: "j",
      panelHeight: 180,
      scale: "beyond chance",
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
      ...lines(looksOf(compared), compared.map(({ principalAngles }) => degrees(principalAngles))),
      {
        type: "scatter",
        mode: "lines",
        name: "by chance",
        x: chance.map((_, i) => i + 1),
        y: chance,
        line: { color: palette.base, width: 2, dash: "dash" },
      },
    ],
    layout: baseLayout(
      indexAxis("k-th angle", 1, chance.length),
      axis("degrees", { range: [0, 92] }),
    ),
  };
}
