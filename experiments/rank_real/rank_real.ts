/** Tables 3, 6 and 18 on a real decoder. @module */

import { fromTo, mean } from "../../src/core/numbers.ts";
import { axis, type DataTable, type Figure, rankCurves, table } from "../../src/figures/mod.ts";
import { measured, printedTables } from "../../src/paper/printed/mod.ts"; // paper/mod.ts would load mathjs
import { type Claim, type Experiment, experiment, LeftOut, type PlannedRun } from "../frame/mod.ts";
import { e2eMetrics } from "../methods/e2e/rows.ts";
import type { TriedRates } from "../methods/rates.ts";
import {
  methodClaims,
  queryClaim,
  rankClaims,
  ranksOfBoth,
  realClaims,
  scoreOf,
  shared,
} from "./rank_claims.ts";
import found from "./learning_rates.json" with { type: "json" };
import shipped from "./losses.json" with { type: "json" };
import {
  type ChosenRun,
  chosenRuns,
  measureBase,
  type RealRow,
  type RealRows,
  runRows,
  untrainedRows,
} from "./rows.ts";
import { planReal, realSteps } from "./runs.ts";
import { findReal, openReal, packedPath, type RealSizes, realSizes } from "./task.ts";

/** Every run, without the losses of its pairs. */
export const runsTable = ({ rows }: RealRows): DataTable =>
  table<RealRow>({
    id: "rank-real",
    title: "Every reported run of 500 steps",
    columns: [
      ["label", "method", "text"],
      ["seed", "data", "count"],
      ["start", "start", "count"],
      ["learningRate", "rate", "number"],
      ["end", "end of its grid that the rate is", "text"],
      ["trained", "trained values", "count"],
      [
        "value",
        "held-out loss (nats per token)",
        "nats",
        ({ value }) => Number.isFinite(value) ? value : undefined,
      ],
      ["own", "loss on the base's own texts", "nats"],
      ["novel", "loss on a novel", "nats"],
      ...e2eMetrics.map(({ key, label }) =>
        [key === "value" ? "bleu" : key, label, "number"] as const
      ),
      ["choice", "BLEU less LoRA's: deviation over draws of the meanings", "number"],
      ["source", "made by", "text"],
    ],
    rows,
  });

/** A method's means over its seeds, with what its loss on other texts has risen by. */
export function meansTable({ rows }: RealRows): DataTable {
  const base = rows.find(({ key }) => key === "base");
  const groups = [...Map.groupBy(rows, ({ key }) => key).values()];
  const over = (own: readonly RealRow[], value: (row: RealRow) => number | undefined) => {
    const values = own.map(value).filter((one) => Number.isFinite(one)); // JSON has null for what is not measured.
    return values.length === 0 ? undefined : values as number[];
  };
  const cell = (values: readonly number[] | undefined, decimals: number) =>
    values && mean(values).toFixed(decimals) +
      (values.length > 1 ? ` (${fromTo(values, decimals)})` : "");
  return table<readonly RealRow[]>({
    id: "rank-real-means",
    title: "Means over the seeds, with their range",
    columns: [
      ["label", "method", "text", ([{ label }]) => label],
      ["seeds", "seeds", "count", (own) => own[0].seed === undefined ? undefined : own.length],
      ["trained", "trained values", "count", ([{ trained }]) => trained],
      ["value", "held-out loss", "text", (own) => cell(over(own, ({ value }) => value), 3)],
      ...(["own", "novel"] as const).map((text) =>
        [
          text,
          text === "own" ? "rise on the base's own texts" : "rise on a novel",
          "text",
          (own: readonly RealRow[]) =>
            base && cell(over(own, (row) => row[text] && row[text] - base[text]!), 3),
        ] as const
      ),
      ...e2eMetrics.map(({ key, label, decimals }) =>
        [
          key === "value" ? "bleu" : key,
          label,
          "text",
          (own: readonly RealRow[]) => cell(over(own, (row) => scoreOf(row, key)), decimals),
        ] as const
      ),
    ],
    rows: groups,
  });
}

/** Table 18's losses by rank. */
const printed = Object.keys(printedTables.table18.rows).map((row) => ({
  rank: Number(row.slice("r = ".length)),
  value: Number(measured("table18", row, "validation loss")),
})).filter(({ rank }) => rank <= 64);

/** Percent above the best mean. */
function relative(points: readonly { readonly rank: number; readonly value: number }[]) {
  const means = [...Map.groupBy(points, ({ rank }) => rank).values()]
    .map((own) => mean(own.map(({ value }) => value)));
  const best = Math.min(...means);
  return points.map(({ rank, value }) => ({ rank, value: 100 * (value / best - 1) }));
}

/** The loss by rank beside the paper's, both relative to their best. */
export function rankFigure({ rows }: RealRows): Figure {
  const keys = ranksOfBoth.filter((key) => rows.some((row) => row.key === key));
  const own = shared(rows, keys).map(({ size, value }) => {
    return { rank: Number(size.slice("r = ".length)), value };
  });
  return {
    id: "rank-real",
    title: "Table 18 and ours: the loss by rank, relative to the best",
    caption:
      "SmolLM2-135M, 500 steps, one mark for each seed ({seeds}), each rank at its own rate; " +
      "GPT-2 Medium as the paper prints it, one run each, to r = 64.",
    ...rankCurves([
      { label: "SmolLM2-135M on E2E", measured: relative(own) },
      { label: "GPT-2 Medium on E2E (table 18)", measured: relative(printed) },
    ], axis("above the best rank's loss (%)")),
  };
}

/** The loss that every rate gave, by the method's key. */
export const tried: Readonly<Record<string, TriedRates>> = found.tried;

/** A quick run's: one rank, little of everything. */
const quickSizes: RealSizes = { heldOut: 4, answered: 2, validation: 4, newTokens: 8, others: 2 };

const sizesOf = (quick: boolean) => quick ? quickSizes : realSizes;

function runsOf(seeds: readonly number[], quick: boolean): ChosenRun[] {
  const runs = chosenRuns(tried, seeds);
  return quick ? runs.slice(0, 1).map((run) => ({ ...run, steps: 2, kept: [] })) : runs;
}

const rules = [...rankClaims, queryClaim, ...methodClaims];

const shippedRows = shipped.rows as unknown as RealRows;

/** Texts of the claims whose runs are shipped. */
const judged = realClaims(shippedRows)
  .map(({ text }) => typeof text === "string" ? text : text(shippedRows));

const isJudged = ({ text }: typeof rules[number]) => judged.includes(text as string);

/** Rules of the paper's claims whose runs are still to be made: no report has them. */
export const awaitedClaims = rules.filter((rule) =>
  !rule.beyond && !isJudged(rule)
) as readonly Claim<unknown>[];

/** Ranks and methods on SmolLM2 and E2E. */
export const rankReal: Experiment = experiment<ChosenRun, RealRows>({
  name: "rank-real",
  title: "Which rank is enough on a real decoder?",
  question:
    "How low can the rank be on SmolLM2-135M and the paper's own task, E2E, each rank at a rate of its own? " +
    "Is LoRA better than Table 3's other methods, and what does each forget?",
  source: "Hu et al. 2021, section 7.2, tables 6 and 18, and section 5.4, table 3",
  async runs({ seeds, quick, full }) {
    const places = full || quick ? await findReal() : undefined;
    if (!places) return [];
    const task = openReal(places, sizesOf(quick));
    return runsOf(seeds, quick).map((chosen): PlannedRun<ChosenRun> => {
      return { ...planReal(task, chosen), chosen };
    });
  },
  quoted: shipped.rows.rows.length === 0 ? undefined : shipped as unknown as {
    readonly rows: RealRows;
    readonly seeds: readonly number[];
    readonly source: string;
  },
  async rows(made, { device, quick, full }) {
    if (made.length > 0) {
      const task = openReal((await findReal())!, sizesOf(quick));
      const untrained = await untrainedRows(task, await measureBase(task, device));
      return { ...untrained, rows: [...untrained.rows, ...await runRows(made, task)] };
    }
    return new LeftOut(
      full || quick
        ? `LOWRANK_DATA is not a folder with ${packedPath}, E2E and a novel, or no rate was searched`
        : "only --full trains its runs, and no rows of one are shipped",
    );
  },
  settings:
    `${realSteps} steps of 4 pairs, none seen twice, no clipping, label smoothing 0.1, α = 32; the loss is of ` +
    `${realSizes.heldOut} pairs of the test set, the metrics of greedy answers to ${realSizes.answered} of its meanings. Seeds of ` +
    "data are shared by all, starts by none (decision 0056).",
  scale: true,
  claims: realClaims,
  rules: rules.filter(isJudged),
  tables: [meansTable, runsTable],
  figures: [rankFigure],
});
