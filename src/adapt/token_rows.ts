/** Rows of an embedding that an adapter replaces, as PEFT's `trainable_token_indices`. @module */

import type { Parameter } from "../autograd/parameter.ts";
import type { TrainedRows } from "../formats/mod.ts";
import type { Model } from "../models/model.ts";
import type { WeightChange } from "./adapter.ts";
import { TrainedModules } from "./trained_modules.ts";

/**
 * Copies of embeddings with some rows replaced, which stand in for the model's own while they are put on it;
 * a head that shares the embedding's weight has the new rows too, as in PEFT. They are not trained further.
 *
 * Cost: 4 bytes per value of the whole embedding.
 */
export class TokenRows implements Disposable {
  /** The replaced rows, by the paths of their modules. */
  readonly rows: ReadonlyMap<string, TrainedRows>;
  readonly #copies: TrainedModules;

  /**
   * Copies the embeddings and replaces the rows.
   *
   * @throws {RangeError} when a module is none of the model, another adapter has it, or rows do not fit.
   */
  constructor(model: Model, rows: ReadonlyMap<string, TrainedRows>) {
    for (const [module, replaced] of rows) {
      assertRows(module, model.parameters.get(`${module}.weight`), replaced);
    }
    this.rows = rows;
    this.#copies = new TrainedModules(model, [...rows.keys()]);
    for (const [module, { indices, values: { shape: [, width], data } }] of rows) {
      const copy = this.#copies.copyOf(`${module}.weight`);
      indices.forEach((index, i) => {
        model.device.write(
          copy.view([width], index * width),
          data.slice(i * width, (i + 1) * width),
        );
      });
    }
  }

  /** Puts the copies in the place of the model's own, until the returned function is called. */
  put(): () => void {
    return this.#copies.put();
  }

  /** What merging does: the copies replace the model's own. */
  weightChanges(): readonly WeightChange[] {
    return this.#copies.weightChanges();
  }

  /** Frees the copies. */
  [Symbol.dispose](): void {
    this.#copies[Symbol.dispose]();
  }
}

function assertRows(
  module: string,
  table: Parameter | undefined,
  { indices, values: { shape } }: TrainedRows,
): void {
  if (!table || table.shape.length !== 2) {
    throw new RangeError(`replaced rows must be of an embedding of the model, found "${module}"`);
  }
  const [count, width] = table.shape, outside = indices.find((index) => index >= count);
  if (outside === undefined && shape[0] === indices.length && shape[1] === width) return;
  const found = outside === undefined ? `${shape.join(" x ")} values` : `token ${outside}`;
  throw new RangeError(
    `${indices.length} replaced rows of ${module} must be ${width} wide, of ${count} tokens, found ${found}`,
  );
}
