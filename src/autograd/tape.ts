/** The tape: it owns every intermediate of a step and records how to differentiate it. @module */

import { assertOptions } from "../core/options.ts";
import { formatShape, type Shape } from "../core/shape.ts";
import type { Device, Tensor } from "../device/device.ts";
import { Scope } from "../device/scope.ts";
import { Entries } from "./entries.ts";
import { ForwardState } from "./forward_state.ts";
import { type Contribution, type Differentiable, Gradients, valueOf } from "./gradients.ts";
import { Lifetimes } from "./lifetimes.ts";
import { Parameter } from "./parameter.ts";
import { tapeNames, type TapeOptions } from "./tape_options.ts";

/**
 * Owns every intermediate of a step, records how to differentiate it, and frees them all at the end of
 * the block, or earlier if its maker releases it. An operation launches its forward kernels and
 * calls {@link Tape.record} with its backward function; inputs that need no gradient get no buffer and
 * no backward kernel.
 *
 * Who makes a value releases it: a layer releases what it computes on the way to its result, but
 * neither its inputs nor its result. So a caller may use those as long as the tape lives.
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
  readonly #state: ForwardState;
  readonly #lifetimes = new Lifetimes(this);
  readonly #tracked = new Set<Tensor>();
  readonly #spent = new Set<Tensor>();
  readonly #gradients: Gradients;
  readonly #entries: Entries;
  #isEarly = false;

  /**
   * Starts an empty tape.
   *
   * @throws {TypeError} when an option does not exist.
   * @throws {RangeError} when the seed is not a whole number in [0, 2^32).
   */
  constructor(device: Device, options: TapeOptions = {}) {
    assertOptions("a tape", options, tapeNames);
    super(device);
    this.#gradients = new Gradients(device);
    this.#entries = new Entries(this.#gradients, this.#lifetimes);
    this.#state = new ForwardState(options);
  }

  /** Whether what is computed is to be differentiated. */
  get records(): boolean {
    return this.#state.records;
  }

  /** Called by linear layers with their inputs, but not while these are computed again. */
  get onLinear(): TapeOptions["onLinear"] {
    return this.#state.onLinear;
  }

  /** An F32 tensor of role `activation` that lives as long as the tape unless it is released. */
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
    if (x instanceof Parameter) return this.#state.records && x.trainable;
    if (!this.#spent.has(x)) return this.#tracked.has(x);
    throw new RangeError(
      `a tape runs backward over ${x.label} once, found a second use after backward`,
    );
  }

  /** The seed of the next dropout mask, `undefined` when dropout is off. */
  nextDropoutSeed(): number | undefined {
    return this.#state.nextDropoutSeed();
  }

  /**
   * Records how to differentiate `out`, unless no input needs a gradient.
   *
   * @param saved The tensors that `backward` reads besides the gradient, which stay alive until it has
   * run. Default: `out` and the inputs.
   * @param again Computes `out` once more from what is saved: it is then freed as soon as it is released, and
   * computed again for the backward functions that saved it.
   */
  record(
    out: Tensor,
    inputs: readonly Differentiable[],
    backward: (gradient: Tensor) => void,
    saved: readonly Tensor[] = [out, ...inputs.map(valueOf)],
    again?: () => void,
  ): Tensor {
    if (!inputs.some((input) => this.tracks(input))) return out;
    this.#tracked.add(out);
    if (!this.#state.saves) return out;
    this.#entries.push({ out, backward, saved });
    if (again) this.#lifetimes.remake(out, saved, again);
    return out;
  }

  /**
   * Says that nothing reads these values any more, except backward functions that saved them: each is
   * freed at once, or after the last of those has run. Tensors that the tape did not make, such as views
   * and parameters' values, are left alone. Using a freed tensor is a `DeviceError`.
   */
  release(...values: readonly Tensor[]): void {
    for (const value of values) this.#lifetimes.release(value);
  }

  /** Keeps a value as long as the tape, even if the layer that made it releases it. */
  keep(value: Tensor): Tensor {
    this.#lifetimes.keep(value);
    return value;
  }

  /**
   * Passes x through operations, one after another, and releases every value, x included, as soon as
   * the next one is there. An operation may return its argument.
   */
  pipe(x: Tensor, ...operations: readonly ((value: Tensor) => Tensor)[]): Tensor {
    return operations.reduce((value, operation) => {
      const next = operation(value);
      if (value.storage !== next.storage) this.release(value);
      return next;
    }, x);
  }

  /**
   * Like {@link Tape.pipe}; with activation checkpointing (Chen et al. 2016), all that the operations make but
   * their result is freed, and made once more for the backward pass, with the same dropout masks: gradients
   * have the same bits. At least one operation must make a new value.
   *
   * @param shared What they read besides x and parameters, and the caller releases.
   */
  checkpoint(
    x: Tensor,
    operations: readonly ((value: Tensor) => Tensor)[],
    shared: readonly Tensor[] = [],
  ): Tensor {
    const run = () => this.pipe(x, ...operations);
    if (!this.#state.checkpoints) return run();
    const { draws } = this.#state, inputs = [x, ...shared];
    this.#lifetimes.save(inputs); // The pipe releases x.
    const out = this.#state.withoutSaving(run);
    this.record(out, [out], (gradient) => {
      const again = this.#state.again(draws, run);
      this.release(again);
      this.give(again, gradient);
    }, inputs);
    this.#lifetimes.done(inputs);
    return out;
  }

  /** Where to add the gradient of a tracked input; `undefined` for an untracked one. */
  contribute(x: Differentiable): Contribution | undefined {
    return this.tracks(x) ? this.#gradients.contribute(x) : undefined;
  }

  /** Adds a whole gradient to that of `x`. */
  pass(x: Differentiable, gradient: Tensor): void {
    if (this.tracks(x)) this.#gradients.add(x, gradient);
  }

  /** Like {@link Tape.pass}, but without a copy if possible: for the last use of the output's gradient. */
  give(x: Differentiable, gradient: Tensor): void {
    if (!this.tracks(x)) return;
    if (x instanceof Parameter || this.#gradients.find(x)) return this.pass(x, gradient);
    this.#gradients.put(x, { tensor: gradient, filled: true });
    this.#entries.give(gradient);
  }

  /** Lets a backward function write the gradient of x over x: if x was released, and no other has yet to read it. */
  reuse(x: Tensor): boolean {
    if (this.#gradients.find(x) || !this.#lifetimes.takeOver(x)) return false;
    return this.#gradients.put(x, { tensor: x, filled: true }).filled;
  }

  /** The gradient of a parameter, or of an output while its backward function runs. */
  gradientOf(x: Differentiable): Tensor | undefined {
    const slot = this.#gradients.find(x);
    return slot?.filled ? slot.tensor : undefined;
  }

  /**
   * Runs the tape backward from `loss`, whose own gradient is `seed` in every element.
   *
   * Gradients of intermediates, and released values, are freed as soon as they have been used;
   * parameters' gradients stay in the optimizer's buffers or, without an optimizer, as long as the tape.
   *
   * @throws {RangeError} when `loss` depends on nothing trainable, or backward ran over it before.
   */
  backward(loss: Tensor, seed = 1): void {
    if (!this.tracks(loss)) {
      const found = `${loss.label} ${formatShape(loss.shape)}`;
      throw new RangeError(
        `backward needs a result of trainable parameters, found ${found} that depends on none`,
      );
    }
    if (this.#isEarly && seed !== 1) {
      throw new RangeError(`backward after a part that ran early needs the seed 1, found ${seed}`);
    }
    this.#gradients.fill(loss, seed);
    try {
      this.#entries.unwind(0);
    } finally {
      this.#entries.clear();
      for (const out of this.#tracked) this.#spent.add(out);
    }
  }

  /**
   * Computes a term of a loss and runs the backward pass over what it recorded, from the gradient 1, which frees
   * what it saved. {@link Tape.backward} of a sum of terms continues with what came before, from the seed 1.
   */
  early(compute: () => Tensor): Tensor {
    const first = this.#entries.count, known = this.#tracked.size, term = compute();
    if (!this.tracks(term) || !this.#state.saves) return term;
    this.#isEarly = true;
    this.#gradients.fill(term, 1);
    this.#entries.unwind(first);
    for (const out of [...this.#tracked].slice(known)) if (out !== term) this.#spent.add(out);
    return term;
  }

  /** Frees every intermediate and every gradient that the tape made. */
  override [Symbol.dispose](): void {
    this.#gradients[Symbol.dispose]();
    super[Symbol.dispose]();
  }
}
