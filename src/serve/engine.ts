/** Continuous batching: requests join the running batch between two steps, and leave it when they end. @module */

import type { AdapterSet } from "../adapt/many/adapter_set.ts";
import { letSignalsIn } from "../core/interrupt.ts";
import { mostServedAdapters } from "../core/limits.ts";
import { quote } from "../core/quote.ts";
import { Random } from "../core/random.ts";
import type { Folder } from "../core/storage.ts";
import type { AdapterException } from "../formats/mod.ts";
import { assertToken } from "../models/continuation.ts";
import type { TextModel } from "../models/text_model.ts";
import { Refusal } from "./refusal.ts";
import { type BatchExtents, type Row, RowBatch } from "./row_batch.ts";
import type { Work } from "./work.ts";

/** How much an engine takes. */
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
  /** Why no request is answered any more. */
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
