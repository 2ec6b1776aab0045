/** The runs of `quantized-loss`, and what they gave. @module */

import type { ExperimentContext, MadeRun, PlanContext, PlannedRun } from "../../frame/mod.ts";
import { full, lora, type LossMethod, type LossTask, openLossTasks } from "./tasks.ts";

/**
 * Result of one run, or of a base that is not trained: a loss or, where a task has it, an accuracy.
 */
export interface LossRow {
  /** The task's name. */
  readonly task: string;
  /** Storage of the base. */
  readonly base: string;
  /** The trained parameters. */
  readonly trained: LossMethod["trained"];
  /** Seed of the run; absent where nothing is trained. */
  readonly seed?: number;
  /** Its rate; absent where nothing is trained. */
  readonly learningRate?: number;
  /** Trained values. */
  readonly values: number;
  /** Held-out loss, nats per token. */
  readonly loss?: number;
  /** Share of the texts whose label is found, in percent. */
  readonly accuracy?: number;
}

/** The choices that set a run apart. */
export interface ChosenLoss extends LossMethod {
  /** The task. */
  readonly task: LossTask;
  /** The seed. */
  readonly seed: number;
}

/** Full fine-tuning in F32 and LoRA on the bases of every task: all of them before the next seed, so that a job that is cut has whole seeds. */
export async function lossRuns(
  { seeds, quick }: Pick<PlanContext, "seeds" | "quick">,
): Promise<PlannedRun<ChosenLoss>[]> {
  const tasks = await openLossTasks(quick);
  return seeds.flatMap((seed) =>
    tasks.flatMap((task) =>
      [full, ...task.bases.map(lora)].map((method) => {
        const { base, trained } = method;
        const label = `${task.name}, ${trained} on ${base.label}, seed ${seed}`;
        return { ...task.plan(method, seed), label, chosen: { ...method, task, seed } };
      })
    )
  );
}

/** The rows of all runs, and of the bases that are not trained. */
export async function lossRows(
  made: readonly MadeRun<ChosenLoss>[],
  { device }: Pick<ExperimentContext, "device">,
): Promise<LossRow[]> {
  const tasks = new Set(made.map(({ chosen: { task } }) => task));
  const bases = new Set(made.map(({ chosen: { base } }) => base));
  const rows = made.map(rowOf);
  for (const { name: task, untrained } of tasks) {
    for (const base of untrained ? bases : []) {
      const value = await untrained!(device, base);
      rows.push({ task, base: base.label, trained: "nothing", values: 0, ...value });
    }
  }
  return rows;
}

function rowOf({ chosen, spec: { training }, metrics }: MadeRun<ChosenLoss>): LossRow {
  const { task, base, trained, seed } = chosen, { learningRate } = training;
  return {
    ...{ task: task.name, base: base.label, trained, seed, learningRate },
    ...{ values: metrics.trained as number, ...task.read(metrics) },
  };
}
