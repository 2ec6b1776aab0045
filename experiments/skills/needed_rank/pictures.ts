/** Tables and figures of the map. @module */

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
import { mapRanks } from "./arms.ts";
import { axisOf } from "./claims.ts";
import {
  beyondRanks,
  meanOf,
  neededByLoss,
  neededRank,
  neededText,
  on,
  ranksOf,
  rankText,
  tasksAt,
} from "./needs.ts";
import type { MapRow, MapRows } from "./rows.ts";

/** Every task: the rank that it needs, and the controls' shares. */
export function needsTable({ mapRuns }: MapRows): DataTable {
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
export const runsTable = ({ mapRuns }: MapRows): DataTable =>
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
export const directionsTable = ({ mapDirections }: MapRows): DataTable =>
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

const rankAxis = (title: string, domain: readonly [number, number]) =>
  logAxis(title, { tickvals: [...mapRanks], ticktext: mapRanks.map(String), domain });

/** Right answers against rank, a line for each task, in two panels. */
export function shareFigure({ mapRuns }: MapRows): Figure {
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
      rankAxis("rank, on q and v", [0, 0.47]),
      axis("right answers (%)", { range: [-3, 103] }),
      {
        xaxis2: { ...rankAxis("rank, on all linear layers", [0.53, 1]), anchor: "y" },
        height: 520,
      },
    ),
  };
}

/** Needed rank against letters moved; one that no rank reaches is drawn above the largest. */
export function axisFigure({ mapRuns }: MapRows): Figure {
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
        tickvals: ranks,
        ticktext: ranks.map((rank) => rankText(rank === beyond ? beyondRanks : rank)),
        range: [Math.log10(0.9), Math.log10(1.1 * beyond)],
      }),
      { showlegend: false },
    ),
  };
}
