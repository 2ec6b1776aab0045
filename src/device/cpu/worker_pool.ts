/** The threads of the CPU device: the main one and its workers. @module */

import type { Worker } from "node:worker_threads";
import { DeviceError } from "../../core/errors.ts";
import {
  chunkMask,
  chunkStart,
  commandOffset,
  controlBlock,
  flags,
  maxChunks,
  nextChunk,
  order,
} from "./control.ts";
import { type WorkerData, workerProgram } from "./worker_program.ts";

/** A kernel as WebAssembly exports it. */
export type KernelFunction = (...values: number[]) => void;

/** A kernel to run, as an index and as a function, with its arguments. */
export interface Call {
  /** Name, for errors. */
  readonly name: string;
  /** Index among the names that the workers know. */
  readonly index: number;
  /** The main thread's instance of the kernel. */
  readonly run: KernelFunction;
  /** Addresses and scalars, with two places at the end for the range. */
  readonly values: number[];
}

/** Data that all workers share. */
export type SharedData = Pick<WorkerData, "module" | "memory" | "names" | "blas" | "base">;

/** Times that the main thread polls for the workers to finish before it sleeps. */
const spins = 20_000;

/**
 * Chunks per kernel: enough to make up for a late worker, few enough that products do not pack too
 * often.
 */
const chunksFor = (threads: number): number => Math.min(maxChunks, 2 * threads);

/**
 * Divides a kernel's units among threads.
 *
 * Idle workers sleep in `Atomics.wait` and do not keep the process alive, so a program that never
 * disposes of its device still ends.
 */
export class WorkerPool {
  readonly #control = controlBlock();
  readonly #flags = new Int32Array(this.#control, 0, commandOffset / 4);
  readonly #command = new Float64Array(this.#control, commandOffset);
  readonly #workers: Worker[] = [];
  #failure: DeviceError | undefined;
  #busy = 1;

  /** Starts one worker for each scratch address and waits until they are ready. */
  static async start(data: SharedData, scratches: readonly number[]): Promise<WorkerPool> {
    const pool = new WorkerPool();
    const threads = scratches.length + 1;
    const spawn = (scratch: number, i: number) =>
      pool.#spawn({ ...data, scratch, thread: i + 1, threads });
    try {
      await Promise.all(scratches.map(spawn));
      return pool;
    } catch (error) {
      pool.stop(); // the others end as soon as they have started
      throw error;
    }
  }

  /** Threads, the main one included. */
  get threads(): number {
    return this.#workers.length + 1;
  }

  /** Threads that had a part of the last kernel. */
  get busy(): number {
    return this.#busy;
  }

  /**
   * Throws once a kernel has trapped, and so may have left anything in its tensors, or a worker has died.
   *
   * @throws {DeviceError} when that has happened, with the first failure.
   */
  assertWorking(): void {
    const failure = this.#failure;
    if (!failure) return;
    throw new DeviceError(`the cpu device does no more work: ${failure.message}`, {
      cause: failure,
    });
  }

  /**
   * Runs a kernel over `units`, cut at multiples of `grain` into at most `most` chunks.
   *
   * @throws {DeviceError} when it traps.
   */
  run(call: Call, units: number, grain: number, most = chunksFor(this.threads)): void {
    if (units === 0) return;
    const chunks = this.threads > 1 ? Math.min(most, Math.floor(units / grain)) : 1;
    this.#busy = Math.max(1, Math.min(chunks, this.threads));
    try {
      if (chunks < 2) runRange(call, 0, units);
      else this.#share(call, units, grain, chunks);
    } catch (error) {
      throw this.#failure ??= error as DeviceError;
    }
  }

  /** Ends the workers. */
  stop(): void {
    Atomics.store(this.#flags, flags.stop, 1);
    Atomics.add(this.#flags, flags.ticket, chunkMask + 1);
    Atomics.notify(this.#flags, flags.ticket);
    this.#workers.length = 0;
  }

  #share(call: Call, units: number, grain: number, chunks: number): void {
    this.#publish(call, units, grain, chunks);
    let trap: unknown;
    for (let chunk; (chunk = this.#claim(chunks)) >= 0;) {
      try {
        const begin = chunkStart(chunk, chunks, units, grain);
        runRange(call, begin, chunkStart(chunk + 1, chunks, units, grain));
      } catch (error) {
        trap = error;
      }
      Atomics.sub(this.#flags, flags.pending, 1);
    }
    this.#awaitOthers();
    // Cleared before anything is thrown: if two threads trap, the second trap must not be blamed on the
    // next kernel.
    const failed = Atomics.exchange(this.#flags, flags.failed, 0);
    if (trap) throw trap;
    if (failed) {
      throw new DeviceError(`${call.name} trapped on a thread of the cpu device`);
    }
  }

  #publish({ index, values }: Call, units: number, grain: number, chunks: number): void {
    const command = this.#command, shared = this.#flags;
    command[order.index] = index;
    command[order.units] = units;
    command[order.grain] = grain;
    command[order.chunks] = chunks;
    command[order.count] = values.length - 2;
    for (let i = 0; i < values.length - 2; i++) command[order.values + i] = values[i];
    Atomics.store(shared, flags.pending, chunks);
    const commands = (Atomics.load(shared, flags.ticket) & ~chunkMask) + chunkMask + 1;
    Atomics.store(shared, flags.ticket, commands | (2 ** chunks - 1));
    if (Atomics.load(shared, flags.sleepers) > 0) Atomics.notify(shared, flags.ticket);
  }

  /** Claims a chunk for the main thread: its number, or -1 when none is left. */
  #claim(chunks: number): number {
    while (true) {
      const ticket = Atomics.load(this.#flags, flags.ticket), left = ticket & chunkMask;
      if (left === 0) return -1;
      const bit = nextChunk(left, chunks, 0, this.threads);
      if (Atomics.compareExchange(this.#flags, flags.ticket, ticket, ticket - bit) === ticket) {
        return 31 - Math.clz32(bit);
      }
    }
  }

  #awaitOthers(): void {
    const shared = this.#flags;
    for (let spin = 0; spin < spins; spin++) {
      if (Atomics.load(shared, flags.pending) === 0) return;
    }
    for (let left; (left = Atomics.load(shared, flags.pending)) > 0;) {
      Atomics.wait(shared, flags.pending, left);
    }
  }

  async #spawn(data: Omit<WorkerData, "control" | "layout">): Promise<void> {
    const { Worker } = await import("node:worker_threads"); // imported here because browsers do not have it
    const layout = { flags, order, chunkMask, commandOffset };
    const workerData: WorkerData = { ...data, control: this.#control, layout };
    // Without `env`, Deno would ask for permission to read the whole environment, for a copy.
    const worker = new Worker(workerProgram, { eval: true, workerData, env: {} });
    this.#workers.push(worker);
    await new Promise<void>((resolve, reject) => {
      worker.once("message", () => {
        worker.unref();
        resolve();
      });
      worker.once("error", (error) => {
        const { message } = error as Error;
        this.#failure ??= new DeviceError(`a thread of the cpu device died: ${message}`);
        reject(this.#failure);
      });
    });
  }
}

function runRange({ name, run, values }: Call, begin: number, end: number): void {
  values[values.length - 2] = begin;
  values[values.length - 1] = end;
  try {
    run(...values);
  } catch (error) {
    throw new DeviceError(`${name} trapped on the cpu device: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
