/** Runs of a student on a linear task. @module */

import { join } from "node:path";
import type { HostTensor } from "../../src/core/tensor.ts";
import { linearTask, type LinearTaskSpec } from "../../src/data/mod.ts";
import type { Device } from "../../src/device/device.ts";
import { openSafetensors, readAdapter } from "../../src/formats/mod.ts";
import { denseOf, difference, multiplyTransposed, transposed } from "../../src/linalg/mod.ts";
import type { DenseMatrix } from "../../src/linalg/mod.ts";
import { Perceptron } from "../../src/models/families/perceptron.ts";
import type { JsonRecord, RunSpec } from "../../src/runs/mod.ts";
import type { Batch } from "../../src/train/mod.ts";
import { type ExperimentContext, type MadeRun, type PlannedRun, planRun } from "../frame/mod.ts";

/** A student on a task. */
export interface LinearRun {
  readonly task: LinearTaskSpec; // the teacher and its inputs
  readonly rank: number | "full"; // of ΔW; `full` trains the whole matrix
  readonly seed: number; // seed of W₀, and of A
}

/** A student after its training. */
export interface LinearResult extends LinearRun {
  readonly update: DenseMatrix; // ΔW, (outputs, inputs)
}

/** Rate and steps, both searched on seed 1000, which is reported nowhere. */
const learningRate = 1e-2, longRun = 1000;

/** A run in full batches of all inputs. */
export function planLinear(chosen: LinearRun, quick: boolean): PlannedRun<LinearRun> {
  const { rank, seed } = chosen, steps = quick ? 20 : longRun;
  return planRun({
    ...{ label: `${rank === "full" ? "full" : `r = ${rank}`}, seed ${seed}`, steps, chosen },
    spec: (device) => specOf(chosen, steps, device),
    open: (device) => ({
      openModel: () => openStudent(chosen, device),
      openBatches: async () => [await teach(chosen, device)],
    }),
  });
}

function specOf({ task, rank, seed }: LinearRun, steps: number, device: Device): RunSpec {
  const inputs = task.inputs === "white" ? "white" : "coloured"; // runs' folders have this word
  return {
    model: { kind: "perceptron", widths: [task.width, task.width], biases: false },
    method: rank === "full"
      ? { kind: "full" }
      : { kind: "lora", rank, alpha: rank, targetModules: "all-linear" },
    data: { kind: "linear", ...task, inputs } as JsonRecord,
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

/** The teacher's outputs: W₀ x plus the residuals. */
async function teach(chosen: LinearRun, device: Device): Promise<Batch<HostTensor>> {
  const { inputs, residuals } = linearTask(chosen.task);
  const outputs = multiplyTransposed(denseOf(inputs), denseOf(await baseWeight(chosen, device)));
  const data = residuals.data.map((residual, i) => residual + outputs.data[i]);
  return { inputs, targets: { shape: residuals.shape, data } };
}

/** A student with its update in float64: from its factors, or what full training changed. */
export async function linearResult(
  { chosen, folder }: MadeRun<LinearRun>,
  { device }: ExperimentContext,
): Promise<LinearResult> {
  if (chosen.rank !== "full") {
    const { updates: [{ A, B }] } = await readAdapter(join(folder, "adapter")); // the scaling is 1
    return { ...chosen, update: multiplyTransposed(denseOf(B), transposed(denseOf(A))) };
  }
  using file = await openSafetensors(join(folder, "model"));
  const trained = denseOf(await file.read("layers.0.weight"));
  return { ...chosen, update: difference(trained, denseOf(await baseWeight(chosen, device))) };
}

/** A row for each student. */
export const linearRows = <Row>(rowOf: (student: LinearResult) => Row) =>
(
  made: readonly MadeRun<LinearRun>[],
  context: ExperimentContext,
): Promise<Row[]> => Promise.all(made.map(async (run) => rowOf(await linearResult(run, context))));
