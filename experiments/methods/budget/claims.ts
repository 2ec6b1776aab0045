/** The best placement of a budget, and the best rank, with a rate for each: the rules of decision 0058. @module */

import noted from "../../notes.json" with { type: "json" };
import said from "../../../src/paper/printed/claims.json" with { type: "json" };
import { metThePaper, noiseIn, parPoints, rounding, signed } from "../../differences.ts";
import { marginOf, meanIn, type MethodsClaim, noiseNote, uncountedLead } from "../claims.ts";
import type { MethodCell, MethodComparison } from "../comparison.ts";
import { placements as printedPlaces, placementsOverall, ranksOfGpt2 } from "../printed.ts";
import { judgedByAnswers } from "../skills/claims.ts";
import { ranksOfBoth, ranksOfQuery } from "../skills/printed.ts";
import type { SkillComparison, TaskComparison } from "../skills/rows.ts";
import { placements, ranksOfQueryAndValue } from "./methods.ts";

const cellsOf = (compared: MethodComparison, keys: readonly string[]) =>
  keys.map((key) => compared.cell(key));

const keysOf = (methods: typeof placements) => methods.map(({ key }) => key);

const both = ["qv-4", "qkvo-2"], alone = ["q-8", "k-8"];

/** Every better choice beside every worse one, as the paper has them. */
const expected = (compared: MethodComparison) =>
  cellsOf(compared, both).flatMap((better) =>
    cellsOf(compared, alone).map((worse) => [better, worse] as const)
  );

const bestPlace = (compared: MethodComparison) =>
  compared.best(cellsOf(compared, keysOf(placements)));

const placesNote = (compared: MethodComparison) =>
  `${cellsOf(compared, keysOf(placements)).map((cell) => meanIn(cell, 1)).join(", ")}. ${
    noiseNote(compared, "points")
  }`;

/** Rows of q and v, whatever their ranks, from the lowest rank to the highest. */
const ranks = ({ cells }: MethodComparison): MethodCell[] =>
  cells.filter(({ key }) => key.startsWith("qv-")).sort((a, b) => a.trained - b.trained);

const ranksNote = (compared: MethodComparison) =>
  `${ranks(compared).map(({ size, mean }) => `${size}: ${mean.toFixed(1)}`).join(", ")}. ${
    noiseNote(compared, "points")
  }`;

/** How far the loss at r = 1 is above the best one, as a share of that. */
export function aboveBest(compared: MethodComparison): number {
  const [first, ...others] = ranks(compared);
  return first.mean / compared.best([first, ...others]).mean - 1;
}

/** The smallest rank that no other is better than. */
export function enoughRank(compared: MethodComparison): MethodCell {
  const all = ranks(compared);
  return all.find((cell) => !all.some((other) => compared.isBetter(other, cell)))!;
}

const rankOf = ({ size }: MethodCell) => Number(size.slice("r = ".length));

const leastRank = 4, mostRank = 16;

const isBetween = (cell: MethodCell) => rankOf(cell) >= leastRank && rankOf(cell) <= mostRank;

/** Distance of r = 1 from the best rank on a task. */
function belowBest({ task, compared }: TaskComparison) {
  const [first, ...others] = ranks(compared), best = compared.best([first, ...others]);
  return { task, points: first.mean - best.mean, noise: compared.noise, best };
}

/** Table 6, on each task. */
export const enoughClaim: MethodsClaim<SkillComparison> = {
  reads: keysOf(ranksOfQueryAndValue),
  text:
    "Table 6: with a rate for each rank, a very small one is enough for q,v even where the base lacks the skill",
  rule:
    `when on each task r = 1 gives at most ${parPoints} points fewer right answers than the best rank, each with a ` +
    "rate of its own",
  corrected: `${metThePaper}; ${judgedByAnswers}`,
  ...said.table6,
  ...noted.methodsEnough,
  paper: [ranksOfBoth],
  contrary: [ranksOfQuery],
  ours: ({ tasks }) =>
    `${
      tasks.map(belowBest).map(({ task, points, noise }) =>
        `${task} ${signed(points)}${noiseIn(noise)}`
      ).join("; ")
    } points`,
  holds: ({ tasks }) => tasks.map(belowBest).every(({ points }) => points >= -parPoints - rounding),
  margin: ({ tasks }) => {
    const [worst] = tasks.toSorted((a, b) => belowBest(a).points - belowBest(b).points);
    return marginOf(worst.compared, -parPoints - belowBest(worst).points);
  },
  found: ({ tasks }) =>
    tasks.map(({ task, compared }) => `${task}: ${ranksNote(compared)}`).join(" "),
};

/** Those that read averages over the tasks. */
export const budgetClaims: readonly MethodsClaim[] = [
  {
    reads: keysOf(placements),
    text: "Table 5: with a rate for each, q,v and all four do better than q or k alone",
    rule:
      "when q,v and q,k,v,o are each better than q and than k at the same budget, each with a rate of its " +
      "own, by more than the noise floor",
    ...said.table5,
    ...noted.methodsPlaces,
    paper: [...printedPlaces, placementsOverall],
    ours: (compared) =>
      cellsOf(compared, [...both, ...alone]).map((cell) => meanIn(cell, 1)).join(", "),
    holds: (compared) => expected(compared).every((cells) => compared.isBetter(...cells)),
    margin: (compared) =>
      marginOf(compared, -Math.min(...expected(compared).map((cells) => compared.gain(...cells)))),
    found: placesNote,
  },
  {
    reads: keysOf(placements),
    text: "Table 5: with a rate for each, q,v does best",
    rule:
      "when on average over the tasks nothing else at the same budget is better than q,v, each with a rate of its " +
      "own, by more than the noise floor",
    corrected: metThePaper,
    ...said.table5,
    printed: "q,v best",
    ...noted.methodsBestPlace,
    paper: [placementsOverall],
    ours: (compared) => meanIn(bestPlace(compared), 1),
    holds: (compared) =>
      cellsOf(compared, keysOf(placements)).every((other) =>
        !compared.isBetter(other, compared.cell(both[0]))
      ),
    margin: (compared) =>
      marginOf(compared, compared.gain(bestPlace(compared), compared.cell(both[0]))),
    found: (compared) =>
      placesNote(compared) + uncountedLead(compared, bestPlace(compared), compared.cell(both[0])),
  },
  {
    reads: keysOf(ranksOfQueryAndValue),
    text: "Table 18: the best rank is between 4 and 16",
    rule:
      "when on average over the tasks the smallest rank that no other is better than, by more than the noise floor, " +
      "is from 4 to 16, of 1, 4, 16 and 64",
    corrected: metThePaper,
    ...said.table18,
    ...noted.methodsRank,
    paper: ranksOfGpt2,
    ours: (compared) => enoughRank(compared).size,
    holds: (compared) => isBetween(enoughRank(compared)),
    margin: (compared) => {
      const enough = enoughRank(compared);
      const between = compared.best(ranks(compared).filter(isBetween));
      return marginOf(compared, compared.gain(enough, between));
    },
    found: ranksNote,
  },
];
