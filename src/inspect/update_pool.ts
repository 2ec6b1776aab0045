/** Computing with many updates on all processors. @module */

import { letSignalsIn } from "../terminal/interrupt.ts";
import { type LowRankUpdate, siteName } from "../core/update.ts";
import { inBrowser } from "../core/platform.ts";
import { quote } from "../core/errors.ts";
import { usesLibrary } from "../linalg/mod.ts";
import {
  memoryOf,
  perform,
  type Task,
  type TaskName,
  type TaskOptions,
  type TaskResult,
  weightOf,
} from "./update_tasks.ts";
import type { Answer } from "./update_worker.ts";

/** Multiplications after which workers are started, which takes a fifth of a second beside what this thread does. */
const worthWorkers = 2 ** 28;

/** Most processors that are used: each holds updates that it works on. */
const mostProcessors = 8;

/**
 * Does one task with updates as they come, and once there is much to do, on a worker for every processor: this thread
 * then only reads. The results are those of one thread, in the order of the updates. The system's LAPACK is one for the
 * process and has threads of its own: where it is used, this thread does all tasks.
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
   * The caller gives up the memory of the updates and of a weight among the options: a worker takes it. A
   * worker that ends between tasks is not used again.
   *
   * @throws As the task does.
   * @throws {Error} when a worker ends during a task, whose memory is then lost.
   */
  async add(updates: readonly LowRankUpdate[], options: TaskOptions<Name>): Promise<void> {
    const at = this.#count++, task = { name: this.#name, updates, options };
    this.#work += workOf(task);
    if (this.#work > worthWorkers && this.#helpers.length === 0) this.#start();
    const helper = await this.#idle();
    if (helper) this.#give(helper, at, task);
    else this.#results[at] = perform(task);
    await letSignalsIn();
  }

  /**
   * All results.
   *
   * @throws As {@link UpdatePool.add} does.
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
    const hasNone = typeof Worker === "undefined"; // Node, whose workers are of another kind
    if (processors === 1 || hasNone || usesLibrary()) return;
    for (let i = 0; i < processors; i++) this.#helpers.push(new Helper());
  }

  /** A worker without a task; none if no worker is ready. */
  async #idle(): Promise<Helper<Name> | undefined> {
    for (;;) {
      const ready = this.#helpers.filter(({ isReady }) => isReady);
      if (ready.length === 0) return undefined;
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
  const weight = weightOf(options);
  return updates.reduce((sum, { A, B }) => {
    const values = A.data.length + B.data.length + (weight?.data.length ?? 0);
    return sum + 2 * A.shape[0] * values;
  }, 0);
}

/** A worker with one task at a time, once it has started. */
class Helper<Name extends TaskName> {
  readonly #worker: Worker;
  #hasEnded = false;
  #answered?: PromiseWithResolvers<Answer<Name>>;
  /** True from its start to its end. */
  isReady = false;
  /** The answer that it works on. */
  answer: Promise<Answer<Name>> | undefined;

  constructor() {
    const address = new URL("./update_worker.ts", import.meta.url);
    this.#worker = new Worker(address, { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<Answer<Name> | "ready">) => {
      if (data === "ready") this.isReady = !this.#hasEnded;
      else this.#answered?.resolve(data);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault(); // one that cannot start, or has ended, is not used
      this.#hasEnded = true; // which may be heard before "ready" is
      this.isReady = false;
      this.#answered?.reject(new Error(event.message));
    };
  }

  /** A result; where the worker finds none it is made here, so that an error is the update's own. */
  async perform(task: Task<Name>): Promise<TaskResult<Name>> {
    const names = task.updates.map((update) => quote(siteName(update))).join(" and ");
    this.#worker.postMessage(task, memoryOf(task));
    this.#answered = Promise.withResolvers();
    this.answer = this.#answered.promise.catch(({ message }) => {
      throw new Error(`cannot finish ${names}: its worker ended (${message})`);
    });
    const answer = await this.answer;
    this.answer = this.#answered = undefined;
    return "result" in answer ? answer.result : perform(answer.failed);
  }

  /** Ends it. */
  end(): void {
    this.#worker.terminate();
  }
}
