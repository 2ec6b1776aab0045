/** Figures 3, 4, 6 and 7: which directions are shared between ranks, seeds and layers. @module */

import type { InputSpread } from "../../src/analysis/mod.ts";
import { phi } from "../../src/analysis/subspaces.ts";
import { fromTo } from "../../src/core/numbers.ts";
import said from "../../src/paper/printed/claims.json" with { type: "json" };
import { type Claim, claimsIn, type Experiment, experiment } from "../frame/mod.ts";
import { missingRuns } from "./adapters.ts";
import { largeRank, smallRank, studySettings, subspaceRuns, subspaceSeedsInWords } from "./runs.ts";
import { similarityTable, subspaceFigures } from "./subspace_figures.ts";
import { commonDirections, restShared, shared, subspaceRows } from "./subspace_rows.ts";
import type { ModuleSimilarity, Similarity, SpaceSimilarity } from "./subspace_rows.ts";

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
export interface ModuleWords {
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
