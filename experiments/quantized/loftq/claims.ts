/** Claims of `loftq` on its rows; decision 0033 has the reasons of the rules. @module */

import { fromTo, mean } from "../../../src/core/numbers.ts";
import type { Claim } from "../../frame/mod.ts";
import { type LoftqRow, ranks } from "./rows.ts";

/** The paper's T. */
const usual = 5;

/**
 * Rank and iteration where the structure of the residual is read, and the share that its error is
 * below chance if it has one.
 */
const structured = { rank: 16, iteration: 1, share: 0.02 } as const;

/** The rows of one kind of weights. */
export const ofKind = (rows: readonly LoftqRow[], kind: LoftqRow["kind"]): LoftqRow[] =>
  rows.filter((row) => row.kind === kind);

/** Whole rows of one rank. */
const atRank = (rows: readonly LoftqRow[], wanted: number): LoftqRow[] =>
  rows.filter(({ rank }) => rank === wanted);

/** Share by which one error is below another. */
const below = (error: number, other: number): number => 1 - error / other;

/** Share by which the error at T = 1 is below chance. */
export const belowChance = ({ errors, chance }: LoftqRow): number =>
  below(errors[structured.iteration], chance);

const percent = (shares: readonly number[], decimals: number): string =>
  `${fromTo(shares.map((share) => 100 * share), decimals).replaceAll("-", "−")}%`;

/** Share by which the error at the paper's T is below that of quantizing alone. */
const gains = (rows: readonly LoftqRow[]): number[] =>
  rows.map(({ errors }) => below(errors[usual], errors[0]));

/** The shares below chance where the structure is read. */
const structureIn = (rows: readonly LoftqRow[], kind: LoftqRow["kind"]): number[] =>
  atRank(ofKind(rows, kind), structured.rank).map(belowChance);

/** The mean error over all matrices. */
const meanError = (rows: readonly LoftqRow[], rank: number, iteration: number): number =>
  mean(atRank(rows, rank).map(({ errors }) => errors[iteration]));

/** `r = 1: 9.1%; r = 4: …`. */
const byRank = (say: (rank: number) => string): string =>
  ranks.map((rank) => `r = ${rank}: ${say(rank)}`).join("; ");

/** The three of decision 0033. */
export const loftqClaims: readonly Claim<readonly LoftqRow[]>[] = [
  {
    text: "With LoftQ's update a weight in 4 bits is closer to the weight",
    rule: `when at T = ${usual}, the paper's, ‖W − Q − BA‖ / ‖W‖ is below that at T = 0, ` +
      `of every matrix, at every rank`,
    quote:
      "“alleviates the discrepancy between the quantized and full-precision model” (Li et al. 2023, abstract)",
    ours: (rows) => `${percent(gains(rows), 1)} less`,
    holds: (rows) => rows.every(({ errors }) => errors[usual] < errors[0]),
    found: (rows) =>
      `The error of quantizing alone is ${
        percent(rows.map(({ errors }) => errors[0]), 1)
      } of ‖W‖. At T = ${usual} it is less, at ${
        byRank((rank) => `by ${percent(gains(atRank(rows, rank)), 1)}`)
      }.`,
  },
  {
    text: "What quantizing takes from a trained weight has a structure",
    rule: `when for the base's matrices at r = ${structured.rank}, T = ${structured.iteration}, ` +
      `the error is below chance by more than ${100 * structured.share}% of it, on average; ` +
      "chance is the best approximation of that rank of normal noise with the residual's shape and norm",
    why:
      "Tested, on all eight layers: with a random sign for every value what quantizing leaves is " +
      "as far below chance, 0.83% against 0.84%. So it has no directions of its own, only values " +
      "of unlike sizes, and a guess is that these follow the scales of their blocks.",
    ours: (rows) => `${percent([mean(structureIn(rows, "base"))], 1)} below chance`,
    holds: (rows) => mean(structureIn(rows, "base")) > structured.share,
    found: (rows) =>
      `By matrix: ${
        percent(structureIn(rows, "base"), 1)
      }. Of normal values, which should have none: ${
        percent(structureIn(rows, "normal"), 1)
      }. On average over the base's matrices, at ${
        byRank((rank) => percent([mean(atRank(ofKind(rows, "base"), rank).map(belowChance))], 1))
      }.`,
  },
  {
    text: "More iterations bring it closer",
    rule:
      `when the mean error over the matrices at T = ${usual} is below that at T = 1, at every rank`,
    ours: (rows) =>
      `${
        percent(
          ranks.map((rank) => below(meanError(rows, rank, usual), meanError(rows, rank, 1))),
          1,
        )
      } less`,
    holds: (rows) => ranks.every((rank) => meanError(rows, rank, usual) < meanError(rows, rank, 1)),
    found: (rows) =>
      `Mean errors in percent of ‖W‖ at T = 1, 2, ${usual} and 10: ${
        byRank((rank) =>
          [1, 2, usual, 10].map((iteration) => (100 * meanError(rows, rank, iteration)).toFixed(2))
            .join(", ")
        )
      }.`,
  },
];
