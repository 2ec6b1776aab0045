/** Figure 8 and table 7: what an update has to do with the weight that it changes. @module */

import type { DataTable, Figure } from "../../src/figures/figure.ts";
import { heatmaps } from "../../src/figures/heatmaps.ts";
import type { Finding } from "../frame/claim.ts";
import type { Experiment } from "../frame/experiment.ts";
import { plannedRuns } from "./adapters.ts";
import { judge } from "../verdict.ts";
import {
  type AmplificationRow,
  amplificationRows,
  randomDraws,
  topDirections,
  weightViews,
} from "./amplification_rows.ts";
import {
  amplifiesUnemphasised,
  chanceOf,
  factorFalls,
  overlapOf,
  topsDiffer,
} from "./amplification_rules.ts";
import { subspaceRuns } from "./runs.ts";
import { loadStudy } from "./study.ts";
import { studySettings } from "./training.ts";

const ranks = [4, 8, 64];

const list = (rows: readonly AmplificationRow[], text: (row: AmplificationRow) => string) =>
  rows.map((row) => `layer ${row.layer + 1}, r = ${row.rank}: ${text(row)}`).join("; ");

function findingsIn(view: string, rows: readonly AmplificationRow[], width: number): Finding[] {
  const own = rows.filter((row) => row.view === view), small = own.filter(({ rank }) => rank === 4);
  return [
    {
      claim: `Figure 8: the top directions of W_q are not those of ΔW_q (in ${view})`,
      rule:
        `held when φ(${topDirections}, r) between the left directions of W_q and ΔW_q is at most ` +
        "twice chance at r = 4, 8 and 64, in both layers.",
      found: `${
        list(
          own,
          (row) => `${overlapOf(row).toFixed(3)}, chance ${chanceOf(row, width).toFixed(3)}`,
        )
      }.`,
      verdict: judge(topsDiffer(own, width), false),
    },
    {
      claim: `Table 7: ΔW amplifies directions that W has, and does not emphasise (in ${view})`,
      rule:
        "held when at r = 4, in both layers, ‖UᵀW_qVᵀ‖ with ΔW's directions lies above the mean " +
        `of ${randomDraws} random ones and below half of that with W's own.`,
      found: `${
        list(small, ({ inDelta, inRandom, randomSpread, inWeight }) =>
          `${inDelta.toFixed(2)}; random ${inRandom.toFixed(2)} ± ${
            randomSpread.toFixed(2)
          }, W's own ${inWeight.toFixed(2)}`)
      } (± the standard deviation of a draw).`,
      verdict: judge(amplifiesUnemphasised(own), false),
    },
    {
      claim: `Table 7: the amplification falls with r (in ${view})`,
      rule: "held when ‖ΔW‖ / ‖UᵀW_qVᵀ‖ is smaller at r = 64 than at r = 4 in both layers.",
      found: `${list(own, ({ factor }) => factor.toFixed(2))}. Against ‖W‖ ΔW is large here: ${
        list(small, ({ deltaNorm, weightNorm }) => `${(100 * deltaNorm / weightNorm).toFixed(0)}%`)
      }; the paper's is 11%.`,
      verdict: judge(factorFalls(own), false),
    },
  ];
}

function amplificationTable(rows: readonly AmplificationRow[]): DataTable {
  const number = (key: string, label: string) => ({ key, label, unit: "share" as const });
  return {
    id: "amplification",
    title:
      `Table 7 in kind, W_q; means of three seeds, random directions of ${randomDraws} draws. The ` +
      "last rows are the paper's own (GPT-3, layer 48; quoted)",
    columns: [
      { key: "view", label: "in", unit: "text" },
      { key: "layer", label: "layer", unit: "text" },
      { key: "rank", label: "r", unit: "count" },
      number("inDelta", "‖UᵀWVᵀ‖, ΔW's directions"),
      number("inWeight", "W's own"),
      number("inRandom", "random"),
      number("randomSpread", "± (one draw)"),
      number("deltaNorm", "‖ΔW‖"),
      number("weightNorm", "‖W‖"),
      number("factor", "‖ΔW‖ / ‖UᵀWVᵀ‖"),
    ],
    rows: [
      ...rows.map(({ overlap: _o, randomOverlap: _r, layer, ...row }) => {
        return { ...row, layer: String(layer + 1) };
      }),
      ...printedRows,
    ],
  };
}

/** Table 7 as printed. */
const printedRows = [
  { rank: 4, inDelta: 0.32, inWeight: 21.67, inRandom: 0.02, deltaNorm: 6.91, factor: 21.5 },
  { rank: 64, inDelta: 1.9, inWeight: 37.71, inRandom: 0.33, deltaNorm: 3.57 },
].map((row) => ({ view: "ΔW, paper", layer: "48 of 96", weightNorm: 61.95, ...row }));

function overlapFigure(view: string, rows: readonly AmplificationRow[]): Figure {
  const layers = Map.groupBy(rows.filter((row) => row.view === view), ({ layer }) => layer);
  const panels = [...layers].map(([layer, own]) => ({
    label: `layer ${layer + 1}: i`,
    panels: [...own.map(({ overlap }) => overlap), own.at(-1)!.randomOverlap],
  }));
  return {
    id: `amplification-overlap-${view === "ΔW" ? "raw" : "metric"}`,
    title: `Figure 8 in kind: φ(i, j) between the left directions of W_q and of ΔW_q, in ${view}`,
    caption:
      `W_q's first ${topDirections} directions, a tenth of its width, down; ΔW_q's across. ` +
      `Means of seeds 1, 2, 3 (11, 12, 13 at r = 64); the last column is chance, the mean of ${randomDraws} random matrices.`,
    ...heatmaps({
      columns: [...ranks.map((rank) => `ΔW_q, r = ${rank}`), `random, r = ${ranks.at(-1)}`],
      rows: panels,
      xTitle: "j (ΔW_q)",
      panelHeight: 120,
    }),
  };
}

/** What ΔW_q has to do with W_q. */
export const amplification: Experiment = {
  name: "amplification",
  title: "What has an update to do with the weight that it changes?",
  question:
    "Does ΔW repeat the top directions of W, or amplify others that W has but does not emphasise? " +
    "Judged in ΔW, as printed, and in ΔW·S^½ beside W·S^½ (S = E[x xᵀ] of the inputs).",
  source: "Hu et al. 2021, section 7.3, table 7 and figure 8",
  runs: (context) => plannedRuns(ranks.flatMap(subspaceRuns), context),
  async run(context) {
    const modules = await loadStudy(ranks, context), width = modules[0].weight.rows;
    const rows = amplificationRows(modules, ranks);
    context.report(1, "compared");
    const findings = weightViews.flatMap(({ name }) => findingsIn(name, rows, width));
    return {
      settings: studySettings(context.quick),
      findings: context.quick
        ? findings.map((finding) => ({ ...finding, verdict: judge(false, true) }))
        : findings,
      tables: [amplificationTable(rows)],
      figures: weightViews.map(({ name }) => overlapFigure(name, rows)),
    };
  },
};
