/**
 * What a worker thread runs, as text.
 *
 * A worker's file would have to be found by path, over HTTP and inside of a package made by `deno pack`,
 * which does not rewrite `new URL("./worker.ts", import.meta.url)`, and node:worker_threads opens no
 * http: URL. So the program is a function whose text is handed to the worker: it may use nothing from
 * around it, all comes in `WorkerData`.
 *
 * @module
 */

import type { flags } from "./control.ts";

/** What a worker is born with. */
export interface WorkerData {
  /** The compiled kernels. */
  readonly module: WebAssembly.Module;
  /** The memory of all threads. */
  readonly memory: WebAssembly.Memory;
  /** The block of control.ts. */
  readonly control: SharedArrayBuffer;
  /** Where things are in it. */
  readonly layout: { flags: typeof flags; commandOffset: number; rangeAt: number };
  /** Names of the exports, by the index that a command gives. */
  readonly names: readonly string[];
  /** Address of this thread's scratch. */
  readonly scratch: number;
}

type KernelFunction = (...values: number[]) => void;

function work(port: { postMessage(message: string): void }, data: WorkerData): void {
  const { module, memory, layout, names } = data;
  const { command, pending, begun, stop, failed } = layout.flags;
  const control = new Int32Array(data.control);
  const order = new Float64Array(data.control, layout.commandOffset);
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const functions = names.map((name) => exports[name] as KernelFunction);
  (exports.use_scratch as KernelFunction)(data.scratch);

  // Between the kernels of a step a few microseconds pass: spinning that long saves the wake-up.
  const spins = 4000;
  const awaitCommand = (done: number): number => {
    for (let spin = 0; spin < spins; spin++) {
      if (Atomics.load(control, command) !== done) return Atomics.load(control, command);
    }
    while (Atomics.load(control, command) === done) Atomics.wait(control, command, done);
    return Atomics.load(control, command);
  };
  const obey = (): void => {
    const count = order[1], values: number[] = [];
    for (let i = 0; i < count; i++) values.push(order[2 + i]);
    functions[order[0]](...values, order[layout.rangeAt], order[layout.rangeAt + 1]);
  };

  let done = Atomics.load(control, command);
  port.postMessage("ready");
  while (true) {
    done = awaitCommand(done);
    if (Atomics.load(control, stop)) return;
    Atomics.add(control, begun, 1);
    try {
      obey();
    } catch {
      Atomics.store(control, failed, 1);
    }
    if (Atomics.sub(control, pending, 1) === 1) Atomics.notify(control, pending);
  }
}

/** CommonJS, as `eval: true` takes it. */
export const workerProgram: string = `{
const { parentPort, workerData } = require("node:worker_threads");
(${work})(parentPort, workerData);
}`;
