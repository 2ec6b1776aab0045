/** The rows that a model continues together. @module */

import { Tape } from "../autograd/tape.ts";
import { type HostTensor, hostTensor } from "../core/host_tensor.ts";
import type { Random } from "../core/random.ts";
import type { AdapterSet } from "../adapt/many/adapter_set.ts";
import type { Tensor } from "../device/device.ts";
import { Scope } from "../device/scope.ts";
import { pickRows, type TextInputs } from "../models/inputs.ts";
import { chooseTokens, type SamplingOptions } from "../models/sampling.ts";
import type { TextModel } from "../models/text_model.ts";
import type { KeyValueCache } from "../nn/key_value_cache.ts";

/** A prompt that is continued. */
export interface Row {
  /** Its tokens. */
  readonly prompt: readonly number[];
  /** The tokens that were chosen after it, or what stands for a logit that is not finite. */
  readonly made: number[];
  /** The adapter that computes it; the base alone if there is none. */
  readonly adapter?: string;
  /** How its tokens are chosen. */
  readonly sampling: SamplingOptions;
  /** Where its choices come from: a number for each token, as for {@link generate}. */
  readonly random: Random;
}

/** How many rows there may be. */
export interface BatchExtents {
  /** Most rows at once. */
  readonly rows: number;
  /** Most tokens of a row, its prompt included. */
  readonly length: number;
}

/**
 * Rows of one base model, each with an adapter of its own. They join and leave between two steps: row i is sequence
 * i of one cache, whose sequences differ in length, and the last one takes the place of one that leaves. What a
 * row is given does not depend on the others, but for rounding.
 */
export class RowBatch extends Scope {
  readonly #model: TextModel;
  readonly #adapters: AdapterSet;
  readonly #cache: KeyValueCache;
  #rows: Row[] = [];

  /**
   * Makes room for all rows.
   *
   * @throws {DeviceError} when the device has too little.
   */
  constructor(model: TextModel, adapters: AdapterSet, { rows, length }: BatchExtents) {
    super(model.device);
    this.#model = model;
    this.#adapters = adapters;
    this.#cache = this.own(model.openCache(rows, length));
    this.#cache.clear();
  }

  /** Number of rows. */
  get size(): number {
    return this.#rows.length;
  }

  /** Reads the prompts of new rows in one pass, and chooses the first token of each. */
  async join(rows: readonly Row[]): Promise<void> {
    const first = this.size, time = Math.max(...rows.map(({ prompt }) => prompt.length));
    const tokens = tableOf(rows, time, ({ prompt }, at) => prompt[at] ?? 0);
    await this.#pass(first, rows, { tokens }, ({ prompt }, i) => i * time + prompt.length - 1);
    // Shorter prompts were padded behind their end, where none of their tokens looks.
    rows.forEach(({ prompt }, i) => this.#cache.cut(first + i, prompt.length));
    this.#rows.push(...rows);
  }

  /** Empties the places of so many rows that failed to join. */
  vacate(count: number): void {
    for (let i = 0; i < count; i++) this.#cache.empty(this.size + i);
  }

  /** Chooses one more token of every row, in one pass. */
  async step(): Promise<void> {
    const rows = this.#rows, keys = Math.max(...rows.map(cached)) + 1;
    const inputs = {
      tokens: tableOf(rows, 1, ({ made }) => made.at(-1)!),
      positionIds: tableOf(rows, 1, cached),
      attentionMask: tableOf(rows, keys, (row, at) => Number(at <= cached(row))),
    };
    await this.#pass(0, rows, inputs, (_, i) => i);
  }

  /** Takes a row out. */
  leave(row: Row): void {
    const at = this.#rows.indexOf(row), last = this.#rows.pop()!;
    this.#cache.cut(at, 0);
    if (row === last) return;
    this.#cache.move(this.size, at);
    this.#rows[at] = last;
  }

  /** Takes all rows out. */
  clear(): void {
    this.#cache.clear();
    this.#rows = [];
  }

  /** Passes inputs of rows through the model, and adds the token that follows a place of each. */
  async #pass(
    first: number,
    rows: readonly Row[],
    inputs: TextInputs,
    placeOf: (row: Row, i: number) => number,
  ): Promise<void> {
    using tape = new Tape(this.device, { record: false });
    this.#adapters.use(rows.map(({ adapter }) => adapter));
    this.#cache.select(first, rows.length);
    const options = { cache: this.#cache, rows: rows.map(placeOf) };
    const logits = this.#model.forward(tape, inputs, options);
    const likeliest = chooseTokens(tape, logits, {}, 0), drawn = new Map<Row, Tensor>();
    rows.forEach((row, i) => {
      if (!row.sampling.temperature) return;
      const own = pickRows(tape, logits, [i]);
      drawn.set(row, chooseTokens(tape, own, row.sampling, row.random.bits()));
    });
    const [all, ...others] = await this.device.read(likeliest, ...drawn.values());
    const own = new Map([...drawn.keys()].map((row, i) => [row, others[i].data[0]]));
    rows.forEach((row, i) => row.made.push(own.get(row) ?? all.data[i]));
  }
}

/** Tokens of a row that are in the cache: all but the last that was chosen. */
const cached = ({ prompt, made }: Row): number => prompt.length + made.length - 1;

function tableOf(
  rows: readonly Row[],
  width: number,
  valueOf: (row: Row, at: number) => number,
): HostTensor {
  const values = rows.flatMap((row) => Array.from({ length: width }, (_, at) => valueOf(row, at)));
  return hostTensor([rows.length, width], Uint32Array.from(values));
}
