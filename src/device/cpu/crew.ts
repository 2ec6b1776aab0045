/** The threads of the CPU device: the main one and its workers. @module */

import { Worker } from "node:worker_threads";
import { DeviceError } from "../../core/errors.ts";
import { chunkMask, commandOffset, controlBlock, flags, order } from "./control.ts";
import { type WorkerData, workerProgram } from "./worker_program.ts";

/** A kernel as WebAssembly exports it. */
export type KernelFunction = (...values: number[]) => void;

/** What runs: an export by its index and as a function, and its arguments. */
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
export type CrewData = Pick<WorkerData, "module" | "memory" | "names" | "blas">;

/** Turns of the loop in which the main thread looks for the workers' end before it sleeps. */
const spins = 20_000;

/** Chunks of a kernel: enough to even out a late worker, few enough that products pack rarely. */
const chunksFor = (threads: number): number => Math.min(chunkMask, Math.max(8, 2 * threads));

/**
 * Shares a kernel's units among threads.
 *
 * Workers park in `Atomics.wait` and are not counted among what keeps the process alive, so a program
 * that never disposes of its device still ends.
 */
export class Crew {
  readonly #control = controlBlock();
  readonly #flags = new Int32Array(this.#control, 0, commandOffset / 4);
  readonly #command = new Float64Array(this.#control, commandOffset);
  readonly #workers: Worker[] = [];
  #failure: DeviceError | undefined;

  /** Starts one worker for each scratch address and waits until they are ready. */
  static async start(data: CrewData, scratches: readonly number[]): Promise<Crew> {
    const crew = new Crew();
    await Promise.all(scratches.map((scratch) => crew.#hire(data, scratch)));
    return crew;
  }

  /** Threads, the main one included. */
  get threads(): number {
    return this.#workers.length + 1;
  }

  /**
   * Runs a kernel over `units`, cut at multiples of `grain`.
   *
   * @throws {DeviceError} when it traps, or a worker has died.
   */
  run(call: Call, units: number, grain: number): void {
    if (units === 0) return;
    const most = this.threads > 1 ? chunksFor(this.threads) : 1;
    const chunks = Math.min(most, Math.floor(units / grain));
    const size = chunks < 2 ? units : Math.ceil(units / chunks / grain) * grain;
    if (size >= units) runRange(call, 0, units);
    else this.#share(call, units, size);
    if (this.#failure) throw this.#failure;
  }

  /** Ends the workers. */
  stop(): void {
    Atomics.store(this.#flags, flags.stop, 1);
    Atomics.add(this.#flags, flags.ticket, chunkMask + 1);
    Atomics.notify(this.#flags, flags.ticket);
    this.#workers.length = 0;
  }

  #share(call: Call, units: number, size: number): void {
    this.#publish(call, units, size);
    let trap: unknown;
    for (let left; (left = this.#claim()) > 0;) {
      try {
        runRange(call, (left - 1) * size, Math.min(units, left * size));
      } catch (error) {
        trap = error;
      }
      Atomics.sub(this.#flags, flags.pending, 1);
    }
    this.#awaitOthers();
    // Taken back first: where two threads trap, the next kernel is not to be blamed.
    const failed = Atomics.exchange(this.#flags, flags.failed, 0);
    if (trap) throw trap;
    if (failed) {
      throw new DeviceError(`${call.name} trapped on a thread of the cpu device`);
    }
  }

  #publish({ index, values }: Call, units: number, size: number): void {
    const command = this.#command, shared = this.#flags, chunks = Math.ceil(units / size);
    command[order.index] = index;
    command[order.units] = units;
    command[order.size] = size;
    command[order.count] = values.length - 2;
    for (let i = 0; i < values.length - 2; i++) command[order.values + i] = values[i];
    Atomics.store(shared, flags.pending, chunks);
    const commands = (Atomics.load(shared, flags.ticket) & ~chunkMask) + chunkMask + 1;
    Atomics.store(shared, flags.ticket, commands | chunks);
    if (Atomics.load(shared, flags.sleepers) > 0) Atomics.notify(shared, flags.ticket);
  }

  /** The number of chunks before this claim, 0 where none was left. */
  #claim(): number {
    while (true) {
      const ticket = Atomics.load(this.#flags, flags.ticket), left = ticket & chunkMask;
      if (left === 0) return 0;
      if (Atomics.compareExchange(this.#flags, flags.ticket, ticket, ticket - 1) === ticket) {
        return left;
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

  #hire(data: CrewData, scratch: number): Promise<void> {
    const layout = { flags, order, chunkMask, commandOffset };
    const workerData: WorkerData = { ...data, control: this.#control, layout, scratch };
    const worker = new Worker(workerProgram, { eval: true, workerData });
    this.#workers.push(worker);
    return new Promise((resolve, reject) => {
      worker.once("message", () => {
        worker.unref();
        resolve();
      });
      worker.once("error", (error) => {
        const { message } = error as Error;
        this.#failure = new DeviceError(`a thread of the cpu device died: ${message}`);
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
