/** The page's side of its worker: one cell runs after the other, and a stopped worker is replaced. @module */

import type { CellError, FromKernel, ToKernel } from "../calls.ts";
import { type Broadcast, serverOrigin } from "../kernel/small_deno.ts";
import { page } from "./dom.ts";

/** Hears of the outputs of a run. */
export interface RunListener {
  /** An output, while the cell runs or later. */
  output(output: Broadcast): void;
}

/** Hears of the kernel itself. */
export interface KernelListener {
  /** A cell begins, or none runs any more. */
  runs(cell: number | undefined): void;
  /** All variables are gone. */
  restarted(): void;
}

/** The run of a cell ended with the worker: all variables are gone. */
export class Ended extends Error {
  override readonly name = "Stopped";
}

interface Run {
  readonly cell: number;
  readonly source: string;
  readonly ended: PromiseWithResolvers<CellError | undefined>;
}

/** Longest time that a stopped cell has to end by itself: it is asked between two of its steps. */
const patienceMs = 2500;

/** The kernel of a page. */
export class Kernel {
  readonly #modules: readonly string[];
  readonly #listener: KernelListener;
  readonly #listeners = new Map<number, RunListener>();
  readonly #queue: Run[] = [];
  readonly #answers = new Map<number, PromiseWithResolvers<Response>>();
  #worker: Worker;
  #running: Run | undefined;
  #count = 0;

  /** Starts a worker, which loads some modules while nobody asks. */
  constructor(modules: readonly string[], listener: KernelListener) {
    [this.#modules, this.#listener] = [modules, listener];
    this.#worker = this.#start();
    this.#answerSliders();
  }

  /** Runs a cell when those before it are done; gives the error that ended it. */
  run(cell: number, source: string, listener: RunListener): Promise<CellError | undefined> {
    const run = { cell, source, ended: Promise.withResolvers<CellError | undefined>() };
    this.#listeners.set(cell, listener);
    this.#queue.push(run);
    this.#next();
    return run.ended.promise;
  }

  /** Stops the cell that runs, and those that wait. A cell that does not listen ends with the worker. */
  stop(): void {
    for (const { ended } of this.#queue.splice(0)) ended.reject(new Ended("It was not run."));
    const run = this.#running;
    if (!run) return;
    this.#say({ kind: "stop" });
    setTimeout(() => {
      if (this.#running === run) this.#restart("The cell was stopped");
    }, patienceMs);
  }

  /** Begins again with a new worker. */
  #restart(why: string): void {
    this.#worker.terminate();
    const run = this.#running;
    this.#running = undefined;
    for (const { reject } of this.#answers.values()) reject(new TypeError("the worker has ended"));
    this.#answers.clear();
    this.#worker = this.#start();
    this.#listener.restarted();
    run?.ended.reject(
      new Ended(`${why}, and all variables are gone: run the cells from the first one.`),
    );
    this.#next();
  }

  #start(): Worker {
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }: MessageEvent<FromKernel>) => this.#take(data);
    worker.onerror = (event) => {
      event.preventDefault();
      if (worker === this.#worker) this.#restart(event.message || "The worker has ended");
    };
    worker.postMessage({ kind: "load", modules: this.#modules });
    return worker;
  }

  #say(message: ToKernel): void {
    this.#worker.postMessage(message);
  }

  #next(): void {
    if (this.#running) return;
    const run = this.#running = this.#queue.shift();
    this.#listener.runs(run?.cell);
    if (run) this.#say({ kind: "run", cell: run.cell, source: run.source });
  }

  #take(message: FromKernel): void {
    if (message.kind === "output") {
      return this.#listeners.get(message.cell)?.output(message.output);
    }
    if (message.kind === "answer") {
      const { id, status, text } = message, body = status === 204 ? null : text;
      this.#answers.get(id)?.resolve(new Response(body, { status }));
      return void this.#answers.delete(id);
    }
    const run = this.#running;
    this.#running = undefined;
    run?.ended.resolve(message.error);
    this.#next();
  }

  /** A slider asks the address that its cell gave it: no server is there, but the worker. */
  #answerSliders(): void {
    const fetch = page.fetch.bind(globalThis);
    page.fetch = (input, options) => {
      if (!String(input).startsWith(`${serverOrigin}/`)) return fetch(input, options);
      const id = ++this.#count, answer = Promise.withResolvers<Response>();
      this.#answers.set(id, answer);
      this.#say({ kind: "ask", id, address: String(input) });
      return answer.promise;
    };
  }
}
