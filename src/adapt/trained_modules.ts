/** Modules that an adapter trains in full, as PEFT's `modules_to_save`: a classifier's head. @module */

import { scaleAdd } from "../../kernels/elementwise/kernel.ts";
import { readRows, writeRows } from "../autograd/ops/embedding.ts";
import { Parameter, type TrainableRows } from "../autograd/parameter.ts";
import { DenseWeight } from "../autograd/weight.ts";
import { about } from "../core/errors.ts";
import { isNamed, isWithin, listNames, moduleOf } from "../core/module_names.ts";
import type { HostTensor, Shape } from "../core/tensor.ts";
import { Arena } from "../device/arena.ts";
import type { Tensor } from "../device/device.ts";
import { piecesOf } from "../device/spans.ts";
import type { BiasMode, TrainedRows } from "../formats/peft/config.ts";
import { rowsKey, tensorPrefix } from "../formats/peft/keys.ts";
import { reorient } from "../models/layers.ts";
import type { Model } from "../models/model.ts";
import { Linear } from "../nn/linear.ts";
import type { WeightChange } from "./adapter.ts";

/** Copies values into another tensor of the same size, and returns that one. */
export function copyTensor(from: Tensor, to: Tensor): Tensor {
  for (const { start, size } of piecesOf(from)) {
    const [x, y] = [from, to].map((tensor) => tensor.view([size], start));
    const scalars = { size, xOffset: 0, yOffset: 0, alpha: 1, accumulate: 0 };
    from.device.launch(scaleAdd, { x, y }, scalars);
  }
  return to;
}

/**
 * Turns the matrices that a model's files, and so PEFT's adapters, hold as (in, out): the weights of GPT-2's Conv1D
 * layers. It is its own inverse; names may have PEFT's prefix.
 */
export function inFileOrder(
  { architecture }: Model,
  tensors: ReadonlyMap<string, HostTensor>,
): Map<string, HostTensor> {
  const specs = new Map(architecture?.tensors.map((spec) => [spec.name, spec]));
  return new Map(
    Array.from(tensors, ([name, values]) => {
      const spec = specs.get(
        name.startsWith(tensorPrefix) ? name.slice(tensorPrefix.length) : name,
      );
      return [name, spec && values.shape.length === 2 ? reorient(spec, values) : values] as const;
    }),
  );
}

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
   * Changes that merging makes: the copies replace the model's own.
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
 * Asserts that the model stores modules in F32.
 *
 * @param rule Start of the rule in the error, before the names.
 * @throws {RangeError} when it stores one otherwise.
 */
export function assertInF32(
  { weights }: Model,
  names: readonly string[],
  rule = "modulesToSave must name",
): void {
  const other = [...weights?.values() ?? []]
    .find((one) => names.some((name) => isWithin(one.name, name)));
  if (other === undefined) return;
  const words = "load the model with dtype F32";
  throw about(
    new RangeError(`${rule} modules in F32, found ${other.name} in ${other.bits} bits: ${words}`),
    { option: "dtype", value: "F32", words },
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

/** Rows that are trained, and the values with which they begin; without any, those of the model. */
export interface InitialRows extends Pick<TrainedRows, "indices"> {
  /** (tokens, width). */
  readonly values?: HostTensor;
}

/**
 * Some rows of embeddings, which are trained while the rest is frozen. Copies of the tables with these rows
 * stand in for the model's own while they are put on it; a head that shares the table has the rows too, as in
 * PEFT, and its gradient is theirs as well.
 *
 * Cost: 4 bytes per value of the whole embedding and of the rows; the rows' gradients and the optimizer's state.
 */
export class TokenRows implements Disposable {
  /** The rows, (tokens, width), in the order of the embeddings. */
  readonly parameters: readonly Parameter[];
  readonly #rows: readonly (TrainableRows & { readonly module: string })[];
  readonly #model: Model;
  readonly #copies: TrainedModules;
  readonly #arena: Arena;

  /**
   * Copies the embeddings, and replaces rows that have values.
   *
   * @throws {RangeError} when a module is none of the model, another adapter has it, or rows do not fit.
   */
  constructor(model: Model, rows: ReadonlyMap<string, InitialRows>) {
    assertInF32(model, [...rows.keys()], "trained tokens must be of");
    for (const [module, replaced] of rows) {
      assertRows(module, model.parameters.get(`${module}.weight`)?.shape, replaced);
    }
    using unfinished = new DisposableStack();
    this.#model = model;
    this.#copies = unfinished.use(new TrainedModules(model, [...rows.keys()]));
    const entries = Array.from(rows, ([module, { indices }]) => {
      const [, width] = model.parameters.get(`${module}.weight`)!.shape;
      return { name: rowsKey(module), shape: [indices.length, width] };
    });
    this.#arena = unfinished.use(new Arena(model.device, entries, "adapter", "trained tokens"));
    this.#rows = Array.from(rows, ([module, { indices, values: initial }]) => {
      const values = new Parameter(rowsKey(module), this.#arena.view(rowsKey(module)));
      if (initial) model.device.write(values.tensor, initial.data);
      else readRows(this.#copies.copyOf(`${module}.weight`), { indices, values });
      return { module, indices, values };
    });
    this.parameters = this.#rows.map(({ values }) => values);
    unfinished.move();
  }

  /** Puts the copies in the place of the model's own, until the returned function is called. */
  put(): () => void {
    const giveBack = this.#copies.put();
    for (const { module, ...rows } of this.#rows) this.#tableOf(module).rows = rows;
    return () => {
      for (const { module } of this.#rows) this.#tableOf(module).rows = undefined;
      giveBack();
    };
  }

  /** Reads the rows, by the paths of the embeddings. */
  async read(): Promise<Map<string, TrainedRows>> {
    if (this.#rows.length === 0) return new Map();
    const tensors = await this.#model.device.read(...this.parameters.map(({ tensor }) => tensor));
    return new Map(
      this.#rows.map(({ module, indices }, i) => [module, { indices, values: tensors[i] }]),
    );
  }

  /** Changes that merging makes: the copies replace the model's own. */
  weightChanges(): readonly WeightChange[] {
    return this.#copies.weightChanges().map((change, i) => ({
      ...change,
      mergeInto: (copy) => {
        change.mergeInto(copy);
        const { module: _, ...rows } = this.#rows[i];
        const merged = new Parameter(change.name, copy);
        merged.rows = rows;
        writeRows(merged);
      },
    }));
  }

  /** Frees the copies and the rows. */
  [Symbol.dispose](): void {
    this.#copies[Symbol.dispose]();
    this.#arena[Symbol.dispose]();
  }

  #tableOf(module: string): Parameter {
    return this.#model.parameters.get(`${module}.weight`)!;
  }
}

/**
 * Throws unless rows are those of a table of embeddings, each once.
 *
 * @param table The table's shape.
 * @throws {RangeError} when there is no table, or they do not fit it.
 */
export function assertRows(
  module: string,
  table: Shape | undefined,
  { indices, values }: InitialRows,
): void {
  if (table?.length !== 2) {
    throw new RangeError(`replaced rows must be of an embedding of the model, found "${module}"`);
  }
  const [count, width] = table, { shape = [indices.length, width] } = values ?? {};
  const isRow = (index: number) => Number.isInteger(index) && index >= 0 && index < count;
  const seen = new Set<number>();
  const wrong = indices.find((index) => !isRow(index) || seen.size === seen.add(index).size);
  if (wrong === undefined && shape[0] === indices.length && shape[1] === width) return;
  const twice = wrong !== undefined && isRow(wrong) ? " twice" : "";
  const found = wrong === undefined ? `${shape.join(" x ")} values` : `token ${wrong}${twice}`;
  throw new RangeError(
    `${indices.length} replaced rows of ${module} must be ${width} wide, of ${count} tokens, found ${found}`,
  );
}

/** Copies of parameters with other values; a name may be a module's. */
export function copiesOf(
  model: Model,
  names: readonly string[],
  values: ReadonlyMap<string, HostTensor>,
): TrainedModules {
  const copies = new TrainedModules(model, names);
  copies.write(values);
  return copies;
}

/** Modules in full and biases, which an adapter of low-rank updates trains beside them. */
export interface TrainedParts {
  /** Modules in full. */
  readonly modules?: TrainedModules;
  /** Biases. */
  readonly biases?: TrainedModules;
  /** Setting of PEFT's `bias` that selects these biases. Default `none`. */
  readonly biasMode?: BiasMode;
  /** Weights of adapted embeddings and heads that a file has in the place of the model's; they are frozen. */
  readonly tables?: TrainedModules;
  /** Rows of embeddings. */
  readonly tokens?: TokenRows;
}
