/** Figures 3, 4, 6 and 7: which directions are shared between ranks, seeds and layers. @module */

import type { InputSpread } from "../../src/analysis/mod.ts";
import { phi } from "../../src/analysis/subspaces.ts";
import { fromTo } from "../../src/core/numbers.ts";
import { leftPanel, rightPanel, ticksAt } from "../../src/figures/figure.ts";
import {
  type Axis,
  axis,
  baseLayout,
  type Column,
  type DataTable,
  type Figure,
  heatmaps,
  line,
  palette,
  sliderFigure,
  table,
  type Trace,
} from "../../src/figures/mod.ts";
import said from "../../src/paper/printed/claims.json" with { type: "json" };
import { type Claim, claimsIn, type Experiment, experiment, type View } from "../frame/mod.ts";
import { missingRuns } from "./adapters.ts";
import { largeRank, smallRank, studySettings, subspaceRuns, subspaceSeedsInWords } from "./runs.ts";
import {
  commonDirections,
  controlPairs,
  type ModuleSimilarity,
  restShared,
  shared,
  type Similarity,
  type SpaceSimilarity,
  type SubspaceRows,
  subspaceRows,
} from "./subspace_rows.ts";

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
  const across = (space: string, panel: Axis) => axis(`${x}, in ${space}`, { ...ticks, ...panel });
  const xaxis2 = across("ΔW·S^½", rightPanel);
  return baseLayout(across("A", leftPanel), axis(y, { range: [0, 1.02] }), { xaxis2, ...more });
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
  const doublings = [1, 2, 4, 8, 16, 32, 64];
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
    layout: twoPanels("j", "φ(i, j)", { type: "log", ...ticksAt(doublings) }),
  });
}

/** All figures, in the order of the report. */
const subspaceFigures: readonly View<SubspaceRows, Figure>[] = [
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
function similarityTable(spaces: Spaces): DataTable {
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

type Modules = readonly ModuleSimilarity[];

/** True if the top direction is shared across ranks, and Gaussian updates' is not. */
export const sharesTop = ({ ranks, control }: ModuleSimilarity): boolean =>
  phi(ranks, 1, 1) > shared && phi(control.ranks, 1, 1) <= shared;

/** The share of modules, or of layers, in which a rule has to be met: three of four, both of two. */
export const mostShare = 0.75;

/** True if most modules satisfy a rule. */
const mostOf = (modules: Modules, keeps: (module: ModuleSimilarity) => boolean) =>
  modules.filter(keeps).length >= mostShare * modules.length;

/** Largest distance of a Gaussian pair's φ(8, 8) from max(i, j) / d, in A. */
const chanceTolerance = 0.02;

/** {@link commonDirections}, summed over the layers of a site. */
export function commonOf(modules: Modules, site: "q" | "v"): number {
  return modules.filter((module) => module.site === site)
    .reduce((sum, module) => sum + commonDirections(module), 0);
}

/** A text on each module, by layers. */
function byLayer(modules: Modules, text: (module: ModuleSimilarity) => string): string {
  const layers = Map.groupBy(modules, ({ layer }) => layer);
  return [...layers].map(([layer, own]) =>
    `layer ${layer + 1}: ${own.map((module) => `${module.site} ${text(module)}`).join(", ")}`
  ).join("; ");
}

/** A number of each module, and what is the most of the Gaussian updates'. */
function each(modules: Modules, value: (found: Similarity) => number): string {
  const most = Math.max(...modules.map(({ control }) => value(control)));
  const own = byLayer(modules, (module) => value(module).toFixed(2));
  return `${own}; Gaussian updates: at most ${most.toFixed(2)}.`;
}

const eighth = ({ seeds }: Similarity) => phi(seeds, 8, 8);

/** φ(1, 1) between ranks. */
export const top = ({ ranks }: Similarity): number => phi(ranks, 1, 1);

const topShort = ({ modules }: SpaceSimilarity) =>
  `${modules.filter(sharesTop).length} of ${modules.length} modules, ` +
  `φ(1, 1) = ${fromTo(modules.map(top), 2)}`;

const topFound = ({ modules, inputs = [] }: SpaceSimilarity) =>
  [`φ(1, 1) in ${each(modules, top)}`, ...inputs.flatMap(inputsFound)].join(" ");

/** A sentence on a layer whose inputs lie mostly in one direction. */
const inputsFound = ({ note }: InputSpread, layer: number) =>
  note === undefined ? [] : [`Layer ${layer + 1}: ${note}.`];

/** Words of a rule for the modules that it reads. */
interface ModuleWords {
  /** `at least three of the four modules`. */
  readonly most: string;
  /** `for q and v in both layers`. */
  readonly all: string;
}

/** The rules of experiments/rank_study/rules.md on one space. */
export const subspaceRules = (words: ModuleWords): readonly Claim<SpaceSimilarity>[] => [
  ...figure3Rules(words),
  ...figure4Rules,
  everyLayerRule(words),
];

const figure3Rules = ({ most }: ModuleWords): readonly Claim<SpaceSimilarity>[] => [{
  text: "Figure 3: r = 8 and r = 64 share their top direction",
  rule: `when, in ${most}, φ(1, 1) is above 0.5, and at most 0.5 for Gaussian updates`,
  ...said.figure3Top,
  why:
    "q of the second layer passes, v there comes near, the first layer does not. Tested: it is " +
    "not the split of ΔW into B·A, as ΔW's own input directions share no more. In the inputs' " +
    "metric, ΔW·S^½, three of the four pass, one of them barely (under “Beyond the paper”).",
  ours: topShort,
  holds: ({ modules }) => mostOf(modules, sharesTop),
  found: topFound,
}, {
  text: "Figure 3: r = 8 and r = 64 do not share their other directions",
  rule: `when (8 φ(8, 8) − φ(1, 1)) / 7 < 0.5 in ${most}`,
  ...said.figure3Rest,
  ours: ({ modules }) => fromTo(modules.map(restShared), 2),
  holds: ({ modules }) => mostOf(modules, (module) => restShared(module) < shared),
  found: ({ modules }) => `The mean of directions 2 to 8 in ${each(modules, restShared)}`,
}];

const figure4Rules: readonly Claim<SpaceSimilarity>[] = [{
  text: "Figure 4: two seeds share directions at r = 64, Gaussian matrices do not",
  rule: "when φ(8, 8) is at least twice that of Gaussian matrices of the same shapes in every " +
    "module, and theirs, in A, is within 0.02 of chance, max(i, j) / d",
  ...said.figure4Seeds,
  ours: ({ modules }) =>
    `φ(8, 8) ${fromTo(modules.map(eighth), 2)}; Gaussian ${
      fromTo(modules.map(({ control }) => eighth(control)), 2)
    }`,
  holds: ({ modules, chance }) =>
    modules.every(({ seeds, control }) => {
      const random = eighth(control);
      const isChance = chance === undefined || Math.abs(random - chance) <= chanceTolerance;
      return isChance && phi(seeds, 8, 8) >= 2 * random;
    }),
  found: ({ modules }) => `φ(8, 8) in ${each(modules, eighth)}`,
}, {
  text: "Figure 4: q has more common directions than v",
  rule: "when the largest i with φ(i, i) ≥ 0.5, summed over the layers, is larger for q",
  ...said.figure4Query,
  note:
    "Weak: it rests on a single direction, in one layer. By φ(8, 8), just above, v shares more " +
    "than q.",
  ours: ({ modules }) => `${commonOf(modules, "q")} for q, ${commonOf(modules, "v")} for v`,
  holds: ({ modules }) => commonOf(modules, "q") > commonOf(modules, "v"),
  found({ modules }) {
    const counts = byLayer(modules, (module) => `${commonDirections(module)}`);
    const random = modules.map(({ control }) => phi(control.seeds, largeRank, largeRank));
    return `The largest i in ${counts}. By chance φ(i, i) rises with i, to φ(64, 64) = ${
      Math.max(...random).toFixed(2)
    }.`;
  },
}];

const everyLayerRule = ({ all }: ModuleWords): Claim<SpaceSimilarity> => ({
  text: "Figures 6, 7: r = 8 and r = 64 share their top direction in every layer",
  rule: `when φ(1, 1) is above 0.5, and at most 0.5 for Gaussian updates, ${all}`,
  ...said.figures6And7,
  why: "Counted twice: these are the numbers of Figure 3, and here every module has to pass.",
  ours: topShort,
  holds: ({ modules }) => modules.every(sharesTop),
  found: topFound,
});

/** Claims on the base of two layers. */
export const subspaceClaims: readonly Claim<SpaceSimilarity>[] = subspaceRules({
  most: "at least three of the four modules",
  all: "for q and v in both layers",
});

/** Directions that ranks, seeds and layers share. */
export const subspaces: Experiment = experiment({
  name: "subspaces",
  seconds: 2,
  title: "Which directions do adapters share?",
  question:
    "Does LoRA find the same directions at another rank, with another seed, in every layer? Judged " +
    "in A, as in the paper, and in ΔW·S^½, the update's effect on the inputs that it really gets " +
    "(S = E[x xᵀ], their second moment). A module is q or v in one layer.",
  source: "Hu et al. 2021, section 7.2, figures 3, 4, 6 and 7",
  settings: studySettings,
  seeds: subspaceSeedsInWords,
  runs: (context) => missingRuns(subspaceRuns([smallRank, largeRank]), context),
  rows: subspaceRows,
  scale: true,
  // The paper looks at A only.
  claims: ({ judged }) =>
    judged.flatMap((found) => claimsIn(found.space, subspaceClaims, found, found.space !== "A")),
  rules: subspaceClaims,
  tables: [({ judged, drawn }) => similarityTable([...judged, ...drawn])],
  figures: subspaceFigures,
});
