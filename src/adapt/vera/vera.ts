/** VeRA adapters: shared random matrices, two trained vectors for each layer. @module */

import { dotColumns, scaleColumns, scaleRows } from "../../../kernels/column_scaling/kernel.ts";
import { fill, scaleAdd } from "../../../kernels/elementwise/kernel.ts";
import { assertDropout, dropoutWithGradient } from "../../autograd/ops/dropout.ts";
import { matrix, multiply } from "../../autograd/ops/product.ts";
import type { Parameter } from "../../autograd/parameter.ts";
import type { Tape } from "../../autograd/tape.ts";
import { assertOptions } from "../../core/checks.ts";
import { quote } from "../../core/errors.ts";
import { mostDrawnRank } from "../../core/limits.ts";
import { TorchGenerator } from "../../core/random.ts";
import type { HostData } from "../../core/tensor.ts";
import { countRows } from "../../core/update.ts";
import { Arena } from "../../device/arena.ts";
import type { Device, Tensor } from "../../device/device.ts";
import { tensorPrefix } from "../../formats/peft/keys.ts";
import { vera } from "../../methods/vera.ts";
import type { Model } from "../../models/model.ts";
import { type Adaptation, Linear } from "../../nn/linear.ts";
import { assertFree, ofInjector, type WeightChange } from "../adapter.ts";
import type { MethodAdapterOptions, MethodConfig, SavedValues } from "../named_adapter.ts";
import { PeftVectorAdapter } from "../peft_vectors.ts";
import { isStoredTurned } from "../save.ts";
import { selectSites, type SiteSelection } from "../sites.ts";

/** Extents of the shared matrices. */
export interface ProjectionShape {
  /** r. */
  readonly rank: number;
  /** Columns of A: the most inputs that an adapted layer has. */
  readonly inputs: number;
  /** Rows of B: the most outputs that an adapted layer has. */
  readonly outputs: number;
}

/** Values of the shared matrices. */
export interface ProjectionValues {
  /** A, (rank, inputs). */
  readonly A: HostData;
  /** B, (outputs, rank). */
  readonly B: HostData;
}

/**
 * A (r, inputs) and B (outputs, r), frozen; a layer uses the first columns of A and the first rows of B.
 * Cost: 4 · r · (inputs + outputs) bytes of role `weight`, and 4 · max(outputs, r) of ones, once for all layers.
 */
export class VeraProjections implements Disposable {
  /** Their extents. */
  readonly shape: ProjectionShape;
  /** A, (rank, inputs). */
  readonly A: Tensor;
  /** B, (outputs, rank). */
  readonly B: Tensor;
  readonly #ones: Tensor;
  readonly #arena: Arena;

  /** Allocates and writes them. */
  constructor(device: Device, shape: ProjectionShape, values: ProjectionValues) {
    const { rank, inputs, outputs } = shape,
      entries = [
        { name: "A", shape: [rank, inputs] },
        { name: "B", shape: [outputs, rank] },
        { name: "ones", shape: [Math.max(outputs, rank)] },
      ];
    this.shape = shape;
    this.#arena = new Arena(device, entries, "weight", "VeRA projections");
    [this.A, this.B, this.#ones] = entries.map(({ name }) => this.#arena.view(name));
    device.write(this.A, values.A);
    device.write(this.B, values.B);
    device.launch(fill, { y: this.#ones }, { size: this.#ones.size, value: 1 });
  }

  /** The first rows of B. */
  rowsOfB(count: number): Tensor {
    return this.B.view([count, this.shape.rank]);
  }

  /** Divisors of kernels that scale by quotients. */
  ones(count: number): Tensor {
    return this.#ones.view([count]);
  }

  /** Frees them. */
  [Symbol.dispose](): void {
    this.#arena[Symbol.dispose]();
  }
}

/**
 * The values that PEFT draws from its `projection_prng_key`, bit for bit: Kaiming's uniform with a gain of √2
 * (Kopiczko et al. 2024, section 3.3), A with a fan-in of its columns, then B with one of r.
 *
 * @throws {RangeError} when the key is not a whole number in [0, 2^32).
 */
export function drawProjections(
  key: number,
  { rank, inputs, outputs }: ProjectionShape,
): ProjectionValues {
  const generator = new TorchGenerator(key);
  const draw = (fanIn: number, count: number) =>
    generator.uniformWithin(Math.sqrt(3) * (Math.SQRT2 / Math.sqrt(fanIn)), count);
  return { A: draw(inputs, rank * inputs), B: draw(rank, outputs * rank) };
}

/** Factors of a VeRA update of one layer: its vectors d and b, and the shared projections. */
export interface VeraFactors {
  /** d, (rank). */
  readonly d: Parameter;
  /** b, (out). */
  readonly b: Parameter;
  /** A and B, frozen. */
  readonly projections: VeraProjections;
}

/** out = y + b ⊙ (B (d ⊙ (A x))), row by row of x (tokens, in) and y (tokens, out). */
function veraOutput(tape: Tape, x: Tensor, y: Tensor, factors: VeraFactors): Tensor {
  const { device } = tape, { d, b, projections } = factors;
  const [m, inputs] = x.shape, [, outputs] = y.shape, rank = d.size;
  const A = matrix(projections.A), B = matrix(projections.rowsOfB(outputs));
  const hidden = tape.activation([m, rank], "A x"), product = tape.activation(y.shape, "B (d A x)");
  const out = tape.activation(y.shape, "VeRA");
  multiply(matrix(x), A, matrix(hidden), { m, n: rank, k: inputs, transposeB: true });
  using scaled = device.allocate(hidden.shape, "f32", "scratch", "d A x");
  scaleBy(d, hidden, scaled, factors);
  multiply(matrix(scaled), B, matrix(product), { m, n: outputs, k: rank, transposeB: true });
  const copy = { size: y.size, xOffset: 0, yOffset: 0, alpha: 1, accumulate: 0 };
  device.launch(scaleAdd, { x: y, y: out }, copy);
  scaleBy(b, product, out, factors, 1);
  tape.record(out, [y, x, d, b], (dOut) => {
    addDots(tape, b, dOut, product, factors);
    using dProduct = device.allocate(y.shape, "f32", "scratch", "gradient of B (d A x)");
    scaleBy(b, dOut, dProduct, factors);
    using dScaled = device.allocate(hidden.shape, "f32", "scratch", "gradient of d A x");
    multiply(matrix(dProduct), B, matrix(dScaled), { m, n: rank, k: outputs });
    addDots(tape, d, dScaled, hidden, factors);
    const dx = tape.contribute(x);
    if (dx) {
      using dHidden = device.allocate(hidden.shape, "f32", "scratch", "gradient of A x");
      scaleBy(d, dScaled, dHidden, factors);
      const { tensor, accumulate } = dx;
      multiply(matrix(dHidden), A, matrix(tensor), { m, n: inputs, k: rank, accumulate });
    }
    tape.give(y, dOut);
  }, [hidden, product]);
  tape.release(hidden, product);
  return out;
}

/** y = (accumulate ? y : 0) + x ⊙ factor, column by column. */
function scaleBy(
  factor: Parameter,
  x: Tensor,
  y: Tensor,
  { projections }: VeraFactors,
  accumulate: 0 | 1 = 0,
): void {
  const [rows, width] = x.shape, divisors = projections.ones(width);
  const tensors = { x, factors: factor.tensor, divisors, y };
  x.device.launch(scaleColumns, tensors, { rows, width, accumulate });
}

/** Adds Σ a ⊙ b over rows to the gradient of a factor. */
function addDots(
  tape: Tape,
  factor: Parameter,
  a: Tensor,
  b: Tensor,
  { projections }: VeraFactors,
): void {
  const into = tape.contribute(factor);
  if (!into) return;
  const [rows, width] = a.shape, { tensor: y, accumulate } = into;
  const tensors = { a, b, divisors: projections.ones(width), y };
  tape.device.launch(dotColumns, tensors, { rows, width, accumulate });
}

/**
 * h = W₀ x + Λ_b B Λ_d A x, where A and B are random, frozen and shared by all layers, and the diagonals b and d
 * are trained (Kopiczko et al. 2024, equation 2). With b = 0 it changes nothing.
 */
export class VeraSite implements Adaptation, VeraFactors {
  /** The layer. */
  readonly linear: Linear;
  /** b, (out). */
  readonly b: Parameter;
  /** d, (rank). */
  readonly d: Parameter;
  /** A and B. */
  readonly projections: VeraProjections;
  /** Share of the inputs that dropout zeroes while training. */
  readonly dropout: number;

  /** Joins the vectors and the shared matrices to a layer. */
  constructor(
    linear: Linear,
    vectors: Pick<VeraFactors, "b" | "d">,
    projections: VeraProjections,
    dropout: number,
  ) {
    this.linear = linear;
    this.b = vectors.b;
    this.d = vectors.d;
    this.projections = projections;
    this.dropout = dropout;
  }

  /** b, then d. */
  get parameters(): readonly Parameter[] {
    return [this.b, this.d];
  }

  /** y + b ⊙ (B (d ⊙ (A drop(x)))). */
  forward(tape: Tape, x: Tensor, y: Tensor): Tensor {
    const dropped = dropoutWithGradient(tape, x, this.dropout);
    const out = veraOutput(tape, dropped, y, this);
    if (dropped !== x) tape.release(dropped);
    return out;
  }

  /** Change that merging makes to the layer's weight. */
  weightChanges(): WeightChange[] {
    const { name, shape } = this.linear.weight;
    return [{ name, shape, mergeInto: (copy) => this.#mergeInto(copy) }];
  }

  /** W += (b ⊙ B) (d ⊙ A), with b and d by rows. */
  #mergeInto(W: Tensor): void {
    const [m, n] = W.shape, { b, d, projections } = this, { A } = projections;
    const scale = (x: Tensor, factor: Parameter) => {
      const y = W.device.allocate(x.shape, "f32", "scratch", "scaled projection");
      const [rows, width] = x.shape, divisors = projections.ones(rows);
      const tensors = { x, factors: factor.tensor, divisors, y };
      W.device.launch(scaleRows, tensors, { rows, width, accumulate: 0 });
      return y;
    };
    using left = scale(projections.rowsOfB(m), b);
    using right = scale(A, d);
    multiply(matrix(left), matrix(right), matrix(W), { m, n, k: d.size, accumulate: 1 });
  }
}

/**
 * Settings of VeRA on a model; PEFT's default modules if neither `sites` nor `targetModules` is
 * given.
 */
export interface VeraOptions extends SiteSelection, MethodAdapterOptions {
  /** r, from 1 to 16384: larger than for LoRA, as each costs one trained value a layer. */
  readonly rank: number;
  /** Initial value of every d. Default 0.1. */
  readonly dInitial?: number;
  /** Share of each layer's input that is zeroed while training with a dropout seed. Default 0. */
  readonly dropout?: number;
  /** Seed of A and B, as PEFT's `projection_prng_key`: PEFT draws the same values from it. Default 0. */
  readonly seed?: number;
}

/** All that a VeRA adapter is made of. */
export interface VeraPlan extends Required<Omit<VeraOptions, "sites" | "targetModules" | "onTop">> {
  /** The adapted layers. */
  readonly layers: readonly Linear[];
  /** A and B, if a file has them. Default: drawn from the seed. */
  readonly projections?: ProjectionValues & { readonly shape: ProjectionShape };
  /** The trained values, if a file has them. */
  readonly saved?: SavedValues;
}

/**
 * Freezes a model and gives each selected linear layer two trained vectors, between which random matrices act
 * that all layers share: y += b ⊙ (B (d ⊙ (A x))) with d `(r)` and b `(out)` (Kopiczko et al. 2024).
 *
 * b begins as zero: at step 0 the model computes what the base model computes, bit for bit. Layers of other
 * extents use the first columns of A and rows of B, as in PEFT. Cost: r + out trained values for each layer, and
 * 4 · r · (in + out) + 4 · max(out, r) bytes once, in and out the largest extents.
 *
 * @throws {TypeError} when an option does not exist, or both `sites` and `targetModules` are given.
 * @throws {RangeError} when the model has an adapter and `onTop` is not set, a layer does not exist or is an
 * embedding, a site is a part of a weight, or a number is out of range.
 *
 * @example
 * ```ts
 * import { injectVera } from "@lowrank/core/adapt";
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = injectVera(model, { rank: 16, targetModules: ["c_attn"], seed: 1 });
 * console.log(adapter.parameters.reduce((sum, { size }) => sum + size, 0)); // 16 + 24 = 40
 * ```
 */
export function injectVera(model: Model, options: VeraOptions): VeraAdapter {
  assertOptions("injectVera", options, { ...vera.options, ...ofInjector });
  assertFree(model, options, "injectVera");
  const { rank, dInitial = 0.1, dropout = 0, seed = 0, modulesToSave = [] } = options;
  assertSettings(rank, dInitial, dropout);
  const layers = selectLayers(model, options);
  return new VeraAdapter(model, { rank, dInitial, dropout, seed, modulesToSave, layers });
}

/** Trained vectors on layers of a model; made by {@link injectVera}. */
export class VeraAdapter extends PeftVectorAdapter<VeraSite> {
  /** The adapted layers, in the order of the forward pass. */
  readonly sites: readonly VeraSite[];
  /** A and B. */
  readonly projections: VeraProjections;
  readonly #plan: VeraPlan;

  /** Allocates the tensors, freezes the model and attaches the sites to its layers. */
  constructor(model: Model, plan: VeraPlan) {
    using unfinished = new DisposableStack();
    const { layers, rank, seed, projections: given } = plan;
    const shape = given?.shape ?? projectionShape(layers, rank);
    const values = given ?? drawProjections(seed, shape);
    const projections = unfinished.use(new VeraProjections(model.device, shape, values));
    const sites: VeraSite[] = [];
    super(model, {
      entries: layers.flatMap((layer) => entriesOf(layer, rank)),
      copied: plan.modulesToSave,
      saved: plan.saved,
      build: (own) => {
        sites.push(
          ...layers.map((layer, i) => makeSite(layer, own.slice(2 * i), projections, plan)),
        );
        return sites.map((site) => [site.linear, site]);
      },
    });
    this.sites = sites;
    this.projections = projections;
    this.#plan = plan;
    unfinished.move();
  }

  /** Its settings in PEFT's `adapter_config.json`. */
  protected override get fields(): MethodConfig {
    const { rank, dInitial, dropout, seed, layers } = this.#plan;
    return {
      bias: "none",
      d_initial: dInitial,
      fan_in_fan_out: isStoredTurned(this.model, layers),
      init_weights: true,
      peft_type: "VERA",
      projection_prng_key: seed,
      r: rank,
      save_projection: true,
      vera_dropout: dropout,
    };
  }

  /** The vectors, modules trained in full, A and B, by PEFT's keys. */
  protected override tensors(): readonly (readonly [name: string, tensor: Tensor])[] {
    const { A, B } = this.projections;
    return [...super.tensors(), ["base_model.vera_A", A], ["base_model.vera_B", B]];
  }

  /** Removes the adapter and frees its tensors. */
  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.projections[Symbol.dispose]();
  }
}

/** Throws unless a rank, a start and a dropout are numbers that VeRA can have. */
function assertSettings(rank: number, dInitial: number, dropout: number): void {
  if (!(Number.isInteger(rank) && rank >= 1 && rank <= mostDrawnRank)) {
    throw new RangeError(
      `the rank of VeRA must be a whole number from 1 to ${mostDrawnRank}, found ${quote(rank)}`,
    );
  }
  if (!Number.isFinite(Math.fround(dInitial))) {
    throw new RangeError(`dInitial must be finite in F32, found ${quote(dInitial)}`);
  }
  assertDropout("dropout", dropout);
}

function selectLayers(model: Model, { sites, targetModules }: SiteSelection): Linear[] {
  const isSaid = sites !== undefined || targetModules !== undefined;
  const usual = model.architecture?.peftTargets ?? [];
  const selection = isSaid ? { sites, targetModules } : { targetModules: usual };
  return selectSites(model, selection).map(({ name, linear, rows }) => {
    if (linear instanceof Linear && countRows(rows) === linear.extents[0]) return linear;
    const found = linear instanceof Linear ? "the site" : "the embedding";
    throw new RangeError(
      `VeRA needs whole linear layers, by targetModules, found ${found} ${name}`,
    );
  });
}

/** The extents with which A and B reach every layer. */
export function projectionShape(layers: readonly Linear[], rank: number): ProjectionShape {
  const most = (axis: 0 | 1) =>
    layers.reduce((max, { extents }) => Math.max(max, extents[axis]), 0);
  return { rank, outputs: most(0), inputs: most(1) };
}

const entriesOf = ({ name, extents: [outputs] }: Linear, rank: number) => [
  { name: `${tensorPrefix}${name}.vera_lambda_b`, shape: [outputs] },
  { name: `${tensorPrefix}${name}.vera_lambda_d`, shape: [rank] },
];

function makeSite(
  layer: Linear,
  [b, d]: readonly Parameter[],
  projections: VeraProjections,
  { dInitial, dropout }: VeraPlan,
): VeraSite {
  d.tensor.device.write(d.tensor, new Float32Array(d.size).fill(dInitial));
  return new VeraSite(layer, { b, d }, projections, dropout);
}
