/** Common parts of the experiments on methods: rows, tables, a figure, quoted rows. @module */

import type { Column, Figure } from "../../src/figures/mod.ts";
import type {
  AnyClaim,
  Experiment,
  ExperimentContext,
  NotedClaim,
  PlanContext,
  PlannedRun,
} from "../frame/mod.ts";
import { experiment, LeftOut, type MadeRun } from "../frame/mod.ts";
import { type ChosenMethod, type MethodCell, MethodComparison } from "./comparison.ts";
import type { MethodRow, NoiseBetween } from "./comparison.ts";
import { meansTable, type MeasuredValue, methodsFigure, runsTable } from "./pictures.ts";
import type { OwnColumns } from "./pictures.ts";

/** Rows that `deno task ship:rows` writes; before the first runs they are empty. */
export interface ShippedRows {
  /** Machine and date of the measurement. */
  readonly source: string;
  /** Seeds of their runs. */
  readonly seeds: readonly number[];
  /** A row for each run. */
  readonly rows: readonly unknown[];
}

/** An experiment on methods, as data. */
export interface MethodsStudy<Row extends MethodRow, Chosen extends ChosenMethod>
  extends Pick<Experiment, "name" | "title" | "question" | "source">, MeasuredValue {
  /** Settings of its runs. */
  readonly settings: string;
  /** Its rows with `--full`. */
  readonly shipped: ShippedRows;
  /** The runs of a job; none where what they read is not there. */
  runs(
    context: PlanContext,
  ): readonly PlannedRun<Chosen>[] | Promise<readonly PlannedRun<Chosen>[]>;
  /** Data that runs read and that may be missing, as the end of a sentence. */
  readonly lacking?: string;
  /** The row of a run. */
  row(made: MadeRun<Chosen>): Row;
  /** Rows of untrained baselines. */
  baselines?(context: ExperimentContext): Promise<readonly Row[]>;
  /** Rows by which methods are compared. Default: the rows themselves. */
  summarize?(rows: readonly Row[]): readonly MethodRow[];
  /** True for cells that the noise is pooled over. Default: those at the compared size. */
  isPooled?(cell: MethodCell): boolean;
  /** Two standard errors of differences, where they are not the same for all. */
  noiseBetween?(rows: readonly Row[]): NoiseBetween;
  /** The cell that the table subtracts. */
  against(compared: MethodComparison): MethodCell;
  /** Its claims, on its methods side by side. */
  claims(compared: MethodComparison, rows: readonly Row[]): readonly NotedClaim[];
  /** The same before they are put on parts of the rows. */
  readonly rules: readonly AnyClaim[];
  /** Columns of what the means are made of. */
  parts?(rows: readonly Row[]): readonly Column<MethodCell>[];
  /** Columns of its rows that other studies do not have. */
  readonly columns?: OwnColumns<Row>;
  /** The words of its figure. */
  readonly figure: Pick<Figure, "title" | "caption">;
  /** Its figure. Default: {@link methodsFigure}. */
  draw?(rows: readonly Row[], compared: MethodComparison): Pick<Figure, "data" | "layout">;
}

/** Makes an experiment of it. Without shipped rows a default job leaves it out: `--full` trains its runs. */
export function methodsExperiment<
  Row extends MethodRow = MethodRow,
  Chosen extends ChosenMethod = ChosenMethod,
>(study: MethodsStudy<Row, Chosen>): Experiment {
  const { name, title, question, source, settings, shipped, claims, rules, figure } = study;
  const summarize = study.summarize ?? ((rows: readonly Row[]) => rows);
  const compare = (rows: readonly Row[]) =>
    new MethodComparison(summarize(rows), study.best, study.isPooled, study.noiseBetween?.(rows));
  const draw = study.draw ??
    ((rows, compared) => methodsFigure(summarize(rows), compared, study));
  const means = { id: `${name}-means`, title: `Means over the seeds: ${study.heading}` };
  return experiment<Chosen, readonly Row[]>({
    ...{ name, title, question, source, settings, scale: true },
    runs: (context) => isMeasured(context) ? study.runs(context) : [],
    quoted: shipped.rows.length === 0
      ? undefined
      : { ...shipped, rows: shipped.rows as readonly Row[] },
    rows: async (made, context) =>
      made.length === 0
        ? new LeftOut(isMeasured(context) && study.lacking || notMeasured)
        : [...await study.baselines?.(context) ?? [], ...made.map((run) => study.row(run))],
    claims: (rows) => claims(compare(rows), rows),
    rules,
    tables: [
      (rows) => {
        const compared = compare(rows), against = study.against(compared);
        return meansTable(means, compared, against, study, study.parts?.(rows));
      },
      runsTable<Row>(name, study, study.columns),
    ],
    figures: [(rows) => ({ id: name, ...figure, ...draw(rows, compare(rows)) })],
  });
}

const notMeasured = "only --full trains its runs, and no rows of one are shipped";

/** True if a job trains the runs of these studies. */
const isMeasured = ({ full, quick }: PlanContext) => full || quick;
