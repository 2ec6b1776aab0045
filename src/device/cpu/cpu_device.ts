/** The CPU device: AssemblyScript kernels on threads over one shared WebAssembly memory. @module */

import type { ElementType, Kernel } from "../../../kernels/kernel.ts";
import { DeviceError } from "../../core/errors.ts";
import type { HostData, HostTensor } from "../../core/host_tensor.ts";
import { type AnyBindings, BaseDevice } from "../base.ts";
import type { Storage, Tensor } from "../tensor.ts";
import { type Call, Crew, type KernelFunction } from "./crew.ts";
import { Heap, memoryLimit } from "./heap.ts";

/** Options of {@link openCpuDevice}. */
export interface CpuOptions {
  /** Threads, the main one included. Default: one a processor, at most 8. */
  readonly threads?: number;
  /** Why it was chosen; the description adds it in brackets. */
  readonly note?: string;
}

const arrays = { f32: Float32Array, u32: Uint32Array, i32: Int32Array } as const;

/** More threads than this share too little work each to pay. */
const defaultThreadLimit = 8;

/** Pages of 64 KiB that the memory starts with. */
const initialPages = 16;

let compiling: Promise<WebAssembly.Module> | undefined;

/**
 * Opens the CPU device.
 *
 * It reads `kernels/cpu.wasm` beside this package, so it needs leave to read or fetch that file.
 *
 * @throws {RangeError} when `threads` is not a whole number above 0.
 * @throws {DeviceError} when the kernels cannot be loaded or a thread does not start.
 *
 * @example
 * ```ts
 * using device = await openCpuDevice({ threads: 1 });
 * console.log(device.description); // cpu, 1 thread, WebAssembly SIMD
 * ```
 */
export async function openCpuDevice(options: CpuOptions = {}): Promise<CpuDevice> {
  const threads = options.threads ?? defaultThreads();
  if (!Number.isInteger(threads) || threads < 1) {
    throw new RangeError(`threads must be a whole number above 0, found ${threads}`);
  }
  const module = await (compiling ??= compileKernels());
  const memory = new WebAssembly.Memory({ initial: initialPages, maximum: 65536, shared: true });
  const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
  const kernels = exports as Record<string, KernelFunction>;
  const { heap_base, scratch_bytes } = exports as Record<string, () => number>;
  const heap = new Heap(memory, heap_base() >>> 0);
  const scratches = Array.from({ length: threads }, () => heap.allocate(scratch_bytes())!);
  kernels.use_scratch(scratches[0]);
  const names = Object.keys(kernels);
  const crew = await Crew.start({ module, memory, names }, scratches.slice(1));
  return new CpuDevice(memory, heap, crew, kernels, options.note);
}

/** Threads where nobody asks for a number. */
export function defaultThreads(): number {
  return Math.min(navigator.hardwareConcurrency, defaultThreadLimit);
}

async function compileKernels(): Promise<WebAssembly.Module> {
  const url = new URL("../../../kernels/cpu.wasm", import.meta.url);
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    return await WebAssembly.compile(await response.arrayBuffer());
  } catch (error) {
    compiling = undefined;
    throw new DeviceError(`cannot load the CPU kernels from ${url}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/**
 * Tensors are addresses in the shared memory and a launch is done when it returns: nothing is queued.
 *
 * Beside what the ledger counts every thread has 1 MiB of scratch, for packed blocks and tiles.
 */
export class CpuDevice extends BaseDevice {
  /** Always `cpu`. */
  readonly kind = "cpu" as const;
  /** For people. */
  readonly description: string;
  readonly #memory: WebAssembly.Memory;
  readonly #heap: Heap;
  readonly #crew: Crew;
  readonly #functions: Readonly<Record<string, KernelFunction>>;
  readonly #calls = new Map<Kernel, PreparedCall>();

  /** {@link openCpuDevice} makes them. */
  constructor(
    memory: WebAssembly.Memory,
    heap: Heap,
    crew: Crew,
    functions: Readonly<Record<string, KernelFunction>>,
    note?: string,
  ) {
    super();
    this.#memory = memory;
    this.#heap = heap;
    this.#crew = crew;
    this.#functions = functions;
    const { threads } = crew;
    const count = `${threads} ${threads === 1 ? "thread" : "threads"}`;
    this.description = `cpu, ${count}, WebAssembly SIMD${note ? ` (${note})` : ""}`;
  }

  /** Bytes of the shared memory that are given out: tensors, rounded up to cache lines, and scratch. */
  get allocatedBytes(): number {
    return this.#heap.liveBytes;
  }

  protected override allocateHandle(bytes: number, _type: ElementType, label: string): number {
    const address = this.#heap.allocate(bytes);
    if (address !== undefined) return address;
    throw new DeviceError(
      `allocating ${label} needs ${bytes} bytes, but of the cpu device's ${memoryLimit} bytes ` +
        `${this.#heap.liveBytes} are live`,
    );
  }

  protected override releaseHandle(storage: Storage): void {
    this.#heap.release(storage.handle as number, storage.bytes + storage.padding);
  }

  protected override writeValues(tensor: Tensor, values: HostTensor["data"]): void {
    this.#viewOf(tensor).set(values);
  }

  protected override run(
    kernel: Kernel,
    bindings: AnyBindings,
    scalars: Readonly<Record<string, number>>,
  ): void {
    const call = this.#calls.get(kernel) ?? this.#prepare(kernel);
    let at = 0;
    for (const name of call.bindings) call.values[at++] = addressOf(bindings[name]);
    for (const name of call.scalars) call.values[at++] = scalars[name];
    this.#crew.run(call, kernel.cpu.units(scalars), kernel.cpu.grain(scalars));
  }

  protected override readValues(tensors: readonly Tensor[]): Promise<HostTensor[]> {
    return Promise.resolve(
      tensors.map((tensor) => ({ shape: tensor.shape, data: this.#viewOf(tensor).slice() })),
    );
  }

  protected override close(): void {
    this.#crew.stop();
  }

  /** A fresh view: one made before the memory grew would keep the old length. */
  #viewOf(tensor: Tensor): HostData {
    const buffer = this.#memory.buffer as ArrayBuffer; // shared: the types of the views agree anyway
    return new arrays[tensor.type](buffer, addressOf(tensor), tensor.size);
  }

  #prepare(kernel: Kernel): PreparedCall {
    const run = this.#functions[kernel.name];
    if (!run) throw new DeviceError(`kernels/cpu.wasm exports no kernel named ${kernel.name}`);
    const bindings = Object.keys(kernel.bindings), scalars = Object.keys(kernel.scalars);
    const call = {
      name: kernel.name,
      index: Object.keys(this.#functions).indexOf(kernel.name),
      run,
      values: new Array(bindings.length + scalars.length + 2).fill(0),
      bindings,
      scalars,
    };
    this.#calls.set(kernel, call);
    return call;
  }
}

/** A kernel's call with the names of its arguments, made once. */
interface PreparedCall extends Call {
  readonly bindings: readonly string[];
  readonly scalars: readonly string[];
}

function addressOf(tensor: Tensor): number {
  return tensor.storage.handle as number + 4 * tensor.offset;
}
