/**
 * Continuous batching: requests join the running batch between two steps, and leave it when they
 * end. After the engine come the rows that the model continues together.
 *
 * @module
 */

import type { AdapterSet } from "../adapt/many/adapter_set.ts";
import { Tape } from "../autograd/tape.ts";
import { quote } from "../core/errors.ts";
import { mostServedAdapters } from "../core/limits.ts";
import { Random } from "../core/random.ts";
import { type HostTensor, hostTensor } from "../core/tensor.ts";
import { Scope } from "../device/arena.ts";
import type { Tensor } from "../device/device.ts";
import type { AdapterException } from "../formats/mod.ts";
import { assertToken, chooseTokens, type SamplingOptions } from "../models/generate/generate.ts";
import { pickRows, type TextInputs } from "../models/inputs.ts";
import type { TextModel } from "../models/text_model.ts";
import type { KeyValueCache } from "../nn/key_value_cache.ts";
import type { Folder } from "../storage/storage.ts";
import { letSignalsIn } from "../terminal/interrupt.ts";
import { Refusal } from "./requests.ts";

// The engine.

/** Limits of an engine. */
export interface EngineLimits extends BatchExtents {
  /** Most requests that wait for a row. */
  readonly queue: number;
}

/** Most names in a message. */
const mostListed = 8;

/** A request, from its acceptance to its end. */
interface Ticket {
  readonly work: Work;
  readonly row: Row;
  readonly ended: PromiseWithResolvers<readonly number[]>;
}

/**
 * Continues prompts for many at once. Between two steps, requests take the rows that are free, in the order in which
 * they came; a step gives every row one token. What one request is given is what `generate` gives, but for rounding.
 */
export class Engine implements AsyncDisposable {
  readonly #limits: EngineLimits;
  readonly #adapters: AdapterSet;
  readonly #batch: RowBatch;
  /** Names of adapters that leave once their last request has ended. */
  readonly #leaving = new Set<string>();
  #waiting: Ticket[] = [];
  readonly #running = new Set<Ticket>();
  #loop: Promise<void> | undefined;
  /** The last of the changes of adapters, which are made one after another, and how many wait. */
  #change = Promise.resolve();
  #changes = 0;
  /** The error that ended the engine; no request is answered any more. */
  #end: unknown;

  /**
   * Makes room for all rows.
   *
   * @param adapters A set on the model.
   * @throws {DeviceError} when the device has too little.
   */
  constructor(model: TextModel, adapters: AdapterSet, limits: EngineLimits) {
    this.#limits = limits;
    this.#adapters = adapters;
    this.#batch = new RowBatch(model, adapters, limits);
  }

  /** The names of the adapters that requests may have. */
  get adapters(): readonly string[] {
    return this.#adapters.names.filter((name) => !this.#leaving.has(name));
  }

  /**
   * Resolves to the new tokens of a request.
   *
   * @throws {Refusal} when its adapter is unknown, too many wait already, or the engine stops.
   * @throws {RangeError} when a logit is not finite.
   * @throws {DeviceError} when the device fails.
   */
  async submit(work: Work): Promise<readonly number[]> {
    const { adapter, prompt, temperature, topK, seed } = work;
    this.assertRoom();
    if (adapter !== undefined) this.assertKnown(adapter, "adapter");
    const row = { prompt, adapter, sampling: { temperature, topK }, random: new Random(seed) };
    const ended = Promise.withResolvers<readonly number[]>();
    this.#waiting.push({ work, row: { ...row, made: [] }, ended });
    this.#loop ??= this.#run();
    return await ended.promise;
  }

  /** Throws a {@link Refusal} where another request could not wait. */
  assertRoom(): void {
    if (this.#end) throw this.#end;
    this.#dropAbandoned();
    this.#assertRoom(this.#waiting.length, "requests");
  }

  /** Throws a {@link Refusal} unless requests may have the adapter that a field of theirs names. */
  assertKnown(name: string, field: string): void {
    if (this.adapters.includes(name)) return;
    const known = this.adapters.slice(0, mostListed).join(", ") || "no adapter";
    const others = this.adapters.length > mostListed ? ", …" : "";
    const rule = `${field} must be one of GET /v1/models (${known}${others})`;
    throw new Refusal(404, `${rule}, found ${quote(name)}`, field);
  }

  /**
   * Adds adapters of PEFT folders while the others serve, as {@link AdapterSet.load} does, after earlier changes.
   *
   * @throws {Refusal} when there would be too many, or too many changes wait already.
   */
  load(
    folders: Readonly<Record<string, Folder>>,
    allow?: readonly AdapterException[],
  ): Promise<void> {
    return this.#afterOthers(() => {
      if (this.#adapters.names.length + Object.keys(folders).length > mostServedAdapters) {
        throw new Refusal(400, `a server has at most ${mostServedAdapters} adapters, found more`);
      }
      return this.#adapters.load(folders, { allow });
    });
  }

  /**
   * Takes an adapter out once all requests that have it are answered; new ones cannot have it any more.
   *
   * @throws {Refusal} when there is none of that name, or too many changes wait already.
   */
  unload(name: string): Promise<void> {
    return this.#afterOthers(async () => {
      this.assertKnown(name, "lora_name");
      this.#leaving.add(name);
      const own = [...this.#waiting, ...this.#running].filter(({ row }) => row.adapter === name);
      await Promise.allSettled(own.map(({ ended }) => ended.promise));
      try {
        this.#adapters.unload(name);
      } finally {
        this.#leaving.delete(name); // Without room to take it out, it is as it was.
      }
    });
  }

  /** Ends all requests, refuses new ones, and frees the rows. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end ??= new Refusal(503, "the server is stopping");
    await this.#loop;
    await this.#change;
    this.#batch[Symbol.dispose]();
  }

  async #afterOthers(change: () => Promise<void>): Promise<void> {
    if (this.#end) throw this.#end;
    this.#assertRoom(this.#changes, "changes of adapters");
    const done = this.#change.then(change).finally(() => this.#changes--);
    this.#changes++;
    this.#change = done.catch(() => {}); // Who asked for it is told.
    return await done;
  }

  #assertRoom(waiting: number, what: string): void {
    const { queue } = this.#limits;
    if (waiting < queue) return;
    throw new Refusal(429, `at most ${queue} ${what} may wait, found as many: try again later`);
  }

  async #run(): Promise<void> {
    try {
      while (this.#waiting.length + this.#running.size > 0) {
        if (this.#end) {
          this.#failAll(this.#end);
          this.#batch.clear();
        }
        await this.#admit();
        await this.#step();
        await letSignalsIn();
      }
    } catch (error) {
      this.#end ??= error; // Not even rows could be freed: the device is lost.
      this.#failAll(error);
    } finally {
      this.#loop = undefined;
    }
  }

  /** Gives free rows to those who wait: prompts of about the same length together, which are padded little. */
  async #admit(): Promise<void> {
    this.#dropAbandoned();
    const joining = this.#waiting.splice(0, this.#limits.rows - this.#running.size);
    for (const ticket of joining) this.#running.add(ticket);
    const groups = Map.groupBy(joining, ({ row }) => Math.clz32(row.prompt.length));
    for (const group of groups.values()) await this.#join(group);
  }

  async #join(group: readonly Ticket[]): Promise<void> {
    try {
      await this.#batch.join(group.map(({ row }) => row));
    } catch (error) {
      for (const ticket of group) this.#fail(ticket, error);
      return this.#batch.vacate(group.length);
    }
    group.forEach((ticket) => this.#settle(ticket));
  }

  async #step(): Promise<void> {
    if (this.#batch.size === 0) return;
    const running = [...this.#running];
    try {
      await this.#batch.step();
    } catch (error) {
      for (const ticket of running) this.#fail(ticket, error);
      return this.#batch.clear();
    }
    running.forEach((ticket) => this.#settle(ticket));
  }

  /** Ends a request whose last token was chosen, or for which nobody waits. */
  #settle(ticket: Ticket): void {
    const { work: { maxNewTokens, stopToken, onToken, signal }, row, ended } = ticket;
    const last = row.made.at(-1)!;
    try {
      assertToken(last);
      signal?.throwIfAborted();
      const isStopped = onToken?.(row.made) ?? false;
      if (!isStopped && last !== stopToken && row.made.length < maxNewTokens) return;
      ended.resolve(row.made);
    } catch (error) {
      ended.reject(error);
    }
    this.#running.delete(ticket);
    this.#batch.leave(row);
  }

  #fail(ticket: Ticket, error: unknown): void {
    this.#running.delete(ticket);
    ticket.ended.reject(error);
  }

  #failAll(error: unknown): void {
    for (const ticket of [...this.#running, ...this.#waiting.splice(0)]) this.#fail(ticket, error);
  }

  /** Makes room in the queue where clients have left. */
  #dropAbandoned(): void {
    const [left, awaited] = [true, false].map((hasLeft) =>
      this.#waiting.filter(({ work }) => (work.signal?.aborted ?? false) === hasLeft)
    );
    for (const ticket of left) this.#fail(ticket, ticket.work.signal!.reason);
    this.#waiting = awaited;
  }
}

// Its work.

/** A prompt to continue. */
export interface Work extends SamplingOptions {
  /** Its tokens, at least one. */
  readonly prompt: readonly number[];
  /** The name of its adapter; the base alone if there is none. */
  readonly adapter?: string;
  /** Most new tokens, at least one. */
  readonly maxNewTokens: number;
  /** Ends it, and is its last token. */
  readonly stopToken?: number;
  /** Seed of the sampling. */
  readonly seed: number;
  /** Sees all new tokens after each of them; true ends it. */
  readonly onToken?: (made: readonly number[]) => boolean;
  /** Aborted when nobody waits for it any more. */
  readonly signal?: AbortSignal;
}

// Rows.

/** A prompt that is continued. */
export interface Row {
  /** Its tokens. */
  readonly prompt: readonly number[];
  /** The tokens that were chosen after it, or what stands for a logit that is not finite. */
  readonly made: number[];
  /** The adapter that computes it; the base alone if there is none. */
  readonly adapter?: string;
  /** Rules for choosing its tokens. */
  readonly sampling: SamplingOptions;
  /** Source of its choices: a number for each token, as for {@link generate}. */
  readonly random: Random;
}

/** Limits of the rows of a batch. */
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
class RowBatch extends Scope {
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
