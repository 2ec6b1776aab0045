/** An embedding that can be adapted. @module */

import { embedding } from "../autograd/ops/embedding.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Weight } from "../autograd/weight.ts";
import type { Tensor } from "../device/device.ts";
import type { Adaptation } from "./adaptation.ts";
import type { Linear, LinearParts } from "./linear.ts";

/** What is looked up: on the host, or u32 on the device. */
export type Ids = ArrayLike<number> | Tensor;

/** A layer whose weight is one matrix: an embedding is linear in one-hot tokens. */
export type AdaptedLayer = Linear | Embedding;

/** The rows of a table by their numbers, changed by its adaptations: a linear layer of one-hot inputs. */
export class Embedding {
  /** Path of the module, such as `transformer.wte`. */
  readonly name: string;
  /** The table, (tokens, width): the transposed matrix of that linear layer. */
  readonly weight: Weight;
  /** It has no bias. */
  readonly bias: undefined;
  /** It has no parts. */
  readonly parts: LinearParts = {};
  /** The adaptations in force, in the order in which they are applied. */
  readonly adaptations: Adaptation<Ids>[] = [];

  /** Takes its table. */
  constructor(name: string, table: Weight) {
    this.name = name;
    this.weight = table;
  }

  /** Extents of an update, (width, tokens). */
  get extents(): readonly [outputs: number, inputs: number] {
    const [tokens, width] = this.weight.shape;
    return [width, tokens];
  }

  /** Maps ids to rows, (ids, width). */
  forward(tape: Tape, ids: Ids): Tensor {
    const rows = embedding(tape, this.weight, ids);
    const adapted = this.adaptations.map((adaptation) => (rows: Tensor) =>
      adaptation.forward(tape, ids, rows)
    );
    return tape.pipe(rows, ...adapted);
  }
}
