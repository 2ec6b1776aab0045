/** Several LoRA adapters of one base in training, each with rows of a batch. @module */

import {
  segmentLinear,
  type TrainedRows,
  type TrainedSegments,
} from "../../autograd/ops/segment_linear.ts";
import type { Parameter } from "../../autograd/parameter.ts";
import type { Tape } from "../../autograd/tape.ts";
import type { Weight } from "../../autograd/weight.ts";
import type { Tensor } from "../../device/device.ts";
import type { TensorPair } from "../../device/spans.ts";
import type { AppliedAdapter, Model, PassRows } from "../../models/model.ts";
import type { Adaptation } from "../../nn/adaptation.ts";
import { attach } from "../attach.ts";
import type { LoraAdapter } from "../lora/adapter.ts";
import { BatchRows } from "./batch_rows.ts";
import { assertTogether } from "./joinable.ts";
import { JointStack } from "./joint_stack.ts";
import { shareBase } from "./share_base.ts";

/** A parameter and where its optimizer wants its gradient. */
export interface WantedGradient {
  /** What is trained. */
  readonly parameter: Parameter;
  /** Of its shape. */
  readonly gradient: Tensor;
}

/**
 * LoRA adapters, each on a model of its own that shares one base's tensors, as one adapter on one more such model:
 * the rows of a batch say whose they are, and gradients are those of each adapter's own rows.
 */
export class JointAdapters implements AppliedAdapter, Disposable {
  /** The base with all of them. */
  readonly model: Model;
  /** A and B of all. */
  readonly parameters: readonly Parameter[];
  readonly #stack: JointStack;
  readonly #detach: () => void;
  #rows?: BatchRows;
  #accumulate: 0 | 1 = 0;

  /**
   * Allocates 8 bytes for each value of the adapters.
   *
   * @throws {RangeError} when they do not share one base, or train more than A and B of linear layers.
   * @throws {DeviceError} when there is no room for them.
   */
  constructor(adapters: readonly LoraAdapter[]) {
    assertTogether(adapters);
    this.model = shareBase(adapters[0].model);
    this.parameters = adapters.flatMap(({ parameters }) => parameters);
    this.#stack = new JointStack(adapters);
    const layers = this.model.linears.flatMap((linear) => {
      const updates = this.#stack.layers.get(linear.name);
      return updates ? [[linear, this.#layer(updates)] as const] : [];
    });
    this.#detach = attach(this.model, this, layers);
  }

  /**
   * Prepares for a pass and its gradients, with the values that the rows' adapters have at this moment, or had when the
   * gradients were begun.
   *
   * @param groups The adapter of each row, by its place in the list; the rows of one are neighbors.
   * @param accumulate 1 to add to the gradients of the pass before.
   */
  use(groups: readonly number[], accumulate: 0 | 1): void {
    if (accumulate === 0) { for (const group of new Set(groups)) this.#stack.load(group); }
    this.#accumulate = accumulate;
    const names = groups.map(String);
    if (names.join() === this.#rows?.names.join()) return;
    const rows = new BatchRows(this.model.device, names, groups);
    this.#rows?.[Symbol.dispose]();
    this.#rows = rows;
  }

  /** Where {@link JointAdapters.give} copies an adapter's gradients from, and to. */
  gradientPairs(group: number, wanted: readonly WantedGradient[]): TensorPair[] {
    return this.#stack.gradientPairs(group, wanted);
  }

  /** The adapters of the rows, for a pass. */
  get batchRows(): PassRows {
    return this.#rows!;
  }

  /** Takes them off the common model; a second call does nothing. */
  remove(): void {
    this.#detach();
  }

  /** Frees what the adapters do not own. */
  [Symbol.dispose](): void {
    this.remove();
    this.#rows?.[Symbol.dispose]();
    this.#rows = undefined;
    this.#stack[Symbol.dispose]();
  }

  #layer(updates: TrainedSegments): Adaptation {
    const rowsOf = (name: string, inputs: number): TrainedRows => ({
      segments: this.#rows!.segmentsFor(name, inputs),
      accumulate: this.#accumulate,
    });
    return {
      parameters: updates.parameters,
      wholeLayer: (tape: Tape, x: Tensor, weight: Weight, bias?: Parameter) =>
        segmentLinear(tape, x, weight, bias, rowsOf(weight.name, x.shape[0]), updates),
      forward: (_tape, _x, y) => y,
    };
  }
}
