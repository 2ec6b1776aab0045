/** Figures and the table on subspaces, as functions of the similarities. @module */

import { phi } from "../../src/analysis/subspaces.ts";
import { axis, baseLayout, heatmaps, line, palette, sliderFigure } from "../../src/figures/mod.ts";
import { table } from "../../src/figures/mod.ts";
import type { Axis, Column, DataTable, Figure, Trace } from "../../src/figures/mod.ts";
import type { View } from "../frame/mod.ts";
import { smallRank } from "./runs.ts";
import { commonDirections, controlPairs, restShared } from "./subspace_rows.ts";
import type { ModuleSimilarity, Similarity, SpaceSimilarity } from "./subspace_rows.ts";
import type { SubspaceRows } from "./subspace_rows.ts";

type Spaces = readonly SpaceSimilarity[];
const labelOf = ({ site, layer }: ModuleSimilarity) => `${site}, layer ${layer + 1}`;

/** Every module, then every layer's Gaussian updates, which all of its modules are compared with. */
function partsOf(modules: readonly ModuleSimilarity[]) {
  const controls = modules.filter(({ site }) => site === "q");
  return [
    ...modules.map((module, i) => {
      const style = { color: palette.series[i], dash: "solid" } as const;
      return { label: labelOf(module), similarity: module as Similarity, style };
    }),
    ...controls.map(({ layer, control: similarity }, i) => {
      const style = { color: palette.base, dash: i === 0 ? "dash" : "dot" } as const;
      return { label: `Gaussian, layer ${layer + 1}`, similarity, style };
    }),
  ];
}

const gaussianNote = "“Gaussian” is chance: random updates of the same shapes, the mean over " +
  `${controlPairs} pairs, for ΔW·S^½ with the inputs of each layer, otherwise in A (for ΔW, chance is the same).`;

/** Three pairs of runs that have no seed in common. */
const pairsNote = "Means over three pairs of seeds, 1 and 11, 2 and 12, 3 and 13";

/** Titles of the axes of heat maps. */
const gridWords = {
  ranks: { down: "i (r = 8)", xTitle: "j (r = 64)", panelHeight: 110 },
  seeds: { down: "i (a seed)", xTitle: "j (another)", panelHeight: 140 },
} as const;

/** Heat maps of every module and each control, a row of panels for each space. */
function grids(spaces: Spaces, key: keyof Similarity) {
  const { down, ...words } = gridWords[key];
  return heatmaps({
    columns: partsOf(spaces[0].modules).map(({ label }) => label),
    rows: spaces.map(({ space, modules }) => ({
      label: `${space}: ${down}`,
      panels: partsOf(modules).map(({ similarity }) => similarity[key]),
    })),
    ...words,
  });
}

/** A line over some places for each module and each control, in a panel for each of two spaces. */
function lines(
  spaces: Spaces,
  places: readonly number[],
  valueAt: (similarity: Similarity, place: number) => number,
): Trace[] {
  return spaces.flatMap(({ modules }, panel) =>
    partsOf(modules).map(({ label: name, similarity, style }) => {
      const more = { name, xaxis: panel === 0 ? "x" : "x2", showlegend: panel === 0 };
      const value = (place: number) => Math.round(1000 * valueAt(similarity, place)) / 1000; // as in heat maps
      return line(places, (place) => place, value, { ...style, width: 2 }, more);
    })
  );
}

/** The panels of {@link lines}: A on the left, as the paper, and ΔW·S^½ on the right. */
function twoPanels(x: string, y: string, ticks: Axis, more: Figure["layout"] = {}) {
  const across = (space: string, domain: readonly [number, number]) =>
    axis(`${x}, in ${space}`, { ...ticks, domain, anchor: "y" });
  const xaxis2 = across("ΔW·S^½", [0.53, 1]);
  return baseLayout(across("A", [0, 0.47]), axis(y, { range: [0, 1.02] }), { xaxis2, ...more });
}

/** Places that are drawn: a notebook keeps every value twice. */
const everyThird = Array.from({ length: 22 }, (_, i) => 3 * i + 1);

/** φ(i, i) between two seeds, a line a module, chance dashed: what the diagonals of figure 4 show. */
export function diagonalFigure(spaces: Spaces): Figure {
  const place = { x0: 0, x1: 1, y0: 0.5, y1: 0.5 }, line = { color: palette.base, width: 0.7 };
  return {
    id: "subspaces-diagonal",
    title: "How many directions two seeds share at r = 64: φ(i, i)",
    caption:
      "Left: in A, as in the paper; right: in ΔW·S^½. Dashed and dotted: Gaussian updates, with the inputs of " +
      "each layer. Directions count as shared down to φ = 0.5, the thin line.",
    data: lines(spaces, everyThird, ({ seeds }, i) => phi(seeds, i, i)),
    layout: twoPanels("i", "φ(i, i)", {}, {
      shapes: ["x domain", "x2 domain"].map((xref) => ({ type: "line", xref, ...place, line })),
    }),
  };
}

/** Figure 3 row by row: φ(i, j) by powers of two, a slider for i. */
export function acrossFigure(spaces: Spaces): Figure {
  const doublings = [1, 2, 4, 8, 16, 32, 64], ticktext = doublings.map(String);
  return sliderFigure({
    id: "subspaces-across",
    title: "Figure 3 row by row: the first i directions of r = 8 within the first j of r = 64",
    caption: `Left: in A, as in the paper; right: in ΔW·S^½. ${pairsNote}. ${gaussianNote}`,
    name: "i",
    steps: doublings.filter((i) => i <= smallRank).map((i) => {
      const data = lines(spaces, doublings, ({ ranks }, j) => phi(ranks, i, j));
      // What a frame does not name stays as the first has it.
      return { label: String(i), data: i === 1 ? data : data.map(({ type, y }) => ({ type, y })) };
    }),
    layout: twoPanels("j", "φ(i, j)", { type: "log", tickvals: doublings, ticktext }),
  });
}

/** All figures, in the order of the report. */
export const subspaceFigures: readonly View<SubspaceRows, Figure>[] = [
  ({ judged }) => ({
    id: "subspaces-ranks",
    title: "Figure 3 at small scale: φ(i, j) between r = 8 and r = 64",
    caption: `${pairsNote}; every second j. ${gaussianNote}`,
    ...grids(judged, "ranks"),
  }),
  ({ judged }) => acrossFigure(judged),
  ({ drawn }) => ({
    id: "subspaces-update",
    title: "φ(i, j) between r = 8 and r = 64 for ΔW's input (right) and output (left) directions",
    caption: `Shown, not judged. ${pairsNote}; every second j. ${gaussianNote}`,
    ...grids(drawn, "ranks"),
  }),
  // The control that the paper lacks: the same similarity before the first step.
  ({ start: { different, equal, width } }) => ({
    id: "subspaces-start",
    title: "Control: φ(i, j) of A between r = 8 and r = 64 at step 0",
    caption: "Nothing has been learned yet. With different seeds φ is at chance, " +
      `max(i, j) / ${width}: ${(64 / width).toFixed(2)} at j = 64. With the same seed the first ` +
      "eight rows of A are equal at both ranks, and that alone makes φ(8, 64) = 1.",
    ...heatmaps({
      columns: ["different seeds", "the same seed"],
      rows: [{ label: "A: i (r = 8)", panels: [different, equal] }],
      xTitle: "j (r = 64)",
      panelHeight: 110,
    }),
  }),
  ({ judged }) => ({
    id: "subspaces-seeds",
    title: "Figure 4 at small scale: φ(i, j) between two seeds at r = 64",
    caption: `Means of the three pairs of seeds 11, 12, 13; every second i and j. ${gaussianNote}`,
    ...grids(judged, "seeds"),
  }),
  ({ judged }) => diagonalFigure(judged),
];

/** The numbers that the rules use. */
export function similarityTable(spaces: Spaces): DataTable {
  const besideChance = (
    key: string,
    label: string,
    value: (similarity: Similarity) => number,
  ): Column<ModuleSimilarity>[] => [
    [key, label, "share", value],
    [`${key}Chance`, "by chance", "share", ({ control }) => value(control)],
  ];
  return table({
    id: "subspaces",
    title:
      "Values that the rules use; chance is measured with Gaussian updates, for ΔW·S^½ in that space, " +
      "otherwise in A",
    columns: [
      ["space", "space", "text"],
      ["module", "module", "text", labelOf],
      ...besideChance("top", "r = 8 and 64: φ(1, 1)", ({ ranks }) => phi(ranks, 1, 1)),
      ...besideChance("rest", "directions 2–8, mean", restShared),
      ...besideChance("seeds", "two seeds: φ(8, 8)", ({ seeds }) => phi(seeds, 8, 8)),
      [
        "common",
        "largest i with φ(i, i) ≥ 0.5",
        "share",
        (module) => `${commonDirections(module)}`,
      ],
    ],
    rows: spaces.flatMap(({ space, modules }) => modules.map((module) => ({ ...module, space }))),
  });
}
