/** A part of the map that every job trains anew. @module */

import { type DataTable, table } from "../../../src/figures/mod.ts";
import { claimsIn, type Experiment, experiment } from "../../frame/mod.ts";
import { type Cell, lineNames, mapCells } from "./arms.ts";
import { placementClaim } from "./cure_claims.ts";
import shipped from "./needed_rank.json" with { type: "json" };
import { language, meanOf } from "./needs.ts";
import { notEveryTask, oneSuffices } from "./paper_claims.ts";
import { shareFigure } from "./pictures.ts";
import { type MapRow, type MapRows, mapRows } from "./rows.ts";
import { type MapRun, planCells } from "./runs.ts";

/** A near task and two far ones. */
const tasks = ["reverse, new word", "Caesar's cipher +5", language];

/** Four ranks on q and v, one on all linear layers, and full fine-tuning of the far tasks. */
const isLive = ({ task, arm: { line, rank = 1, steps, base } }: Cell): boolean => {
  if (!tasks.includes(task.name) || steps !== undefined || base !== undefined) return false;
  if (line === "full") return task.name !== tasks[0];
  return line === "qv" ? [1, 2, 8, 32].includes(rank) : line === "all" && rank === 1;
};

/** What it trains. */
export const liveCells: readonly Cell[] = mapCells.filter(isLive);

const { mapRuns } = shipped.rows as unknown as MapRows;

/** What this job found, beside what was shipped. */
const hereTable = (rows: MapRows): DataTable =>
  table<MapRow>({
    id: "needed-rank-here",
    title: "Right answers, trained in this job and shipped",
    columns: [
      ["task", "task", "text"],
      ["line", "trained", "text", ({ line }) => lineNames[line]],
      ["rank", "r", "count"],
      ["seed", "seed", "count"],
      ["right", "right, this job (%)", "percent"],
      ["shipped", `right, quoted: mean of ${shipped.seeds.length} (%)`, "percent", (row) =>
        meanOf(mapRuns, row)?.right],
      ["before", "the base (%)", "percent"],
      ["loss", "nats per character", "nats"],
    ],
    rows: rows.mapRuns,
  });

/** Three tasks of the map, in a minute. */
export const neededRankHere: Experiment = experiment<MapRun, MapRows>({
  name: "needed-rank-here",
  title: "The rank that a task needs, trained in this job",
  question:
    "Does a part of the map come out here as it was shipped? A near task and two far ones are trained " +
    "in this job, at the shipped rates.",
  source: "Hu et al. 2021, section 7.2 and table 6",
  runs: ({ seeds, quick }) => planCells(liveCells, seeds, quick),
  rows: (made, { device }) => mapRows(made, device),
  settings: "As in the map, of which these runs are a part; its figures are quoted beside them.",
  scale: true,
  beyond: true,
  claims: (rows) => claimsIn("this job", [oneSuffices, notEveryTask, placementClaim], rows, true),
  tables: [hereTable],
  figures: [(rows) => ({ ...shareFigure(rows), id: "needed-rank-here" })],
});
