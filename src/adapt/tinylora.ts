/** TinyLoRA adapters: a few trained values make a core between frozen singular vectors of each weight. @module */

import { add } from "../autograd/ops/add.ts";
import { assertDropout, dropoutWithGradient } from "../autograd/ops/dropout.ts";
import { linear } from "../autograd/ops/linear.ts";
import { matrix, multiply } from "../autograd/ops/product.ts";
import { Parameter } from "../autograd/parameter.ts";
import type { Tape } from "../autograd/tape.ts";
import { assertOptions } from "../core/checks.ts";
import { oneLine } from "../core/errors.ts";
import { moduleOf } from "../core/module_names.ts";
import { Random } from "../core/random.ts";
import { assertShape, type HostTensor, type Shape } from "../core/tensor.ts";
import { Arena, type ArenaEntry } from "../device/arena.ts";
import type { Tensor } from "../device/device.ts";
import {
  field,
  isNames,
  isRank,
  isShare,
  list,
  ofEveryMethod,
  refuse,
  refuseUnknown,
  selectionOf,
} from "../formats/peft/config.ts";
import { tensorPrefix } from "../formats/peft/keys.ts";
import { denseOf, multiply as product, svd } from "../linalg/mod.ts";
import {
  assertEntries,
  coreOf,
  type CountedCores,
  isTying,
  layersOf,
  tinylora,
  vectorsOf,
} from "../methods/tinylora.ts";
import { needsLinear } from "../methods/selection.ts";
import { architectureIn, type BaseFile } from "../models/base_file.ts";
import type { Model } from "../models/model.ts";
import type { Adaptation, Linear } from "../nn/linear.ts";
import { assertFree, type JoinOptions, ofInjector, type WeightChange } from "./adapter.ts";
import { leadingFactors, valuesOf } from "./lora/starts.ts";
import type { BaseChanges } from "./merge/change.ts";
import type { MethodConfig, SavedValues } from "./named_adapter.ts";
import { PeftVectorAdapter, placeVectors, vectorsIn } from "./peft_vectors.ts";
import { isStoredTurned } from "./save.ts";
import { selectLinears } from "./sites.ts";

/** The frozen tensors: A (r, in) and B (out, r) of the leading singular vectors, and P (u, r, r). */
type Frozen<T> = Readonly<Record<"A" | "B" | "P", T>>;

/** Their values. */
type FrozenValues = Frozen<Pick<HostTensor, "data">>;

/** R = Σ vᵢ Pᵢ, (r, r). */
function writeCore(v: Tensor, P: Tensor, R: Tensor): void {
  const options = { m: R.size, n: 1, k: v.size, transposeA: true };
  multiply({ tensor: P, stride: R.size }, columnOf(v), columnOf(R), options);
}

const columnOf = (tensor: Tensor) => ({ tensor, stride: 1 });

/** h Rᵀ with R = Σ vᵢ Pᵢ, row by row of h (tokens, r). */
function throughCore(tape: Tape, h: Tensor, v: Parameter, P: Tensor): Tensor {
  const { device } = tape, [m, r] = h.shape, n = r;
  const R = tape.activation([r, r], "R"), y = tape.activation(h.shape, "R A x");
  writeCore(v.tensor, P, R);
  multiply(matrix(h), matrix(R), matrix(y), { m, n, k: r, transposeB: true });
  tape.record(y, [h, v], (dy) => {
    const dv = tape.contribute(v), dh = tape.contribute(h);
    if (dv) {
      using dR = device.allocate(R.shape, "f32", "scratch", "gradient of R");
      multiply(matrix(dy), matrix(h), matrix(dR), { m: r, n, k: m, transposeA: true });
      const options = { m: v.size, n: 1, k: R.size, accumulate: dv.accumulate };
      multiply({ tensor: P, stride: R.size }, columnOf(dR), columnOf(dv.tensor), options);
    }
    if (dh) {
      multiply(matrix(dy), matrix(R), matrix(dh.tensor), { m, n, k: r, accumulate: dh.accumulate });
    }
  }, [h, R]);
  tape.release(R);
  return y;
}

/** y + B R A x with R = Σ vᵢ Pᵢ, of which v alone is trained; layers may share it (arXiv:2602.04118, section 4). */
export class TinyLoraSite implements Adaptation {
  /** The layer. */
  readonly linear: Linear;
  /** v, (u). */
  readonly v: Parameter;
  /** v, where this is the first of the layers that share it. */
  readonly parameters: readonly Parameter[];
  /** A, B and P. */
  readonly frozen: Readonly<Record<"A" | "B" | "P", Parameter>>;
  /** Share of the inputs that dropout zeroes while training. */
  readonly dropout: number;

  /** Joins a vector and frozen tensors to a layer. */
  constructor(
    linear: Linear,
    v: Parameter,
    frozen: Frozen<Parameter>,
    { isFirst, dropout }: { readonly isFirst: boolean; readonly dropout: number },
  ) {
    this.linear = linear;
    this.v = v;
    this.parameters = isFirst ? [v] : [];
    this.frozen = frozen;
    this.dropout = dropout;
  }

  /** y + B R A drop(x). */
  forward(tape: Tape, x: Tensor, y: Tensor): Tensor {
    const { v, frozen: { A, B, P }, dropout } = this;
    const dropped = dropoutWithGradient(tape, x, dropout), inner = linear(tape, dropped, A);
    if (dropped !== x) tape.release(dropped);
    const change = tape.pipe(
      inner,
      (h) => throughCore(tape, h, v, P.tensor),
      (h) => linear(tape, h, B),
    );
    const sum = add(tape, y, change);
    tape.release(change);
    return sum;
  }

  /** The change that merging makes to the layer's weight. */
  weightChanges(): WeightChange[] {
    const { name, shape } = this.linear.weight;
    return [{ name, shape, mergeInto: (copy) => this.#mergeInto(copy) }];
  }

  /** W += (B R) A. */
  #mergeInto(W: Tensor): void {
    const [A, B, P] = [this.frozen.A.tensor, this.frozen.B.tensor, this.frozen.P.tensor];
    const [m, n] = W.shape, [, k] = B.shape;
    using R = W.device.allocate([k, k], "f32", "scratch", "R");
    using left = W.device.allocate(B.shape, "f32", "scratch", "B R");
    writeCore(this.v.tensor, P, R);
    multiply(matrix(B), matrix(R), matrix(left), { m, n: k, k });
    multiply(matrix(left), matrix(A), matrix(W), { m, n, k, accumulate: 1 });
  }
}

/** Layers and trained values of TinyLoRA; PEFT's default modules if none are named. */
export interface TinyLoraOptions extends CountedCores, JoinOptions {
  /** Share of each layer's input that is zeroed while training with a dropout seed. Default 0. */
  readonly dropout?: number;
  /** Seed of the random matrices. Default 0. */
  readonly seed?: number;
}

/** All that an adapter is made of. */
interface TinyLoraPlan extends ReturnType<typeof coreOf> {
  readonly dropout: number;
  readonly layers: readonly Linear[];
  readonly modulesToSave: readonly string[];
  /** The frozen values of each layer; zeros if absent. */
  readonly frozen?: readonly FrozenValues[];
  /** The trained values, if a file has them. */
  readonly saved?: SavedValues;
}

/**
 * Freezes a model and gives each selected linear layer a core of r x r between the leading singular vectors of its
 * weight, W ≈ U Σ Vᵀ: y += B R A x with A = √Σ Vᵀ and B = U √Σ. R = Σ vᵢ Pᵢ is made by u trained values from random
 * matrices that are fixed (TinyLoRA, arXiv:2602.04118) or, with `core: "entries"`, by one value for each entry
 * (LoRA-XS, arXiv:2405.17604). v begins as zero: at step 0 the model computes what the base model computes, bit for bit.
 *
 * A folder has A, B and P beside v, so PEFT computes the same, whatever signs its own singular vectors have. Cost: u
 * trained values for each layer or each group of layers that share them, 4 · (r · (in + out) + u · r²) bytes for each
 * layer, and a singular value decomposition of every adapted weight on the host.
 *
 * @throws {TypeError} when an option does not exist.
 * @throws {RangeError} when the model has an adapter and `onTop` is not set, a layer does not exist or is an
 * embedding, or a number is out of range.
 *
 * @example
 * ```ts
 * import { injectTinyLora } from "@lowrank/core/adapt";
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 2, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = await injectTinyLora(model, { vectorSize: 13, weightTying: 1, seed: 1 });
 * console.log(adapter.parameters.map(({ shape }) => shape)); // [ [ 13 ] ]
 * ```
 */
export async function injectTinyLora(
  model: Model,
  options: TinyLoraOptions = {},
): Promise<TinyLoraAdapter> {
  const plan = planOf(model, options), frozen: FrozenValues[] = [];
  const random = new Random(options.seed ?? 0);
  for (const { weight } of plan.layers) {
    using own = weight.dense();
    const [values] = await own.device.read(own), rank = Math.min(plan.rank, ...own.shape);
    const { A, B } = valuesOf(leadingFactors(svd(denseOf(values)), rank, 1));
    const P = matricesOf(plan.vectorSize, rank, options.core, random);
    frozen.push({ A: { data: A }, B: { data: B }, P: { data: P } });
  }
  assertFree(model, options, "injectTinyLora"); // Another may have come while weights were read.
  return new TinyLoraAdapter(model, { ...plan, frozen });
}

/** The same without values, for the dry device. */
export const allocateTinyLora = (model: Model, options: TinyLoraOptions = {}): TinyLoraAdapter =>
  new TinyLoraAdapter(model, planOf(model, options));

function planOf(model: Model, options: TinyLoraOptions): TinyLoraPlan {
  assertOptions("injectTinyLora", options, { ...tinylora.options, ...ofInjector });
  assertFree(model, options, "injectTinyLora");
  const { dropout = 0, modulesToSave = [] } = options, core = coreOf(options);
  assertDropout("dropout", dropout);
  const layers = selectLinears(model, layersOf(model.architecture, options), "TinyLoRA");
  assertEntries(
    { ...options, ...core },
    layers.map(({ name, extents }) => ({ name, sides: extents })),
  );
  return { ...core, dropout, modulesToSave, layers };
}

/** P: as in PEFT normal values of variance 1/r, or the matrices with a single 1. */
function matricesOf(u: number, r: number, core: CountedCores["core"], random: Random) {
  const size = r * r, isOne = (at: number) => Math.floor(at / size) === at % size;
  const value = (at: number) =>
    core === "entries" ? Number(isOne(at)) : random.normal() / Math.sqrt(r);
  return Float32Array.from({ length: u * size }, (_, at) => value(at));
}

/** Cores between singular vectors of a model's weights; made by {@link injectTinyLora}. */
export class TinyLoraAdapter extends PeftVectorAdapter<TinyLoraSite> {
  /** The adapted layers, in the order of the forward pass. */
  readonly sites: readonly TinyLoraSite[];
  readonly #plan: TinyLoraPlan;
  readonly #frozen: Arena;

  /** Allocates the tensors, freezes the model and attaches the sites to its layers. */
  constructor(model: Model, plan: TinyLoraPlan) {
    using unfinished = new DisposableStack();
    const { layers, weightTying, vectorSize, modulesToSave, saved } = plan, { device } = model;
    const entries = layers.flatMap((layer) => Object.values(entriesOf(layer, plan)));
    const arena = unfinished.use(new Arena(device, entries, "weight", "TinyLoRA"));
    const vectors = vectorsOf(layers.length, weightTying), sites: TinyLoraSite[] = [];
    super(model, {
      entries: [...new Set(vectors)].map((at) => ({ name: keyOf(at), shape: [vectorSize] })),
      copied: modulesToSave,
      saved,
      build: (own) => {
        layers.forEach((layer, i) => {
          const frozen = frozenOn(arena, entriesOf(layer, plan), plan.frozen?.[i]);
          const isFirst = vectors[i] !== vectors[i - 1], { dropout } = plan;
          sites.push(new TinyLoraSite(layer, own[vectors[i]], frozen, { isFirst, dropout }));
        });
        return sites.map((site) => [site.linear, site]);
      },
    });
    this.sites = sites;
    this.#plan = plan;
    this.#frozen = arena;
    unfinished.move();
  }

  /** Its settings in PEFT's `adapter_config.json`. */
  protected override get fields(): MethodConfig {
    const { rank, vectorSize, weightTying, dropout, layers } = this.#plan;
    return {
      bias: "none",
      fan_in_fan_out: isStoredTurned(this.model, layers),
      init_weights: true,
      peft_type: "TINYLORA",
      r: rank,
      save_projection: true,
      tinylora_dropout: dropout,
      u: vectorSize,
      weight_tying: weightTying,
    };
  }

  /** The vectors, modules trained in full, and what is frozen, by PEFT's keys. */
  protected override tensors(): readonly (readonly [name: string, tensor: Tensor])[] {
    const frozen = this.sites.flatMap(({ frozen }) => Object.values(frozen));
    return [...super.tensors(), ...frozen.map(({ name, tensor }) => [name, tensor] as const)];
  }

  /** Removes the adapter and frees its tensors. */
  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.#frozen[Symbol.dispose]();
  }
}

/** Frozen tensors of a layer, with their values. */
function frozenOn(
  arena: Arena,
  entries: Frozen<ArenaEntry>,
  values?: FrozenValues,
): Frozen<Parameter> {
  const parameterOf = (part: "A" | "B" | "P") => {
    const { name } = entries[part], parameter = new Parameter(name, arena.view(name));
    parameter.trainable = false;
    if (values) parameter.tensor.device.write(parameter.tensor, values[part].data);
    return parameter;
  };
  return { A: parameterOf("A"), B: parameterOf("B"), P: parameterOf("P") };
}

/** The frozen tensors of a layer by PEFT's keys; the rank is at most the smaller side of its weight. */
function entriesOf(
  { name, extents: [outputs, inputs] }: Pick<Linear, "name" | "extents">,
  { rank, vectorSize }: Pick<TinyLoraPlan, "rank" | "vectorSize">,
): Frozen<ArenaEntry> {
  const r = Math.min(rank, outputs, inputs);
  const entry = (part: string, shape: Shape) => ({
    name: `${tensorPrefix}${name}.tinylora_${part}`,
    shape,
  });
  return {
    A: entry("A", [r, inputs]),
    B: entry("B", [outputs, r]),
    P: entry("P", [vectorSize, r, r]),
  };
}

// Its files.

/** PEFT's keys of vectors. */
const vectorPrefix = "base_model.tinylora_v.", keyOf = (at: number) => vectorPrefix + at;

/** Fields that are read, or do not matter once the tensors exist. */
const known = new Set([
  ...ofEveryMethod,
  ...["r", "u", "weight_tying", "tinylora_dropout", "bias", "save_projection"],
  ...["target_modules", "exclude_modules", "layers_to_transform", "layers_pattern"],
  ...["modules_to_save", "projection_seed", "init_v_bound", "init_weights", "fan_in_fan_out"],
]);

/**
 * A file of PEFT's TinyLoRA, of whichever base.
 *
 * @throws {AdapterFileError} when a field of the configuration is not understood.
 * @throws {RangeError} when a tensor is none of TinyLoRA's, or there are none of a layer.
 */
function parseTinyLora({ config: json, tensors }: SavedValues) {
  refuseUnknown(json, known);
  if ((json.bias ?? "none") !== "none") {
    refuse("bias", 'be "none" (not implemented: biases beside TinyLoRA)', json.bias);
  }
  if (!(json.save_projection ?? true)) {
    refuse("save_projection", "be true, as its random matrices are not drawn again", false);
  }
  const config = {
    ...selectionOf(json),
    rank: field(json, "r", "be an integer of at least 1", isRank) ?? 2,
    vectorSize: field(json, "u", "be an integer of at least 1", isRank) ?? 64,
    weightTying: field(json, "weight_tying", "be a number from 0 to 1", isTying) ?? 0,
    dropout: field(json, "tinylora_dropout", "be in [0, 1)", isShare) ?? 0,
    savedModules: list(field(json, "modules_to_save", "be names", isNames)) ?? [],
  };
  const isVector = ([key]: readonly [string, unknown]) => key.startsWith(vectorPrefix);
  const trained = new Map([...tensors].filter(isVector));
  const rest = new Map([...tensors].filter((entry) => !isVector(entry)));
  const file = vectorsIn(rest, "TinyLoRA", (ending) => /^tinylora_[ABP]$/.test(ending));
  return { config, trained, file };
}

/** The frozen tensors of a layer in a file, which must have their shapes. */
function frozenIn(
  tensors: ReadonlyMap<string, HostTensor>,
  entries: Frozen<ArenaEntry>,
): Frozen<HostTensor> {
  const find = (entry: ArenaEntry) => tensorOf(tensors, entry);
  return { A: find(entries.A), B: find(entries.B), P: find(entries.P) };
}

function tensorOf(
  tensors: ReadonlyMap<string, HostTensor>,
  { name, shape }: ArenaEntry,
): HostTensor {
  const found = tensors.get(name) ?? { shape: [], data: new Float32Array() };
  assertShape(oneLine(name), found.shape, shape);
  return found;
}

/**
 * TinyLoRA from a file of PEFT's that was read.
 *
 * @throws {AdapterFileError} when a field of the configuration is not understood.
 * @throws {RangeError} when the tensors are not those of TinyLoRA on this model.
 */
export function loadTinyLora(model: Model, given: SavedValues): TinyLoraAdapter {
  const { config, trained, file } = parseTinyLora(given);
  const { layers, saved, modulesToSave } = placeVectors(model, given, file, config, "TinyLoRA");
  const frozen = layers.map((layer) => frozenIn(saved.tensors, entriesOf(layer, config)));
  const tensors = new Map([...trained, ...file.others]);
  return new TinyLoraAdapter(model, {
    ...{ ...config, layers, modulesToSave, frozen },
    saved: { ...given, tensors },
  });
}

/**
 * Updates (B R) A of a base's files, whose layers have their vectors in the order of the model.
 *
 * @throws {RangeError} when the base has no weight that fits, or its architecture is unknown.
 */
export function tinyLoraChanges(base: BaseFile, saved: SavedValues): BaseChanges {
  const { config, trained, file } = parseTinyLora(saved), { promptFormat } = saved;
  const layers = layersIn(base, file.modules), { vectorSize, savedModules } = config;
  const vectors = vectorsOf(layers.length, config.weightTying), u = [vectorSize];
  const keys = new Set(vectors.map(keyOf)),
    other = [...trained.keys()].find((one) => !keys.has(one));
  if (other !== undefined) {
    throw new RangeError(
      `TinyLoRA has ${keys.size} vectors for these layers, found ${oneLine(other)}`,
    );
  }
  const named = new Map(Array.from(file.vectors, ([name, one]) => [tensorPrefix + name, one]));
  const updates = layers.map((layer, i) => {
    const { A, B, P } = frozenIn(named, entriesOf(layer, config)), key = keyOf(vectors[i]);
    const [, r] = B.shape, v = tensorOf(trained, { name: key, shape: u });
    const core = product(denseAs([1, vectorSize], v), denseAs([vectorSize, r * r], P));
    const { data } = product(denseOf(B), denseAs([r, r], core));
    return { module: layer.name, scaling: 1, A, B: { shape: B.shape, data } };
  });
  return { updates, saved: file.others, savedModules, promptFormat };
}

const denseAs = (shape: Shape, { data }: Pick<HostTensor, "data">) => denseOf({ shape, data });

/** The layers of modules of a base in the order of its architecture, by which they have their vectors. */
function layersIn(base: BaseFile, modules: readonly string[]) {
  const linears = architectureIn(base.config)?.linears ?? [];
  const order = linears.filter(({ kind }) => kind !== "embedding").map(({ name }) => name);
  const layers = modules.map((module) => {
    const { name, shape: [outputs, inputs] } = base.describe(`${module}.weight`);
    const at = order.indexOf(moduleOf(name));
    if (at < 0) throw new RangeError(needsLinear("TinyLoRA", oneLine(module)));
    return { name: module, extents: [outputs, inputs] as const, at };
  });
  return layers.sort((a, b) => a.at - b.at);
}
