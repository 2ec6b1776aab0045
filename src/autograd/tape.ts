/** The tape: it owns every intermediate of a step and records how to differentiate it. @module */

import { fill, scaleAdd } from "../../kernels/elementwise/kernel.ts";
import { assertSeed, hash32 } from "../core/random.ts";
import { formatShape, type Shape } from "../core/shape.ts";
import type { Device, Tensor } from "../device/device.ts";
import { Scope } from "../device/scope.ts";
import { type GradientSlot, Parameter } from "./parameter.ts";

/** What an operation can be differentiated with respect to. */
export type Differentiable = Tensor | Parameter;

/** How a tape behaves. */
export interface TapeOptions {
  /** False to compute without recording. Default true. */
  readonly record?: boolean;
  /** Seed of this step's dropout masks; without one dropout is off. */
  readonly dropoutSeed?: number;
  /** Called by every linear layer with its weight's name and its input, which lives as long as the tape. */
  readonly onLinear?: (weight: string, input: Tensor) => void;
}

/** Where a backward function writes, in the form that kernels take. */
export interface Contribution {
  /** The gradient's buffer. */
  readonly tensor: Tensor;
  /** 1 to add to what is there, 0 to overwrite. */
  readonly accumulate: 0 | 1;
}

interface Entry {
  readonly out: Tensor;
  readonly backward: (gradient: Tensor) => void;
}

/**
 * Owns every intermediate of a step, records how to differentiate it, and frees them all at the end of
 * the block. An operation launches its forward kernels and calls {@link Tape.record} with its backward
 * function; inputs that need no gradient get no buffer and no backward kernel.
 *
 * @example Differentiate a sum
 * ```ts
 * import { add, openDevice, Parameter, Tape } from "@lowrank/core";
 *
 * using device = await openDevice({ kind: "reference" });
 * using x = device.allocate([2], "f32", "weight", "x");
 * device.write(x, Float32Array.of(1, 2));
 * const parameter = new Parameter("x", x);
 * using tape = new Tape(device);
 * const doubled = add(tape, parameter, parameter);
 * tape.backward(doubled);
 * const [gradient] = await device.read(tape.gradientOf(parameter)!);
 * console.log(gradient.data); // 2, 2
 * ```
 */
export class Tape extends Scope {
  /** Called by linear layers with their inputs. */
  readonly onLinear: TapeOptions["onLinear"];
  readonly #recording: boolean;
  readonly #dropoutSeed: number | undefined;
  readonly #entries: Entry[] = [];
  readonly #tracked = new Set<Tensor>();
  readonly #spent = new Set<Tensor>();
  readonly #gradients = new Map<Differentiable, GradientSlot>();
  /** The gradient that the running backward function handed over by {@link Tape.give}. */
  #given: Tensor | undefined;
  #draws = 0;

  /**
   * Starts an empty tape.
   *
   * @throws {RangeError} when the seed is not a whole number in [0, 2^32).
   */
  constructor(device: Device, { record = true, dropoutSeed, onLinear }: TapeOptions = {}) {
    if (dropoutSeed !== undefined) assertSeed(dropoutSeed);
    super(device);
    this.onLinear = onLinear;
    this.#recording = record;
    this.#dropoutSeed = dropoutSeed;
  }

  /** An F32 tensor of role `activation` that lives as long as the tape. */
  activation(shape: Shape, label: string): Tensor {
    return this.allocate(shape, "f32", "activation", label);
  }

  /**
   * True if gradients flow to it: a trainable parameter, or a result computed from one.
   *
   * @throws {RangeError} when {@link Tape.backward} has already passed it: what is computed from it
   * afterwards could not add to its gradient.
   */
  tracks(x: Differentiable): boolean {
    if (x instanceof Parameter) return this.#recording && x.trainable;
    if (!this.#spent.has(x)) return this.#tracked.has(x);
    throw new RangeError(
      `a tape runs backward over ${x.label} once, found a second use after backward`,
    );
  }

  /** The seed of the next dropout mask, `undefined` when dropout is off. */
  nextDropoutSeed(): number | undefined {
    return this.#dropoutSeed === undefined ? undefined : hash32(this.#dropoutSeed, this.#draws++);
  }

  /** Records how to differentiate `out`, unless no input needs a gradient. */
  record(
    out: Tensor,
    inputs: readonly Differentiable[],
    backward: (gradient: Tensor) => void,
  ): Tensor {
    if (inputs.some((input) => this.tracks(input))) {
      this.#tracked.add(out);
      this.#entries.push({ out, backward });
    }
    return out;
  }

  /** Where to add the gradient of a tracked input; `undefined` for an untracked one. */
  contribute(x: Differentiable): Contribution | undefined {
    if (!this.tracks(x)) return undefined;
    const slot = this.#slotOf(x);
    const accumulate = slot.filled ? 1 : 0;
    slot.filled = true;
    return { tensor: slot.tensor, accumulate };
  }

  /** Adds a whole gradient to that of `x`. */
  pass(x: Differentiable, gradient: Tensor): void {
    const into = this.contribute(x);
    if (!into) return;
    this.device.launch(scaleAdd, { x: gradient, y: into.tensor }, {
      size: gradient.size,
      xOffset: 0,
      yOffset: 0,
      alpha: 1,
      accumulate: into.accumulate,
    });
  }

  /**
   * Like {@link Tape.pass}, but hands the buffer over without a copy if possible; for the last use of
   * the output's gradient in a backward function.
   */
  give(x: Differentiable, gradient: Tensor): void {
    if (!this.tracks(x)) return;
    if (x instanceof Parameter || this.#gradients.has(x)) return this.pass(x, gradient);
    this.#gradients.set(x, { tensor: gradient, filled: true });
    this.#given = gradient;
  }

  /** The gradient of a parameter, or of an output while its backward function runs. */
  gradientOf(x: Differentiable): Tensor | undefined {
    const slot = x instanceof Parameter && x.gradient || this.#gradients.get(x);
    return slot?.filled ? slot.tensor : undefined;
  }

  /**
   * Runs the tape backward from `loss`, whose own gradient is `seed` in every element.
   *
   * Gradients of intermediates are freed as soon as they have been used; those of parameters stay in
   * the optimizer's buffers or, without an optimizer, as long as the tape.
   *
   * @throws {RangeError} when `loss` depends on nothing trainable, or backward ran over it before.
   */
  backward(loss: Tensor, seed = 1): void {
    if (!this.tracks(loss)) {
      throw new RangeError(
        `backward needs a result of trainable parameters, found ${loss.label} ${
          formatShape(loss.shape)
        } that depends on none`,
      );
    }
    const start = this.contribute(loss)!.tensor;
    this.device.launch(fill, { y: start }, { size: loss.size, value: seed });
    const entries = this.#entries.splice(0).reverse();
    try {
      for (const entry of entries) this.#differentiate(entry);
    } finally {
      for (const { out } of entries) this.#spent.add(out);
    }
  }

  /** Frees every intermediate and every gradient that the tape made. */
  override [Symbol.dispose](): void {
    for (const { tensor } of this.#gradients.values()) tensor[Symbol.dispose]();
    this.#gradients.clear();
    super[Symbol.dispose]();
  }

  /** Skips outputs that did not contribute to the loss. */
  #differentiate({ out, backward }: Entry): void {
    const slot = this.#gradients.get(out);
    if (!slot) return;
    this.#given = undefined;
    backward(slot.tensor);
    this.#gradients.delete(out);
    if (this.#given !== slot.tensor) slot.tensor[Symbol.dispose]();
  }

  #slotOf(x: Differentiable): GradientSlot {
    if (x instanceof Parameter && x.gradient) return x.gradient;
    const found = this.#gradients.get(x);
    if (found) return found;
    const [role, label] = x instanceof Parameter
      ? ["gradient", `gradient of ${x.name}`] as const
      : ["activation", `gradient of ${x.label}`] as const;
    const tensor = this.device.allocate(x.shape, "f32", role, label);
    const slot = { tensor, filled: false };
    this.#gradients.set(x, slot);
    return slot;
  }
}

/** The tensor of an operand. */
export function valueOf(x: Differentiable): Tensor {
  return x instanceof Parameter ? x.tensor : x;
}
