/** Figure 8 and table 7: what an update has to do with the weight that it changes. @module */

import { type DataTable, type Figure, heatmaps, table } from "../../src/figures/mod.ts";
import { type Claim, claimsIn, type Experiment, experiment } from "../frame/mod.ts";
import { missingRuns } from "./adapters.ts";
import { amplificationRows, randomDraws, topDirections } from "./amplification_rows.ts";
import type { AmplificationRow } from "./amplification_rows.ts";
import { studySettings, subspaceRuns } from "./runs.ts";
import { phi } from "./subspace_rows.ts";
import { loadStudy } from "./study.ts";

const ranks = [4, 8, 64];

type Rows = readonly AmplificationRow[];

/** φ between all of W's top directions and all of ΔW's. */
const overlapOf = ({ overlap }: AmplificationRow) =>
  phi(overlap, overlap.length, overlap[0].length);

/** max(i, j) / d there. */
const chanceOf = ({ overlap, dimensions }: AmplificationRow) =>
  Math.max(overlap.length, overlap[0].length) / dimensions;

const atSmallest = (rows: Rows) => rows.filter(({ rank }) => rank === ranks[0]);

const list = (rows: Rows, text: (row: AmplificationRow) => string) =>
  rows.map((row) => `layer ${row.layer}, r = ${row.rank}: ${text(row)}`).join("; ");

/** The rules of docs/decisions/0012 on the rows of one view. */
export const amplificationClaims: readonly Claim<Rows>[] = [{
  text: "Figure 8: the top directions of W_q are not those of ΔW_q",
  rule: `held when φ(${topDirections}, r) between the left directions of W_q and ΔW_q is at most ` +
    "twice chance at r = 4, 8 and 64, in both layers.",
  holds: (rows) => rows.every((row) => overlapOf(row) <= 2 * chanceOf(row)),
  found: (rows) =>
    `${list(rows, (row) => `${overlapOf(row).toFixed(3)}, chance ${chanceOf(row).toFixed(3)}`)}.`,
}, {
  text: "Table 7: ΔW amplifies directions that W has, and does not emphasize",
  rule: "held when at r = 4, in both layers, ‖UᵀW_qVᵀ‖ with ΔW's directions is above the mean " +
    `of ${randomDraws} random ones and below half of that with W's own.`,
  holds: (rows) =>
    atSmallest(rows).every(({ inDelta, inRandom, inWeight }) =>
      inDelta > inRandom && inDelta < inWeight / 2
    ),
  found: (rows) =>
    list(
      atSmallest(rows),
      ({ inDelta, inRandom, randomSpread, inWeight }) =>
        `${inDelta.toFixed(2)}; random ${inRandom.toFixed(2)} ± ${randomSpread.toFixed(2)}, ` +
        `W's own ${inWeight.toFixed(2)}`,
    ) + " (± the standard deviation of a draw).",
}, {
  text: "Table 7: the amplification falls with r",
  rule: "held when ‖ΔW‖ / ‖UᵀW_qVᵀ‖ is smaller at r = 64 than at r = 4 in both layers.",
  holds: (rows) =>
    atSmallest(rows).every(({ layer, factor }) =>
      rows.find((row) => row.layer === layer && row.rank === 64)!.factor < factor
    ),
  found: (rows) =>
    `${list(rows, ({ factor }) => factor.toFixed(2))}. Against ‖W‖ ΔW is large here: ${
      list(atSmallest(rows), ({ deltaNorm, weightNorm }) =>
        `${(100 * deltaNorm / weightNorm).toFixed(0)}%`)
    }; the paper's is 11%.`,
}];

/** Table 7 as printed. */
const printedRows = [
  { rank: 4, inDelta: 0.32, inWeight: 21.67, inRandom: 0.02, deltaNorm: 6.91, factor: 21.5 },
  { rank: 64, inDelta: 1.9, inWeight: 37.71, inRandom: 0.33, deltaNorm: 3.57 },
].map((row) => ({ view: "ΔW, paper", layer: "48 of 96", weightNorm: 61.95, ...row }));

function amplificationTable(rows: Rows): DataTable {
  return table<Partial<AmplificationRow>>({
    id: "amplification",
    title: "Table 7 at small scale, W_q; means of three seeds, random directions of " +
      `${randomDraws} draws. The last rows are the paper's own (GPT-3, layer 48; quoted)`,
    columns: [
      ["view", "in", "text"],
      ["layer", "layer", "text"],
      ["rank", "r", "count"],
      ["inDelta", "‖UᵀWVᵀ‖, ΔW's directions", "share"],
      ["inWeight", "W's own", "share"],
      ["inRandom", "random", "share"],
      ["randomSpread", "± (one draw)", "share"],
      ["deltaNorm", "‖ΔW‖", "share"],
      ["weightNorm", "‖W‖", "share"],
      ["factor", "‖ΔW‖ / ‖UᵀWVᵀ‖", "share"],
    ],
    rows: [...rows, ...printedRows],
  });
}

function overlapFigure(view: string, rows: Rows): Figure {
  const layers = Map.groupBy(rows, ({ layer }) => layer), last = ranks.at(-1);
  return {
    id: `amplification-overlap-${view === "ΔW" ? "raw" : "metric"}`,
    title:
      `Figure 8 at small scale: φ(i, j) between the left directions of W_q and of ΔW_q, in ${view}`,
    caption:
      `W_q's first ${topDirections} directions, a tenth of its width, down; ΔW_q's across. ` +
      `Means of seeds 1, 2, 3 (11, 12, 13 at r = 64); the last column is chance, the mean of ${randomDraws} random matrices.`,
    ...heatmaps({
      columns: [...ranks.map((rank) => `ΔW_q, r = ${rank}`), `random, r = ${last}`],
      rows: [...layers].map(([layer, own]) => ({
        label: `layer ${layer}: i`,
        panels: [...own.map(({ overlap }) => overlap), own.at(-1)!.randomOverlap],
      })),
      xTitle: "j (ΔW_q)",
      panelHeight: 120,
    }),
  };
}

const byView = (rows: Rows) => [...Map.groupBy(rows, ({ view }) => view)];

/** What ΔW_q has to do with W_q. */
export const amplification: Experiment = experiment({
  name: "amplification",
  title: "What has an update to do with the weight that it changes?",
  question:
    "Does ΔW repeat the top directions of W, or amplify others that W has but does not emphasize? " +
    "Judged in ΔW, as printed, and in ΔW·S^½ beside W·S^½ (S = E[x xᵀ] of the inputs).",
  source: "Hu et al. 2021, section 7.3, table 7 and figure 8",
  settings: studySettings,
  runs: (context) => missingRuns(subspaceRuns(ranks), context),
  rows: async (results, context) =>
    amplificationRows(await loadStudy(ranks, results, context), ranks),
  scale: true,
  claims: (rows) => byView(rows).flatMap(([view, own]) => claimsIn(view, amplificationClaims, own)),
  tables: [amplificationTable],
  figures: [(rows) => byView(rows).map(([view, own]) => overlapFigure(view, own))],
});
