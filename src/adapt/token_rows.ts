/** Rows of an embedding that an adapter trains in its place, as PEFT's `trainable_token_indices`. @module */

import { readRows, type TrainableRows, writeRows } from "../autograd/mod.ts";
import { Parameter } from "../autograd/parameter.ts";
import { Arena } from "../device/arena.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import type { Shape } from "../core/shape.ts";
import { rowsKey } from "../formats/adapter_weights.ts";
import type { TrainedRows } from "../formats/mod.ts";
import type { Model } from "../models/model.ts";
import type { WeightChange } from "./adapter.ts";
import { assertInF32, TrainedModules } from "./trained_modules.ts";

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

  /** What merging does: the copies replace the model's own. */
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
