/** Tables 5, 6 and 7 as rows of the rank study, for rules to be tried on (decision 0052). @module */

import { measured, printedTables } from "../../src/paper/printed/mod.ts"; // paper/mod.ts would load mathjs
import { printedValue } from "../../src/paper/printed_number.ts";
import type { AmplificationRow } from "../../src/inspect/amplification_rows.ts";
import type { PrintedCase } from "../frame/mod.ts";
import { type LossRow, lossRow, type StudyLosses } from "./losses.ts";

/** `W_q, W_v` as we write it: `q, v`. */
const sitesOf = (printed: string) => printed.replaceAll("W_", "");

/** Wrong answers in percent, which stand for a loss; `spread` is that of seeds. */
const wrong = (sites: string, rank: number, accuracy: string, spread: number): LossRow =>
  lossRow(sites, rank, 1, [-spread, 0, spread].map((off) => 100 - Number(accuracy) + off));

/** Nothing is right without an adapter, for all that is printed. */
const base = 100;

const tasks = [["WikiSQL", "WikiSQL", 0.5], ["MNLI", "MNLI-m", 0.1]] as const;

/** Table 5: one budget on one, two or four matrices. */
export const placements: readonly PrintedCase<StudyLosses>[] = tasks.map(([, task, spread]) => ({
  where: `wrong answers of table 5: ${task}`,
  rows: {
    base,
    rows: Object.keys(printedTables.table5.rows).map((row) => {
      const [, sites, rank] = /^(.*), r = (\d)$/.exec(row)!;
      return wrong(sitesOf(sites), Number(rank), measured("table5", row, task), spread);
    }),
  },
}));

/** A row of table 6 at every rank, as if the matrices were those of `sites`. */
const ranksOf = (printed: string, sites: string, spread: number): LossRow[] =>
  printedTables.table6.columns.map((rank) =>
    wrong(sites, Number(rank.slice(4)), measured("table6", printed, rank), spread)
  );

/** Table 6 on each task: q and v at every rank. */
const ranksOfBoth: readonly PrintedCase<StudyLosses>[] = tasks.map(([task, , spread]) => ({
  where: `wrong answers of table 6: ${task}`,
  rows: { base, rows: ranksOf(`${task}, W_q, W_v`, "q, v", spread) },
}));

/** Printed ranks of q and v together, and of q alone. */
export const ranksOfAll: readonly PrintedCase<StudyLosses>[] = tasks.map(([task, , spread], i) => ({
  where: ranksOfBoth[i].where,
  rows: { base, rows: [...ranksOfBoth[i].rows.rows, ...ranksOf(`${task}, W_q`, "q", spread)] },
}));

const width = 12_288, topDirections = 1_176;

/** Table 7, with what chance gives at GPT-3's width, and figure 8's "barely exceeds 0.2" of its last direction. */
const norms = [4, 64].map((rank): AmplificationRow => {
  const row = `r = ${rank}`, of = (column: string) => printedValue(measured("table7", row, column));
  const weightNorm = of("norm of W_q"), deltaNorm = of("norm of ΔW_q");
  const inRandom = of("random directions");
  return {
    ...{
      view: "ΔW",
      site: "q",
      layer: "48",
      bySeed: [],
      rank,
      dimensions: width,
      weightNorm,
      deltaNorm,
      inRandom,
    },
    inDelta: of("directions of ΔW_q"),
    inWeight: of("directions of W_q"),
    randomSpread: weightNorm / (Math.SQRT2 * width),
    factor: of("amplification (section 7.3, appendix H.4)"),
    randomFactor: deltaNorm / inRandom,
    overlap: Array.from({ length: topDirections }, () => Array<number>(rank).fill(0.2)),
    randomOverlap: [],
    pickedUp: NaN, // Not printed.
    randomPickedUp: NaN,
  };
});

/** Table 7. */
export const amplified: PrintedCase<readonly AmplificationRow[]> = {
  where: "table 7",
  rows: norms,
};

/** Random directions in place of ΔW's: what they pass says nothing of ΔW. */
export const random: PrintedCase<readonly AmplificationRow[]> = {
  where: "random directions",
  rows: norms.map((row) => ({ ...row, inDelta: row.inRandom, factor: row.randomFactor })),
};

/** Figure 8, of which the paper prints one value in its text. */
export const overlapping: PrintedCase<readonly AmplificationRow[]> = {
  where: "figure 8: 0.2",
  rows: norms,
};
