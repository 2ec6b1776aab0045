/** Wall time of forward passes, in turn, so that a machine's drift meets all alike. @module */

import { Tape } from "../../autograd/mod.ts";
import type { Model, ModelInputs } from "../../models/mod.ts";
import { median, middleHalf } from "../statistics.ts";

/** Time of a forward pass. */
export interface Timing {
  /** What was timed. */
  readonly label: string;
  /** Smallest, microseconds per token. */
  readonly minimum: number;
  /** Median, microseconds per token. */
  readonly median: number;
  /** Width of the middle half of all passes, microseconds per token. */
  readonly middleHalf: number;
}

/** Times every model once a round, `rounds` times after two rounds of warm-up. */
export async function timeForward(
  models: Readonly<Record<string, Model<ModelInputs>>>,
  inputs: ModelInputs,
  rounds: number,
): Promise<Timing[]> {
  const times = Object.keys(models).map((label) => ({ label, micros: [] as number[] }));
  for (let round = -2; round < rounds; round++) {
    for (const { label, micros } of times) {
      const ms = await timeOnce(models[label], inputs);
      if (round >= 0) micros.push(1000 * ms / inputs.tokens.data.length);
    }
  }
  return times.map(({ label, micros }) => ({
    label,
    minimum: Math.min(...micros),
    median: median(micros),
    middleHalf: middleHalf(micros),
  }));
}

async function timeOnce(model: Model<ModelInputs>, inputs: ModelInputs): Promise<number> {
  const start = performance.now();
  using tape = new Tape(model.device, { record: false });
  const logits = model.forward(tape, inputs);
  await model.device.read(logits.view([1]));
  return performance.now() - start;
}
