/** Results of full fine-tuning and LoRA, one row per method. @module */

import type { BytesByRole } from "../device/ledger.ts";
import type { DataTable, Figure } from "../figures/figure.ts";
import { roleBars } from "../figures/marks.ts";
import { table } from "../figures/table.ts";
import { mean, median, range } from "../core/numbers.ts";

/** A training run that was read back. */
export interface AdaptationRun {
  /** `full fine-tuning`, `LoRA, r = 4`. */
  readonly label: string;
  /** Seed of the batches, of A and of dropout. */
  readonly seed: number;
  /** Peak of the schedule, the same for all seeds. */
  readonly learningRate: number;
  /** Number of trained parameters. */
  readonly trained: number;
  /** Held-out loss after training, nats per token. */
  readonly loss: number;
  /** Training loss of every step, nats per token. */
  readonly curve: readonly number[];
  /** Bytes of each role at the peak of a step. */
  readonly peakByRole: BytesByRole;
  /** Bytes of all roles at that moment. */
  readonly peak: number;
  /** Median wall time of a step. */
  readonly stepMs: number;
  /** Bytes of the weights file that has to be kept for this task. */
  readonly checkpointBytes: number;
}

/** The runs of one method. */
export interface MethodRow {
  /** Label, as in its runs. */
  readonly label: string;
  /** Its runs, a seed each. */
  readonly runs: readonly AdaptationRun[];
  /** Mean held-out loss over the seeds. */
  readonly loss: number;
  /** Largest minus smallest held-out loss over the seeds; 0 for one. */
  readonly spread: number;
  /** The first run's numbers, which do not depend on the seed. */
  readonly first: AdaptationRun;
  /** Median over the seeds of the median step. */
  readonly stepMs: number;
}

/** Groups runs by method, in the order in which methods first appear. */
export function methodRows(runs: readonly AdaptationRun[]): MethodRow[] {
  return [...Map.groupBy(runs, ({ label }) => label)].map(([label, runs]) => {
    const losses = runs.map(({ loss }) => loss), stepMs = median(runs.map(({ stepMs }) => stepMs));
    return { label, runs, loss: mean(losses), spread: range(losses), first: runs[0], stepMs };
  });
}

/** Bytes by role at the peak of a step, stacked, one bar per method. */
export function memoryFigure(rows: readonly MethodRow[]): Figure {
  const bars = rows.map(({ label, first }) => ({ label, byRole: first.peakByRole }));
  const { seed } = rows[0].first;
  return {
    id: "adaptation-memory",
    title: "Bytes by role at the peak of a training step",
    caption: `From the device's ledger for the run with seed ${seed}; padding is not counted.`,
    ...roleBars(bars, 340),
  };
}

/** The numbers of each method side by side; the spread if there are several seeds. */
export function methodTable(rows: readonly MethodRow[], baseLoss: number): DataTable {
  const several = rows.some(({ runs }) => runs.length > 1);
  const base: Partial<MethodRow> = { label: "base, not adapted", loss: baseLoss };
  return table({
    id: "adaptation",
    title: "Full fine-tuning and LoRA on the same task, steps and batches",
    columns: [
      ["label", "method", "text"],
      ["loss", "held-out loss (nats per token)", "nats"],
      ...(several ? [["spread", "spread over seeds", "nats"] as const] : []),
      ["learningRate", "learning rate", "text", ({ first }) => first && `${first.learningRate}`],
      ["trained", "trained parameters", "count", ({ first }) => first?.trained],
      ["peak", "peak memory of a step", "bytes", ({ first }) => first?.peak],
      ["checkpointBytes", "stored per task", "bytes", ({ first }) => first?.checkpointBytes],
      ["stepMs", "step (ms, median)", "time"],
    ],
    rows: [base, ...rows],
  });
}
