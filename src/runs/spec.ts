/** Specifications of runs: plain records, and the hash that names a run's folder. @module */

import {
  type Adapter,
  LoraAdapter,
  type LoraPlusGroup,
  loraPlusGroups,
  type LoraPreconditioner,
  loraPreconditioner,
} from "../adapt/mod.ts";
import { crossEntropy, klDivergence, type Loss, squaredError } from "../autograd/mod.ts";
import { assertRecord } from "../core/checks.ts";
import { quote } from "../core/errors.ts";
import type { Device, DeviceKind } from "../device/device.ts";
import type { FloatDtype } from "../core/float_types.ts";
import { assertFloatDtype } from "../formats/safetensors/header.ts";
import { canonicalJson, sha256 } from "../storage/digest.ts";
import type { ScheduleName, TrainerOptions } from "../train/mod.ts";
import type { MethodSpec } from "./method.ts";

/** A JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | JsonRecord;

/** A JSON object. */
export interface JsonRecord {
  /** A field; one that is absent or `undefined` is not part of the record. */
  readonly [field: string]: Json | undefined;
}

/** Batches, learning rate, loss and optimizer of a training. */
export interface TrainingSpec
  extends
    LossSpec,
    Omit<TrainerOptions, "schedule" | "groups" | "preconditioner" | "seed" | "loss"> {
  /** Schedule of the learning rate. Default `constant`. */
  readonly schedule?: ScheduleName;
  /** Steps from one measurement of the held-out loss to the next. Default 50. */
  readonly validateEvery?: number;
  /** LoRA+: the learning rate of B, as a multiple of that of A (see `loraPlusGroups`). Default: one rate. */
  readonly loraPlusRatio?: number;
  /** LoRA+: the learning rate of A and B of embeddings. Default 1e-6. */
  readonly loraPlusEmbeddingRate?: number;
  /** Learning rate of the modules that are trained in full beside an adapter, such as a new head. Default: one rate. */
  readonly modulesToSaveRate?: number;
  /** Riemannian preconditioning of A and B: its δ (see `loraPreconditioner`). Default: none. */
  readonly loraDamping?: number;
  /** Type in which what was trained is saved; steps and checkpoints are in F32. Default F32. */
  readonly dtype?: FloatDtype;
  /** Stops after so many measurements in a row without a lower held-out loss. Default: never. */
  readonly patience?: number;
}

/** Everything that a run's result depends on. */
export interface RunSpec {
  /** The model: a folder, or anything that `openModel` understands. */
  readonly model: Json;
  /** The method and its options. */
  readonly method: MethodSpec;
  /** The batches: anything that `openBatches` understands. */
  readonly data: Json;
  /** Settings of the training. */
  readonly training: TrainingSpec;
  /** Seed of the adapter's initial values, of dropout, and for `openModel` and `openBatches`. */
  readonly seed: number;
  /** The kind of device: its rounding is part of the result. */
  readonly device: DeviceKind;
}

/**
 * Checks that a specification, which may come from a file, is one, and for this device.
 *
 * @throws {TypeError} when it is not an object, or its method or its training is not.
 * @throws {RangeError} when it is for another kind of device, or its dtype is none of floats.
 */
export function assertSpec(spec: RunSpec, { kind, description }: Device): void {
  const parts = { "a specification": spec, method: spec?.method, training: spec?.training };
  for (const [what, part] of Object.entries(parts)) assertRecord(what, part);
  assertFloatDtype(spec.training.dtype ?? "F32");
  if (spec.device === kind) return;
  throw new RangeError(`the run needs the device ${quote(spec.device)}, found ${description}`);
}

/** Raised when the same specification yields different numbers, so that old folders are not reused. */
const format = 2;

/** SHA-256 of the specification's canonical JSON, 64 hexadecimal digits. */
export async function hashOf(spec: RunSpec): Promise<string> {
  return await sha256(new TextEncoder().encode(canonicalJson({ format, spec })));
}

type LossName = NonNullable<LossSpec["objective"]>;

const losses: Readonly<Record<LossName, Loss>> = {
  "cross-entropy": crossEntropy,
  "kl-divergence": klDivergence,
  "squared-error": squaredError,
};

/** A loss by its name, as JSON cannot hold functions. */
export interface LossSpec {
  /** Objective to minimize. Default `cross-entropy`. */
  readonly objective?: "cross-entropy" | "kl-divergence" | "squared-error";
  /** Share of each target that is spread evenly over the classes, for the cross-entropy. Default 0. */
  readonly labelSmoothing?: number;
}

/**
 * The loss that a specification names.
 *
 * @throws {RangeError} when there is no loss of that name.
 */
export function lossOf({ objective = "cross-entropy", labelSmoothing }: LossSpec): Loss {
  if (!Object.hasOwn(losses, objective)) {
    const known = Object.keys(losses).join(", ");
    throw new RangeError(`an objective must be one of ${known}, found ${quote(objective)}`);
  }
  if (objective !== "cross-entropy" || !labelSmoothing) return losses[objective];
  return (tape, logits, targets, options) =>
    crossEntropy(tape, logits, targets, { smoothing: labelSmoothing, ...options });
}

/**
 * The groups of LoRA+, or those of an adapter and the modules beside it, if a training asks for them; without, all
 * parameters are one group.
 *
 * @throws {RangeError} when what is trained is no adapter of LoRA, there is a rate of embeddings alone, or one of
 * modules where there are none, or LoRA+.
 */
export function trainingGroups(
  adapter: Adapter | undefined,
  { learningRate, loraPlusRatio: ratio, loraPlusEmbeddingRate: embeddingRate, modulesToSaveRate }:
    TrainingSpec,
  { kind }: MethodSpec,
): LoraPlusGroup[] | undefined {
  if (modulesToSaveRate !== undefined) {
    if (ratio === undefined) return groupsBeside(adapter, learningRate, modulesToSaveRate);
    throw new RangeError("modulesToSaveRate is not for LoRA+, found loraPlusRatio beside it");
  }
  if (ratio === undefined) {
    if (embeddingRate === undefined) return undefined;
    throw new RangeError("loraPlusEmbeddingRate needs loraPlusRatio, found none");
  }
  if (adapter instanceof LoraAdapter) {
    return loraPlusGroups(adapter, { learningRate, ratio, embeddingRate });
  }
  throw new RangeError(`loraPlusRatio needs the method lora, found ${kind}`);
}

/** The values of an adapter, and those of the modules that are trained in full beside it, each with a rate. */
function groupsBeside(
  adapter: Adapter | undefined,
  learningRate: number,
  rateBeside: number,
): LoraPlusGroup[] {
  const { parameters: saved = [] } = (adapter as Partial<LoraAdapter> | undefined)?.modules ?? {};
  const own = adapter?.parameters.filter((parameter) => !saved.includes(parameter)) ?? [];
  if (saved.length > 0 && own.length > 0) {
    return [{ parameters: own, learningRate }, { parameters: saved, learningRate: rateBeside }];
  }
  const found = saved.length > 0 ? "no other values" : "none";
  throw new RangeError(`modulesToSaveRate needs modules beside an adapter, found ${found}`);
}

/**
 * The pairs of Riemannian preconditioning, if a training asks for it.
 *
 * @throws {RangeError} when what is trained is no adapter of LoRA, or its A is frozen.
 */
export function trainingPreconditioner(
  adapter: Adapter | undefined,
  { loraDamping }: TrainingSpec,
  { kind }: MethodSpec,
): LoraPreconditioner | undefined {
  if (loraDamping === undefined) return undefined;
  if (adapter instanceof LoraAdapter) return loraPreconditioner(adapter, loraDamping);
  throw new RangeError(`loraDamping needs the method lora, found ${kind}`);
}
