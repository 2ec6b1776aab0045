/** Counts the operations of a training step, by the requests to its kernels. @module */

import type { ConfigJson } from "../../src/architectures/mod.ts";
import { allocateModel } from "../../src/models/mod.ts";
import { allocateMethod, type MethodSpec } from "../../src/runs/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { CountingDevice } from "../latency/count.ts";

/** Sequences of one length. */
export interface StepShape {
  /** Number of sequences. */
  readonly batch: number;
  /** Tokens of each. */
  readonly length: number;
}

/** The operations of matrix products and attention in one training step of a language model. */
export function stepOperations(
  config: ConfigJson,
  method: MethodSpec,
  { batch, length }: StepShape,
): number {
  using device = new CountingDevice();
  using model = allocateModel(device, config);
  using _adapter = allocateMethod(model, method, 0);
  using trainer = new Trainer(model, { learningRate: 0, steps: 1 });
  const shape = [batch, length], size = batch * length;
  const tokens = { shape, data: new Uint32Array(size) };
  device.take();
  trainer.step([{ inputs: { tokens }, targets: { shape, data: new Int32Array(size) } }]);
  return device.take().flops;
}
