/** Common parts of the experiments on methods: rows, tables, a figure, quoted rows. @module */

import { boundsOf, fromTo } from "../../src/core/numbers.ts";
import { methodKinds } from "../../src/figures/figure.ts";
import {
  axis,
  baseLayout,
  type Column,
  type DataTable,
  dots,
  type Figure,
  line,
  logCountAxis,
  palette,
  table,
  type Trace,
  type Unit,
} from "../../src/figures/mod.ts";
import { noiseIn, signed } from "../differences.ts";
import {
  type AnyClaim,
  type Experiment,
  experiment,
  type ExperimentContext,
  LeftOut,
  type MadeRun,
  type NotedClaim,
  type PlanContext,
  type PlannedRun,
} from "../frame/mod.ts";
import {
  type ChosenMethod,
  type MethodCell,
  MethodComparison,
  type MethodRow,
  type NoiseBetween,
} from "./comparison.ts";

/** Name, unit and direction of the measured value in tables and on axes. */
export interface MeasuredValue {
  /** `held-out loss (nats per token)`. */
  readonly heading: string;
  /** The better end of the values. */
  readonly best: "lowest" | "highest";
  /** Its unit. */
  readonly unit: Unit;
  /** Decimals of differences. */
  readonly decimals: number;
}

/** Held-out loss. */
export const lossValue: MeasuredValue = {
  heading: "held-out loss (nats per token)",
  best: "lowest",
  unit: "nats",
  decimals: 3,
};

/** Share of the texts. */
export const accuracyValue: MeasuredValue = {
  heading: "accuracy (%)",
  best: "highest",
  unit: "percent",
  decimals: 1,
};

/** Every run: the rows that are shipped, with columns of their own before and after those of all studies. */
const runsTable = <Row extends MethodRow>(
  id: string,
  { heading, unit }: MeasuredValue,
  { before = [], after = [] }: OwnColumns<Row> = {},
) =>
(rows: readonly Row[]): DataTable =>
  table<Row>({
    id,
    title: "Every reported run",
    columns: [
      ...before,
      ["label", "method", "text"],
      ["size", "size", "text"],
      ["seed", "seed", "count"],
      ["learningRate", "rate", "number"],
      ["trained", "trained values", "count"],
      ["value", heading, unit],
      ["end", "end of its grid that the rate is", "text"],
      ["compared", "compared at this size", "count"],
      ["family", "family", "text"],
      ["key", "key", "text"],
      ...after,
    ],
    rows,
  });

/** Columns of a study's own. */
export interface OwnColumns<Row> {
  /** Those before the method's name. */
  readonly before?: readonly Column<Row>[];
  /** Those at the end. */
  readonly after?: readonly Column<Row>[];
}

/**
 * The mean of each method at each size, beside that of one that all are compared with.
 *
 * @param parts Columns of what the mean is made of.
 */
function meansTable(
  words: Pick<DataTable, "id" | "title">,
  compared: MethodComparison,
  against: MethodCell,
  { heading, unit, decimals }: MeasuredValue,
  parts: readonly Column<MethodCell>[] = [],
): DataTable {
  const ofTrained = (show: (cell: MethodCell) => string) => (cell: MethodCell) =>
    cell.family === "baseline" ? undefined : show(cell);
  const difference = (cell: MethodCell) =>
    signed(cell.mean - against.mean, decimals) +
    noiseIn(compared.noiseBetween(cell, against), decimals);
  return table<MethodCell>({
    ...words,
    columns: [
      ["label", "method", "text"],
      ["size", "size", "text"],
      ["trained", "trained values", "count"],
      ...(compared.cells.some(({ learningRate }) => learningRate !== undefined)
        ? [["rate", "rate", "text", ofTrained(rateIn)]] satisfies Column<MethodCell>[]
        : []),
      ...parts,
      ["mean", heading, unit],
      ["seeds", "of the seeds", "text", ofTrained(({ values }) => fromTo(values, decimals))],
      [
        "difference",
        `minus ${against.label}`,
        "text",
        (cell) => cell === against ? undefined : ofTrained(difference)(cell),
      ],
    ],
    rows: compared.cells,
  });
}

/** `3e-3 (highest)`: a rate, and which end of its grid it is. */
export const rateIn = ({ learningRate, end }: Pick<MethodRow, "learningRate" | "end">): string =>
  `${learningRate?.toExponential()}${end ? ` (${end})` : ""}`;

const dashes = ["solid", "dash", "dot", "dashdot"] as const;

const symbols = ["circle", "square", "diamond", "triangle-up", "cross", "x", "star"];

/** Dashes of the n-th method of a family: no two lines of one shade are dashed alike. */
function styleOf(family: MethodRow["family"], place: number) {
  const own = methodKinds[family].shades, color = own[place % own.length];
  return { color, dash: dashes[Math.floor(place / own.length) % dashes.length] };
}

/** Quality against trained values: a mark for each seed, a line through each method's means; baselines dashed. */
export function methodsFigure(
  rows: readonly MethodRow[],
  compared: MethodComparison,
  { heading }: Pick<MeasuredValue, "heading">,
): Pick<Figure, "data" | "layout"> {
  const seen = new Map<string, number>(), trained = rows.filter(({ trained }) => trained > 0);
  const ends = boundsOf(trained.map(({ trained }) => trained));
  const baselines = rows.filter(({ family }) => family === "baseline");
  const dashed = baselines.map(({ label: name, value }, place): Trace => {
    const dash = dashes[1 + place % (dashes.length - 1)];
    const style = { color: palette.base, width: 1.5, dash } as const;
    return line(ends, (end) => end, () => value, style, { name });
  });
  const traces = [...Map.groupBy(trained, ({ key }) => key)].flatMap(([key, own], i): Trace[] => {
    const { family, label } = own[0], place = seen.get(family) ?? 0;
    seen.set(family, place + 1);
    const { color, dash } = styleOf(family, place);
    const marker = { color, symbol: symbols[i % symbols.length], size: 9 };
    const quiet = { showlegend: false, hoverinfo: "skip", legendgroup: key };
    return [
      line(compared.sizesOf(key), ({ trained }) => trained, ({ mean }) => mean, {
        ...{ color, dash, width: 1.2 },
      }, quiet),
      dots(own, ({ trained }) => trained, ({ value }) => value, marker, {
        ...{ name: label, legendgroup: key },
      }),
    ];
  });
  const layout = baseLayout(logCountAxis("trained values"), axis(heading), { height: 620 });
  return { data: [...dashed, ...traces], layout };
}

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
interface MethodsStudy<Row extends MethodRow, Chosen extends ChosenMethod>
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
