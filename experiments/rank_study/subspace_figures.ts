/** Figures and the table on subspaces, as functions of the similarities. @module */

import type { DataTable, Figure } from "../../src/figures/figure.ts";
import { heatmaps } from "../../src/figures/heatmaps.ts";
import { axis, baseLayout } from "../../src/figures/layout.ts";
import { palette } from "../../src/figures/palette.ts";
import type { Axis, Trace } from "../../src/figures/plotly_types.ts";
import { sliderFigure } from "../../src/figures/slider_figure.ts";
import { smallRank } from "./similarities.ts";
import { controlPairs, type Grid, type Space } from "./spaces.ts";
import { commonDirections, type ModuleSimilarity, phi, restShared } from "./subspace_rules.ts";

/** The similarities in one space. */
export interface SpaceSimilarity {
  /** The space. */
  readonly space: Space;
  /** A row for each module. */
  readonly modules: readonly ModuleSimilarity[];
}

const label = ({ site, layer }: ModuleSimilarity) => `${site}, layer ${layer + 1}`;

/** The first module of every layer: a layer's modules have one control. */
const layersOf = (modules: readonly ModuleSimilarity[]) =>
  modules.filter(({ layer }, i) => modules.findIndex((one) => one.layer === layer) === i);

const controlLabel = ({ layer }: ModuleSimilarity) => `Gaussian, layer ${layer + 1}`;

const columnsOf = ([{ modules }]: readonly SpaceSimilarity[]) => [
  ...modules.map(label),
  ...layersOf(modules).map(controlLabel),
];

/** A row of panels a space: each module's grid, then each layer's control. */
function rowsOf(
  spaces: readonly SpaceSimilarity[],
  counts: string,
  gridOf: (part: Pick<ModuleSimilarity, "ranks" | "seeds">) => Grid,
) {
  return spaces.map(({ space, modules }) => ({
    label: `${space.name}: ${counts}`,
    panels: [...modules.map(gridOf), ...layersOf(modules).map(({ control }) => gridOf(control))],
  }));
}

const gaussianNote =
  "Gaussian is chance: updates of the same shapes in the same space, the mean of " +
  `${controlPairs} pairs, with the inputs of each layer for ΔW·S^½.`;

/** Figure 3: rank 8 against rank 64. */
export function ranksFigure(spaces: readonly SpaceSimilarity[]): Figure {
  return {
    id: "subspaces-ranks",
    title: "Figure 3 in kind: φ(i, j) between r = 8 and r = 64",
    caption:
      `Means of three pairs of seeds, 1 and 11, 2 and 12, 3 and 13; every fourth j. ${gaussianNote}`,
    ...heatmaps({
      columns: columnsOf(spaces),
      rows: rowsOf(spaces, "i (r = 8)", ({ ranks }) => ranks),
      xTitle: "j (r = 64)",
      panelHeight: 110,
    }),
  };
}

/** The same in ΔW's own spaces, which are drawn and not judged. */
export function updateFigure(spaces: readonly SpaceSimilarity[]): Figure {
  const figure = ranksFigure(spaces);
  return {
    ...figure,
    id: "subspaces-update",
    title: "φ(i, j) between r = 8 and r = 64 in what ΔW reads (right) and writes (left)",
    caption: `Drawn, not judged. ${figure.caption}`,
  };
}

/** Figure 4: two seeds at rank 64. */
export function seedsFigure(spaces: readonly SpaceSimilarity[]): Figure {
  return {
    id: "subspaces-seeds",
    title: "Figure 4 in kind: φ(i, j) between two seeds at r = 64",
    caption: `Means of the three pairs of seeds 11, 12, 13; every fourth i and j. ${gaussianNote}`,
    ...heatmaps({
      columns: columnsOf(spaces),
      rows: rowsOf(spaces, "i (a seed)", ({ seeds }) => seeds),
      xTitle: "j (another)",
      panelHeight: 140,
    }),
  };
}

/** What is drawn of the start of training. */
export interface StartGrids {
  /** Different seeds. */
  readonly different: Grid;
  /** Equal seeds. */
  readonly equal: Grid;
}

/** The control that the paper lacks: the same similarity before the first step. */
export function startFigure({ different, equal }: StartGrids, dimensions: number): Figure {
  return {
    id: "subspaces-start",
    title: "Control: φ(i, j) of A between r = 8 and r = 64 at step 0",
    caption: "Nothing is learned yet. With different seeds φ is what chance gives, " +
      `max(i, j) / ${dimensions}: ${
        (64 / dimensions).toFixed(2)
      } at j = 64. With one seed A's first ` +
      "eight rows are the same at both ranks, and φ(8, 64) is 1 for no other reason.",
    ...heatmaps({
      columns: ["different seeds", "the same seed"],
      rows: [{ label: "A: i (r = 8)", panels: [different, equal] }],
      xTitle: "j (r = 64)",
      panelHeight: 110,
    }),
  };
}

/** Places that are drawn: a notebook keeps every value twice. */
const everyThird = Array.from({ length: 22 }, (_, i) => 3 * i + 1);

/** For axes by powers of two. */
const doublings = [1, 2, 4, 8, 16, 32, 64];

/** φ(i, i) between two seeds, a line a module, chance dashed: what the diagonals of figure 4 show. */
export function diagonalFigure(spaces: readonly SpaceSimilarity[]): Figure {
  const domains = [[0, 0.47], [0.53, 1]] as const;
  return {
    id: "subspaces-diagonal",
    title: "How many directions two seeds share at r = 64: φ(i, i)",
    caption:
      "Left in A, as the paper; right in ΔW·S^½. Dashed and dotted: Gaussian updates, with the inputs of each " +
      "layer. A direction counts as shared down to φ = 0.5, the thin line.",
    data: spaces.flatMap(({ modules }, panel) =>
      linesOf(modules, panel, everyThird, ({ seeds }, i) => phi(seeds, i, i))
    ),
    layout: baseLayout(
      axis("i, in A", { domain: domains[0], anchor: "y" }),
      axis("φ(i, i)", { range: [0, 1.02] }),
      {
        xaxis2: axis("i, in ΔW·S^½", { domain: domains[1], anchor: "y" }),
        shapes: ["x domain", "x2 domain"].map((xref) => ({
          type: "line",
          xref,
          ...{ x0: 0, x1: 1, y0: 0.5, y1: 0.5 },
          line: { color: palette.base, width: 0.7 },
        })),
      },
    ),
  };
}

/** A line over some places for each module and for each layer's control, in one of two panels. */
function linesOf(
  modules: readonly ModuleSimilarity[],
  panel: number,
  places: readonly number[],
  valueAt: (part: Pick<ModuleSimilarity, "ranks" | "seeds">, place: number) => number,
): Trace[] {
  const line = (
    name: string,
    part: Pick<ModuleSimilarity, "ranks" | "seeds">,
    color: string,
    dash: "solid" | "dash" | "dot",
  ): Trace => ({
    type: "scatter",
    mode: "lines",
    name,
    x: places,
    y: places.map((place) => Math.round(1000 * valueAt(part, place)) / 1000), // as in heat maps
    xaxis: panel === 0 ? "x" : "x2",
    showlegend: panel === 0,
    line: { color, dash, width: 2 },
  });
  return [
    ...modules.map((module, i) => line(label(module), module, palette.series[i], "solid")),
    ...layersOf(modules).map((module, i) =>
      line(controlLabel(module), module.control, palette.base, i === 0 ? "dash" : "dot")
    ),
  ];
}

/** Figure 3 row by row: φ(i, j) by powers of two, a slider for i. */
export function acrossFigure(spaces: readonly SpaceSimilarity[]): Figure {
  const domains = [[0, 0.47], [0.53, 1]] as const;
  return sliderFigure({
    id: "subspaces-across",
    title: "Figure 3 row by row: the first i directions of r = 8 in the first j of r = 64",
    caption:
      `Left in A, as the paper; right in ΔW·S^½. Means of three pairs of seeds, 1 and 11, 2 and 12, 3 and 13. ${gaussianNote}`,
    name: "i",
    steps: doublings.filter((i) => i <= smallRank).map((i) => {
      const data = spaces.flatMap(({ modules }, panel) =>
        linesOf(modules, panel, doublings, ({ ranks }, j) => phi(ranks, i, j))
      );
      // What a frame does not name stays as the first has it.
      return { label: String(i), data: i === 1 ? data : data.map(({ type, y }) => ({ type, y })) };
    }),
    layout: baseLayout(
      doublingAxis("j, in A", domains[0]),
      axis("φ(i, j)", { range: [0, 1.02] }),
      { xaxis2: doublingAxis("j, in ΔW·S^½", domains[1]) },
    ),
  });
}

function doublingAxis(title: string, domain: readonly [number, number]): Axis {
  const ticks = { tickvals: doublings, ticktext: doublings.map(String) };
  return axis(title, { type: "log", ...ticks, domain, anchor: "y" });
}

/** The numbers that the rules read. */
export function similarityTable(spaces: readonly SpaceSimilarity[]): DataTable {
  const number = (key: string, label: string) => ({ key, label, unit: "share" as const });
  return {
    id: "subspaces",
    title: "What the rules read; φ by chance from Gaussian updates in the same space",
    columns: [
      { key: "space", label: "space", unit: "text" },
      { key: "module", label: "module", unit: "text" },
      number("top", "r = 8 and 64: φ(1, 1)"),
      number("topChance", "by chance"),
      number("rest", "directions 2–8, mean"),
      number("restChance", "by chance"),
      number("seeds", "two seeds: φ(8, 8)"),
      number("seedsChance", "by chance"),
      number("common", "largest i with φ(i, i) ≥ 0.5"),
    ],
    rows: spaces.flatMap(({ space, modules }) =>
      modules.map((module) => ({
        space: space.name,
        module: label(module),
        top: phi(module.ranks, 1, 1),
        topChance: phi(module.control.ranks, 1, 1),
        rest: restShared(module),
        restChance: restShared(module.control),
        seeds: phi(module.seeds, 8, 8),
        seedsChance: phi(module.control.seeds, 8, 8),
        common: String(commonDirections(module)),
      }))
    ),
  };
}
