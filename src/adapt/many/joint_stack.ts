/** The factors of several adapters in training side by side, and their gradients. @module */

import type { TrainedSegments } from "../../autograd/ops/segment_linear.ts";
import { rangesOf } from "../../core/row_range.ts";
import { Arena } from "../../device/arena.ts";
import type { Tensor } from "../../device/device.ts";
import { Scope } from "../../device/scope.ts";
import { inMemoryOrder, joinPairs, type TensorPair } from "../../device/spans.ts";
import type { Parameter } from "../../autograd/parameter.ts";
import { copyTensor } from "../copy_tensor.ts";
import type { LoraAdapter } from "../lora/adapter.ts";
import {
  groupedGradients,
  groupedMatrices,
  joined,
  type OuterPart,
  type ProductPart,
} from "./grouped_parts.ts";

/** A site of an adapter, for the tables of its layer. */
interface Place {
  /** r. */
  readonly rank: number;
  /** The factor of B A. */
  readonly scaling: number;
  /** Its first row of the weight, and how many. */
  readonly row: number;
  readonly count: number;
  /** Where A and B begin in the stack. */
  readonly A: number;
  readonly B: number;
  /** Its first column of the hidden values. */
  readonly hidden: number;
}

/** Copies of all A and B in one buffer, adapter by adapter, and in another one their gradients. */
export class JointStack extends Scope {
  /** The updates of every layer that an adapter changes, by its name. */
  readonly layers: ReadonlyMap<string, TrainedSegments>;
  readonly #adapters: readonly LoraAdapter[];
  readonly #ordered: readonly (readonly Parameter[])[];
  readonly #values: Arena;
  readonly #gradients: Arena;
  readonly #loads: readonly (readonly TensorPair[])[];

  /**
   * Allocates both: 8 bytes for each value of the adapters.
   *
   * @throws {DeviceError} when there is no room, or one of the device's bindings cannot hold all.
   */
  constructor(adapters: readonly LoraAdapter[]) {
    const { device } = adapters[0].model;
    super(device);
    try {
      this.#adapters = adapters;
      // In the order that the adapters' own arenas have, so that a copy of one takes a launch.
      this.#ordered = adapters.map(({ parameters }) => inMemoryOrder(parameters));
      const entries = this.#ordered.flatMap((own, group) =>
        own.map(({ name, shape }) => ({ name: `${group} ${name}`, shape }))
      );
      this.#values = this.own(new Arena(device, entries, "adapter", "adapters in training"));
      this.#gradients = this.own(new Arena(device, entries, "gradient", "gradients of adapters"));
      this.#loads = this.#ordered.map((own, group) =>
        joinPairs(own.map((one) => [one.tensor, this.#viewOf(this.#values, group, one)]))
      );
      const names = new Set(adapters.flatMap(({ sites }) => sites.map(({ module }) => module)));
      this.layers = new Map([...names].map((name) => [name, this.#layer(name)]));
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Copies the present values of an adapter into the stack. */
  load(group: number): void {
    for (const [from, to] of this.#loads[group]) copyTensor(from, to);
  }

  /** The gradients of an adapter's parameters beside where they are wanted, as few pairs. */
  gradientPairs(
    group: number,
    wanted: readonly { readonly parameter: Parameter; readonly gradient: Tensor }[],
  ): TensorPair[] {
    return joinPairs(
      wanted.map(({ parameter, gradient }) => [
        this.#viewOf(this.#gradients, group, parameter),
        gradient,
      ]),
    );
  }

  #viewOf(arena: Arena, group: number, { name }: Parameter): Tensor {
    return arena.view(`${group} ${name}`);
  }

  #all(arena: Arena): Tensor {
    const views = this.#ordered.flatMap((own, group) =>
      own.map((one) => this.#viewOf(arena, group, one))
    );
    return joined("a training", views);
  }

  #placesOf(layer: string): Place[][] {
    return this.#adapters.map(({ sites }, group) => {
      let hidden = 0;
      return sites.filter(({ module }) => module === layer).map(({ A, B, rank, scaling, rows }) => {
        const [a, b] = [A, B].map((one) => this.#viewOf(this.#values, group, one).offset);
        const [{ start: row, count }] = rangesOf(rows);
        return { rank, scaling, row, count, A: a, B: b, hidden: (hidden += rank) - rank };
      });
    });
  }

  /** Both arenas have the same places. */
  #layer(name: string): TrainedSegments {
    const sites = this.#adapters.flatMap(({ sites }) => sites)
      .filter(({ module }) => module === name);
    const groups = this.#placesOf(name), [, width] = sites[0].linear.extents;
    const [values, gradients] = [this.#values, this.#gradients].map((arena) => this.#all(arena));
    const matrices = (part: (place: Place) => ProductPart) =>
      groupedMatrices(this, name, values, groups.map((places) => places.map(part)));
    const sums = (part: (place: Place) => OuterPart) =>
      groupedGradients(this, name, gradients, groups.map((places) => places.map(part)));
    return {
      parameters: sites.flatMap(({ parameters }) => parameters),
      shrink: matrices(({ rank, A, hidden, scaling }) => [rank, width, 0, A, hidden, scaling]),
      expand: matrices(({ rank, B, hidden, row, count }) => [count, rank, hidden, B, row, 1]),
      shrinkGradient: matrices((
        { rank, B, hidden, row, count, scaling },
      ) => [rank, count, row, B, hidden, scaling]),
      expandGradient: matrices(({ rank, A, hidden }) => [width, rank, hidden, A, 0, 1]),
      gradientA: sums(({ rank, A, hidden }) => [rank, width, hidden, 0, A]),
      gradientB: sums(({ rank, B, hidden, row, count }) => [count, rank, row, hidden, B]),
      rank: Math.max(
        ...groups.map((places) => places.reduce((sum, { rank }) => sum + rank, 0)),
      ),
    };
  }
}
