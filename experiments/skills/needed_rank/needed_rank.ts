/** The rank that a task needs, against how far it is from what the base knows. @module */

import { type Experiment, experiment } from "../../frame/mod.ts";
import { skillExamples, skillSteps } from "../runs.ts";
import { language } from "./needs.ts";
import { mapCells } from "./arms.ts";
import { mapClaims } from "./claims.ts";
import { peftTable } from "./peft.ts";
import { axisFigure, directionsTable, needsTable, runsTable, shareFigure } from "./pictures.ts";
import shipped from "./needed_rank.json" with { type: "json" };
import { type MapRows, mapRows } from "./rows.ts";
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
