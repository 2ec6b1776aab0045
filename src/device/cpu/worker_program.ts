/**
 * The program of a worker thread, as source text.
 *
 * A worker file would have to be found from disk, over HTTP and in a package. But `deno pack` does not
 * rewrite `new URL("./worker.ts", import.meta.url)`, and node:worker_threads does not open http: URLs.
 * So the program is a function whose source text is sent to the worker: it must not refer to anything
 * outside itself, and everything it needs is in {@link WorkerData}.
 *
 * @module
 */

import { type BlasPlace, type Sgemm, sgemmIn, sgemmRange } from "../../blas/mod.ts";
import { chunkStart, type flags, nextChunk, type order } from "./control.ts";

/** Data with which a worker starts. */
export interface WorkerData {
  /** The compiled kernels. */
  readonly module: WebAssembly.Module;
  /** The memory of all threads. */
  readonly memory: WebAssembly.Memory;
  /** The shared block of control.ts. */
  readonly control: SharedArrayBuffer;
  /** The constants of control.ts, which describe its layout. */
  readonly layout: {
    readonly flags: typeof flags;
    readonly order: typeof order;
    readonly chunkMask: number;
    readonly commandOffset: number;
  };
  /** Names of the exports; a command holds an index into them. */
  readonly names: readonly string[];
  /** The BLAS; its index follows that of the last export. */
  readonly blas?: BlasPlace;
  /** Address of the memory in the process, if there is a BLAS. */
  readonly base: number;
  /** Address of this thread's scratch. */
  readonly scratch: number;
  /** Its number; the main thread is 0. */
  readonly thread: number;
  /** Number of threads, the main one included. */
  readonly threads: number;
}

type KernelFunction = (...values: number[]) => void;

/** The ticket of the next work, or of none where the thread was woken to stop. */
function awaitTicket(
  control: Int32Array,
  flags: WorkerData["layout"]["flags"],
  chunkMask: number,
): number {
  // A few microseconds pass between the kernels of a step, and waking up takes longer than that. A poll
  // takes 12 ns: a generated token took 0.33 ms with 4,000 polls, 0.28 with 20,000, and no less with
  // 60,000.
  const spins = 20_000;
  for (let spin = 0; spin < spins; spin++) {
    const ticket = Atomics.load(control, flags.ticket);
    if (ticket & chunkMask) return ticket;
  }
  // The ticket is read before the stop flag and stored after it: a worker that finds no flag has an
  // older ticket, so that it cannot sleep through the end.
  const ticket = Atomics.load(control, flags.ticket);
  if ((ticket & chunkMask) === 0 && Atomics.load(control, flags.stop) === 0) {
    Atomics.add(control, flags.sleepers, 1);
    Atomics.wait(control, flags.ticket, ticket);
    Atomics.sub(control, flags.sleepers, 1);
  }
  return Atomics.load(control, flags.ticket);
}

function work(
  port: { postMessage(message: string): void },
  data: WorkerData,
  rangeOf: (sgemm: Sgemm) => KernelFunction,
  productsIn: (sgemm: Sgemm, base: number) => KernelFunction,
  next: typeof nextChunk,
  startOf: typeof chunkStart,
  ticketIn: typeof awaitTicket,
): void {
  const { module, memory, names, blas, base, thread, threads } = data;
  const { flags, order, chunkMask, commandOffset } = data.layout;
  const control = new Int32Array(data.control);
  const command = new Float64Array(data.control, commandOffset);
  const library = blas && Deno.dlopen(blas.path, blas.definitions);
  const sgemm = library ? productsIn(library.symbols.sgemm, base) : () => {};
  const { exports } = new WebAssembly.Instance(module, { env: { memory, sgemm } });
  const functions = names.map((name) => exports[name] as KernelFunction);
  if (library) {
    functions.push(rangeOf(library.symbols.sgemm));
    (exports.use_blas as KernelFunction)();
  }
  (exports.use_scratch as KernelFunction)(data.scratch);
  const attempt = (ticket: number): void => {
    const units = command[order.units], grain = command[order.grain];
    const chunks = command[order.chunks];
    const run = functions[command[order.index]];
    const values: number[] = [];
    for (let i = 0; i < command[order.count]; i++) values.push(command[order.values + i]);
    const bit = next(ticket & chunkMask, chunks, thread, threads);
    if (Atomics.compareExchange(control, flags.ticket, ticket, ticket - bit) !== ticket) return;
    const chunk = 31 - Math.clz32(bit);
    try {
      const begin = startOf(chunk, chunks, units, grain);
      run(...values, begin, startOf(chunk + 1, chunks, units, grain));
    } catch {
      Atomics.store(control, flags.failed, 1);
    }
    if (Atomics.sub(control, flags.pending, 1) === 1) Atomics.notify(control, flags.pending);
  };

  port.postMessage("ready");
  while (true) {
    const ticket = ticketIn(control, flags, chunkMask);
    if (Atomics.load(control, flags.stop)) return library?.close();
    if (ticket & chunkMask) attempt(ticket);
  }
}

/** CommonJS, as `eval: true` requires. */
export const workerProgram: string = `{
const { parentPort, workerData } = require("node:worker_threads");
(${work})(parentPort, workerData, ${sgemmRange}, ${sgemmIn}, ${nextChunk}, ${chunkStart}, ${awaitTicket});
}`;
