/** The rank that a task needs: the map, and the part of it that every job trains anew. @module */

import { type Axis, leftPanel, rightPanel, ticksAt } from "../../../src/figures/figure.ts";
import {
  axis,
  baseLayout,
  type DataTable,
  dots,
  type Figure,
  line,
  logAxis,
  palette,
  table,
  type Trace,
} from "../../../src/figures/mod.ts";
import { claimsIn, type Experiment, experiment } from "../../frame/mod.ts";
import { skillExamples, skillSteps } from "../runs.ts";
import { axisOf, mapClaims, notEveryTask, oneSuffices, placementClaim } from "./claims.ts";
import shipped from "./needed_rank.json" with { type: "json" };
import { peftTable } from "./peft.ts";
import {
  beyondRanks,
  language,
  type MapRow,
  type MapRows,
  mapRows,
  meanOf,
  neededByLoss,
  neededRank,
  neededText,
  on,
  ranksOf,
  rankText,
  tasksAt,
} from "./rows.ts";
import {
  type Cell,
  lineNames,
  liveTasks,
  mapCells,
  mapRanks,
  type MapRun,
  planCells,
} from "./runs.ts";

/** Every task: the rank that it needs, and the controls' shares. */
function needsTable({ mapRuns }: MapRows): DataTable {
  const right = (task: string, ...arm: [MapRow["line"], number?]) =>
    meanOf(mapRuns, on(task, ...arm))?.right;
  const best = (task: string) =>
    Math.max(...ranksOf(mapRuns, on(task, "qv")).map(({ right }) => right));
  const above = (task: string) => {
    const full = right(task, "full");
    return full === undefined ? undefined : best(task) - full;
  };
  const needed = (line: "qv" | "all") => ({ task }: MapRow) =>
    ranksOf(mapRuns, { task, line }).length > 1 ? neededText(mapRuns, { task, line }) : undefined;
  return table({
    id: "needed-rank",
    title: "The rank that a task needs in 300 steps",
    columns: [
      ["level", "distance", "count"],
      ["moved", "letters moved", "count"],
      ["task", "task", "text"],
      ["before", "the base (%)", "percent"],
      ["needed", "needed rank, q and v", "text", needed("qv")],
      [
        "neededByLoss",
        "by the loss",
        "text",
        ({ task }) =>
          rankText(
            neededByLoss(mapRuns, on(task, "qv")),
            ranksOf(mapRuns, on(task, "qv")).at(-1)?.rank,
          ),
      ],
      ["neededOnAll", "needed rank, all linear layers", "text", needed("all")],
      ["one", "r = 1, q and v (%)", "percent", ({ task }) => right(task, "qv", 1)],
      ["oneOnAll", "r = 1, all (%)", "percent", ({ task }) => right(task, "all", 1)],
      ["full", "full (%)", "percent", ({ task }) => right(task, "full")],
      ["bitfit", "BitFit (%)", "percent", ({ task }) => right(task, "bitfit")],
      ["aboveFull", "best rank, q and v, minus full (points)", "number", ({ task }) => above(task)],
    ],
    rows: tasksAt(mapRuns, () => true).map((task) => mapRuns.find((row) => row.task === task)!),
  });
}

/** Every training. */
const runsTable = ({ mapRuns }: MapRows): DataTable =>
  table({
    id: "mapRuns",
    title: "Every training",
    columns: [
      ["level", "distance", "count"],
      ["moved", "letters moved", "count"],
      ["task", "task", "text"],
      ["line", "trained", "text"],
      ["rank", "r", "count"],
      ["base", "base", "text"],
      ["steps", "steps", "count"],
      ["seed", "seed", "count"],
      ["learningRate", "rate", "number"],
      ["end", "end of the grid", "text"],
      ["trained", "trained values", "count"],
      ["right", "right (%)", "percent"],
      ["before", "the base (%)", "percent"],
      ["loss", "nats per character", "nats"],
      ["texts", "answers", "count"],
      ["size", "‖ΔW‖ / ‖W‖", "number"],
      ["directions", "directions that hold 90%", "number"],
    ],
    rows: mapRuns,
  });

/** φ(1, 1) of first directions, by pair and module. */
const directionsTable = ({ mapDirections }: MapRows): DataTable =>
  table({
    id: "mapDirections",
    title: "φ(1, 1) of LoRA on q and v with other starts; 0.005 by chance",
    columns: [
      ["level", "distance", "count"],
      ["moved", "letters moved", "count"],
      ["task", "task", "text"],
      ["pair", "ranks", "text"],
      ["module", "module", "text"],
      ["ofA", "in A", "number"],
      ["input", "in ΔW's inputs", "number"],
      ["output", "in ΔW's outputs", "number"],
    ],
    rows: mapDirections,
  });

const symbols = ["circle", "square", "diamond"];

const dashes = ["solid", "dash", "dot"] as const;

/** A task's color is that of its distance. */
const styleOf = (rows: readonly MapRow[], task: string) => {
  const { level } = rows.find((row) => row.task === task)!;
  const place = tasksAt(rows, (row) => row.level === level).indexOf(task);
  const at = place % symbols.length;
  return { color: palette.series[level!], symbol: symbols[at], dash: dashes[at] };
};

const rankAxis = (title: string, panel: Axis) => logAxis(title, { ...ticksAt(mapRanks), ...panel });

/** Right answers against rank, a line for each task, in two panels. */
function shareFigure({ mapRuns }: MapRows): Figure {
  const panels = (["qv", "all"] as const).flatMap((own, panel) =>
    tasksAt(mapRuns, ({ level }) => level !== undefined).map((task) => ({ own, panel, task }))
  );
  return {
    id: "needed-rank-shares",
    title: "Right answers by rank",
    caption:
      "Left LoRA on q and v, right on all linear layers, where the ranks were trained; 300 steps, " +
      "the mean of seeds {seeds} on unseen inputs. Colors: distances, from a known skill (blue) to " +
      "an arbitrary map.",
    data: panels.flatMap(({ own, panel, task }): Trace[] => {
      const means = ranksOf(mapRuns, { task, line: own });
      const { color, symbol, dash } = styleOf(mapRuns, task);
      return [{
        ...line(means, ({ rank }) => rank, ({ right }) => right, { color, width: 2, dash }, {
          name: task,
          legendgroup: task,
          showlegend: panel === 0,
          ...panel === 1 && { xaxis: "x2" },
        }),
        mode: "lines+markers",
        marker: { color, symbol, size: 8 },
      }];
    }),
    layout: baseLayout(
      rankAxis("rank, on q and v", leftPanel),
      axis("right answers (%)", { range: [-3, 103] }),
      {
        xaxis2: rankAxis("rank, on all linear layers", rightPanel),
        height: 520,
      },
    ),
  };
}

/** Needed rank against letters moved; one that no rank reaches is drawn above the largest. */
function axisFigure({ mapRuns }: MapRows): Figure {
  const beyond = 2 * mapRanks.at(-1)!, ranks = [...mapRanks, beyond];
  const points = axisOf(mapRuns).flatMap(({ task, moved }) => {
    const needed = neededRank(mapRuns, on(task, "qv"));
    if (needed === undefined) return [];
    return [{ moved, rank: needed === beyondRanks ? beyond : needed }];
  });
  return {
    id: "needed-rank-moved",
    title: "Needed rank by letters moved",
    caption:
      "Caesar's cipher, which the base knows, but for so many letters; LoRA on q and v, 300 steps, " +
      "seeds {seeds}. All linear layers are in the table.",
    data: [
      line(points, ({ moved }) => moved, ({ rank }) => rank, { color: palette.lora[1], width: 2 }),
      dots(points, ({ moved }) => moved, ({ rank }) => rank, { color: palette.lora[1], size: 11 }),
    ],
    layout: baseLayout(
      axis("letters moved"),
      logAxis("needed rank, q and v", {
        ...ticksAt(ranks, (rank) => rankText(rank === beyond ? beyondRanks : rank)),
        range: [Math.log10(0.9), Math.log10(1.1 * beyond)],
      }),
      { showlegend: false },
    ),
  };
}

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

/** r = 1 and 8 on q and v; on the farthest task also r = 1 on all linear layers and full fine-tuning. */
const isLive = ({ task, arm: { line, rank = 1, steps, base } }: Cell): boolean => {
  const isFar = task.name === language;
  if (!isFar && task.name !== liveTasks[0] || steps !== undefined || base !== undefined) {
    return false;
  }
  if (line === "qv") return [1, 8].includes(rank);
  return isFar && (line === "full" || line === "all" && rank === 1);
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

/** Two tasks of the map, in half a minute. */
export const neededRankHere: Experiment = experiment<MapRun, MapRows>({
  name: "needed-rank-here",
  seconds: 36,
  title: "The rank that a task needs, trained in this job",
  question:
    "Does a part of the map come out here as it was shipped? A near task and a far one are trained " +
    "in this job, at the shipped rates.",
  source: "Hu et al. 2021, section 7.2 and table 6",
  runs: ({ seeds, quick }) => planCells(liveCells, seeds, quick),
  rows: (made, { device }) => mapRows(made, device),
  settings:
    "As in the map, of which these runs are a part; its figures are quoted beside them. The tasks on which all linear " +
    "layers do not close the gap there, subtraction, facts and a word that the base answers with nothing, are not " +
    "among the two: that claim is judged in the map.",
  scale: true,
  beyond: true,
  claims: (rows) => claimsIn("this job", [oneSuffices, notEveryTask, placementClaim], rows, true),
  tables: [hereTable],
  figures: [(rows) => ({ ...shareFigure(rows), id: "needed-rank-here" })],
});
