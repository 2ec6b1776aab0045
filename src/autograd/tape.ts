/**
 * The tape: it owns every intermediate of a step, records how to differentiate it, sums the
 * gradients, and frees intermediates that nothing reads any more.
 *
 * @module
 */

import { fill, scaleAdd } from "../../kernels/elementwise/kernel.ts";
import { assertOptions, type OptionNames } from "../core/checks.ts";
import { assertSeed, hash32 } from "../core/random.ts";
import { formatShape, type Shape } from "../core/tensor.ts";
import { Scope } from "../device/arena.ts";
import type { Device, Storage, Tensor } from "../device/device.ts";
import { type GradientSlot, Parameter } from "./parameter.ts";

// The tape.

/** Options of a tape. */
export interface TapeOptions {
  /** False to compute without recording. Default true. */
  readonly record?: boolean;
  /** Seed of this step's dropout masks; without one dropout is off. */
  readonly dropoutSeed?: number;
  /**
   * True if the blocks of models keep only what they read, and are computed once more for the
   * backward pass: the same gradients, with fewer bytes and more time. Default false.
   */
  readonly activationCheckpointing?: boolean;
  /** Called by every linear layer with its weight's name and its input, which lives as long as the tape. */
  readonly onLinear?: (weight: string, input: Tensor) => void;
}

/** The names of {@link TapeOptions}. */
const tapeNames: OptionNames<TapeOptions> = {
  record: true,
  dropoutSeed: true,
  activationCheckpointing: true,
  onLinear: true,
};

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

  /** True if results are to be differentiated. */
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
   * Records the backward function of `out`, unless no input needs a gradient.
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
   * @param shared Tensors that they read besides x and parameters, and the caller releases.
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

  /**
   * The destination for adding to the gradient of a tracked input; `undefined` for an untracked
   * one.
   */
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
   * Computes a term of a loss and runs the backward pass over its entries, from the gradient 1,
   * which frees the tensors that they saved.
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

// Entries.

/** A result and how to differentiate it. */
export interface Entry {
  /** The result. */
  readonly out: Tensor;
  /** Adds to the gradients of its inputs. */
  readonly backward: (gradient: Tensor) => void;
  /** Tensors that the backward function reads besides the gradient. */
  readonly saved: readonly Tensor[];
}

/** The entries of a tape, which are differentiated from the last to the first. */
class Entries {
  readonly #entries: Entry[] = [];
  readonly #gradients: Gradients;
  readonly #lifetimes: Lifetimes;
  /** The gradient that the running backward function handed over. */
  #given: Tensor | undefined;

  /** Takes the owner of the gradients and the owner of saved tensors. */
  constructor(gradients: Gradients, lifetimes: Lifetimes) {
    this.#gradients = gradients;
    this.#lifetimes = lifetimes;
  }

  /** Number of entries. */
  get count(): number {
    return this.#entries.length;
  }

  /** Adds an entry, whose saved tensors live until it is differentiated. */
  push(entry: Entry): void {
    this.#lifetimes.save(entry.saved);
    this.#entries.push(entry);
  }

  /** Says that the running backward function has handed its gradient over, which is not freed then. */
  give(gradient: Tensor): void {
    this.#given = gradient;
  }

  /** Differentiates all but the first ones. */
  unwind(first: number): void {
    // The backward function of a checkpoint adds entries, which are the next to run.
    while (this.#entries.length > first) {
      const entry = this.#entries.pop()!;
      this.#differentiate(entry);
      this.#lifetimes.done(entry.saved);
    }
  }

  /** Forgets them. */
  clear(): void {
    this.#entries.length = 0;
  }

  /** Skips outputs that did not contribute to the loss. */
  #differentiate({ out, backward, saved }: Entry): void {
    const slot = this.#gradients.find(out);
    if (!slot) return;
    this.#given = undefined;
    this.#lifetimes.wake(saved);
    backward(slot.tensor);
    this.#gradients.take(out);
    if (this.#given !== slot.tensor) slot.tensor[Symbol.dispose]();
  }
}

// The forward pass.

/** Draws the seeds of dropout masks, and knows what is recorded and which hooks are called. */
class ForwardState {
  readonly #options: TapeOptions;
  #draws = 0;
  #saves = true;
  #isAgain = false;

  /** Begins with a first computation that saves what backward functions read. */
  constructor(options: TapeOptions) {
    if (options.dropoutSeed !== undefined) assertSeed(options.dropoutSeed);
    this.#options = options;
  }

  /** True if results are to be differentiated. */
  get records(): boolean {
    return this.#options.record ?? true;
  }

  /** True if blocks are computed once more for their backward pass. */
  get checkpoints(): boolean {
    return this.#options.activationCheckpointing ?? false;
  }

  /** False while what is computed will be computed once more. */
  get saves(): boolean {
    return this.#saves;
  }

  /** The hook of linear layers, which a recomputation does not call again. */
  get onLinear(): TapeOptions["onLinear"] {
    return this.#isAgain ? undefined : this.#options.onLinear;
  }

  /** Number of dropout masks so far. */
  get draws(): number {
    return this.#draws;
  }

  /** The seed of the next dropout mask, `undefined` when dropout is off. */
  nextDropoutSeed(): number | undefined {
    const { dropoutSeed } = this.#options;
    return dropoutSeed === undefined ? undefined : hash32(dropoutSeed, this.#draws++);
  }

  /** Computes a part that will be computed once more. */
  withoutSaving<T>(compute: () => T): T {
    const saves = this.#saves;
    this.#saves = false;
    try {
      return compute();
    } finally {
      this.#saves = saves;
    }
  }

  /** Computes a part once more, from the mask that it began with. */
  again<T>(draws: number, compute: () => T): T {
    const before = [this.#draws, this.#isAgain] as const;
    [this.#draws, this.#isAgain] = [draws, true];
    try {
      return compute();
    } finally {
      [this.#draws, this.#isAgain] = before;
    }
  }
}

// Gradients.

/** A value that operations can be differentiated with respect to. */
export type Differentiable = Tensor | Parameter;

/** Destination of a backward function's result, in the form that kernels take. */
export interface Contribution {
  /** The gradient's buffer. */
  readonly tensor: Tensor;
  /** 1 to add to what is there, 0 to overwrite. */
  readonly accumulate: 0 | 1;
}

/** Owns the gradients of intermediates, and those of parameters that have no optimizer. */
class Gradients implements Disposable {
  readonly #device: Device;
  readonly #slots = new Map<Differentiable, GradientSlot>();

  /** Starts without any. */
  constructor(device: Device) {
    this.#device = device;
  }

  /** The gradient of x, if it has a buffer; a parameter's optimizer may own it. */
  find(x: Differentiable): GradientSlot | undefined {
    return x instanceof Parameter && x.gradient || this.#slots.get(x);
  }

  /**
   * The destination for adding to the gradient of x, which is allocated if it has no buffer yet.
   */
  contribute(x: Differentiable): Contribution {
    const slot = this.find(x) ?? this.#allocate(x), accumulate = slot.filled ? 1 : 0;
    slot.filled = true;
    return { tensor: slot.tensor, accumulate };
  }

  /** Adds a whole gradient to that of x. */
  add(x: Differentiable, gradient: Tensor): void {
    const { tensor, accumulate } = this.contribute(x), { size } = gradient;
    const scalars = { size, xOffset: 0, yOffset: 0, alpha: 1, accumulate };
    this.#device.launch(scaleAdd, { x: gradient, y: tensor }, scalars);
  }

  /** Makes each value of the gradient of x the same. */
  fill(x: Tensor, value: number): void {
    const { tensor } = this.contribute(x);
    this.#device.launch(fill, { y: tensor }, { size: x.size, value });
  }

  /** Makes a buffer the gradient of x, and owns it. */
  put(x: Differentiable, slot: GradientSlot): GradientSlot {
    this.#slots.set(x, slot);
    return slot;
  }

  /** Gives up the gradient of x without freeing it. */
  take(x: Differentiable): void {
    this.#slots.delete(x);
  }

  /** Frees its tensors. */
  [Symbol.dispose](): void {
    for (const { tensor } of this.#slots.values()) tensor[Symbol.dispose]();
    this.#slots.clear();
  }

  #allocate(x: Differentiable): GradientSlot {
    const [role, name] = x instanceof Parameter
      ? ["gradient", x.name] as const
      : ["activation", x.label] as const;
    const tensor = this.#device.allocate(x.shape, "f32", role, `gradient of ${name}`);
    return this.put(x, { tensor, filled: false });
  }
}

/** The tensor of an operand. */
export function valueOf(x: Differentiable): Tensor {
  return x instanceof Parameter ? x.tensor : x;
}

// Lifetimes.

/** Way to compute a tensor once more. */
interface Remake {
  /** Writes all of its values. */
  readonly compute: () => void;
  /** The tensors that `compute` reads; they are saved until nothing reads the tensor any more. */
  readonly from: readonly Tensor[];
}

/**
 * Frees a scope's tensors as soon as they have been released and nothing that saved them has yet to read
 * them. It counts by buffer, so that saving a view saves the tensor behind it. What can be computed once more
 * is freed when it is released, and computed again for the first backward function that saved it.
 */
class Lifetimes {
  readonly #scope: Scope;
  readonly #saves = new Map<Storage, number>();
  readonly #released = new Map<Storage, Tensor>();
  readonly #remakes = new Map<Storage, Remake>();

  /** Watches over the tensors of a scope. */
  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /** Keeps tensors alive until as many calls of {@link Lifetimes.done}. */
  save(tensors: readonly Tensor[]): void {
    for (const { storage } of tensors) {
      this.#saves.set(storage, (this.#saves.get(storage) ?? 0) + 1);
    }
  }

  /** Records a way to compute a tensor once more. */
  remake(tensor: Tensor, from: readonly Tensor[], compute: () => void): void {
    this.#remakes.set(tensor.storage, { compute, from });
  }

  /** Saves a tensor for good. */
  keep(tensor: Tensor): void {
    this.#remakes.delete(tensor.storage);
    this.save([tensor]);
  }

  /** Computes those of the saved tensors once more that were freed. */
  wake(tensors: readonly Tensor[]): void {
    for (const { storage, device } of tensors) {
      const remake = storage.alive ? undefined : this.#remakes.get(storage);
      if (!remake) continue;
      this.wake(remake.from);
      device.reallocate(storage);
      remake.compute();
    }
  }

  /** Ends one saving of each tensor. */
  done(tensors: readonly Tensor[]): void {
    for (const { storage } of tensors) {
      const left = this.#saves.get(storage)! - 1;
      if (left > 0) this.#saves.set(storage, left);
      else this.#forget(storage);
    }
  }

  /** Frees a tensor, at once or when its last saving ends. */
  release(tensor: Tensor): void {
    const { storage } = tensor;
    if (!this.#saves.has(storage)) return this.#scope.free(tensor);
    this.#released.set(storage, tensor);
    if (this.#remakes.has(storage)) tensor[Symbol.dispose]();
  }

  /** Takes a released tensor over, if one saving is left: that one's end does not free it. */
  takeOver(tensor: Tensor): boolean {
    const { storage } = tensor;
    if (this.#released.get(storage) !== tensor || this.#saves.get(storage) !== 1) return false;
    return this.#released.delete(storage);
  }

  #forget(storage: Storage): void {
    this.#saves.delete(storage);
    const released = this.#released.get(storage);
    if (!released) return;
    this.#released.delete(storage);
    this.#scope.free(released);
  }
}
