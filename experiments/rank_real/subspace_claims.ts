/** Figures 3, 4, 6 and 7 on a real decoder: claims and words of decision 0056. @module */

import { phi } from "../../src/analysis/subspaces.ts";
import { marginBelow, reachedBy } from "../differences.ts";
import type { Claim, Margin } from "../frame/mod.ts";
import { smallRank } from "../rank_study/runs.ts";
import {
  commonDirections,
  type ModuleSimilarity,
  restShared,
  shared,
  type Similarity,
  type SpaceSimilarity,
} from "../rank_study/subspace_rows.ts";
import { commonOf, mostShare, sharesTop, subspaceRules, top } from "../rank_study/subspaces.ts";
import {
  cellLayers,
  type CellLine,
  type CellSimilarity,
  inA,
  similarityUnit,
} from "./similarities.ts";
import { cellNames, judgedCell } from "./cells.ts";
import { onSmolLM2, type Words } from "./rank_claims.ts";
import { longKept, longSteps } from "./plan.ts";
import { meanAndRange, unpacked } from "./rows.ts";
import { realSteps } from "./runs.ts";

type Modules = readonly ModuleSimilarity[];

const eighth = ({ seeds }: Similarity) => phi(seeds, smallRank, smallRank);

/** `q 0.13 (0.00 to 0.28)`: the mean over the layers, with its range. */
const ofSite = (modules: Modules, site: "q" | "v", value: (found: Similarity) => number) => {
  const values = modules.filter((module) => module.site === site).map(value);
  return `${site} ${meanAndRange(values)}`;
};

/** A number of both sites, and the most of Gaussian updates'. */
const shown = (modules: Modules, value: (found: Similarity) => number): string => {
  const most = Math.max(...modules.map(({ control }) => value(control)));
  return `${ofSite(modules, "q", value)}, ${
    ofSite(modules, "v", value)
  }; Gaussian updates: at most ${most.toFixed(2)}`;
};

const passing = (modules: Modules) => modules.filter(sharesTop).length;

const topShort = ({ modules }: SpaceSimilarity) =>
  `${passing(modules)} of ${modules.length} modules, φ(1, 1) ${shown(modules, top)}`;

/** One space of the judged cell, with the numbers of its pairs where they are known. */
export type JudgedSpace =
  & SpaceSimilarity
  & Partial<Pick<CellSimilarity, "tops" | "commonWithout">>;

/** The distance below the paper's mark of the φ(1, 1) that a share of the modules reach, beside its spread over pairs. */
const topMargin = (share: number) => ({ modules, tops = [] }: JudgedSpace): Margin =>
  marginBelow(
    shared,
    reachedBy(modules.map(top), share),
    tops.map((values) => reachedBy(values, share)),
    runsOf(tops.length),
  );

/** The runs a side, n, of n (n − 1) pairs of unlike seeds: no more pairs than that are independent. */
const runsOf = (pairs: number): number => Math.round((1 + Math.sqrt(1 + 4 * pairs)) / 2);

/** The distance of q's common directions below v's, beside the spread over runs by the jackknife: n − 1 times the values'. */
function commonMargin({ modules, commonWithout = [] }: JudgedSpace): Margin {
  const own = commonOf(modules, "q") - commonOf(modules, "v");
  const each = commonWithout.map((counts) =>
    counts.reduce((all, count, i) => modules[i].site === "q" ? all + count : all - count, 0)
  );
  const margin = marginBelow(0, own, each);
  return { ...margin, noise: Math.max(1, each.length - 1) * margin.noise };
}

/** The finding of the four cells. */
const shownByCells =
  "With the same training pairs in the same order most modules pass, whatever the start of A; with other pairs of " +
  "the same task almost none does (the four cells are under “Beyond the paper”). So here the shared direction is " +
  "that of the pairs and their order. The paper does not say whether its runs shared theirs.";

/** A report's words on each claim of the tiny base, for more modules than it can list. */
const words: Words<JudgedSpace> = {
  "Figure 3: r = 8 and r = 64 share their top direction": {
    why: shownByCells,
    ours: topShort,
    margin: topMargin(mostShare),
  },
  "Figure 3: r = 8 and r = 64 do not share their other directions": {
    ours: ({ modules }) => `the mean of directions 2 to 8: ${shown(modules, restShared)}`,
  },
  "Figure 4: two seeds share directions at r = 64, Gaussian matrices do not": {
    ours: ({ modules }) => `φ(8, 8) ${shown(modules, eighth)}`,
  },
  "Figure 4: q has more common directions than v": {
    ours: ({ modules }) => `${commonOf(modules, "q")} for q, ${commonOf(modules, "v")} for v`,
    found: ({ modules }) =>
      `Summed over the layers; the most in one is ${Math.max(...modules.map(commonDirections))}. ` +
      `φ(8, 8) of two seeds: ${shown(modules, eighth)}.`,
    margin: commonMargin,
  },
  "Figures 6, 7: r = 8 and r = 64 share their top direction in every layer": {
    why:
      `Counted twice: these are the numbers of Figure 3, and here every module has to pass. ${shownByCells}`,
    ours: topShort,
    margin: topMargin(1),
  },
};

/** The paper's claims, on the cell in which adapters have neither start nor data in common. */
export const realSubspaceClaims: readonly Claim<JudgedSpace>[] = onSmolLM2(
  subspaceRules({
    most: "at least three quarters of the modules",
    all: "for q and v in every layer",
  }),
  words,
).map((claim) => ({
  ...claim,
  rule: `${claim.rule}; of runs that have neither start nor data in common`,
}));

type Lines = readonly CellLine[];

/** Both sites of a cell after some steps, in A. */
const linesIn = (lines: Lines, name: string, steps: number, at = steps) =>
  lines.filter((line) =>
    line.space === inA && line.cell === name && line.steps === steps && line.at === at
  );

/** φ(1, 1) of every layer, none where Gaussian updates share theirs. */
const topsOf = (line: CellLine) => {
  const [byChance] = unpacked(line.gaussian, similarityUnit);
  return cellLayers(line, "top").map((top) => byChance > shared ? 0 : top);
};

/** Counts the modules whose top direction is shared, out of all. */
function sharing(lines: Lines) {
  const tops = lines.flatMap(topsOf);
  return { count: tops.filter((top) => top > shared).length, of: tops.length };
}

const isShared = (lines: Lines) => {
  const { count, of } = sharing(lines);
  return count >= mostShare * of;
};

/** `55 of 60 modules, q 0.60 (0.05 to 0.84), v 0.65 (0.32 to 0.81)`. */
function lineWords(lines: Lines): string {
  const { count, of } = sharing(lines);
  const sites = lines.map((line) => `${line.site} ${meanAndRange(cellLayers(line, "top"))}`);
  return `${count} of ${of} modules, φ(1, 1) ${sites.join(", ")}`;
}

/** Beyond the paper: is what is shared the start's? */
export const startClaim: Claim<Lines> = {
  text: "Figure 3's shared direction is that of a shared start of A, not of the task",
  beyond: true,
  rule:
    "when φ(1, 1) in A between r = 8 and r = 64 is above 0.5, and at most 0.5 for Gaussian updates, in at least " +
    "three quarters of the modules in both cells with the same start, and in neither with another",
  ours: (lines) =>
    cellNames.map((name) => {
      const own = linesIn(lines, name, realSteps), { count, of } = sharing(own);
      return `${name} ${count} of ${of} (${own[0].pairs} pairs)`;
    }).join("; "),
  holds: (lines) =>
    cellNames.every((name) =>
      isShared(linesIn(lines, name, realSteps)) === name.startsWith("same start")
    ),
  found: (lines) =>
    `${
      cellNames.map((name) => `${name}: ${lineWords(linesIn(lines, name, realSteps))}`).join("; ")
    }.${startWords(lines)}`,
};

/** A sentence on what the cells share before the first step, where the data has no part in it. */
function startWords(lines: Lines): string {
  const starts = [cellNames[0], judgedCell].map((name) => linesIn(lines, name, realSteps, 0));
  if (starts.some(({ length }) => length === 0)) return "";
  const [same, other] = starts.map(lineWords);
  return ` Before the first step: same start ${same}; other start ${other}.`;
}

/** Beyond the paper: do more steps bring it? */
export const stepsClaim: Claim<Lines> = {
  text:
    `After ${longSteps} steps r = 8 and r = 64 share their top direction from other starts and other data`,
  beyond: true,
  rule: "when Figure 3's first rule is met in A after 3,000 steps",
  ours: (lines) => lineWords(linesIn(lines, judgedCell, longSteps)),
  holds: (lines) => isShared(linesIn(lines, judgedCell, longSteps)),
  found: (lines) =>
    `After fewer steps of the same runs: ${
      longKept.map((at) => `${at}: ${lineWords(linesIn(lines, judgedCell, longSteps, at))}`)
        .join("; ")
    }.`,
};

/** The fewest pairs of a cell that says something of the start. */
const fewestPairs = 2;

const isWhole = (lines: Lines) =>
  lines.length > 0 && lines.every(({ pairs }) => pairs >= fewestPairs);

/** Claims beyond the paper that can be judged on these lines. */
export const beyondClaims = (lines: Lines): readonly Claim<Lines>[] => [
  ...cellNames.every((name) => isWhole(linesIn(lines, name, realSteps))) ? [startClaim] : [],
  ...linesIn(lines, judgedCell, longSteps).length > 0 ? [stepsClaim] : [],
];
