/** The curvature of the loss where an arm begins, with respect to what it trains. @module */

import { lossOfBatch } from "../../../src/autograd/loss.ts";
import { crossEntropy, type Parameter, Tape } from "../../../src/autograd/mod.ts";
import { type Batch, countTargets } from "../../../src/core/batch.ts";
import type { Device } from "../../../src/device/device.ts";
import type { TextModel } from "../../../src/models/mod.ts";
import { applyMethod } from "../../../src/runs/mod.ts";
import { batchesOf, openSkillsBase, startAtGradients } from "../runs.ts";
import type { DownstreamTask } from "../tasks.ts";
import { type Eigenvalue, type GradientAt, largestEigenvalue } from "./eigenvalue.ts";
import { methodRun, type StartArm } from "./runs.ts";

/** Batches of 32 texts that the loss is the mean of, a step's length, and most products with the Hessian. */
export const curvatureSettings = { batches: 2, epsilon: 3e-3, products: 20 } as const;

/** The largest eigenvalue of the Hessian of the loss at the start of a run of an arm. */
export async function curvature(
  device: Device,
  task: DownstreamTask,
  arm: StartArm,
  repeat: number,
  { batches: count, ...how }: { batches: number; epsilon: number; products: number } =
    curvatureSettings,
): Promise<Eigenvalue & { readonly norm: number }> {
  const run = {
    ...{ ...methodRun(task, arm, repeat), learningRate: 0, steps: 0 },
    split: "validation",
  } as const;
  using model = await openSkillsBase(device, "trained", run.seed);
  using adapter = arm.gradientBatches
    ? await startAtGradients(model, run)
    : (await applyMethod(model, run.method, run.seed))!;
  const batches: Batch[] = [];
  for (const batch of (await batchesOf(run)).train) if (batches.push(batch) === count) break;
  const gradientAt = await gradientsOf(model, adapter.parameters, batches);
  const size = adapter.parameters.reduce((sum, one) => sum + one.size, 0);
  const norm = Math.hypot(...await gradientAt(new Float64Array(size)));
  return { ...await largestEigenvalue(gradientAt, { ...how, size, seed: run.seed }), norm };
}

/** Gradients of the mean loss over batches, where parameters are moved from the values that they have. */
async function gradientsOf(
  model: TextModel,
  parameters: readonly Parameter[],
  batches: readonly Batch[],
): Promise<GradientAt> {
  const { device } = model, tensors = parameters.map(({ tensor }) => tensor);
  const start = (await device.read(...tensors)).map(({ data }) => Float64Array.from(data));
  return async (step) => {
    let at = 0;
    for (const [i, tensor] of tensors.entries()) {
      device.write(tensor, Float32Array.from(start[i], (value) => value + step[at++]));
    }
    const sum = new Float64Array(step.length);
    for (const batch of batches) {
      using tape = new Tape(device);
      const divisor = batches.length * countTargets(batch.targets);
      tape.backward(lossOfBatch(tape, model, batch, { loss: crossEntropy, divisor }));
      const found = await device.read(...parameters.map((one) => tape.gradientOf(one)!));
      found.flatMap(({ data }) => [...data]).forEach((value, i) => sum[i] += value);
    }
    return sum;
  };
}
