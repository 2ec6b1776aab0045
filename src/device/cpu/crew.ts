/** The threads of the CPU device: the main one and its workers. @module */

import { Worker } from "node:worker_threads";
import { DeviceError } from "../../core/errors.ts";
import { commandOffset, controlBlock, flags, rangesAt } from "./control.ts";
import { type WorkerData, workerProgram } from "./worker_program.ts";

/** A kernel as WebAssembly exports it. */
export type KernelFunction = (...values: number[]) => void;

/** What runs: an export by its index and as a function, and its arguments but for the range. */
export interface Call {
  /** Name, for errors. */
  readonly name: string;
  /** Index among the names that the workers know. */
  readonly index: number;
  /** The main thread's own. */
  readonly run: KernelFunction;
  /** Addresses and scalars, with two places at the end for the range. */
  readonly values: number[];
}

/** What all workers are born with. */
export type CrewData = Pick<WorkerData, "module" | "memory" | "names">;

/** How long the main thread waits for workers to begin before it takes them for dead. */
const beginTimeout = 30_000;

/** Turns of the loop in which the main thread looks for the workers' end before it sleeps. */
const spins = 20_000;

/**
 * Shares a kernel's units among threads.
 *
 * Workers park in `Atomics.wait` and are not counted among what keeps the process alive, so a program
 * that never disposes of its device still ends.
 */
export class Crew {
  readonly #control: SharedArrayBuffer;
  readonly #flags: Int32Array;
  readonly #order: Float64Array;
  readonly #workers: Worker[] = [];
  #failure: string | undefined;

  private constructor(workers: number) {
    this.#control = controlBlock(workers);
    this.#flags = new Int32Array(this.#control, 0, commandOffset / 4);
    this.#order = new Float64Array(this.#control, commandOffset);
  }

  /** Starts one worker for each scratch address and waits until they are ready. */
  static async start(data: CrewData, scratches: readonly number[]): Promise<Crew> {
    const crew = new Crew(scratches.length);
    await Promise.all(scratches.map((scratch, index) => crew.#hire(data, scratch, index)));
    return crew;
  }

  /** Threads, the main one included. */
  get threads(): number {
    return this.#workers.length + 1;
  }

  /** Runs a kernel over `units`, cut at multiples of `grain`. */
  run(call: Call, units: number, grain: number): void {
    if (units === 0) return;
    const parts = Math.min(this.threads, Math.floor(units / grain));
    if (parts < 2) return runRange(call, 0, units);
    const size = Math.ceil(units / parts / grain) * grain;
    this.#command(call, units, size);
    try {
      runRange(call, 0, Math.min(size, units));
    } finally {
      this.#join(call.name);
    }
  }

  /** Ends the workers. */
  stop(): void {
    Atomics.store(this.#flags, flags.stop, 1);
    Atomics.add(this.#flags, flags.command, 1);
    Atomics.notify(this.#flags, flags.command);
    this.#workers.length = 0;
  }

  #command({ index, values }: Call, units: number, size: number): void {
    if (this.#failure) throw new DeviceError(this.#failure);
    const order = this.#order, workers = this.#workers.length;
    order[0] = index;
    order[1] = values.length - 2;
    for (let i = 0; i < values.length - 2; i++) order[2 + i] = values[i];
    for (let worker = 0; worker < workers; worker++) {
      order[rangesAt + 2 * worker] = Math.min(units, (worker + 1) * size);
      order[rangesAt + 2 * worker + 1] = Math.min(units, (worker + 2) * size);
    }
    Atomics.store(this.#flags, flags.begun, 0);
    Atomics.store(this.#flags, flags.pending, workers);
    Atomics.add(this.#flags, flags.command, 1);
    Atomics.notify(this.#flags, flags.command);
  }

  #join(name: string): void {
    const shared = this.#flags;
    for (let spin = 0; spin < spins; spin++) {
      if (Atomics.load(shared, flags.pending) === 0) return this.#assertWell(name);
    }
    for (let left; (left = Atomics.load(shared, flags.pending)) > 0;) {
      const outcome = Atomics.wait(shared, flags.pending, left, beginTimeout);
      if (outcome === "timed-out") this.#assertBegun(name);
    }
    this.#assertWell(name);
  }

  #assertBegun(name: string): void {
    if (Atomics.load(this.#flags, flags.begun) === this.#workers.length) return;
    this.#failure = `a thread of the cpu device did not begin ${name} within ${beginTimeout} ms`;
    throw new DeviceError(this.#failure);
  }

  #assertWell(name: string): void {
    if (Atomics.exchange(this.#flags, flags.failed, 0)) {
      throw new DeviceError(`${name} failed on a thread of the cpu device`);
    }
  }

  #hire(data: CrewData, scratch: number, index: number): Promise<void> {
    const layout = { flags, commandOffset, rangeAt: rangesAt + 2 * index };
    const workerData: WorkerData = { ...data, control: this.#control, layout, scratch };
    const worker = new Worker(workerProgram, { eval: true, workerData });
    this.#workers.push(worker);
    return new Promise((resolve, reject) => {
      worker.once("message", () => {
        worker.unref();
        resolve();
      });
      worker.once("error", (error) => {
        this.#failure = `a thread of the cpu device died: ${(error as Error).message}`;
        reject(new DeviceError(this.#failure));
      });
    });
  }
}

function runRange({ run, values }: Call, begin: number, end: number): void {
  values[values.length - 2] = begin;
  values[values.length - 1] = end;
  run(...values);
}
