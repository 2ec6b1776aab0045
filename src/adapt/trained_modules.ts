/** Modules that an adapter trains in full, as PEFT's `modules_to_save`: a classifier's head. @module */

import type { Parameter } from "../autograd/parameter.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { isWithin, listNames, moduleOf } from "../core/module_names.ts";
import { Arena } from "../device/arena.ts";
import type { Tensor } from "../device/device.ts";
import type { Model } from "../models/model.ts";
import type { WeightChange } from "./adapter.ts";
import { copyTensor } from "./copy_tensor.ts";

/** Copies of some of a model's parameters, which stand in for the model's own while they are put on it. */
export class TrainedModules implements Disposable {
  /** The model's parameters of which these are copies. */
  readonly parameters: readonly Parameter[];
  readonly #model: Model;
  readonly #arena: Arena;

  /**
   * Copies the parameters of the modules with these names or name endings; a name may be a parameter's.
   *
   * @throws {RangeError} when a name is that of no module with parameters, another adapter trains one, or one has
   * a weight in 16 bits.
   */
  constructor(model: Model, names: readonly string[]) {
    assertInF32(model, names);
    const parameters = parametersOf(model, names);
    assertNotInUse(parameters);
    this.#model = model;
    this.parameters = parameters;
    this.#arena = new Arena(model.device, parameters, "adapter", "trained modules");
    for (const { name, own } of parameters) copyTensor(own, this.#arena.view(name));
  }

  /** Puts the copies in the place of the model's own, until the returned function is called. */
  put(): () => void {
    for (const one of this.parameters) one.substitute = this.#arena.view(one.name);
    return () => {
      for (const one of this.parameters) {
        if (one.substitute === this.#arena.view(one.name)) one.substitute = undefined;
      }
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

  /** What merging does: the copies replace the model's own. */
  weightChanges(): readonly WeightChange[] {
    return this.parameters.map(({ name, shape }) => {
      return { name, shape, mergeInto: (copy) => void copyTensor(this.#arena.view(name), copy) };
    });
  }

  /** Frees the copies. */
  [Symbol.dispose](): void {
    this.#arena[Symbol.dispose]();
  }
}

function assertInF32({ weights }: Model, names: readonly string[]): void {
  const other = [...weights?.keys() ?? []].find((one) => names.some((name) => isWithin(one, name)));
  if (other === undefined) return;
  throw new RangeError(
    `modulesToSave must name modules in F32, found ${other} in 16 bits: load the model with dtype F32`,
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

function assertNotInUse(parameters: readonly Parameter[]): void {
  const taken = parameters.find(({ substitute }) => substitute);
  if (!taken) return;
  throw new RangeError(
    `modulesToSave must name modules that no adapter trains, found ${taken.name} in use`,
  );
}
