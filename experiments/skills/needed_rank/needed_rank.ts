/** The rank that a task needs: the map, and the part of it that every job trains anew. @module */

import { type DataTable, table } from "../../../src/figures/mod.ts";
import { claimsIn, type Experiment, experiment } from "../../frame/mod.ts";
import { skillExamples, skillSteps } from "../runs.ts";
import { type Cell, lineNames, mapCells } from "./arms.ts";
import { mapClaims, placementClaim } from "./claims.ts";
import shipped from "./needed_rank.json" with { type: "json" };
import { language, meanOf } from "./needs.ts";
import { notEveryTask, oneSuffices } from "./paper_claims.ts";
import { peftTable } from "./peft.ts";
import { axisFigure, directionsTable, needsTable, runsTable, shareFigure } from "./pictures.ts";
import { type MapRow, type MapRows, mapRows } from "./rows.ts";
import { type MapRun, planCells } from "./runs.ts";

/** A quick run's: the nearest and the farthest task, a few ranks. */
const quickCells = mapCells.filter(({ task, arm: { rank = 1 } }) =>
  ["reverse, new word", language].includes(task.name) && [1, 8, 64].includes(rank)
);

/** Ranks on two lines, on tasks at five distances. */
export const neededRankMap: Experiment = experiment<MapRun, MapRows>({
  name: "needed-rank",
  title: "The rank that a task needs",
  question:
    "When is r = 1 enough, when is no small rank, and what helps then? Our base with skills learns tasks at five " +
    "distances from what it knows, from a known skill under a new word to a random alphabet, and is " +
    "judged by its answers to unseen inputs.",
  source: "Hu et al. 2021, section 7.2 and table 6",
  runs: ({ seeds, quick }) => planCells(quick ? quickCells : mapCells, seeds, quick),
  quoted: { ...shipped, rows: shipped.rows as unknown as MapRows },
  rows: (made, { device }) => mapRows(made, device),
  settings:
    `The base is models/tiny-skills. ${skillSteps} steps of 32 texts out of ${
      skillExamples.toLocaleString("en")
    }, AdamW, a rate that falls to 0 in ` +
    "a line, α = 2r. A rate for each rank, on inputs for validation. Each rank, line and number of steps has " +
    "seeds of its own; what is numbered are repeats. Decision 0055 has the rules, which were " +
    "committed before.",
  scale: true,
  claims: mapClaims,
  tables: [needsTable, runsTable, directionsTable, peftTable],
  figures: [shareFigure, axisFigure],
});

/** A near task and two far ones. */
const tasks = ["reverse, new word", "Caesar's cipher +5", language];

/** Four ranks on q and v, one on all linear layers, and full fine-tuning of the far tasks. */
const isLive = ({ task, arm: { line, rank = 1, steps, base } }: Cell): boolean => {
  if (!tasks.includes(task.name) || steps !== undefined || base !== undefined) return false;
  if (line === "full") return task.name !== tasks[0];
  return line === "qv" ? [1, 2, 8, 32].includes(rank) : line === "all" && rank === 1;
};

/** The cells that every job trains. */
export const liveCells: readonly Cell[] = mapCells.filter(isLive);

const { mapRuns } = shipped.rows as unknown as MapRows;

/** The shares of this job beside the shipped ones. */
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
  seconds: 70,
  title: "The rank that a task needs, trained in this job",
  question:
    "Does a part of the map come out here as it was shipped? A near task and two far ones are trained " +
    "in this job, at the shipped rates.",
  source: "Hu et al. 2021, section 7.2 and table 6",
  runs: ({ seeds, quick }) => planCells(liveCells, seeds, quick),
  rows: (made, { device }) => mapRows(made, device),
  settings:
    "As in the map, of which these runs are a part; its figures are quoted beside them. The tasks on which all linear " +
    "layers do not close the gap there, subtraction, facts and a word that the base answers with nothing, are not " +
    "among the three: that claim is judged in the map.",
  scale: true,
  beyond: true,
  claims: (rows) => claimsIn("this job", [oneSuffices, notEveryTask, placementClaim], rows, true),
  tables: [hereTable],
  figures: [(rows) => ({ ...shareFigure(rows), id: "needed-rank-here" })],
});
