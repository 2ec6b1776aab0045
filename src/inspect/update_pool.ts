/** Computing with many updates on all processors. @module */

import { letSignalsIn } from "../core/interrupt.ts";
import type { LowRankUpdate } from "../core/low_rank_update.ts";
import { inBrowser } from "../core/platform.ts";
import {
  memoryOf,
  perform,
  type Task,
  type TaskName,
  type TaskOptions,
  type TaskResult,
} from "./update_tasks.ts";
import type { Answer } from "./update_worker.ts";

/** Multiplications after which workers are started, which takes a fifth of a second beside what this thread does. */
const worthWorkers = 2 ** 28;

/** Most processors that are used: each holds updates that it works on. */
const mostProcessors = 8;

/**
 * Does one task with updates as they come, and once there is much to do, on a worker for every processor: this thread
 * then only reads. The results are those of one thread, in the order of the updates.
 */
export class UpdatePool<Name extends TaskName> implements Disposable {
  readonly #name: Name;
  readonly #results: TaskResult<Name>[] = [];
  readonly #helpers: Helper<Name>[] = [];
  readonly #pending: Promise<void>[] = [];
  #count = 0;
  #work = 0;

  /** Takes the task's name. */
  constructor(name: Name) {
    this.#name = name;
  }

  /**
   * Does the task with updates, or gives it to the first worker that has none: the next updates can be read meanwhile.
   * A worker takes the updates' memory with it.
   *
   * @throws As the task does.
   */
  async add(updates: readonly LowRankUpdate[], options: TaskOptions<Name>): Promise<void> {
    const at = this.#count++, task = { name: this.#name, updates, options };
    this.#work += workOf(task);
    if (this.#work > worthWorkers && this.#helpers.length === 0) this.#start();
    if (this.#helpers.some(({ isReady }) => isReady)) this.#give(await this.#idle(), at, task);
    else this.#results[at] = perform(task);
    await letSignalsIn();
  }

  /**
   * All results.
   *
   * @throws As the task does.
   */
  async finish(): Promise<TaskResult<Name>[]> {
    await Promise.all(this.#pending);
    return this.#results;
  }

  /** Ends the workers. */
  [Symbol.dispose](): void {
    for (const helper of this.#helpers) helper.end();
  }

  #start(): void {
    const processors = inBrowser ? 1 : Math.min(navigator.hardwareConcurrency, mostProcessors);
    if (processors === 1) return;
    for (let i = 0; i < processors; i++) this.#helpers.push(new Helper());
  }

  async #idle(): Promise<Helper<Name>> {
    for (;;) {
      const ready = this.#helpers.filter(({ isReady }) => isReady);
      const idle = ready.find(({ answer }) => answer === undefined);
      if (idle) return idle;
      await Promise.race(ready.map(({ answer }) => answer));
    }
  }

  #give(helper: Helper<Name>, at: number, task: Task<Name>): void {
    const done = helper.perform(task).then((result) => void (this.#results[at] = result));
    done.catch(() => {}); // `finish` throws it
    this.#pending.push(done);
  }
}

/** Two decompositions of each update's factors, and with a weight products of it with directions. */
function workOf({ updates, options }: Task<TaskName>): number {
  const weight = typeof options === "object" && "weight" in options ? options.weight : undefined;
  return updates.reduce((sum, { A, B }) => {
    const values = A.data.length + B.data.length + (weight?.data.length ?? 0);
    return sum + 2 * A.shape[0] * values;
  }, 0);
}

/** A worker with one task at a time, once it has started. */
class Helper<Name extends TaskName> {
  readonly #worker: Worker;
  #answered = Promise.withResolvers<Answer<Name>>();
  /** Whether it has started. */
  isReady = false;
  /** The answer that it works on. */
  answer: Promise<Answer<Name>> | undefined;

  constructor() {
    const address = new URL("./update_worker.ts", import.meta.url);
    this.#worker = new Worker(address, { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<Answer<Name> | "ready">) => {
      if (data === "ready") this.isReady = true;
      else this.#answered.resolve(data);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault(); // one that cannot start is never used
      if (this.isReady) this.#answered.reject(new Error(`a worker failed: ${event.message}`));
    };
  }

  /** A result; where the worker finds none it is made here, so that an error is the update's own. */
  async perform(task: Task<Name>): Promise<TaskResult<Name>> {
    this.#answered = Promise.withResolvers();
    this.answer = this.#answered.promise;
    this.#worker.postMessage(task, memoryOf(task));
    const answer = await this.answer;
    this.answer = undefined;
    return "result" in answer ? answer.result : perform(answer.failed);
  }

  /** Ends it. */
  end(): void {
    this.#worker.terminate();
  }
}
