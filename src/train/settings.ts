/** The settings of a training for which nothing, or something, was said. @module */

import type { BatchSource } from "./batch.ts";
import { defaultSettings, type TrainedKind } from "./defaults.ts";
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
   * Size of a step. Default: 1.28 / (width · scaling) for an adapter, a tenth of that for a model, four times that
   * for biases alone, ten times that for other vectors alone (virtual tokens, VeRA's), with a linear schedule.
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
  const scalings = [...(adapter ? [adapter] : model.adapters ?? [])].map(({ scaling = 1 }) =>
    scaling
  );
  return { width, scaling: Math.max(1, ...scalings), trained: kindOf(target) };
}

/** What is trained; an adapter trains weights of the model where it has its top layers. */
function kindOf<Inputs>(target: Target<Inputs>): TrainedKind {
  const { model, adapter } = target, trained = parametersOf(target), all = new Set(trained);
  const own = new Set(model.parameters?.values()), areOwn = trained.every((one) => own.has(one));
  const { parameter: tokens } = model.virtualTokens ?? {};
  if (trained.every((one) => one === tokens || one.shape.length === 1)) {
    return areOwn ? "biases" : "vectors";
  }
  const isWeight = ({ weight: { parameter } }: NonNullable<typeof model.linears>[number]) =>
    parameter !== undefined && all.has(parameter);
  const areWeights = areOwn && (adapter === undefined || model.linears?.some(isWeight) === true);
  return areWeights ? "weights" : "matrices";
}

/** The width that is assumed of a model without linear layers. */
const typicalWidth = 256;
