/** The rules of tables 5 and 6 (docs/decisions/0012), as functions of the held-out losses. @module */

import { type LossRow, meanLoss, spreadOf } from "./loss_rows.ts";

/** The row of these sites, of this rank where there are several. */
export function rowOf(rows: readonly LossRow[], sites: string, rank?: number): LossRow {
  return rows.find((row) => row.sites === sites && (rank === undefined || row.rank === rank))!;
}

/** Table 5: q,v and q,k,v,o lie below q alone and k alone by more than the larger spread. */
export function spreadBudgetWins(rows: readonly LossRow[]): boolean {
  const clearlyBelow = (better: LossRow, worse: LossRow) =>
    meanLoss(worse) - meanLoss(better) > Math.max(spreadOf(better), spreadOf(worse));
  return ["q, v", "q, k, v, o"].every((better) =>
    ["q", "k"].every((worse) => clearlyBelow(rowOf(rows, better), rowOf(rows, worse)))
  );
}

/** A share above the best rank's loss that counts as on a par, as in the adaptation experiment. */
export const parShare = 0.01;

/** The row with the lowest mean. */
export const bestRow = (rows: readonly LossRow[]): LossRow =>
  rows.reduce((best, row) => meanLoss(row) < meanLoss(best) ? row : best);

/** Table 6: rank 1 of q,v is on a par with the best rank. */
export function rankOneIsEnough(rows: readonly LossRow[]): boolean {
  const own = rows.filter(({ sites }) => sites === "q, v");
  return meanLoss(rowOf(own, "q, v", 1)) <= (1 + parShare) * meanLoss(bestRow(own));
}

/** (loss at r = 1 − loss at r = 64) / loss at r = 1. */
export function relativeGain(rows: readonly LossRow[], sites: string): number {
  const [first, last] = [1, 64].map((rank) => meanLoss(rowOf(rows, sites, rank)));
  return (first - last) / first;
}

/** Table 6: from r = 1 to 64 q alone gains more than q,v. */
export function queryNeedsMore(rows: readonly LossRow[]): boolean {
  return relativeGain(rows, "q") > relativeGain(rows, "q, v");
}
