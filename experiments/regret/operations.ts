/** How many operations a training step takes, by what its kernels are asked for. @module */

import type { Kernel } from "../../kernels/kernel.ts";
import type { ConfigJson } from "../../src/architectures/mod.ts";
import type { AnyBindings } from "../../src/device/device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { allocateModel } from "../../src/models/mod.ts";
import { applyMethod } from "../../src/runs/mod.ts";
import type { MethodSpec } from "../../src/runs/mod.ts";
import { Trainer } from "../../src/train/mod.ts";

type Scalars = Readonly<Record<string, number>>;

/** Pairs of a query and a key that it sees, where all are of one sequence and none is masked. */
const seen = (queries: number, causal: number) =>
  causal ? queries * (queries + 1) / 2 : queries ** 2;

/**
 * Multiplications and additions of matrix products and attention; of other kernels nothing is counted. A
 * product over k terms takes 2 k for each result. Attention's forward takes two products (scores, and what
 * they weigh) for each visible pair, its backward five, as scores are computed again.
 */
const counted: Readonly<Record<string, (scalars: Scalars) => number>> = {
  matmul: ({ m, n, k, k2 }) => 2 * m * n * (k + k2),
  attention_forward: ({ batch, heads, headWidth, queries, causal }) =>
    2 * 2 * batch * heads * headWidth * seen(queries, causal),
  attention_backward: ({ batch, heads, headWidth, time, causal }) =>
    5 * 2 * batch * heads * headWidth * seen(time, causal),
};

/** Adds up what is launched, and computes nothing. */
class CountingDevice extends DryDevice {
  /** Operations so far. */
  operations = 0;

  override launch(kernel: Kernel, bindings: AnyBindings, scalars: Scalars): void {
    super.launch(kernel, bindings, scalars);
    this.operations += counted[kernel.name]?.(scalars) ?? 0;
  }
}

/** Sequences of one length. */
export interface StepShape {
  /** How many. */
  readonly batch: number;
  /** Tokens of each. */
  readonly length: number;
}

/** The operations of one training step of a language model on whole sequences. */
export function stepOperations(
  config: ConfigJson,
  method: MethodSpec,
  { batch, length }: StepShape,
): number {
  using device = new CountingDevice();
  using model = allocateModel(device, config);
  using _adapter = applyMethod(model, method, 0);
  using trainer = new Trainer(model, { learningRate: 0, steps: 1 });
  const shape = [batch, length], size = batch * length;
  const tokens = { shape, data: new Uint32Array(size) };
  device.operations = 0;
  trainer.step([{ inputs: { tokens }, targets: { shape, data: new Int32Array(size) } }]);
  return device.operations;
}
