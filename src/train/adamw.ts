/**
 * AdamW: Adam with decoupled weight decay and parameter groups, its settings, checked once, and the
 * norm of all gradients, which never leaves the device.
 *
 * @module
 */

import { adamw as kernel } from "../../kernels/adamw/kernel.ts";
import { rootSum, squaresChunk, sumSquares } from "../../kernels/reduce/kernel.ts";
import { Parameter } from "../autograd/parameter.ts";
import type { Tape } from "../autograd/tape.ts";
import { assertOptions, type OptionNames } from "../core/checks.ts";
import { DeviceError, quote } from "../core/errors.ts";
import { fitsFloat32 } from "../core/tensor.ts";
import { Scope } from "../device/arena.ts";
import { zero } from "../device/base.ts";
import type { Device, Scalars, Tensor } from "../device/device.ts";
import { piecesOf } from "../device/spans.ts";
import {
  gradientRanges,
  layOut,
  type OptimizerSlot,
  type Run,
  runsOf,
} from "./optimizer_layout.ts";
import { PreconditionedGradients, type Preconditioner } from "./precondition.ts";

// The optimizer.

/**
 * Owns the gradients and moments of the parameters that it optimizes; made by {@link adamW}.
 *
 * Until it is disposed, tapes sum gradients directly into its buffers, over any number of tapes before
 * a {@link AdamW.step}. Cost: 12 bytes per parameter, 4 of role `gradient` and 8 of role `optimizer`.
 */
export class AdamW implements Disposable {
  /** The device of the parameters. */
  readonly device: Device;
  /** Every parameter with its gradient and moments, in memory order. */
  readonly slots: readonly OptimizerSlot[];
  /**
   * Learning rate of groups without their own; setting it scales the other groups' rates by the same
   * factor.
   */
  learningRate: number;
  readonly #initialRate: number;
  readonly #clipNorm: number;
  readonly #groups: readonly AdamWSettings[];
  readonly #scope: Scope;
  readonly #runs: readonly Run[];
  readonly #norm: GradientNorm;
  readonly #preconditioned: PreconditionedGradients | undefined;
  #steps = 0;

  /** Allocates the buffers; see {@link adamW}. */
  constructor(
    parameters: readonly Parameter[] | readonly ParameterGroup[],
    options: AdamWOptions,
  ) {
    const groups = groupsOf(parameters, options);
    this.device = groups[0].parameters[0].tensor.device;
    this.learningRate = this.#initialRate = options.learningRate;
    this.#clipNorm = options.clipNorm ?? 0;
    this.#groups = groups;
    using unfinished = new DisposableStack();
    this.#scope = unfinished.use(new Scope(this.device));
    this.slots = layOut(this.#scope, this.device, groups.map(({ parameters }) => parameters));
    this.#runs = runsOf(this.slots);
    this.#norm = new GradientNorm(this.#scope, gradientRanges(this.slots));
    const { preconditioner } = options;
    this.#preconditioned = preconditioner &&
      new PreconditionedGradients(this.#scope, this.slots, preconditioner);
    for (const { parameter, gradient } of this.slots) {
      parameter.gradient = { tensor: gradient, filled: false };
    }
    unfinished.move();
  }

  /** Steps so far: the exponent of the bias corrections. */
  get steps(): number {
    return this.#steps;
  }

  /** The norm of all gradients at the last step, before clipping: a single number on the device. */
  get norm(): Tensor {
    return this.#norm.value;
  }

  /**
   * Updates every parameter with the gradients summed since the last step. A parameter without a
   * gradient is updated as if its gradient were zero.
   *
   * @param tape The tape that computed the gradients, only to check its device: the gradients are
   * already in the optimizer's buffers.
   * @throws {RangeError} when no parameter has a gradient, or the learning rate is not finite in F32.
   * @throws {DeviceError} when the tape is on another device.
   */
  step(tape?: Tape): void {
    if (tape && tape.device !== this.device) {
      throw new DeviceError(
        `a step needs a tape on ${this.device.description}, found one on ${tape.device.description}`,
      );
    }
    if (!Number.isFinite(Math.fround(this.learningRate))) {
      throw new RangeError(`a step needs a finite learning rate, found ${this.learningRate}`);
    }
    this.#completeGradients();
    this.#norm.update();
    this.#preconditioned?.apply();
    this.#steps++;
    for (const run of this.#runs) this.#update(run);
    this.discard();
  }

  /** Discards the gradients summed since the last step. */
  discard(): void {
    for (const { parameter } of this.slots) parameter.gradient!.filled = false;
  }

  /** Sets the step count to that of a saved run, whose moments were written to {@link AdamW.slots}. */
  resumeAt(steps: number): void {
    this.#steps = steps;
  }

  /** Detaches the gradients from the parameters and frees everything. */
  [Symbol.dispose](): void {
    for (const { parameter, gradient } of this.slots) {
      if (parameter.gradient?.tensor === gradient) parameter.gradient = undefined;
    }
    this.#scope[Symbol.dispose]();
  }

  #completeGradients(): void {
    const missing = this.slots.filter(({ parameter }) => !parameter.gradient!.filled);
    if (missing.length === this.slots.length) {
      throw new RangeError(
        `a step needs gradients from tape.backward, found none for ${missing.length} parameters`,
      );
    }
    for (const { gradient } of missing) zero(gradient);
  }

  #update(run: Run): void {
    const scalars = this.#scalars(run.group);
    for (const { start, size } of piecesOf(run.parameter)) {
      const piece = (tensor: Tensor) => tensor.view([size], start);
      this.device.launch(kernel, {
        parameter: piece(run.parameter),
        gradient: piece(run.gradient),
        first: piece(run.first),
        second: piece(run.second),
        norm: this.norm,
      }, { size, ...scalars });
    }
  }

  /** The kernel's scalars, computed in float64: in F32, 1 - 0.999 has a relative error of 5e-5. */
  #scalars(group: number): Omit<Scalars<typeof kernel>, "size"> {
    const { learningRate, betas: [beta1, beta2], epsilon, weightDecay } = this.#groups[group];
    const ratio = learningRate === this.#initialRate ? 1 : learningRate / this.#initialRate;
    const rate = ratio * this.learningRate;
    return {
      learningRate: rate,
      beta1,
      complement1: 1 - beta1,
      beta2,
      complement2: 1 - beta2,
      epsilon,
      keep: 1 - rate * weightDecay,
      correction1: 1 - beta1 ** this.#steps,
      correction2: 1 - beta2 ** this.#steps,
      maxNorm: this.#clipNorm,
    };
  }
}

/**
 * AdamW over parameters, or over groups with their own settings (Loshchilov and Hutter 2019, algorithm
 * 2, as in PyTorch):
 *
 *     m ← β₁ m + (1 - β₁) g        v ← β₂ v + (1 - β₂) g²
 *     θ ← θ (1 - η λ) - η m / (1 - β₁ᵗ) / (√(v / (1 - β₂ᵗ)) + ε)
 *
 * with g scaled by min(1, clipNorm / (‖g‖ + 1e-6)), ‖g‖ over all parameters of all groups. One kernel
 * launch updates all parameters of a group that are adjacent in memory.
 *
 * @throws {RangeError} when there are no parameters, one is frozen or has an optimizer already, or a
 * setting is out of range.
 *
 * @example
 * ```ts
 * import { adamW, crossEntropy, initGpt2, openDevice, parseGpt2Config, Tape } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using optimizer = adamW(model.trainable(), { learningRate: 1e-3 });
 * using tape = new Tape(device);
 * const tokens = { shape: [1, 3], data: Uint32Array.of(1, 2, 3) };
 * const logits = model.forward(tape, { tokens });
 * tape.backward(crossEntropy(tape, logits, Int32Array.of(2, 3, 4)));
 * optimizer.step(tape);
 * ```
 */
export function adamW(
  parameters: readonly Parameter[] | readonly ParameterGroup[],
  options: AdamWOptions,
): AdamW {
  return new AdamW(parameters, options);
}

// Settings.

/** Settings that a group of parameters may have of its own. */
export interface AdamWSettings {
  /** η, at least 0. */
  readonly learningRate: number;
  /** β₁ and β₂, in [0, 1). Default 0.9 and 0.999. */
  readonly betas: readonly [number, number];
  /** ε, above 0. Default 1e-8. */
  readonly epsilon: number;
  /** λ, at least 0. Default 0. */
  readonly weightDecay: number;
}

/** Settings of all groups without their own. */
export interface AdamWOptions extends Partial<AdamWSettings> {
  /** η, at least 0. */
  readonly learningRate: number;
  /**
   * Largest norm of all gradients together; larger gradients are scaled down to it. Default: no
   * clipping.
   */
  readonly clipNorm?: number;
  /** Pairs of factors whose gradients are preconditioned after clipping, as `loraPreconditioner` makes them. Default: none. */
  readonly preconditioner?: Preconditioner;
}

/** Parameters with their own settings; absent settings are the optimizer's. */
export interface ParameterGroup extends Partial<AdamWSettings> {
  /** Its members. */
  readonly parameters: readonly Parameter[];
}

/** A group with all its settings. */
export interface FullGroup extends AdamWSettings {
  /** Its members. */
  readonly parameters: readonly Parameter[];
}

const settingNames: OptionNames<AdamWSettings> = {
  learningRate: true,
  betas: true,
  epsilon: true,
  weightDecay: true,
};

/** The names of {@link AdamWOptions}. */
export const adamWNames: OptionNames<AdamWOptions> = {
  ...settingNames,
  clipNorm: true,
  preconditioner: true,
};

/** Fills in what the groups leave out and checks everything. */
function groupsOf(
  parameters: readonly Parameter[] | readonly ParameterGroup[],
  options: AdamWOptions,
): FullGroup[] {
  assertOptions("AdamW", options, adamWNames);
  const { clipNorm, preconditioner: _, ...shared } = options;
  const groups = asGroups(parameters).map((group): FullGroup => {
    assertOptions("a group", group, { ...settingNames, parameters: true });
    const { parameters, ...own } = group;
    const { learningRate, betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = 0 } = {
      ...shared,
      ...own,
    };
    return { parameters, learningRate, betas, epsilon, weightDecay };
  });
  if (clipNorm !== undefined) assertWithin("clipNorm", clipNorm, "above 0", clipNorm > 0);
  for (const group of groups) assertSettings(group, shared.learningRate);
  assertParameters(groups.flatMap(({ parameters }) => parameters));
  return groups.filter(({ parameters }) => parameters.length > 0);
}

function asGroups(items: readonly Parameter[] | readonly ParameterGroup[]): ParameterGroup[] {
  if (!Array.isArray(items)) {
    throw new TypeError(`AdamW needs a list of parameters or groups, found ${quote(items)}`);
  }
  const parameters = items.filter((item) => item instanceof Parameter);
  if (parameters.length > 0) return [{ parameters }];
  return [...items] as ParameterGroup[];
}

function assertSettings(
  { learningRate, betas, epsilon, weightDecay }: AdamWSettings,
  sharedRate: number,
): void {
  assertWithin("learningRate", learningRate, "at least 0", learningRate >= 0);
  assertWithin("learningRate", sharedRate, "at least 0", sharedRate >= 0);
  if (learningRate !== sharedRate) {
    const rule = "above 0 if a group has its own";
    assertWithin("learningRate", sharedRate, rule, sharedRate > 0);
  }
  if (!Array.isArray(betas) || betas.length !== 2) {
    throw new RangeError(`AdamW needs betas to be two numbers, found ${quote(betas)}`);
  }
  for (const beta of betas) {
    assertWithin("betas", beta, "in [0, 1)", beta >= 0 && beta < 1);
    // Moments that forget nothing would grow with every step.
    assertWithin("betas", beta, "below 1 in F32", Math.fround(beta) < 1);
  }
  assertWithin("epsilon", epsilon, "above 0", epsilon > 0);
  assertWithin("weightDecay", weightDecay, "at least 0", weightDecay >= 0);
}

/** Kernels take F32: a clipNorm of 1e-300 would be 0 there, which means none. */
function assertWithin(name: string, value: number, rule: string, holds: boolean): void {
  if (!holds || !Number.isFinite(value)) {
    throw new RangeError(`AdamW needs ${name} to be ${rule}, found ${quote(value)}`);
  }
  if (!fitsFloat32(value)) {
    throw new RangeError(
      `AdamW needs ${name} to be finite and not vanish in F32, found ${quote(value)}`,
    );
  }
}

function assertParameters(parameters: readonly Parameter[]): void {
  if (parameters.length === 0) throw new RangeError("AdamW needs trainable parameters, found none");
  const seen = new Set<Parameter>();
  for (const parameter of parameters) {
    if (seen.has(parameter)) {
      throw new RangeError(`AdamW needs each parameter once, found ${parameter.name} twice`);
    }
    seen.add(parameter);
    if (!parameter.trainable) {
      throw new RangeError(`AdamW needs trainable parameters, found ${parameter.name} frozen`);
    }
    if (parameter.gradient) {
      throw new RangeError(
        `AdamW needs parameters without an optimizer, found one on ${parameter.name}`,
      );
    }
    if (parameter.tensor.device !== parameters[0].tensor.device) {
      throw new DeviceError(
        `AdamW needs all parameters on one device, found ${parameter.name} on another`,
      );
    }
  }
}

// The norm of the gradients.

/**
 * √(Σ g²) over flat ranges, by partial sums over fixed chunks, so that the bits do not depend on the
 * number of threads.
 */
class GradientNorm {
  /** The norm, a single number. */
  readonly value: Tensor;
  readonly #ranges: readonly Tensor[];
  readonly #partials: Tensor;

  /** Allocates the partial sums, which `scope` owns. */
  constructor(scope: Scope, ranges: readonly Tensor[]) {
    this.#ranges = ranges;
    const chunks = ranges.reduce((sum, { size }) => sum + chunksIn(size), 0);
    this.#partials = scope.allocate([chunks], "f32", "scratch", "gradient norm partial sums");
    this.value = scope.allocate([1], "f32", "scratch", "gradient norm");
  }

  /** Computes the norm of the current gradients. */
  update(): void {
    const { device, size } = this.#partials;
    let partialOffset = 0;
    for (const range of this.#ranges) {
      for (const piece of piecesOf(range)) {
        const x = range.view([piece.size], piece.start);
        const scalars = { size: piece.size, partialOffset };
        device.launch(sumSquares, { x, partials: this.#partials }, scalars);
        partialOffset += chunksIn(piece.size);
      }
    }
    device.launch(rootSum, { x: this.#partials, y: this.value }, { size });
  }
}

function chunksIn(size: number): number {
  return Math.ceil(size / squaresChunk);
}
