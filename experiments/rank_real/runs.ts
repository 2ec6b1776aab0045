/** Runs of the study: what is trained, and what is measured at its end. @module */

import { join } from "node:path";
import type { Adapter } from "../../src/adapt/mod.ts";
import type { Device } from "../../src/device/device.ts";
import { countTrainable, type TextModel } from "../../src/models/mod.ts";
import {
  type JsonRecord,
  type MethodSpec,
  run,
  runFiles,
  type RunSpec,
} from "../../src/runs/mod.ts";
import { type Batch, evaluate } from "../../src/train/mod.ts";
import type { PlannedRun } from "../frame/mod.ts";
import { answersOf, longestPair, openBase, pairs } from "../methods/e2e/runs.ts";
import type { RealTask } from "./task.ts";

/** A run of the study. */
export interface RealRun {
  /** The method's key: `qv-8`, `full`. */
  readonly key: string;
  /** The trained method. */
  readonly method: MethodSpec;
  /** Its rate at its highest. */
  readonly learningRate: number;
  /** Its steps. */
  readonly steps: number;
  /** Seed of its random start. */
  readonly start: number;
  /** Seed of the pairs that it trains on, and of their order. */
  readonly data: number;
  /** The measurements: all that are reported, those without answers, or the validation loss. */
  readonly measured: "all" | "losses" | "validation";
  /** Steps after which the adapter is kept as it is then, besides the last. */
  readonly kept?: readonly number[];
}

/** Steps of a reported run, and of one of the search. */
export const realSteps = 500, searchSteps = 150;

/** Smoothing of the labels in training, as in the paper; losses are measured without. */
const labelSmoothing = 0.1;

/** The specification of a run. */
export async function realSpec(
  task: RealTask,
  { method, learningRate, steps, start, data, measured, kept = [] }: RealRun,
  device: Device["kind"],
): Promise<RunSpec> {
  const warmupSteps = Math.ceil(steps / 20), training = { steps, learningRate, warmupSteps };
  return {
    model: await task.heldOut.digests(),
    method,
    data: { seed: data, pairs, longestPair, measured, kept, ...task.sizes },
    training: { ...training, schedule: "linear", labelSmoothing },
    ...{ seed: start, device },
  };
}

/** The folder of an adapter that was kept after some steps. */
export const keptFolder = (folder: string, step: number): string => join(folder, `step-${step}`);

/** Plans a run. Weights of full fine-tuning are not saved: they would take 540 MB each. */
export function planReal(task: RealTask, chosen: RealRun): PlannedRun<RealRun> {
  const { key, learningRate, steps, start, data, method: { kind } } = chosen;
  const spec = (device: Device) => realSpec(task, chosen, device.kind);
  return {
    ...{ label: `${key}, rate ${learningRate}, start ${start}, data ${data}`, steps, chosen, spec },
    async make({ device, folder, signal, onStep }) {
      const own = await spec(device), files = await runFiles(folder, own);
      let adapter: Adapter | undefined;
      return await run(own, {
        ...{ folder, device, signal },
        ...kind === "full" && { save: () => Promise.resolve() },
        openModel: () => openBase(device, task.heldOut),
        onReady: (model) => void ([adapter] = [...model.adapters] as Adapter[]),
        async openBatches() {
          const batches = [...await task.heldOut.training(data, steps)];
          return async (index): Promise<Batch> => {
            // Asked for when so many steps are completed.
            if (chosen.kept?.includes(index)) await adapter!.save(keptFolder(files.folder, index));
            return batches[index];
          };
        },
        measure: (model) => measure(model, task, chosen),
        onProgress: (event) => onStep?.(event.step),
      });
    },
  };
}

async function measure(
  model: TextModel,
  task: RealTask,
  { measured }: RealRun,
): Promise<JsonRecord> {
  const trained = countTrainable(model);
  if (measured === "validation") {
    const { loss } = await evaluate(model, await task.validation.measured("validation"));
    return { trained, loss };
  }
  return {
    trained,
    ...await measureLosses(model, task),
    ...measured === "all" && { answers: await answersOf(model, task.answered) },
  };
}

/** Held-out losses, of all pairs together (nats per token) and of each, and those of texts that are not the task's. */
export async function measureLosses(model: TextModel, task: RealTask): Promise<JsonRecord> {
  const losses: number[] = [], counts: number[] = [];
  for (const pair of await task.heldOutPairs()) {
    const { loss, counted } = await evaluate(model, [pair]);
    losses.push(loss);
    counts.push(counted);
  }
  const total = losses.reduce((sum, loss, i) => sum + loss * counts[i], 0);
  return {
    loss: total / counts.reduce((sum, count) => sum + count, 0),
    ...{ losses, counts },
    own: (await evaluate(model, task.ownTexts())).loss,
    novel: (await evaluate(model, await task.novelTexts())).loss,
  };
}
