/** LoftQ: weights in 4 bits with updates that begin at what quantizing has taken. @module */

import { type Experiment, experiment } from "../../frame/mod.ts";
import { loftqClaims } from "./claims.ts";
import { loftqFigure, loftqTable } from "./pictures.ts";
import { iterations, loftqRows, ranks } from "./rows.ts";

/** Error of Q and BA together as an approximation of W. */
export const loftqErrors: Experiment = experiment({
  name: "loftq",
  seconds: 11,
  title: "LoftQ: what a low-rank update recovers of a weight in 4 bits",
  question:
    "LoRA on a base in 4 bits begins with B = 0, and so at a model that is worse than the base. How close do " +
    "Q and BA together come to W if both are fitted to it in turn, by rank and iteration?",
  source: "our own question; not in the paper. LoftQ is of Li et al. 2023",
  beyond: true,
  rows: (_, context) => loftqRows(context),
  seeds: "{seeds} (normal values)",
  settings: (rows) =>
    `LoftQ (Li et al. 2023, algorithm 1) on linear layers of tiny-gpt2 and on normal values: ${
      [...new Set(rows.map(({ matrix, shape }) => `${matrix} (${shape.join(" x ")})`))].join(", ")
    }. NF4, blocks of 64, scales in 8 bits; ` +
    `r = ${ranks.join(", ")}; T = ${iterations.join(", ")}. Computed on the host.`,
  claims: loftqClaims,
  tables: [loftqTable],
  figures: [loftqFigure],
});
