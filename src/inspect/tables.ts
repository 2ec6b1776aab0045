/** An adapter's numbers as tables and as figures. @module */

import { truncationError } from "../analysis/mod.ts";
import { boundsOf } from "../core/numbers.ts";
import {
  axis,
  baseLayout,
  type DataTable,
  type Figure,
  indexAxis,
  type Layout,
  logAxis,
  methodKinds,
  mixed,
  palette,
  type Trace,
} from "../figures/figure.ts";
import { heatmaps } from "../figures/heatmaps.ts";
import { type Column, table } from "../figures/table.ts";
import {
  chanceAngles,
  chanceOf,
  chancePairs,
  type ComparedUpdate,
  type Similarities,
  similaritiesByKind,
  similaritiesOf,
  similarityNames,
  similarityTitles,
} from "./compare.ts";
import { shortNames, type UpdateRow } from "./describe.ts";

// Tables.

/** A row per update: its size, and its rank by several measures. */
export function updateTable(updates: readonly UpdateRow[]): DataTable {
  return table({
    id: "updates",
    title: "Size and rank of every update",
    columns: [
      ["name", "matrix", "text"],
      ["rank", "r", "count"],
      ["frobenius", "‖ΔW‖", "share"],
      ["largest", "σ₁", "share", ({ singularValues: [largest] }) => largest],
      ["stableRank", "stable rank", "share"],
      ["effectiveRank", "effective rank", "share"],
      ["energyRank90", "90% energy", "count"],
      ["suggestedRank", "suggested r", "count"],
      ["wastedRank", "wasted", "count"],
    ],
    rows: shortened(updates),
  });
}

/** A row per update, compared with the weight that it changes: Table 7 of the paper. */
export function amplificationTable(updates: readonly UpdateRow[]): DataTable {
  return table({
    id: "amplification",
    title: "Every update compared with its weight, in the update's directions",
    columns: [
      ["name", "matrix", "text"],
      ["deltaNorm", "‖ΔW‖", "share"],
      ["weightNorm", "‖W‖", "share"],
      ["relativeNorm", "‖ΔW‖ / ‖W‖", "share"],
      ["inDelta", "‖UᵀWV‖, ΔW's directions", "share"],
      ["inWeight", "W's own", "share"],
      ["expectedRandom", "by chance", "share"],
      ["factor", "amplification", "share"],
      ["randomFactor", "by chance", "share"],
      ["timesRandom", "amplification / by chance", "share"],
    ],
    rows: shortened(updates).map((update) => ({ ...update, ...update.amplification })),
  });
}

/**
 * A row per pair of updates: φ of the first, of the 2nd to the 8th, of the first 8 and of all directions where there
 * are that many, each beside its value by chance, and the smallest angle.
 */
export function comparisonTable(compared: readonly ComparedUpdate[]): DataTable {
  const rows = shortened(compared).map((row) => ({ ...row, ...similaritiesOf(row) }));
  return table({
    id: "comparison",
    title: "What two adapters have in common",
    columns: [
      ["name", "matrix", "text"],
      ["sizes", "directions", "text", ({ phi }) => `${phi.length} × ${phi[0].length}`],
      ...similarityColumns<typeof rows[number]>(rows),
      [
        "angle",
        "smallest angle, degrees",
        "share",
        ({ principalAngles: [angle] }) => angle * 180 / Math.PI,
      ],
    ],
    rows,
  });
}

/** A row per kind of layer: the means of the same φ. */
export function comparisonByKind(compared: readonly ComparedUpdate[]): DataTable {
  const rows = similaritiesByKind(compared);
  return table({
    id: "comparison-kinds",
    title: "Means by kind of layer",
    columns: [
      ["kind", "kind", "text"],
      ["sites", "sites", "count"],
      ...similarityColumns<typeof rows[number]>(rows),
    ],
    rows,
  });
}

/** A φ and chance for each that a row has. */
function similarityColumns<Row extends Similarities>(rows: readonly Row[]): Column<Row>[] {
  return similarityNames.filter((name) => rows.some((row) => row[name])).flatMap(
    (name): Column<Row>[] => [
      [name, similarityTitles[name], "share", (row) => row[name]?.value],
      [`${name}ByChance`, "by chance", "share", (row) => row[name]?.byChance],
    ],
  );
}

/** The rows without what all of their names begin with. */
function shortened<Row extends { readonly name: string }>(rows: readonly Row[]): Row[] {
  const names = shortNames(rows.map(({ name }) => name));
  return rows.map((row, i) => ({ ...row, name: names[i] }));
}

// Figures.

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

/** The fields of an update that a spectrum's figure reads. */
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

/** A note in the middle of a plot that shows nothing else, as at weight 0. */
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
