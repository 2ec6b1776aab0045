/** Table 6: which rank is enough. @module */

import { axis, rankCurves } from "../../src/figures/mod.ts";
import noted from "../notes.json" with { type: "json" };
import said from "../../src/paper/printed/claims.json" with { type: "json" };
import { type Claim, type Experiment, experiment } from "../frame/mod.ts";
import { missingRuns } from "./adapters.ts";
import { type LossRow, lossTable, seedsNote, type StudyLosses, studyLosses } from "./losses.ts";
import { ranksOfGpt2, ranksOfGpt3 } from "./printed.ts";
import { rankRuns, studySettings } from "./runs.ts";

type Rows = readonly LossRow[];
const ofSites = (rows: Rows, choice: string) => rows.filter(({ sites }) => sites === choice);
const bestOf = (rows: Rows) => rows.reduce((best, row) => row.loss < best.loss ? row : best);

/** How far the lowest rank's loss is above the best one, in percent. */
const aboveBest = (own: Rows) => (100 * (own[0].loss / bestOf(own).loss - 1)).toFixed(1);

/** (loss at r = 1 − loss at r = 64) / loss at r = 1. */
export function relativeGain(rows: Rows, sites: string): number {
  const own = ofSites(rows, sites);
  const [first, last] = [1, 64].map((rank) => own.find((row) => row.rank === rank)!.loss);
  return (first - last) / first;
}

function gains(rows: Rows): string {
  const gain = (sites: string) => `${(100 * relativeGain(rows, sites)).toFixed(1)}%`;
  return `from r = 1 to 64 the loss falls ${gain("q")} for q, ${gain("q, v")} for q,v`;
}

/** A share above the best rank's loss that counts as on par, as in the adaptation experiment. */
const parShare = 0.01;

/** The rules of docs/decisions/0012. */
export const rankClaims: readonly Claim<StudyLosses>[] = [{
  text: "Table 6: a very small rank is enough for q,v",
  rule: `when the mean held-out loss at r = 1 is at most ${100 * parShare}% above the best rank's`,
  ...said.table6,
  ...noted.table6,
  paper: [...ranksOfGpt3, ranksOfGpt2],
  ours: ({ rows }) => `r = 1 is ${aboveBest(ofSites(rows, "q, v"))}% above the best rank`,
  holds({ rows }) {
    const own = ofSites(rows, "q, v");
    return own[0].loss <= (1 + parShare) * bestOf(own).loss;
  },
  found({ rows }) {
    const own = ofSites(rows, "q, v");
    return `The best rank is ${bestOf(own).rank}. ${seedsNote(own[0])}.`;
  },
}, {
  text: "Table 6: q alone needs a higher rank",
  rule: "when the relative gain in loss from r = 1 to r = 64 is larger for q than for q,v",
  ...said.table6Query,
  ...noted.table6Query,
  paper: ranksOfGpt3,
  ours: ({ rows }) => gains(rows),
  holds: ({ rows }) => relativeGain(rows, "q") > relativeGain(rows, "q, v"),
  found: ({ rows }) => `${seedsNote(rows[0])}.`,
}];

/** q and v, and q alone, from rank 1 to 64. */
export const whichRank: Experiment = experiment({
  name: "which-rank",
  title: "Which rank is enough?",
  question: "How low can the rank be before quality suffers, for q and v and for q alone?",
  source: "Hu et al. 2021, section 7.2, table 6 (GPT-3), at small scale",
  settings: studySettings,
  seeds: "{seeds} (plus 10 at r = 64 of q,v, whose A would start with the rows of lower ranks)",
  runs: (context) => missingRuns(rankRuns(context.seeds), context),
  rows: (results, context) => studyLosses(rankRuns(context.seeds), results, context),
  scale: true,
  claims: rankClaims,
  tables: [lossTable("which-rank", "Held-out loss by rank")],
  figures: [({ rows }) => {
    const curves = ["q, v", "q"].map((label) => ({
      label,
      measured: ofSites(rows, label)
        .flatMap(({ rank, losses }) => losses.map((value) => ({ rank, value }))),
    }));
    return {
      id: "which-rank",
      title: "Table 6 at small scale: held-out loss by rank",
      caption: "One mark for each seed, lines through their means. One " +
        "learning rate for all ranks, α constant: the scaling α/r falls as r grows.",
      ...rankCurves(curves, axis("held-out loss (nats per token)")),
    };
  }],
});
