/** The frame of every experiment: it makes the runs, reads them, judges and draws. @module */

import type { DataTable, Figure } from "../../src/figures/figure.ts";
import { type Claim, type Finding, judge } from "../../src/paper/claim.ts";
import type { MadeRun, PlannedRun } from "../../src/runs/plan.ts";
import { makeRuns } from "./planned_runs.ts";
import type { ExperimentContext, PlanContext } from "./planned_runs.ts";

/** Result of an experiment. */
export interface Outcome {
  /** Data, sizes and rates of the runs, in a sentence or two. */
  readonly settings: string;
  /** One for each claim. */
  readonly findings: readonly Finding[];
  /** Its rows. */
  readonly tables: readonly DataTable[];
  /** Its figures, functions of the rows. */
  readonly figures: readonly Figure[];
}

/** A question about the paper, with runs, rows and claims. */
export interface Experiment {
  /** Its name on the command line, after `--only`. */
  readonly name: string;
  /**
   * Seconds on two cores with OpenBLAS, one seed, nothing read from earlier runs. Only ratios count, for the progress
   * bar and the time left.
   */
  readonly seconds: number;
  /** One line for the report. */
  readonly title: string;
  /** Its question, for a reader who sees the report for the first time. */
  readonly question: string;
  /** The place in the paper. */
  readonly source: string;
  /** True if its claims depend on scale, where they do not say so themselves. Default false. */
  readonly scale?: boolean;
  /**
   * True if the paper makes none of its claims, where they do not say so themselves. Default false.
   */
  readonly beyond?: boolean;
  /** Its claims; of those on parts of its rows, the rules. */
  readonly claims: readonly Claim<unknown>[];
  /** The training runs that it reads, where it has any: what `--shard` shares out. */
  runs?(context: PlanContext): readonly PlannedRun[] | Promise<readonly PlannedRun[]>;
  /** Makes the runs that do not exist yet, reads all of them, and judges the claims. */
  run(context: ExperimentContext): Promise<Outcome>;
}

/** An experiment as data. `Rows` is what it measured, in whatever shape its claims read best. */
export interface ExperimentDefinition<Chosen, Rows>
  extends Omit<Experiment, "seconds" | "claims" | "runs" | "run"> {
  /** Seconds that it takes; see {@link Experiment}. Default 1. */
  readonly seconds?: number;
  /** The training runs that it reads, where it has any. */
  runs?(
    context: PlanContext,
  ): readonly PlannedRun<Chosen>[] | Promise<readonly PlannedRun<Chosen>[]>;
  /** Its rows with `--full`, which the default job shows in place of runs of its own. */
  readonly quoted?: QuotedRows<Rows>;
  /** Makes plain rows from the runs, in their order, and from its own measurements. */
  rows(
    made: readonly MadeRun<Chosen>[],
    context: ExperimentContext,
  ): Rows | LeftOut | Promise<Rows | LeftOut>;
  /** Seeds of its runs in words, where they are not the job's `{seeds}`; `{seed}` is the first of those. */
  readonly seeds?: string;
  /** Settings of the runs, in a sentence or two. */
  readonly settings: string | ((rows: Rows, context: ExperimentContext) => string);
  /** Claims on the rows. */
  readonly claims?: readonly Claim<Rows>[] | ((rows: Rows) => readonly Claim<Rows>[]);
  /** The paper's claims before `claims` puts them on parts of the rows, for the paper's own numbers to be tried on. */
  readonly rules?: readonly AnyClaim[];
  /** Functions of the rows. */
  readonly tables?: readonly View<Rows, DataTable>[];
  /** Functions of the rows; `{seeds}` and `{seed}` in a caption are all seeds and the first. */
  readonly figures?: readonly View<Rows, Figure>[];
}

/** A claim on rows of some shape. */
export type AnyClaim = Omit<Claim<never>, "paper" | "contrary">;

/** Rows that were measured once, with `--full`, and are shipped as data (`scripts/ship_rows.ts`). */
export interface QuotedRows<Rows> {
  /** The rows. */
  readonly rows: Rows;
  /** Seeds of their runs. */
  readonly seeds: readonly number[];
  /** Commit, device and date of the measurement. */
  readonly source: string;
}

/** One picture of the rows, or several. */
export type View<Rows, Picture> = (
  rows: Rows,
  context: ExperimentContext,
) => Picture | readonly Picture[];

/** Result of `rows` if there is nothing to measure: the reason, which the report shows. */
export class LeftOut {
  /** `why` follows "Left out: " and has no final period. */
  constructor(readonly why: string) {}
}

/** The share of the progress bar that training takes, where there is any. */
const trainingShare = 0.9;

/**
 * Makes an experiment of its definition.
 *
 * @example
 * ```ts
 * import { experiment } from "@lowrank/core/experiments";
 *
 * const halves = experiment({
 *   name: "halves",
 *   title: "Halves",
 *   question: "Is a half of four two?",
 *   source: "arithmetic",
 *   beyond: true,
 *   rows: () => ({ half: 4 / 2 }),
 *   settings: "Computed.",
 *   claims: [{
 *     text: "A half of four is two",
 *     rule: "when it is 2",
 *     holds: ({ half }) => half === 2,
 *     ours: ({ half }) => `${half}`,
 *   }],
 * });
 * console.log(halves.name); // halves
 * ```
 */
export function experiment<Chosen, Rows>(
  definition: ExperimentDefinition<Chosen, Rows>,
): Experiment {
  const { name, seconds = 1, title, question, source, scale, beyond, runs } = definition;
  const { rules = typeof definition.claims === "function" ? [] : definition.claims } = definition;
  const claims = (rules ?? []) as readonly Claim<unknown>[];
  const run = (context: ExperimentContext) => outcomeOf(definition, context);
  const planned = runs &&
    ((context: PlanContext) => quotedIn(definition, context) ? [] : runs(context));
  return { name, seconds, title, question, source, scale, beyond, claims, runs: planned, run };
}

/**
 * Quoted rows of a job: it measures by itself with `--full`, and with `--quick` shows that
 * everything works.
 */
const quotedIn = <Rows>(
  { quoted }: Pick<ExperimentDefinition<never, Rows>, "quoted">,
  { full, quick }: PlanContext,
): QuotedRows<Rows> | undefined => full || quick ? undefined : quoted;

async function outcomeOf<Chosen, Rows>(
  definition: ExperimentDefinition<Chosen, Rows>,
  context: ExperimentContext,
): Promise<Outcome> {
  const quoted = quotedIn(definition, context);
  if (quoted) {
    return quote(pictureOf(definition, quoted.rows, { ...context, seeds: quoted.seeds }), quoted);
  }
  const rows = await measure(definition, context);
  if (rows instanceof LeftOut) {
    return { settings: `Left out: ${rows.why}.`, findings: [], tables: [], figures: [] };
  }
  return pictureOf(definition, rows, context);
}

async function measure<Chosen, Rows>(
  definition: ExperimentDefinition<Chosen, Rows>,
  context: ExperimentContext,
): Promise<Rows | LeftOut> {
  const plan = await definition.runs?.(context) ?? [];
  const trained = plan.length > 0 ? trainingShare : 0;
  const made = await makeRuns(plan, withinProgress(context, 0, trained));
  const rows = await definition.rows(made, withinProgress(context, trained, 1));
  context.report(1, "done");
  return rows;
}

/** The rows judged, as tables, and as figures. */
function pictureOf<Chosen, Rows>(
  definition: ExperimentDefinition<Chosen, Rows>,
  rows: Rows,
  context: ExperimentContext,
): Outcome {
  const { settings, scale, beyond, claims = [], tables = [], figures = [] } = definition;
  const { seeds = definition.runs && "{seeds}" } = definition, name = namingSeeds(context);
  const what = typeof settings === "string" ? settings : settings(rows, context);
  const all = typeof claims === "function" ? claims(rows) : claims;
  return {
    settings: seeds === undefined ? what : name(`${what} Seeds: ${seeds}.`),
    findings: all.map((claim) => judge({ scale, beyond, ...claim }, rows, context.quick)),
    tables: tables.flatMap((view) => view(rows, context)),
    figures: figures.flatMap((view) => view(rows, context))
      .map((figure) => ({ ...figure, caption: name(figure.caption) })),
  };
}

/** Returns the outcome with a note that this job did not measure it. */
function quote(outcome: Outcome, { source }: QuotedRows<unknown>): Outcome {
  const whose = `Quoted, not measured in this job: --full, ${source}.`;
  return {
    ...outcome,
    settings: `${outcome.settings} ${whose}`,
    findings: outcome.findings.map((one) => ({ ...one, ours: `${one.ours} (quoted)` })),
  };
}

/** Returns the context with its work as a part of the progress bar. */
function withinProgress(context: ExperimentContext, from: number, to: number): ExperimentContext {
  const report = (share: number, text: string) => context.report(from + (to - from) * share, text);
  return { ...context, report };
}

/** Puts the seeds into a text. */
const namingSeeds = ({ seeds }: PlanContext) => (text: string): string =>
  text.replaceAll("{seeds}", seeds.toSorted((a, b) => a - b).join(", "))
    .replaceAll("{seed}", `${seeds[0]}`);
