/** Where to spend a budget, and at which rank, with a rate for each: the rules of decision 0027. @module */

import noted from "../../notes.json" with { type: "json" };
import said from "../../../src/paper/printed/claims.json" with { type: "json" };
import { enoughPercent, enoughShare, metThePaper } from "../../differences.ts";
import { meanIn, type MethodsClaim, noiseNote } from "../claims.ts";
import type { MethodCell, MethodComparison } from "../comparison.ts";
import {
  placements as printedPlaces,
  placementsOverall,
  ranksOfBoth,
  ranksOfGpt2,
  ranksOfQuery,
} from "../printed.ts";
import { placements, ranksOfQueryAndValue } from "./methods.ts";

const cellsOf = (compared: MethodComparison, keys: readonly string[]) =>
  keys.map((key) => compared.cell(key));

const keysOf = (methods: typeof placements) => methods.map(({ key }) => key);

const [both, alone] = [["qv-4", "qkvo-2"], ["q-8", "k-8"]];

/** q and v at every rank, from the lowest. */
const ranks = ({ cells }: MethodComparison) =>
  cells.filter(({ key }) => key.startsWith("qv-")).sort((a, b) => a.trained - b.trained);

/** How far the loss at r = 1 is above the best one, as a share of that. */
export function aboveBest(compared: MethodComparison): number {
  const [first, ...others] = ranks(compared);
  return first.mean / compared.best([first, ...others]).mean - 1;
}

/** Whether r = 1 is nearer to the mark than the noise floor. */
function isUndecided(compared: MethodComparison): boolean {
  const best = compared.best(ranks(compared)).mean;
  return Math.abs(aboveBest(compared) - enoughShare) * best < compared.noise;
}

/** The smallest rank that no other is better than. */
export function enoughRank(compared: MethodComparison): MethodCell {
  const all = ranks(compared);
  return all.find((cell) => !all.some((other) => compared.isBetter(other, cell)))!;
}

/** All of them: places at one budget, then ranks. */
export const budgetClaims: readonly MethodsClaim[] = [
  {
    reads: keysOf(placements),
    text: "Table 5: with a rate for each, q,v and all four do better than q or k alone",
    rule:
      "when q,v and q,k,v,o are each better than q and than k at the same budget, each with a rate of its " +
      "own, by more than the noise floor",
    ...said.table5,
    ...noted.methodsPlaces,
    paper: printedPlaces,
    ours: (compared) =>
      cellsOf(compared, [...both, ...alone]).map((cell) => meanIn(cell)).join(", "),
    holds: (compared) =>
      cellsOf(compared, both).every((better) =>
        cellsOf(compared, alone).every((worse) => compared.isBetter(better, worse))
      ),
    found: (compared) =>
      `${cellsOf(compared, keysOf(placements)).map((cell) => meanIn(cell)).join(", ")}. ${
        noiseNote(compared, "nats")
      }`,
  },
  {
    reads: keysOf(placements),
    text: "Table 5: with a rate for each, q,v does best",
    rule:
      "when on average over the tasks nothing else at the same budget is better than q,v, each with a rate of its " +
      "own, by more than the noise floor; added in a review, after the result was known",
    corrected: metThePaper,
    ...said.table5,
    printed: "q,v best",
    ...noted.methodsBestPlace,
    paper: [placementsOverall],
    ours: (compared) => meanIn(compared.best(cellsOf(compared, keysOf(placements)))),
    holds: (compared) =>
      cellsOf(compared, keysOf(placements)).every((other) =>
        !compared.isBetter(other, compared.cell(both[0]))
      ),
    found: (compared) => `${meanIn(compared.cell(both[0]))}. ${noiseNote(compared, "nats")}`,
  },
  {
    reads: keysOf(ranksOfQueryAndValue),
    text: "Table 6: with a rate for each rank, a very small one is enough for q,v",
    rule:
      `when the loss at r = 1 is at most ${enoughPercent} above the best rank's, each with a rate of its own, ` +
      "the most that suffices in table 6, in wrong answers",
    corrected: metThePaper,
    ...said.table6,
    ...noted.methodsEnough,
    paper: ranksOfBoth,
    contrary: ranksOfQuery,
    ours: (compared) => `r = 1 is ${(100 * aboveBest(compared)).toFixed(1)}% above the best rank`,
    holds: (compared) => aboveBest(compared) <= enoughShare,
    found: (compared) =>
      `${ranks(compared).map(({ size, mean }) => `${size}: ${mean.toFixed(3)}`).join(", ")}. ${
        noiseNote(compared, "nats")
      }${isUndecided(compared) ? " Undecided by these seeds: nearer to the mark than that." : ""}`,
  },
  {
    reads: keysOf(ranksOfQueryAndValue),
    text: "Table 18: the best rank is between 4 and 16",
    rule:
      "when the smallest rank that no other is better than, by more than the noise floor, is from 4 to 16, of 1, " +
      "4, 16 and 64",
    corrected: metThePaper,
    ...said.table18,
    ...noted.methodsRank,
    paper: ranksOfGpt2,
    ours: (compared) => enoughRank(compared).size,
    holds: (compared) => {
      const rank = Number(enoughRank(compared).size.slice("r = ".length));
      return rank >= 4 && rank <= 16;
    },
    found: (compared) => noiseNote(compared, "nats"),
  },
];
