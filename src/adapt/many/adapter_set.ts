/** Many adapters over one base, of which each row of a batch takes its own. @module */

import { pieceNumbers } from "../../../kernels/segment_product/kernel.ts";
import { addSegments, type Segments } from "../../autograd/ops/segments.ts";
import type { Parameter } from "../../autograd/parameter.ts";
import type { Tape } from "../../autograd/tape.ts";
import type { PromptFormat } from "../../core/batch.ts";
import { assertOptions, assertRecord } from "../../core/checks.ts";
import { DeviceError, quote, ShapeError } from "../../core/errors.ts";
import { listNames } from "../../core/module_names.ts";
import { howMany } from "../../core/numbers.ts";
import type { LowRankUpdate } from "../../core/update.ts";
import type { Device, Tensor } from "../../device/device.ts";
import type { AdapterException } from "../../formats/mod.ts";
import {
  type AdapterValues,
  type AppliedAdapter,
  assertModel,
  type Model,
  type PassRows,
} from "../../models/model.ts";
import type { Linear } from "../../nn/linear.ts";
import type { Folder } from "../../storage/storage.ts";
import { assertFree, assertNotIn, attach } from "../adapter.ts";
import { assertUpdates, planUpdates } from "../lora/inject.ts";
import { readPlans } from "../lora/load.ts";
import {
  assertSeesTokens,
  assertUpdatesAlone,
  LayerStack,
  sitesOf,
  type StackedSite,
} from "./stack.ts";

/** Neighboring rows of a batch that have the same adapter. */
interface Piece {
  readonly row: number;
  readonly group: number;
  readonly count: number;
}

/** The adapter of each row of a batch, on the device. */
export class BatchRows implements Disposable {
  /** The adapter of each row, if it has one. */
  readonly names: readonly (string | undefined)[];
  readonly #device: Device;
  readonly #groups: readonly number[];
  /** The rows sorted by adapter. */
  readonly #segments: Segments;
  #starts: readonly number[] = [];
  #picked: readonly number[] | undefined;
  /** The tokens of all rows sorted by adapter, once a layer has read them in this pass. */
  #allTokens: Segments | undefined;
  /** The same of the picked tokens. */
  #pickedTokens: Segments | undefined;

  /** Sorts rows by their groups, -1 for none. */
  constructor(device: Device, names: readonly (string | undefined)[], groups: readonly number[]) {
    this.names = names;
    this.#device = device;
    this.#groups = groups;
    this.#segments = segmentsOf(device, groups);
  }

  /** True if its rows have these adapters. */
  areOf(rows: readonly (string | undefined)[]): boolean {
    return rows.length === this.names.length && rows.every((name, i) => name === this.names[i]);
  }

  /**
   * Throws a `ShapeError` for a pass of another number of rows.
   *
   * @param starts The first token of each row, and the end of the last.
   */
  begin(starts: readonly number[]): void {
    const { length } = this.names, batch = starts.length - 1;
    if (length !== batch) {
      throw new ShapeError(
        `a pass needs the adapters of its ${howMany(batch, "row")}, found those of ${length}: ` +
          "call use(rows) before",
      );
    }
    this.#starts = starts;
    this.#picked = undefined;
    this.#freeTokens();
  }

  /** Says that the layers that follow read these tokens alone. */
  pick(tokens: readonly number[]): void {
    this.#picked = tokens;
  }

  /**
   * Segments of a layer's inputs, sorted by adapter.
   *
   * @throws {ShapeError} unless they are those of all tokens or of the picked ones.
   */
  segmentsFor(layer: string, inputs: number): Segments {
    const starts = this.#starts, tokens = starts.at(-1)!, { length } = this.names;
    const areAlike = starts.every((start, row) => start * length === row * tokens);
    if (inputs === this.#picked?.length) return this.#pickedTokens ??= this.#sorted(this.#picked);
    if (inputs === tokens) {
      return areAlike ? this.#segments : this.#allTokens ??= this.#sorted();
    }
    throw new ShapeError(
      `${layer} needs the inputs of all ${tokens} tokens, or of those that are read, found ${inputs}`,
    );
  }

  /** Frees what is on the device. */
  [Symbol.dispose](): void {
    this.#freeTokens();
    this.#segments.pieces[Symbol.dispose]();
  }

  /** Some tokens, or all, sorted by adapter. */
  #sorted(tokens?: readonly number[]): Segments {
    const starts = this.#starts;
    const groups = this.#groups.flatMap((group, row) =>
      new Array<number>(starts[row + 1] - starts[row]).fill(group)
    );
    return segmentsOf(this.#device, tokens?.map((token) => groups[token]) ?? groups);
  }

  #freeTokens(): void {
    for (const segments of [this.#allTokens, this.#pickedTokens]) {
      segments?.pieces[Symbol.dispose]();
    }
    this.#allTokens = this.#pickedTokens = undefined;
  }
}

/**
 * Throws unless it is a list of at least one row.
 *
 * @throws {TypeError} when it is no list.
 * @throws {RangeError} when it is empty.
 */
function assertRowList(rows: readonly unknown[]): void {
  if (!Array.isArray(rows)) {
    throw new TypeError(`a batch needs a list of its rows' adapters, found ${quote(rows)}`);
  }
  if (rows.length === 0) throw new RangeError("a batch needs at least 1 row, found none");
}

function segmentsOf(device: Device, groups: readonly number[]): Segments {
  const pieces = piecesOf(groups).sort((a, b) => a.group - b.group || a.row - b.row);
  let rows = 0;
  const numbers = pieces.flatMap(({ row, group, count }) => [(rows += count) - count, row, group]);
  const [size, pieceCount] = [pieceNumbers * Math.max(1, pieces.length), pieces.length];
  const tensor = device.allocate([size], "u32", "adapter", "rows by adapter");
  device.write(tensor, Uint32Array.from({ length: size }, (_, i) => numbers[i] ?? 0));
  return { pieces: tensor, pieceCount, rows, batch: groups.length };
}

function piecesOf(groups: readonly number[]): Piece[] {
  const starts = groups.flatMap((group, row) =>
    row === 0 || group !== groups[row - 1] ? [row] : []
  );
  return starts.map((row, i) => ({
    row,
    group: groups[row],
    count: (starts[i + 1] ?? groups.length) - row,
  })).filter(({ group }) => group >= 0);
}

/** An adapter of a set. */
export interface Member {
  readonly values: AdapterValues;
  readonly promptFormat?: PromptFormat;
  /** Its sites by the names of their layers. */
  readonly sites: ReadonlyMap<string, readonly StackedSite[]>;
}

/**
 * Asserts that a name is a text that no member has.
 *
 * @throws {RangeError} when it is not.
 */
function assertNewName(members: ReadonlyMap<string, Member>, name: string): void {
  if (typeof name === "string" && name !== "" && !members.has(name)) return;
  throw new RangeError(`a new adapter of the set needs a name of its own, found ${quote(name)}`);
}

/** One of updates on the host. */
function memberOf(model: Model, name: string, updates: readonly LowRankUpdate[]): Member {
  assertUpdates("AdapterSet.add", updates);
  return { values: {}, sites: sitesOf(name, planUpdates(model, updates)) };
}

/** One of a PEFT folder. */
async function readMember(
  model: Model,
  name: string,
  folder: Folder,
  options: { readonly allow?: readonly AdapterException[] },
): Promise<Member> {
  const { plans, values, read } = await readPlans(model, folder, options);
  assertUpdatesAlone(name, read);
  return { values, promptFormat: read.promptFormat, sites: sitesOf(name, plans) };
}

/**
 * LoRA adapters over one base model. Every row of a batch, a sequence, names its adapter or none, and one
 * forward pass computes them all: the base once over the whole batch, and at every layer h = s x Aᵀ and y += h Bᵀ
 * in two launches, whatever the adapters and their ranks (Punica, Chen et al. 2023; S-LoRA, Sheng et al. 2023).
 * No rank is padded. For inference: its adapters are not trained.
 *
 * A row has the values of a pass of the same batch with its adapter alone: on `cpu` without BLAS the same bits,
 * on other devices, and of DoRA, but for rounding. A row without an adapter has the bits of the base.
 *
 * Cost: 4 bytes for each value of A and B, and 4 · rank for each token of a pass.
 *
 * @example
 * ```ts
 * import { AdapterSet, initGpt2, injectLora, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using trained = injectLora(model, { rank: 2, sites: ["q", "v"], seed: 1 });
 * const updates = await trained.read();
 * trained.remove();
 * using adapters = new AdapterSet(model);
 * adapters.add({ first: updates });
 * adapters.use(["first", undefined]); // a batch of two sequences, of which one is the base's
 * ```
 */
export class AdapterSet implements AppliedAdapter, Disposable {
  /** The base. */
  readonly model: Model;
  /** None: nothing is trained. */
  readonly parameters: readonly [] = [];
  readonly #members = new Map<string, Member>();
  readonly #stacks = new Map<string, LayerStack>();
  readonly #detach: () => void;
  #rows: BatchRows | undefined;
  #isDisposed = false;

  /**
   * An empty set, in force until it is removed.
   *
   * @throws {RangeError} when the model has an adapter, or its layers see more than tokens.
   */
  constructor(model: Model) {
    assertFree(model, {}, "AdapterSet");
    assertSeesTokens(model);
    this.model = model;
    const layers = model.linears.map((linear) => {
      const forward = (tape: Tape, x: Tensor, y: Tensor) => this.#forward(linear, tape, x, y);
      return [linear, { parameters: [], forward }] as const;
    });
    this.#detach = attach(model, this, layers);
  }

  /** The names of its adapters, in the order in which they came. */
  get names(): readonly string[] {
    return [...this.#members.keys()];
  }

  /**
   * Format of the prompts in the training of one adapter, if it records it.
   *
   * @throws {RangeError} when there is none of that name.
   */
  promptFormatOf(name: string): PromptFormat | undefined {
    this.#groupOf(name);
    return this.#members.get(name)!.promptFormat;
  }

  /**
   * Reads PEFT folders of LoRA as `loadAdapter` does and adds them by their names; the adapters that it has serve
   * meanwhile. As all factors are copied, several at once are faster than one after another.
   *
   * @throws {RangeError} when there is one of that name already, it is in the model's weights, or it has more than
   * A, B and DoRA's magnitudes of linear layers: biases, embeddings, heads, modules in full.
   * @throws {AdapterFileError} when a folder is broken or does not fit the model.
   * @throws {TypeError} when the folders or options are no objects, or an option does not exist.
   * @throws {DeviceError} when there is no room for them, or the set was disposed. The set is then as it was.
   */
  async load(
    folders: Readonly<Record<string, Folder>>,
    options: { readonly allow?: readonly AdapterException[] } = {},
  ): Promise<void> {
    assertRecord("the folders of AdapterSet.load", folders);
    assertOptions("AdapterSet.load", options, { allow: true });
    const members = new Map<string, Member>();
    for (const [name, folder] of Object.entries(folders)) {
      assertNewName(this.#members, name);
      members.set(name, await readMember(this.model, name, folder, options));
    }
    this.#join(members);
  }

  /**
   * Adds adapters of updates on the host, each of a site of the model, by their names.
   *
   * @throws {RangeError} when there is one of that name already, or updates are of no site, or of an embedding or
   * a head.
   * @throws {ShapeError} when A and B do not fit each other or the site.
   * @throws {TypeError} when it is not an object of lists of updates.
   * @throws {DeviceError} when there is no room for them, or the set was disposed. The set is then as it was.
   */
  add(adapters: Readonly<Record<string, readonly LowRankUpdate[]>>): void {
    assertRecord("the adapters of AdapterSet.add", adapters);
    const made = Object.entries(adapters).map(([name, updates]) =>
      [name, memberOf(this.model, name, updates)] as const
    );
    this.#join(new Map(made));
  }

  /**
   * Takes adapters out of the set and frees their tensors. If a row of the batch has one, `use` must say what rows
   * have before the next pass.
   *
   * @throws {RangeError} when there is none of a name.
   * @throws {DeviceError} when there is no room for copies of the others, or the set was disposed; it is as it was.
   */
  unload(...names: readonly string[]): void {
    for (const name of names) this.#groupOf(name);
    this.#rebuild(new Map([...this.#members].filter(([name]) => !names.includes(name))));
  }

  /**
   * Says which adapter each row of the next passes' batch has, `undefined` for the base alone. Passes that continue
   * with a cache have the same rows.
   *
   * @throws {TypeError} when it is not a list.
   * @throws {RangeError} when there is no row, or no adapter of a row's name.
   * @throws {DeviceError} when there is no room for the rows' table, or the set was disposed.
   */
  use(rows: readonly (string | undefined)[]): void {
    this.#assertUsable();
    assertRowList(rows);
    if (this.#rows?.areOf(rows)) return;
    const groups = rows.map((name) => name === undefined ? -1 : this.#groupOf(name));
    this.#replaceRows(new BatchRows(this.model.device, [...rows], groups));
  }

  /**
   * The adapters of the rows, for a pass.
   *
   * @throws {RangeError} when `use` has not said them, or one of them was unloaded.
   */
  get batchRows(): PassRows {
    if (this.#rows) return this.#rows;
    throw new RangeError(
      "a pass needs the adapters of its rows, found none: call use(rows) before",
    );
  }

  /** Takes the set off the model, which computes what it did before; a second call does nothing. */
  remove(): void {
    this.#detach();
  }

  /** Removes the set and frees its tensors. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.remove();
    this.#replaceRows(undefined);
    for (const stack of this.#stacks.values()) stack[Symbol.dispose]();
    this.#stacks.clear();
    this.#members.clear();
  }

  #forward({ name }: Linear, tape: Tape, x: Tensor, y: Tensor): Tensor {
    const updates = this.#stacks.get(name)?.updates, rows = this.#rows!;
    if (!updates) return y;
    return addSegments(tape, x, y, rows.segmentsFor(name, x.shape[0]), updates);
  }

  #groupOf(name: string): number {
    const { names } = this, group = names.indexOf(name);
    if (group >= 0) return group;
    const known = names.length > 0 ? listNames(names) : "none";
    throw new RangeError(`an adapter must be one of the set (${known}), found ${quote(name)}`);
  }

  #assertUsable(): void {
    if (this.#isDisposed) throw new DeviceError("a set of adapters was used after it was disposed");
  }

  #join(joining: ReadonlyMap<string, Member>): void {
    for (const [name, { values }] of joining) {
      assertNewName(this.#members, name); // Another may have come while this one was read.
      // Two members of one file are no harm: a row has one of them.
      assertNotIn({ merged: this.model.merged, adapters: [] }, values);
    }
    this.#rebuild(new Map([...this.#members, ...joining]));
  }

  /** Makes the stacks and rows of these members, then frees the old ones: for a moment there is room for both. */
  #rebuild(members: ReadonlyMap<string, Member>): void {
    this.#assertUsable();
    const { device, linears } = this.model, all = [...members];
    using made = new DisposableStack();
    const stacks = linears.map((linear) => {
      const groups = all.map(([, { sites }]) => sites.get(linear.name) ?? []);
      return [linear.name, made.use(new LayerStack(device, linear, groups))] as const;
    });
    const rows = this.#rowsAmong([...members.keys()]);
    made.move();
    for (const stack of this.#stacks.values()) stack[Symbol.dispose]();
    this.#stacks.clear();
    for (const [name, stack] of stacks) this.#stacks.set(name, stack);
    this.#members.clear();
    all.forEach(([name, member], group) => {
      const sites = new Map(stacks.map(([layer, { groups }]) => [layer, groups[group]]));
      this.#members.set(name, { ...member, sites });
    });
    this.#replaceRows(rows);
  }

  /** The present rows by their adapters' places in a new list; none where one of them is not in it. */
  #rowsAmong(members: readonly string[]): BatchRows | undefined {
    const names = this.#rows?.names;
    if (!names?.every((name) => name === undefined || members.includes(name))) return undefined;
    const groups = names.map((name) => name === undefined ? -1 : members.indexOf(name));
    return new BatchRows(this.model.device, names, groups);
  }

  #replaceRows(rows: BatchRows | undefined): void {
    this.#rows?.[Symbol.dispose]();
    this.#rows = rows;
  }
}

/** Owns nothing: the tensors are another model's. */
const nobody: Disposable = { [Symbol.dispose]: () => {} };

/**
 * The same base without adapters: it shares all tensors, and an adapter on it does not act on the other. Disposing it
 * frees nothing, and the tensors live as long as the model that owns them.
 *
 * @throws {TypeError} when there is no model.
 *
 * @example
 * ```ts
 * import { initGpt2, injectLora, openDevice, parseGpt2Config } from "@lowrank/core";
 * import { shareBase } from "@lowrank/core/runs";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using one = injectLora(shareBase(model), { rank: 1, seed: 1 });
 * using other = injectLora(shareBase(model), { rank: 2, seed: 1 });
 * console.log(one.parameterCount, other.parameterCount);
 * ```
 */
export function shareBase<M extends Model<never>>(model: M): M {
  assertModel("shareBase", model);
  const shared = model.withTensors(new Map(), nobody) as M;
  shared.merged = model.merged;
  shared.promptFormat = model.promptFormat;
  return shared;
}

/** True for models with the same tensors. */
export function sharesBase(one: Model, other: Model): boolean {
  if (one.parameters.size !== other.parameters.size) return false;
  if (one.weights?.size !== other.weights?.size) return false;
  const isSame = ([name, { own }]: readonly [string, Parameter]) => {
    const twin = other.parameters.get(name)?.own;
    return twin?.storage === own.storage && twin.offset === own.offset;
  };
  return [...one.parameters].every(isSame) &&
    [...one.weights ?? []].every(([name, weight]) => other.weights!.get(name) === weight);
}
