/** Figure 8 and table 7: how an update relates to the weight that it changes. @module */

import { type Figure, heatmaps, table } from "../../src/figures/mod.ts";
import { type Claim, claimsIn, type Experiment, experiment } from "../frame/mod.ts";
import { missingRuns } from "./adapters.ts";
import { amplificationRows, randomDraws, topDirections } from "./amplification_rows.ts";
import type { AmplificationRow } from "./amplification_rows.ts";
import { studySettings, subspaceRuns } from "./runs.ts";
import { loadStudy } from "./study.ts";
import { phi } from "./subspace_rows.ts";

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
  rule: `when φ(${topDirections}, r) between the left directions of W_q and ΔW_q is at most ` +
    "twice chance at r = 4, 8 and 64, in both layers",
  holds: (rows) => rows.every((row) => overlapOf(row) <= 2 * chanceOf(row)),
  found: (rows) =>
    `${list(rows, (row) => `${overlapOf(row).toFixed(3)}, chance ${chanceOf(row).toFixed(3)}`)}.`,
}, {
  text: "Table 7: ΔW amplifies directions that W has but does not emphasize",
  rule: "when at r = 4, in both layers, ‖UᵀW_qVᵀ‖ for ΔW's directions is above the mean " +
    `over ${randomDraws} random draws and below half of that for W's own directions`,
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
    ) + " (±: standard deviation of one draw).",
}, {
  text: "Table 7: the amplification factor falls as r grows",
  rule: "when ‖ΔW‖ / ‖UᵀW_qVᵀ‖ is smaller at r = 64 than at r = 4 in both layers",
  holds: (rows) =>
    atSmallest(rows).every(({ layer, factor }) =>
      rows.find((row) => row.layer === layer && row.rank === 64)!.factor < factor
    ),
  found: (rows) =>
    `${list(rows, ({ factor }) => factor.toFixed(2))}. ‖ΔW‖ / ‖W‖ is large here: ${
      list(atSmallest(rows), ({ deltaNorm, weightNorm }) =>
        `${(100 * deltaNorm / weightNorm).toFixed(0)}%`)
    }; in the paper it is 11%.`,
}];

/** Table 7 as printed. */
const printedRows = [
  { rank: 4, inDelta: 0.32, inWeight: 21.67, inRandom: 0.02, deltaNorm: 6.91, factor: 21.5 },
  { rank: 64, inDelta: 1.9, inWeight: 37.71, inRandom: 0.33, deltaNorm: 3.57 },
].map((row) => ({ view: "ΔW, paper", layer: "48 of 96", weightNorm: 61.95, ...row }));

function overlapFigure(view: string, rows: Rows): Figure {
  const layers = Map.groupBy(rows, ({ layer }) => layer), last = ranks.at(-1);
  return {
    id: `amplification-overlap-${view === "ΔW" ? "raw" : "metric"}`,
    title:
      `Figure 8 at small scale: φ(i, j) between the left directions of W_q and of ΔW_q, in ${view}`,
    caption:
      `Down: W_q's first ${topDirections} directions, a tenth of its width; across: ΔW_q's. ` +
      `Means over seeds 1, 2, 3 (11, 12, 13 at r = 64); the last column is chance, the mean of ${randomDraws} random matrices.`,
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

/** How ΔW_q relates to W_q. */
export const amplification: Experiment = experiment({
  name: "amplification",
  title: "How does an update relate to the weight that it changes?",
  question:
    "Does ΔW repeat the top directions of W, or amplify others that W has but does not emphasize? " +
    "Judged on ΔW and W, as in the paper, and on ΔW·S^½ and W·S^½ (S = E[x xᵀ] of the inputs).",
  source: "Hu et al. 2021, section 7.3, table 7 and figure 8",
  settings: studySettings,
  runs: (context) => missingRuns(subspaceRuns(ranks), context),
  rows: async (results, context) =>
    amplificationRows(await loadStudy(ranks, results, context), ranks),
  scale: true,
  claims: (rows) =>
    byView(rows).flatMap(([view, own]) => claimsIn(view, amplificationClaims, own, view !== "ΔW")),
  tables: [(rows) =>
    table<Partial<AmplificationRow>>({
      id: "amplification",
      title: "Table 7 at small scale, for W_q: means over three seeds; for random directions, " +
        `over ${randomDraws} draws. The last rows are quoted from the paper (GPT-3, layer 48)`,
      columns: [
        ["view", "space", "text"],
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
    })],
  figures: [(rows) => byView(rows).map(([view, own]) => overlapFigure(view, own))],
});
