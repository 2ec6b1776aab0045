/** What the four experiments on methods have in common: rows, tables, a figure, and what a default job quotes. @module */

import type { Figure } from "../../src/figures/mod.ts";
import type { Experiment, ExperimentContext, PlanContext, PlannedRun } from "../frame/mod.ts";
import { experiment, LeftOut, type MadeRun } from "../frame/mod.ts";
import { claimsOn, type MethodsClaim } from "./claims.ts";
import { type ChosenMethod, type MethodCell, MethodComparison } from "./comparison.ts";
import type { MethodRow } from "./comparison.ts";
import { meansTable, type MeasuredValue, methodsFigure, runsTable } from "./pictures.ts";

type Rows = readonly MethodRow[];

/** What `deno task ship:rows` writes; before the first runs its rows are empty. */
export interface ShippedRows {
  /** Where and when they were measured. */
  readonly source: string;
  /** Seeds of their runs. */
  readonly seeds: readonly number[];
  /** A row for each run. */
  readonly rows: readonly unknown[];
}

/** An experiment on methods, as data. */
export interface MethodsStudy
  extends Pick<Experiment, "name" | "title" | "question" | "source">, MeasuredValue {
  /** What was run. */
  readonly settings: string;
  /** Its rows with `--full`. */
  readonly shipped: ShippedRows;
  /** The runs of a job. */
  runs(context: PlanContext): readonly PlannedRun<ChosenMethod>[];
  /** The row of a run. */
  row(made: MadeRun<ChosenMethod>): MethodRow;
  /** What is not trained. */
  baselines?(context: ExperimentContext): Promise<readonly MethodRow[]>;
  /** Which cells the noise is pooled over. Default: those at which methods are compared. */
  isPooled?(cell: MethodCell): boolean;
  /** The cell that the table subtracts. */
  against(compared: MethodComparison): MethodCell;
  /** The claims of its rows. */
  claims(rows: Rows): readonly MethodsClaim[];
  /** The words of its figure. */
  readonly figure: Pick<Figure, "title" | "caption">;
  /** Its figure. Default: {@link methodsFigure}. */
  draw?(rows: Rows, compared: MethodComparison): Pick<Figure, "data" | "layout">;
}

/** Makes an experiment of it. Without shipped rows a default job leaves it out: `--full` trains its runs. */
export function methodsExperiment(study: MethodsStudy): Experiment {
  const { name, title, question, source, settings, shipped, claims, figure } = study;
  const compare = (rows: Rows) => new MethodComparison(rows, study.best, study.isPooled);
  const draw = study.draw ?? ((rows, compared) => methodsFigure(rows, compared, study));
  const means = { id: `${name}-means`, title: `Means over the seeds: ${study.heading}` };
  return experiment<ChosenMethod, Rows>({
    ...{ name, title, question, source, settings, scale: true },
    runs: (context) => context.full || context.quick ? study.runs(context) : [],
    quoted: shipped.rows.length === 0 ? undefined : { ...shipped, rows: shipped.rows as Rows },
    rows: async (made, context) =>
      made.length === 0
        ? new LeftOut("only --full trains its runs, and no rows of one are shipped")
        : [...await study.baselines?.(context) ?? [], ...made.map((run) => study.row(run))],
    claims: (rows) => claimsOn(compare(rows), claims(rows)),
    tables: [
      (rows) => {
        const compared = compare(rows);
        return meansTable(means, compared, study.against(compared), study);
      },
      runsTable(name, study),
    ],
    figures: [(rows) => ({ id: name, ...figure, ...draw(rows, compare(rows)) })],
  });
}
