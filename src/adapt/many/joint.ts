/** Several LoRA adapters of one base in training, each with rows of a batch. @module */

import {
  segmentLinear,
  type TrainedRows,
  type TrainedSegments,
} from "../../autograd/ops/segments.ts";
import type { Parameter } from "../../autograd/parameter.ts";
import type { Tape } from "../../autograd/tape.ts";
import type { Weight } from "../../autograd/weight.ts";
import { quote } from "../../core/errors.ts";
import { rangesOf } from "../../core/update.ts";
import { Arena, Scope } from "../../device/arena.ts";
import type { Tensor } from "../../device/device.ts";
import { inMemoryOrder, joinPairs, type TensorPair } from "../../device/spans.ts";
import type { AppliedAdapter, Model, PassRows } from "../../models/model.ts";
import { TextModel } from "../../models/text_model.ts";
import { type Adaptation, Linear } from "../../nn/linear.ts";
import { attach } from "../adapter.ts";
import { LoraAdapter } from "../lora/adapter.ts";
import { DoraSite, type LoraSite } from "../lora/site.ts";
import { copyTensor } from "../trained_modules.ts";
import { BatchRows, shareBase, sharesBase } from "./adapter_set.ts";
import {
  assertSeesTokens,
  groupedGradients,
  groupedMatrices,
  joined,
  type OuterPart,
  type ProductPart,
} from "./stack.ts";

/**
 * Refuses adapters that cannot be trained together.
 *
 * @throws {RangeError} when one is not LoRA of linear layers, is not alone on a model of its own without dropout, or has
 * another base than the first.
 */
export function assertTogether(adapters: readonly LoraAdapter[]): void {
  if (adapters.length === 0) {
    throw new RangeError("training together needs at least 1 adapter, found none");
  }
  adapters.forEach((adapter, at) => {
    if (!(adapter instanceof LoraAdapter)) {
      refuse(at, "LoRA adapters", typeof adapter === "object" ? "another object" : quote(adapter));
    }
    if (adapters.indexOf(adapter) < at) refuse(at, "each adapter once", "it before");
    assertAlone(adapter, at);
    if (!sharesBase(adapters[0].model, adapter.model)) {
      refuse(at, "models that share one base (shareBase)", "other weights");
    }
    assertFactorsAlone(adapter, at);
  });
  const models = adapters.map(({ model }) => model), twice = new Set(models).size < models.length;
  if (twice) {
    throw new RangeError("training together needs a model for each adapter, found one twice");
  }
  assertSeesTokens(models[0]);
  models.forEach(assertNoDropout);
}

/** A row's dropout mask would depend on the adapters whose rows are before it in the batch. */
function assertNoDropout(model: Model, at: number): void {
  const rate = model instanceof TextModel ? model.dropoutRate : 0;
  if (rate === 0) return;
  refuse(at, "models without dropout (load them with { dropout: 0 })", `a rate of ${rate}`);
}

function assertAlone(adapter: LoraAdapter, at: number): void {
  const { adapters } = adapter.model;
  if (!adapters.has(adapter)) refuse(at, "adapters that are on their models", "a removed one");
  if (adapters.size > 1) {
    refuse(at, "one adapter on each model (shareBase)", `${adapters.size} adapters`);
  }
}

/** Everything else that an adapter may train, such as biases, would act on the rows of all adapters of a batch. */
function assertFactorsAlone(adapter: LoraAdapter, at: number): void {
  const ofSites = new Set(adapter.sites.flatMap(({ A, B }) => [A, B]));
  const other = adapter.parameters.find((one) => !ofSites.has(one));
  const found = adapter.sites.map(unusual).find((what) => what !== undefined) ??
    (adapter.starts.length > 0 ? "start values in the weights" : other?.name);
  if (found) refuse(at, "A and B of linear layers alone, without dropout", found);
}

/**
 * Description of a property of the site that cannot be computed for many at once, if it has one.
 */
function unusual(site: LoraSite): string | undefined {
  const { name, linear, rows, dropout } = site;
  if (!(linear instanceof Linear)) return `an embedding, ${name}`;
  const cases: Readonly<Record<string, boolean>> = {
    "DoRA": site instanceof DoraSite,
    "a bias of B": site.bias !== undefined,
    "a head": linear.parts.head !== undefined,
    "rows in several ranges": rangesOf(rows).length > 1,
    "a frozen A": !site.A.trainable,
    [`dropout of ${dropout}`]: dropout > 0,
  };
  const found = Object.keys(cases).find((what) => cases[what]);
  return found && `${found} on ${name}`;
}

function refuse(at: number, rule: string, found: string): never {
  throw new RangeError(`training together needs ${rule}, found ${found} at place ${at + 1}`);
}

/** Numbers of an adapter's site for the kernels' tables; offsets and columns count elements. */
interface Place {
  /** r. */
  readonly rank: number;
  /** The factor of B A. */
  readonly scaling: number;
  /** Its first row of the weight. */
  readonly row: number;
  /** Number of its rows. */
  readonly count: number;
  /** Offset of A `(rank, in)` in the stack. */
  readonly A: number;
  /** Offset of B `(count, rank)` in the stack. */
  readonly B: number;
  /** Its first column of the hidden values x Aᵀ, in which an adapter's sites of a layer are side by side. */
  readonly hidden: number;
}

/** A parameter and where its optimizer wants its gradient. */
export interface WantedGradient {
  /** The trained parameter. */
  readonly parameter: Parameter;
  /** Of its shape. */
  readonly gradient: Tensor;
}

/** Copies of all A and B in one buffer, adapter by adapter, and in another one their gradients. */
class JointStack extends Scope {
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

  /** Pairs (from, to) of an adapter's gradients; neighbors on both sides are one pair. */
  gradientPairs(
    group: number,
    wanted: readonly WantedGradient[],
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

  /** The tables of a layer. A gradient has the offset in its arena that its A or B has in the other one. */
  #layer(name: string): TrainedSegments {
    const sites = this.#adapters.flatMap(({ sites }) => sites)
      .filter(({ module }) => module === name);
    const groups = this.#placesOf(name), [, width] = sites[0].linear.extents;
    const [values, gradients] = [this.#values, this.#gradients].map((arena) => this.#all(arena));
    const matrices = (part: (place: Place) => ProductPart) =>
      groupedMatrices(this, name, values, groups.map((places) => places.map(part)));
    const sums = (part: (place: Place) => OuterPart) =>
      groupedGradients(this, name, gradients, groups.map((places) => places.map(part)));
    // The formula of each product is at TrainedSegments, the order of the numbers at ProductPart and OuterPart.
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

  /** Pairs (from, to): an adapter's gradients in the stack, and where its optimizer wants them; few, for few copies. */
  gradientPairs(group: number, wanted: readonly WantedGradient[]): TensorPair[] {
    return this.#stack.gradientPairs(group, wanted);
  }

  /** The adapters of the rows, for a pass; after {@link JointAdapters.use}. */
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
