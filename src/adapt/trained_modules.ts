/** Modules that an adapter trains in full, as PEFT's `modules_to_save`: a classifier's head. @module */

import { Parameter } from "../autograd/parameter.ts";
import { DenseWeight } from "../autograd/weight.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { isNamed, isWithin, listNames, moduleOf } from "../core/module_names.ts";
import { Arena } from "../device/arena.ts";
import type { Tensor } from "../device/device.ts";
import type { Model } from "../models/model.ts";
import { Linear } from "../nn/linear.ts";
import type { WeightChange } from "./adapter.ts";
import { copyTensor } from "./copy_tensor.ts";

/** A head that shares the weight of an embedding, and the weight of its own that it gets. */
interface UntiedHead {
  readonly layer: Linear;
  readonly parameter: Parameter;
}

/**
 * Copies of some of a model's parameters, which stand in for the model's own while they are put on it. A head
 * that shares the weight of an embedding gets one of its own, and the embedding keeps the model's, as in PEFT.
 */
export class TrainedModules implements Disposable {
  /** The model's parameters of which these are copies, then the weight of an untied head. */
  readonly parameters: readonly Parameter[];
  readonly #model: Model;
  readonly #copied: readonly Parameter[];
  readonly #heads: readonly UntiedHead[];
  readonly #arena: Arena;

  /**
   * Copies the parameters of the modules with these names or name endings; a name may be a parameter's.
   *
   * @throws {RangeError} when a name is that of no module with parameters, another adapter trains one, or one has
   * a weight that is not in F32.
   */
  constructor(model: Model, names: readonly string[]) {
    assertInF32(model, names);
    const layers = tiedHeads(model, names),
      isHead = (name: string) => layers.some((layer) => isNamed(layer.name, name));
    this.#copied = parametersOf(model, names.filter((name) => !isHead(name)));
    assertNotInUse(this.#copied, layers);
    this.#model = model;
    const ofHeads = layers.map(({ name, weight: { shape } }) => ({
      name: `${name}.weight`,
      shape,
    }));
    const entries = [...this.#copied, ...ofHeads];
    this.#arena = new Arena(model.device, entries, "adapter", "trained modules");
    this.#heads = layers.map((layer, i) => {
      const { name } = ofHeads[i], parameter = new Parameter(name, this.#arena.view(name));
      using own = layer.weight.dense();
      copyTensor(own, parameter.own);
      return { layer, parameter };
    });
    this.parameters = [...this.#copied, ...this.#heads.map(({ parameter }) => parameter)];
    for (const { name, own } of this.#copied) copyTensor(own, this.#arena.view(name));
  }

  /** The names of the heads that are not tied to an embedding any more, or none. */
  get untied(): readonly string[] {
    return this.#heads.map(({ layer }) => layer.name);
  }

  /** Puts the copies in the place of the model's own, until the returned function is called. */
  put(): () => void {
    for (const one of this.#copied) one.substitute = this.#arena.view(one.name);
    const weights = this.#heads.map(({ parameter }) => new DenseWeight(parameter));
    this.#heads.forEach(({ layer }, i) => layer.substitute = weights[i]);
    return () => {
      for (const one of this.#copied) {
        if (one.substitute === this.#arena.view(one.name)) one.substitute = undefined;
      }
      this.#heads.forEach(({ layer }, i) => {
        if (layer.substitute === weights[i]) layer.substitute = undefined;
      });
    };
  }

  /** The copy of a parameter, by its name. */
  copyOf(name: string): Tensor {
    return this.#arena.view(name);
  }

  /** Writes values that were saved, by the names of the parameters. */
  write(values: ReadonlyMap<string, HostTensor>): void {
    for (const [name, { data }] of values) this.#model.device.write(this.#arena.view(name), data);
  }

  /** Reads the copies, by the names of the parameters. */
  async read(): Promise<Map<string, HostTensor>> {
    const names = this.parameters.map(({ name }) => name);
    const values = await this.#model.device.read(...names.map((name) => this.#arena.view(name)));
    return new Map(names.map((name, i) => [name, values[i]]));
  }

  /**
   * What merging does: the copies replace the model's own.
   *
   * @throws {RangeError} when a head has a weight of its own that is tied in the model.
   */
  weightChanges(): readonly WeightChange[] {
    const [head] = this.untied;
    if (head !== undefined) {
      throw new RangeError(
        `merging needs weights that the model has, found one of ${head} alone, which shares that of an ` +
          "embedding in the model: keep the adapter beside the model",
      );
    }
    return this.#copied.map(({ name, shape }) => {
      return { name, shape, mergeInto: (copy) => void copyTensor(this.#arena.view(name), copy) };
    });
  }

  /** Frees the copies. */
  [Symbol.dispose](): void {
    this.#arena[Symbol.dispose]();
  }
}

/** The heads with these names that share an embedding's weight; one with a bias of its own is no such head. */
function tiedHeads({ outerLayers = [] }: Model, names: readonly string[]): Linear[] {
  return outerLayers.filter((layer): layer is Linear => layer instanceof Linear && !layer.bias)
    .filter(({ name, weight, substitute }) => substitute || weight.name !== `${name}.weight`)
    .filter((layer) => names.some((name) => isNamed(layer.name, name)));
}

/**
 * Throws for modules that the model does not store in F32.
 *
 * @param rule What the names are for.
 * @throws {RangeError} then.
 */
export function assertInF32(
  { weights }: Model,
  names: readonly string[],
  rule = "modulesToSave must name",
): void {
  const other = [...weights?.values() ?? []]
    .find((one) => names.some((name) => isWithin(one.name, name)));
  if (other === undefined) return;
  throw new RangeError(
    `${rule} modules in F32, found ${other.name} in ${other.bits} bits: load the model with dtype F32`,
  );
}

function parametersOf(model: Model, names: readonly string[]): Parameter[] {
  const all = [...model.parameters.values()];
  const missing = names.filter((name) => !all.some((one) => isWithin(one.name, name)));
  if (missing.length === 0) {
    return all.filter((one) => names.some((name) => isWithin(one.name, name)));
  }
  const known = listNames([...new Set(all.map(({ name }) => moduleOf(name)))]);
  throw new RangeError(
    `modulesToSave must name modules of the model (${known}), found ${listNames(missing)}`,
  );
}

function assertNotInUse(parameters: readonly Parameter[], heads: readonly Linear[]): void {
  const taken = [...parameters, ...heads].find(({ substitute }) => substitute);
  if (!taken) return;
  throw new RangeError(
    `an adapter must train parameters that no other trains, found ${taken.name} in use`,
  );
}
