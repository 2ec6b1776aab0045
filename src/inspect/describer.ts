/** Describing many updates on all processors. @module */

import type { HostTensor } from "../core/host_tensor.ts";
import type { LowRankUpdate } from "../core/low_rank_update.ts";
import { letSignalsIn } from "../core/interrupt.ts";
import { inBrowser } from "../core/platform.ts";
import { type DescribeOptions, describeUpdate, type UpdateRow } from "./describe.ts";
import type { DescribeAnswer, DescribeTask } from "./describe_worker.ts";

/** Multiplications after which workers are started, which takes a fifth of a second. */
const worthWorkers = 2 ** 30;

/** Most processors that are used: each holds updates that it describes. */
const mostProcessors = 8;

/** Updates that a worker has at a time, so that the next one is there when it has done one. */
const mostAtOnce = 2;

/**
 * Describes updates as they come, and once there is much to do, has a worker on every other processor do so too. The
 * rows are those of `describeUpdate`, in the order of the updates.
 */
export class Describer implements Disposable {
  readonly #options: DescribeOptions;
  readonly #rows: UpdateRow[] = [];
  readonly #helpers: Helper[] = [];
  readonly #pending: Promise<void>[] = [];
  #count = 0;
  #work = 0;

  /** Takes what holds for all updates. */
  constructor(options: Omit<DescribeOptions, "weight">) {
    this.#options = options;
  }

  /**
   * Describes an update, beside its weight if that is given, or gives it to a worker.
   *
   * @throws As `describeUpdate`.
   */
  async add(update: LowRankUpdate, weight?: HostTensor): Promise<void> {
    const at = this.#count++, task = { update, options: this.#options, weight };
    this.#work += workOf(task);
    if (this.#work > worthWorkers && this.#helpers.length === 0) this.#start();
    const helper = this.#helpers.find(({ tasks }) => tasks < mostAtOnce);
    if (helper) this.#give(helper, at, task);
    else this.#rows[at] = describe(task);
    await letSignalsIn(); // and answers of workers
  }

  /**
   * The rows of all updates.
   *
   * @throws As `describeUpdate`.
   */
  async finish(): Promise<UpdateRow[]> {
    await Promise.all(this.#pending);
    return this.#rows;
  }

  /** Ends the workers. */
  [Symbol.dispose](): void {
    for (const helper of this.#helpers) helper.end();
  }

  #start(): void {
    const processors = inBrowser ? 1 : Math.min(navigator.hardwareConcurrency, mostProcessors);
    for (let i = 1; i < processors; i++) this.#helpers.push(new Helper());
  }

  #give(helper: Helper, at: number, task: DescribeTask): void {
    const done = helper.describe(task).then((row) => void (this.#rows[at] = row));
    done.catch(() => {}); // `finish` throws it
    this.#pending.push(done);
  }
}

const describe = ({ update, options, weight }: DescribeTask): UpdateRow =>
  describeUpdate(update, { ...options, weight });

/** Two decompositions of factors, and with a weight products of it with directions. */
function workOf({ update: { A, B }, weight }: DescribeTask): number {
  const [rank] = A.shape, values = A.data.length + B.data.length;
  return 2 * rank * (values + (weight?.data.length ?? 0));
}

/** A worker, as far as it could be started; it answers in the order of its tasks. */
class Helper {
  readonly #waiting: ((answer: DescribeAnswer) => void)[] = [];
  #worker: Worker | undefined;

  constructor() {
    const address = new URL("./describe_worker.ts", import.meta.url);
    this.#worker = new Worker(address, { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<DescribeAnswer>) =>
      this.#waiting.shift()!(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      const waiting = this.#waiting.splice(0);
      this.end();
      for (const resolve of waiting) resolve(undefined);
    };
  }

  /** Tasks that have no answer yet. */
  get tasks(): number {
    return this.#waiting.length;
  }

  /** A row; made here where the worker fails, so that an error is the update's own. */
  async describe(task: DescribeTask): Promise<UpdateRow> {
    const worker = this.#worker, { promise, resolve } = Promise.withResolvers<DescribeAnswer>();
    if (!worker) return describe(task);
    this.#waiting.push(resolve);
    worker.postMessage(task);
    return await promise ?? describe(task);
  }

  /** Ends it, and forgets its tasks. */
  end(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }
}
