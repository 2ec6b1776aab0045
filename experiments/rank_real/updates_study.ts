/** Sizes, spectra and intruder dimensions of the study's updates. @module */

import { claimOn, type Experiment, experiment, LeftOut, type NotedClaim } from "../frame/mod.ts";
import losses from "./losses.json" with { type: "json" };
import { scalingFigure, updateClaims, type UpdateRows, updatesTable } from "./intruders.ts";
import type { RealRow } from "./rows.ts";
import scaled from "./scaled.json" with { type: "json" };
import kept from "./updates.json" with { type: "json" };

/** Updates in numbers on SmolLM2: kept of the runs of `train:real`, which no job makes again. */
export const realUpdates: Experiment = experiment<never, UpdateRows>({
  name: "rank-real-updates",
  title: "What do adapters of a real decoder change, and what do they forget with?",
  question:
    "How large is ΔW beside W on SmolLM2-135M, how many directions does it have, and are directions that W " +
    "does not have, its intruder dimensions, what an adapter forgets with?",
  source: "Hu et al. 2021, section 7; Shuttleworth et al. 2024 (arXiv:2410.21228)",
  beyond: true,
  rows: () =>
    kept.rows.length === 0
      ? new LeftOut("no numbers of the runs of deno task train:real are shipped")
      : {
        lines: kept.rows as unknown as UpdateRows["lines"],
        scaled: scaled.rows as UpdateRows["scaled"],
        runs: losses.rows.rows as unknown as readonly RealRow[],
      },
  settings: `Quoted, not measured in this job: deno task train:real, ${kept.source}.`,
  claims: (rows) =>
    updateClaims(rows).map((claim) => claimOn(claim, () => rows)) as NotedClaim<UpdateRows>[],
  tables: [updatesTable],
  figures: [(rows) => rows.scaled.length > 0 ? [scalingFigure(rows)] : []],
});
