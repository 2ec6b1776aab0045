/** The settings of a training for which nothing, or something, was said. @module */

import type { BatchSource } from "./batch.ts";
import { defaultSettings } from "./defaults.ts";
import type { WatchOptions } from "./step_runner.ts";
import { parametersOf, type Target } from "./target.ts";
import type { TrainerOptions } from "./trainer_options.ts";

/** Options of `train`. */
export interface TrainOptions<Evaluation = unknown, Inputs = never>
  extends Omit<TrainerOptions, "steps" | "learningRate">, WatchOptions<Evaluation, Inputs> {
  /**
   * Total number of steps, at which schedules end. Default for a list of batches: ten passes, but at least
   * 200 steps, and of large data at most 1,000 steps or one pass.
   */
  readonly steps?: number;
  /**
   * Size of a step. Default: 1.28 / (width · scaling) for an adapter, a tenth of that for a model, ten times that
   * for vectors alone (virtual tokens, biases, VeRA's), with a linear schedule.
   */
  readonly learningRate?: number;
}

/** Options in which nothing is left open. */
export type Settings<Evaluation, Inputs> =
  & TrainerOptions
  & WatchOptions<Evaluation, Inputs>;

/**
 * Options with defaults for what they leave open.
 *
 * @throws {TypeError} when there is no number of steps, and no list of batches from which it follows.
 */
export function settingsOf<Evaluation, Inputs>(
  target: Target<Inputs>,
  batches: BatchSource<Inputs>,
  options: TrainOptions<Evaluation, Inputs>,
): Settings<Evaluation, Inputs> {
  const count = Array.isArray(batches) ? batches.length : undefined;
  if (options.steps === undefined && count === undefined) {
    throw new TypeError("training needs steps where its batches are not a list, found none");
  }
  const { steps, learningRate, schedule, validateEvery } = defaultSettings({
    batches: count ?? options.steps!,
    ...scaleOf(target),
  });
  return {
    ...options.learningRate === undefined && { schedule },
    ...count && { validateEvery },
    ...options,
    steps: options.steps ?? steps,
    learningRate: options.learningRate ?? learningRate,
  };
}

/** What the learning rate depends on: the width of the model, and what its adapter's changes are scaled by. */
function scaleOf<Inputs>(target: Target<Inputs>) {
  const { model, adapter } = target;
  const width = model.linears?.[0]?.weight.shape[1] ?? typicalWidth;
  const isFull = trainsOwnWeights(target);
  const scalings = [...(adapter ? [adapter] : model.adapters ?? [])].map(({ scaling = 1 }) =>
    scaling
  );
  const { parameter: values } = model.virtualTokens ?? {};
  const areVectors = parametersOf(target).every((one) => one === values || one.shape.length === 1);
  return { width, scaling: Math.max(1, ...scalings), isFull, areVectors };
}

/** Whether what is trained are the model's own weights, in an adapter those of its top layers. */
function trainsOwnWeights<Inputs>(target: Target<Inputs>): boolean {
  const { model, adapter } = target, trained = new Set(parametersOf(target));
  const own = new Set(model.parameters?.values());
  const isWeight = ({ weight: { parameter } }: NonNullable<typeof model.linears>[number]) =>
    parameter !== undefined && trained.has(parameter);
  return [...trained].every((one) => own.has(one)) &&
    (adapter === undefined || model.linears?.some(isWeight) === true);
}

/** The width that is assumed of a model without linear layers. */
const typicalWidth = 256;
