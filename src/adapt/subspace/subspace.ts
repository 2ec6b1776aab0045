/** Random subspaces: a few trained values z move the weights of all layers together, by P z. @module */

import { add } from "../../autograd/ops/add.ts";
import { matrix, multiply } from "../../autograd/ops/product.ts";
import type { Parameter } from "../../autograd/parameter.ts";
import type { Tape } from "../../autograd/tape.ts";
import { assertOptions } from "../../core/checks.ts";
import { oneLine } from "../../core/errors.ts";
import { assertSeed, isSeed } from "../../core/random.ts";
import { assertShape, type HostData, sizeOf } from "../../core/tensor.ts";
import type { Tensor } from "../../device/device.ts";
import {
  field,
  isNames,
  isRank,
  list,
  ofEveryMethod,
  refuse,
  refuseUnknown,
} from "../../formats/peft/config.ts";
import {
  type CountedSubspace,
  dimensionOf,
  movedLayers,
  subspace,
} from "../../methods/subspace.ts";
import type { BaseFile } from "../../models/base_file.ts";
import type { Model } from "../../models/model.ts";
import type { Adaptation, Linear } from "../../nn/linear.ts";
import { assertFree, type JoinOptions, ofInjector, type WeightChange } from "../adapter.ts";
import { assertOneUse } from "../lora/load.ts";
import type { AddChange, BaseChanges } from "../merge/change.ts";
import {
  type MethodConfig,
  NamedAdapter,
  savedModulesOf,
  type SavedValues,
} from "../named_adapter.ts";
import { asLinear, assertOwnWeight, matchLayers, selectLinears } from "../sites.ts";
import { projectedOnHost, Projection, type ProjectionFacts, SharedFactors } from "./projection.ts";

/** ΔW = P z, for the rows of P of one layer. */
function moved(tape: Tape, z: Parameter, { linear, projection }: SubspaceSite): Tensor {
  const W = tape.activation(linear.weight.shape, "P z");
  projection.writeTo(W, z.tensor, 0);
  return tape.record(W, [z], (dW) => {
    const dz = tape.contribute(z)!;
    projection.addGradient(dW, dz.tensor, dz.accumulate);
  }, []);
}

/** x Wᵀ, where W is computed. */
function product(tape: Tape, x: Tensor, W: Tensor): Tensor {
  const [m, k] = x.shape, [n] = W.shape, y = tape.activation([m, n], "x ΔWᵀ");
  multiply(matrix(x), matrix(W), matrix(y), { m, n, k, transposeB: true });
  return tape.record(y, [x, W], (dy) => {
    const dW = tape.contribute(W), dx = tape.contribute(x);
    if (dW) {
      const options = { m: n, n: k, k: m, transposeA: true, accumulate: dW.accumulate };
      multiply(matrix(dy), matrix(x), matrix(dW.tensor), options);
    }
    if (dx) {
      const options = { m, n: k, k: n, accumulate: dx.accumulate };
      multiply(matrix(dy), matrix(W), matrix(dx.tensor), options);
    }
  }, [x, W]);
}

/** y + ΔW x, where ΔW is the layer's part of P z (Li et al. 2018, equation 1). */
export class SubspaceSite implements Adaptation {
  /** The layer. */
  readonly linear: Linear;
  /** z, (d), which all layers share. */
  readonly z: Parameter;
  /** z, where this is the first layer. */
  readonly parameters: readonly Parameter[];
  /** The rows of P that move the layer's weight. */
  readonly projection: Projection;

  /** Joins z and rows of P to a layer. */
  constructor(linear: Linear, z: Parameter, projection: Projection, isFirst: boolean) {
    this.linear = linear;
    this.z = z;
    this.parameters = isFirst ? [z] : [];
    this.projection = projection;
  }

  /** y + x (P z)ᵀ. */
  forward(tape: Tape, x: Tensor, y: Tensor): Tensor {
    const W = moved(tape, this.z, this), change = product(tape, x, W);
    tape.release(W);
    const sum = add(tape, y, change);
    tape.release(change);
    return sum;
  }

  /** The change that merging makes to the layer's weight. */
  weightChange(): WeightChange {
    const { name, shape } = this.linear.weight;
    const mergeInto = (copy: Tensor) => this.projection.writeTo(copy, this.z.tensor, 1);
    return { name, shape, mergeInto };
  }
}

/** Layers whose weights are moved, all linear ones but a head if none are named, and the dimension. */
export interface SubspaceOptions extends CountedSubspace, JoinOptions {
  /** Seed of the random matrix. Default 0. */
  readonly seed?: number;
}

/** All that an adapter is made of. */
interface SubspacePlan {
  readonly dimension: number;
  readonly seed: number;
  readonly layers: readonly Linear[];
  readonly modulesToSave: readonly string[];
  /** The trained values, if a file has them. */
  readonly saved?: SavedValues;
}

/**
 * Freezes a model and trains z of d values, which move the weights of the selected layers together: θ = θ₀ + P z, where P
 * is random and fixed, with columns of about the length 1 ("Measuring the intrinsic dimension of objective landscapes",
 * arXiv:1804.08838). z begins as zero: at step 0 the model computes what the base model computes, bit for bit. A rate that
 * suits z is some ten times that of the weights.
 *
 * P is drawn from the seed, again where the folder is loaded, and none of its entries is formed: see
 * {@link Projection}. Biases are not moved. Cost: d trained values, 8 bytes of signs and normal values for each weight
 * and, in each pass, about the operations of 2 · √n tokens in these layers, with n the power of two from d:
 * merge an adapter before texts are generated with it.
 *
 * @throws {TypeError} when an option does not exist.
 * @throws {RangeError} when the model has an adapter and `onTop` is not set, a layer does not exist or is an
 * embedding, or a number is out of range.
 *
 * @example
 * ```ts
 * import { injectSubspace } from "@lowrank/core/adapt";
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = injectSubspace(model, { dimension: 20, seed: 1 });
 * console.log(adapter.parameters.map(({ shape }) => shape)); // [ [ 20 ] ]
 * ```
 */
export function injectSubspace(model: Model, options: SubspaceOptions = {}): SubspaceAdapter {
  assertOptions("injectSubspace", options, { ...subspace.options, ...ofInjector });
  assertFree(model, options, "injectSubspace");
  const { seed = 0, modulesToSave = [] } = options, dimension = dimensionOf(options);
  assertSeed(seed);
  const layers = selectLinears(model, movedLayers(options), "a random subspace");
  return new SubspaceAdapter(model, { dimension, seed, layers, modulesToSave });
}

/** Values in a random subspace of a model's weights; made by {@link injectSubspace}. */
export class SubspaceAdapter extends NamedAdapter {
  /** The moved layers, in the order of their rows of P. */
  readonly sites: readonly SubspaceSite[];
  readonly #plan: SubspacePlan;
  readonly #factors: SharedFactors;

  /** Allocates z and what P is made of, freezes the model and attaches the sites to its layers. */
  constructor(model: Model, plan: SubspacePlan) {
    using unfinished = new DisposableStack();
    const { layers, dimension, seed, modulesToSave, saved } = plan;
    const sizes = layers.map(({ weight }) => sizeOf(weight.shape));
    const facts = { dimension, seed, rows: sumOf(sizes) };
    const factors = unfinished.use(new SharedFactors(model.device, facts, sizes));
    const sites: SubspaceSite[] = [];
    super(model, {
      entries: [{ name: key, shape: [dimension] }],
      copied: modulesToSave,
      saved,
      build: ([z]) => {
        layers.forEach((layer, i) =>
          sites.push(new SubspaceSite(layer, z, new Projection(factors, i), i === 0))
        );
        return sites.map((site) => [site.linear, site]);
      },
    });
    this.sites = sites;
    this.#plan = plan;
    this.#factors = factors;
    unfinished.move();
  }

  /** A folder of our own; the order of the layers is that of their rows of P. */
  protected override get config(): MethodConfig {
    const { dimension, seed, layers, modulesToSave } = this.#plan;
    const names = layers.map(({ name }) => name), modules = [...new Set(modulesToSave)];
    return { method: "subspace", dimension, seed, target_modules: names, modules_to_save: modules };
  }

  /**
   * W' = W + ΔW for every moved layer; modules trained in full are replaced.
   *
   * @throws {RangeError} when a layer's weight is another's too.
   */
  override weightChanges(): readonly WeightChange[] {
    for (const { linear } of this.sites) assertOwnWeight(this.model, linear);
    return [...this.modules.weightChanges(), ...this.sites.map((site) => site.weightChange())];
  }

  /** Removes the adapter and frees its tensors. */
  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.#factors[Symbol.dispose]();
  }
}

const sumOf = (sizes: readonly number[]): number => sizes.reduce((sum, size) => sum + size, 0);

// Its files.

/** The name of z. */
const key = "subspace.z";

/** The fields of its configuration. */
const known = new Set([
  ...ofEveryMethod,
  ...["method", "dimension", "seed", "target_modules", "modules_to_save"],
]);

/**
 * The facts of P in a folder, and the tensors beside z.
 *
 * @throws {AdapterFileError} when a field of the configuration is missing or not understood.
 */
function parseSubspace({ config, tensors }: SavedValues) {
  refuseUnknown(config, known);
  const needed = <T>(name: string, rule: string, check: (value: unknown) => value is T): T =>
    field(config, name, rule, check) ?? refuse(name, rule, config[name]);
  const others = new Map(tensors);
  others.delete(key);
  return {
    dimension: needed("dimension", "be an integer of at least 1", isRank),
    seed: needed("seed", "be a whole number in [0, 2^32)", isSeed),
    names: list(needed("target_modules", "be names", isNames))!,
    savedModules: savedModulesOf(config),
    others,
  };
}

/**
 * A random subspace from a file that was read, with P drawn again.
 *
 * @throws {AdapterFileError} when a field of the configuration is missing or not understood.
 * @throws {RangeError} when a layer is not the model's or is an embedding, or the tensors do not fit.
 */
export function loadSubspace(model: Model, saved: SavedValues): SubspaceAdapter {
  const { dimension, seed, names, savedModules, others } = parseSubspace(saved);
  assertOneUse(model, others, savedModules);
  const found = matchLayers(model, names.map((module) => ({ module })));
  const layers = names.map((name) => asLinear(found.get(name)!.linear, "a random subspace"));
  return new SubspaceAdapter(model, {
    ...{ dimension, seed, layers, modulesToSave: savedModules, saved },
  });
}

/**
 * The changes P z of a base's files.
 *
 * @throws {RangeError} when the base has no weight that fits, or its architecture is unknown.
 */
export function subspaceChanges(base: BaseFile, saved: SavedValues): BaseChanges {
  const { dimension, seed, names, savedModules, others } = parseSubspace(saved);
  const z = saved.tensors.get(key) ?? { shape: [], data: new Float32Array() };
  assertShape(oneLine(key), z.shape, [dimension]);
  const specs = names.map((module) => base.describe(`${module}.weight`));
  const facts = { dimension, seed, rows: sumOf(specs.map(({ shape }) => sizeOf(shape))) };
  const changes = names.map((module, layer) => {
    const { shape, storedTransposed = false } = specs[layer];
    base.assertUntied(module);
    return {
      key: base.find(`${module}.weight`)[0],
      module,
      isTransposed: storedTransposed,
      change: changeOf(facts, layer, shape as [number, number], z.data),
    };
  });
  const { promptFormat } = saved;
  return { updates: [], changes, saved: others, savedModules, promptFormat };
}

/** Adds P z of a layer, (out, in), to blocks of its weight. */
function changeOf(
  facts: ProjectionFacts,
  layer: number,
  [outputs, inputs]: readonly [number, number],
  z: HostData,
) {
  return (isTransposed: boolean): AddChange => {
    const W = projectedOnHost(facts, layer, outputs * inputs, z);
    const at = (row: number, column: number) =>
      isTransposed ? column * inputs + row : row * inputs + column;
    return (delta, { top, width }) =>
      delta.forEach((_, i) => delta[i] += W[at(top + Math.floor(i / width), i % width)]);
  };
}
