/** Choosing tokens from logits, on the device. @module */

import { chooseTokenKernel } from "../../kernels/choose_token/kernel.ts";
import type { Tensor } from "../device/device.ts";
import type { Scope } from "../device/scope.ts";

/** How a token is chosen. */
export interface SamplingOptions {
  /** 0 takes the most likely token; otherwise logits are divided by it before sampling. Default 0. */
  readonly temperature?: number;
  /** Sample among this many most likely tokens. Default: all. */
  readonly topK?: number;
}

/** The range of normal F32 numbers: at both ends of it, sampling is what it would be beyond. */
const leastTemperature = 2 ** -126, mostTemperature = 3.4028234663852886e38;

/**
 * u32 (rows, 1): for each row of logits (rows, vocabulary) a token drawn from softmax(logits /
 * temperature) among the `topK` most likely, by the numbers of a seed; what is no token names a logit
 * that is not finite.
 */
export function chooseTokens(
  scope: Scope,
  logits: Tensor,
  { temperature = 0, topK = Infinity }: SamplingOptions,
  seed: number,
): Tensor {
  const [rows, vocabulary] = logits.shape;
  const ids = scope.allocate([rows, 1], "u32", "activation", "chosen tokens");
  scope.device.launch(chooseTokenKernel, { logits, ids }, {
    rows,
    vocabulary,
    temperature: temperature && Math.min(mostTemperature, Math.max(leastTemperature, temperature)),
    kept: Math.min(topK, vocabulary),
    seed,
  });
  return ids;
}
