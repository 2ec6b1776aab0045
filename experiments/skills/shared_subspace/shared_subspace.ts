/** Do adapters of one base share a subspace, beside chance and beside one start of A? Decision 0066 has the rules. @module */

import { mean } from "../../../src/core/numbers.ts";
import {
  axis,
  baseLayout,
  type DataTable,
  type Figure,
  line,
  logAxis,
  palette,
  table,
  type Trace,
} from "../../../src/figures/mod.ts";
import { ticksAt } from "../../../src/figures/figure.ts";
import { type Experiment, experiment } from "../../frame/mod.ts";
import type { AnswerRow } from "./answers.ts";
import {
  type Case,
  leftOut,
  ofThemselves,
  rules,
  sharedClaims,
  sharesOf,
  sides,
} from "./claims.ts";
import { sizes } from "./held.ts";
import { type HeldRow, type SharedRows, sharedRows } from "./rows.ts";
import {
  sharedBatch,
  sharedRank,
  sharedRate,
  type SharedRun,
  sharedRuns,
  sharedSteps,
} from "./runs.ts";
import shipped from "./shared_subspace.json" with { type: "json" };

const heldTable = ({ held }: SharedRows): DataTable =>
  table<HeldRow>({
    id: "shared-held",
    title: "The share of an adapter that the first directions of others hold",
    columns: [
      ["seed", "seed", "count"],
      ["starts", "starts of A", "text"],
      ["made", "updates", "text"],
      ["view", "of", "text"],
      ["out", "left out", "text"],
      ["about", "about", "text"],
      ["mean", "the mean's direction", "share"],
      ...sizes.map((size) => [`k${size}`, `k = ${size}`, "share"] as const),
    ],
    rows: held,
  });

const answersTable = ({ answers }: SharedRows): DataTable =>
  table<AnswerRow>({
    id: "shared-answers",
    title: "Right answers of adapters, and of their projections on what the others share",
    columns: [
      ["seed", "seed", "count"],
      ["starts", "starts of A", "text"],
      ["family", "family", "text"],
      ["task", "task", "text"],
      ["base", "base (%)", "percent"],
      ["whole", "adapter (%)", "percent"],
      ["projected", "mean and 16 directions (%)", "percent"],
      ["mean", "mean alone (%)", "percent"],
    ],
    rows: answers,
  });

/** The panels of the figure. */
const panels: readonly (readonly [title: string, cases: Case])[] = [
  ["ΔW, none left out", ofThemselves],
  ["ΔW, one left out", leftOut],
  ["inputs", sides[0]],
  ["outputs", sides[1]],
];

/** Shares by k of both starts, solid, and by chance, dashed. */
function panelTraces(rows: SharedRows, one: Case, at: number): Trace[] {
  const end = at === 0 ? "" : `${at + 1}`;
  return (["own", "one"] as const).flatMap((starts, place) =>
    (["trained", "chance"] as const).map((made) => {
      const wanted = { ...one, starts, made }, name = starts === "own" ? "own starts" : "one start";
      const points = sizes.map((size) => ({
        size,
        share: 100 * mean(sharesOf(rows, wanted, `k${size}`)),
      }));
      const style = {
        color: palette.series[place],
        width: 2,
        dash: made === "chance" ? "dash" : "solid",
      } as const;
      return {
        ...line(points, ({ size }) => size, ({ share }) => share, style, {
          ...{ name: made === "chance" ? `${name}, by chance` : name, showlegend: at === 0 },
          ...{ xaxis: `x${end}`, yaxis: `y${end}` },
        }),
        mode: "lines+markers",
        marker: { color: palette.series[place], size: 6 },
      } as Trace;
    })
  );
}

/** The share that is held, by k. */
function heldFigure(rows: SharedRows): Figure {
  const width = 1 / panels.length, gap = 0.05;
  const axes = panels.map(([title], at) => {
    const end = at === 0 ? "" : `${at + 1}`;
    const domain = [at * width + (at === 0 ? 0 : gap / 2), (at + 1) * width - gap / 2];
    return {
      [`xaxis${end}`]: { ...logAxis(`k, ${title}`, ticksAt([...sizes], String)), domain },
      [`yaxis${end}`]: {
        ...axis(at === 0 ? "share held (%)" : "", { range: [-3, 103] }),
        ...{ anchor: `x${end}`, showticklabels: at === 0 },
      },
    };
  });
  return {
    id: "shared-subspace",
    title: "The share of an adapter that the first k directions hold: of all, and of the others",
    caption:
      "LoRA of rank 4 on all linear layers of models/tiny-skills, 40 tasks; means of 8 layers, adapters and seeds " +
      "{seeds}. ΔW as one vector, about the mean; inputs and outputs about zero, with one left out. Dashed: chance, with A as at " +
      "the start and a Gaussian B.",
    data: panels.flatMap(([, one], at) => panelTraces(rows, one, at)),
    layout: {
      ...baseLayout(logAxis(""), axis(""), { height: 420 }),
      ...Object.assign({}, ...axes),
    },
  };
}

/** Forty adapters, with one start and with their own. */
export const sharedSubspace: Experiment = experiment<SharedRun, SharedRows>({
  name: "shared-subspace",
  title: "Do adapters share a subspace?",
  question:
    "Are the updates of adapters of many tasks in a subspace of few directions, more than chance and than one start of " +
    "A makes them, and does it hold an adapter that it was not made of?",
  source: "Kaushik et al. 2025 (2512.05117)",
  runs: sharedRuns,
  quoted: { ...shipped, rows: shipped.rows as unknown as SharedRows },
  rows: sharedRows,
  settings:
    `40 tasks in four families; LoRA of rank ${sharedRank} on all linear layers of models/tiny-skills, ${sharedSteps} steps ` +
    `of ${sharedBatch} texts, a rate of ${sharedRate} that falls to 0. Every task is trained with a start of its own and ` +
    "with one A for all. Each update has norm 1. The rules, committed before the runs, are in " +
    "experiments/skills/shared_subspace/rules.md.",
  scale: true,
  beyond: true,
  rules,
  claims: sharedClaims,
  tables: [heldTable, answersTable],
  figures: [heldFigure],
});
