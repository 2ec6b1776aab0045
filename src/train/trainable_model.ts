/** What a model must have to be trained. @module */

import type { ForwardModel } from "../autograd/head_loss.ts";
import type { Parameter } from "../autograd/parameter.ts";
import type { Weight } from "../autograd/weight.ts";
import type { ModelInputs } from "../core/batch.ts";
import type { PromptFormat } from "../core/prompt_format.ts";
import type { Device } from "../device/device.ts";

/** What the trainer needs from a model. */
export interface TrainableModel<Inputs = ModelInputs> extends ForwardModel<Inputs> {
  /** The device that holds it. */
  readonly device: Device;
  /** Its own parameters by name: a checkpoint checks those that are frozen. */
  readonly parameters?: ReadonlyMap<string, Parameter>;
  /** Its linear layers: the usual learning rate depends on their width. */
  readonly linears?: readonly { readonly weight: Pick<Weight, "shape" | "parameter"> }[];
  /** The virtual tokens before its sequences: the usual learning rate of vectors alone is another. */
  readonly virtualTokens?: { readonly parameter: Parameter | undefined };
  /** Its weights that cannot be trained, by name: a checkpoint checks them as well. */
  readonly weights?: ReadonlyMap<string, Weight>;
  /** The adapters in force: those that are trained remember how their prompts are written. */
  readonly adapters?: Iterable<{
    readonly parameters: readonly Parameter[];
    readonly parts?: readonly unknown[];
    readonly scaling?: number;
    values?: { file?: string };
    promptFormat?: PromptFormat;
  }>;
  /** How the prompts of its own training were written; set by a training on batches that say it. */
  promptFormat?: PromptFormat;
  /** The parameters to train. */
  trainable(): Parameter[];
  /** What its configuration asks of training that is not done, in a sentence; undefined if nothing. */
  readonly unappliedDropout?: string;
}

/**
 * Throws where all of a model is to be trained but some of it cannot be.
 *
 * @throws {RangeError} then.
 */
export function assertAllTrainable(
  { parameters, weights, adapters = [] }: TrainableModel<never>,
): void {
  const others = [...weights?.values() ?? []], own = [...parameters?.values() ?? []];
  if (others.length === 0 || [...adapters].length > 0) return;
  if (own.some(({ trainable }) => !trainable)) return; // Somebody has chosen what is trained.
  throw new RangeError(
    `training a whole model needs all of it in F32, found ${others.length} weights in ${
      others[0].bits
    } bits (${others[0].name}, …): load it with dtype F32, or inject an adapter`,
  );
}
