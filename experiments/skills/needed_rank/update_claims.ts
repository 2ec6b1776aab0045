/** What ΔW does not say of the needed rank, and what it shares (docs/decisions/0055). @module */

import { mean } from "../../../src/core/numbers.ts";
import type { Claim } from "../../frame/mod.ts";
import { mapRanks } from "./arms.ts";
import { each, isNear, meanOf, neededRank, on, tasksAt } from "./needs.ts";
import type { MapRows } from "./rows.ts";

/** Needed ranks of 8 and more, beside the directions that r = 64 uses. */
const spectra = ({ mapRuns }: MapRows) =>
  tasksAt(mapRuns, () => true).flatMap((task) => {
    const need = neededRank(mapRuns, { task, line: "qv" });
    const runs = meanOf(mapRuns, on(task, "qv", 64))?.runs ?? [];
    if (need === undefined || need < 8 || runs.length === 0) return [];
    const directions = mean(runs.map(({ directions = 0 }) => directions));
    return [{ task, need: Math.min(need, mapRanks.at(-1)!), directions }];
  });

/** What the spectrum does not say. */
export const spectrumClaim: Claim<MapRows> = {
  text: "The spectrum of ΔW does not tell the needed rank",
  beyond: true,
  rule:
    "when on every task that needs r = 8 or more on q and v 90% of ‖ΔW‖² of r = 64 lie in fewer " +
    "directions than that, in the mean of modules and seeds, and there is such a task",
  ours: (rows) =>
    spectra(rows).map(({ need, directions }) => `${directions.toFixed(1)} of ${need}`).join(", "),
  holds: (rows) =>
    spectra(rows).length > 0 && spectra(rows).every(({ need, directions }) => directions < need),
};

/** Modules that share their first direction on the output side with another rank and seed, by near task. */
const sharing = ({ mapDirections }: MapRows) => {
  const near = mapDirections.filter((row) => row.pair === "8 and 64" && isNear(row));
  return [...Map.groupBy(near, ({ task }) => task)].map(([task, modules]) => ({
    task,
    count: modules.filter(({ output }) => output > 0.5).length,
  }));
};

/** Figure 3's direction, with other starts. */
export const directionClaim: Claim<MapRows> = {
  text: "r = 8 and r = 64 share their top direction with other starts, too, in what ΔW writes",
  beyond: true,
  rule:
    "when φ(1, 1) of the left-singular vectors of ΔW, r = 8 and r = 64 with seeds of their own, is above " +
    "0.5 in at least three of the four modules of every near task, in the mean of seeds",
  why:
    "They share much more than chance and than two tasks do, but in fewer modules than the rule asks for. In the study " +
    "before it, on another base, 20 of 24 modules of near tasks were above 0.5.",
  ours: (rows) =>
    each(
      sharing(rows).map(({ task }) => task),
      (task) => `${sharing(rows).find((one) => one.task === task)!.count} of 4`,
    ),
  holds: (rows) => sharing(rows).length > 0 && sharing(rows).every(({ count }) => count >= 3),
  found: ({ mapDirections }) => {
    const of = (pair: string, read: (row: MapRows["mapDirections"][number]) => number) =>
      mean(mapDirections.filter((row) => row.pair === pair && isNear(row)).map(read)).toFixed(2);
    const sides = (pair: string) =>
      `in A ${of(pair, ({ ofA }) => ofA)}, in inputs ${
        of(pair, ({ input }) => input)
      }, in outputs ${of(pair, ({ output }) => output)}`;
    return `Means of near tasks: ${sides("8 and 64")}; of two tasks: ${
      sides("two tasks")
    }; by chance 0.01.`;
  },
};
