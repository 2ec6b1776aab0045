/** Runs of a student on a linear task. @module */

import { join } from "node:path";
import type { HostTensor } from "../../src/core/tensor.ts";
import type { RandomInit } from "../../src/core/update.ts";
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
  readonly freezeA?: boolean; // B alone is trained
  readonly init?: RandomInit; // of A
}

/** A student after its training. */
export interface LinearResult extends LinearRun {
  readonly update: DenseMatrix; // ΔW, (outputs, inputs)
  readonly A?: DenseMatrix; // of LoRA
}

/** Rate and steps, both searched on seed 1000, which is reported nowhere. */
const learningRate = 1e-2, longRun = 1000;

/** A run in full batches of all inputs. */
export function planLinear(chosen: LinearRun, quick: boolean): PlannedRun<LinearRun> {
  const { rank, seed, freezeA, init } = chosen, steps = quick ? 20 : longRun;
  const method = rank === "full" ? "full" : `${freezeA ? "B alone, " : ""}r = ${rank}`;
  const name = init ? `${method}, ${init}` : method;
  return planRun({
    ...{ label: `${name}, seed ${seed}`, steps, chosen },
    spec: (device) => specOf(chosen, steps, device),
    open: (device) => ({
      openModel: () => openStudent(chosen, device),
      openBatches: async () => [await teach(chosen, device)],
    }),
  });
}

function specOf(
  { task, rank, seed, freezeA, init }: LinearRun,
  steps: number,
  device: Device,
): RunSpec {
  const inputs = task.inputs === "white" ? "white" : "coloured"; // runs' folders have this word
  return {
    model: { kind: "perceptron", widths: [task.width, task.width], biases: false },
    method: rank === "full" ? { kind: "full" } : {
      kind: "lora",
      rank,
      alpha: rank,
      targetModules: "all-linear",
      ...freezeA && { freezeA },
      ...init && { init },
    },
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
    const factor = denseOf(A);
    return { ...chosen, A: factor, update: multiplyTransposed(denseOf(B), transposed(factor)) };
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
