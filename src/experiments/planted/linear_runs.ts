/** Runs of a student on a linear task. @module */

import { join } from "node:path";
import type { HostTensor } from "../../core/host_tensor.ts";
import type { Device } from "../../device/device.ts";
import { openSafetensors, readAdapter } from "../../formats/mod.ts";
import { type DenseMatrix, multiplyTransposed, transposed } from "../../linalg/mod.ts";
import { type JsonRecord, run, type RunResult, type RunSpec } from "../../runs/mod.ts";
import type { Batch } from "../../train/mod.ts";
import type { ExperimentContext, PlanContext } from "../experiment.ts";
import { makeRuns, type PlannedRun } from "../planned_runs.ts";
import { dense, type LinearTask, linearTask, type LinearTaskSpec } from "./linear_task.ts";
import { difference } from "./linear_theory.ts";
import { Perceptron } from "./perceptron.ts";

/** A student on a task. */
export interface LinearRun {
  /** The teacher and its inputs. */
  readonly task: LinearTaskSpec;
  /** Of ΔW; `full` trains the whole matrix. */
  readonly rank: number | "full";
  /** Seed of W₀, and of A. */
  readonly seed: number;
}

/** A student after its training. */
export interface LinearResult extends LinearRun {
  /** ΔW, (outputs, inputs). */
  readonly update: DenseMatrix;
}

/** Both searched on seed 1000, which is reported nowhere. */
const learningRate = 1e-2, longRun = 2000;

/** Makes the runs, or reads them, and their updates. */
export async function linearRuns(
  runs: readonly LinearRun[],
  context: ExperimentContext,
): Promise<LinearResult[]> {
  const results = await makeRuns(planLinearRuns(runs, context), context);
  return await Promise.all(results.map(async (result, i) => ({
    ...runs[i],
    update: await updateOf(result, runs[i], context.device),
  })));
}

/** The runs, not yet made. */
export function planLinearRuns(
  runs: readonly LinearRun[],
  { quick }: PlanContext,
): PlannedRun[] {
  return runs.map((run) => planLinear(run, quick ? 20 : longRun));
}

/** One run: full batches of all inputs. */
function planLinear(chosen: LinearRun, steps: number): PlannedRun {
  const { task, rank } = chosen, label = rank === "full" ? "full" : `r = ${rank}`;
  return {
    label: `${label}, seed ${chosen.seed}`,
    steps,
    spec: (device) => specOf(chosen, steps, device),
    make: ({ onStep, ...context }) =>
      run<Perceptron>(specOf(chosen, steps, context.device), {
        ...context,
        openModel: (_, device) => openStudent(chosen, device),
        openBatches: async () => [await teach(chosen, linearTask(task), context.device)],
        onProgress: ({ step }) => onStep?.(step),
      }),
  };
}

function specOf({ task, rank, seed }: LinearRun, steps: number, device: Device): RunSpec {
  return {
    model: { kind: "perceptron", widths: [task.width, task.width], biases: false },
    method: rank === "full"
      ? { kind: "full" }
      : { kind: "lora", rank, alpha: rank, targetModules: "all-linear" },
    data: { kind: "linear", ...task } as JsonRecord,
    training: { objective: "squared-error", learningRate, steps, schedule: "cosine" },
    seed,
    device: device.kind,
  };
}

function openStudent({ task: { width }, seed }: LinearRun, device: Device): Perceptron {
  return Perceptron.init(device, { widths: [width, width], biases: false }, seed);
}

async function baseWeight(chosen: LinearRun, device: Device): Promise<HostTensor> {
  using model = openStudent(chosen, device);
  return (await device.read(model.linears[0].weight.dense()))[0];
}

/** The teacher's outputs: W₀ x and what comes on top. */
async function teach(
  chosen: LinearRun,
  { inputs, residuals }: LinearTask,
  device: Device,
): Promise<Batch<HostTensor>> {
  const outputs = multiplyTransposed(dense(inputs), dense(await baseWeight(chosen, device)));
  const data = residuals.data.map((residual, i) => residual + outputs.data[i]);
  return { inputs, targets: { shape: residuals.shape, data } };
}

/** ΔW in float64, from the factors or as what full training changed. */
async function updateOf(
  { folder }: RunResult,
  chosen: LinearRun,
  device: Device,
): Promise<DenseMatrix> {
  if (chosen.rank === "full") {
    using file = await openSafetensors(join(folder, "model"));
    const trained = dense(await file.read("layers.0.weight"));
    return difference(trained, dense(await baseWeight(chosen, device)));
  }
  const { updates: [{ A, B }] } = await readAdapter(join(folder, "adapter")); // the scaling is 1
  return multiplyTransposed(dense(B), transposed(dense(A)));
}
