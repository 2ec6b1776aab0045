/**
 * The CPU device: AssemblyScript kernels on threads over one shared WebAssembly memory; the calls
 * of those kernels, the heap of that memory, and the compiled kernels.
 *
 * @module
 */

import { cpuWasm } from "../../../kernels/cpu.ts";
import { widenBf16, widenF16 } from "../../../kernels/float16/kernel.ts";
import { type ElementType, isHalfType, type Kernel } from "../../../kernels/kernel.ts";
import { matmul, onePair } from "../../../kernels/matmul/kernel.ts";
import { baseOf, openBlas } from "../../blas/mod.ts";
import { assertOptions } from "../../core/checks.ts";
import { DeviceError } from "../../core/errors.ts";
import { mostThreads } from "../../core/limits.ts";
import { howMany } from "../../core/numbers.ts";
import { inBrowser } from "../../core/platform.ts";
import type { HostData, HostTensor } from "../../core/tensor.ts";
import { BaseDevice, hostArrays } from "../base.ts";
import type { AnyBindings, Storage, Tensor } from "../device.ts";
import { isForBlas, Products, type ProductScalars, secondPair, wideBytes } from "./products.ts";
import { type Call, type KernelFunction, WorkerPool } from "./worker_pool.ts";

// The device.

/** Options of {@link openCpuDevice}. */
export interface CpuOptions {
  /** Number of threads, the main one included. Default: one per processor, at most 8. */
  readonly threads?: number;
  /** True if the system's BLAS, if there is one, computes large products. Default: true. */
  readonly blas?: boolean;
  /** Reason for the choice of the device; the description shows it in parentheses. */
  readonly note?: string;
}

/** Most threads by default: with more, each has too little work to be worth waking. */
const defaultThreadLimit = 8;

/**
 * Opens the CPU device.
 *
 * It reads `kernels/cpu.wasm` of this package, so it needs permission to read or fetch that file. Large
 * products go to the system's BLAS if there is one and `--allow-ffi` permits it; `LOWRANK_BLAS`, set to
 * `off` or to the path of a library, overrides this. Without BLAS, results are bit-identical for any
 * number of threads.
 *
 * @throws {RangeError} when `threads` is not a positive integer up to 256.
 * @throws {DeviceError} when the kernels cannot be loaded, there is no room for their memory, a thread
 * does not start, or `LOWRANK_BLAS` names a library that cannot be opened.
 *
 * @example
 * ```ts
 * using device = await openCpuDevice({ threads: 1, blas: false });
 * console.log(device.description); // cpu, 1 thread, WebAssembly SIMD
 * ```
 */
export async function openCpuDevice(options: CpuOptions = {}): Promise<CpuDevice> {
  assertOptions("openCpuDevice", options, { threads: true, blas: true, note: true });
  const threads = options.threads ?? defaultThreads();
  assertThreads(threads);
  const module = await kernelModule();
  const memory = reserveMemory();
  using unfinished = new DisposableStack();
  const blas = options.blas === false ? undefined : unfinished.use(openBlas());
  const base = blas ? baseOf(memory.buffer as unknown as SharedArrayBuffer) : 0;
  const functions = await kernelsIn(module, memory, blas?.productsIn(base));
  const { heap_base, scratch_bytes } = functions as unknown as Record<string, () => number>;
  const heap = new Heap(memory, heap_base() >>> 0);
  const scratches = Array.from({ length: threads }, () => scratchOf(heap, scratch_bytes()));
  functions.use_scratch(scratches[0]);
  const names = Object.keys(functions), data = { module, memory, names, blas: blas?.place, base };
  const pool = await WorkerPool.start(data, scratches.slice(1));
  unfinished.defer(() => pool.stop());
  const calls = { f16: callOf(widenF16, functions), bf16: callOf(widenBf16, functions) };
  const products = blas && new Products(blas, pool, base, names.length, {
    scratch: scratchOf(heap, wideBytes),
    calls,
  });
  const device = new CpuDevice({ memory, heap, pool, functions, products }, options.note);
  unfinished.move();
  return device;
}

function scratchOf(heap: Heap, bytes: number): number {
  const address = heap.allocate(bytes);
  if (address !== undefined) return address;
  throw new DeviceError(
    `a thread of the cpu device needs ${bytes} bytes, but there is no memory left`,
  );
}

/** Default number of threads: 1 in a browser, whose main thread must not block. */
export function defaultThreads(): number {
  return inBrowser ? 1 : Math.min(navigator.hardwareConcurrency, defaultThreadLimit);
}

function assertThreads(threads: number): void {
  if (!Number.isInteger(threads) || threads < 1 || threads > mostThreads) {
    throw new RangeError(
      `threads must be a positive integer up to ${mostThreads}, found ${threads}`,
    );
  }
  if (inBrowser && threads > 1) {
    throw new RangeError(`the cpu device has one thread in a browser, found threads ${threads}`);
  }
}

/** Parts of a device, until it is disposed. */
export interface CpuParts {
  /** Memory of its tensors. */
  readonly memory: WebAssembly.Memory;
  /** Allocates them. */
  readonly heap: Heap;
  /** Runs kernels. */
  readonly pool: WorkerPool;
  /** The exports of `cpu.wasm` on the main thread. */
  readonly functions: Readonly<Record<string, KernelFunction>>;
  /** Computes large products, if there is a BLAS. */
  readonly products?: Products;
}

/**
 * Tensors are addresses in the shared memory. A launch has finished when it returns: nothing is queued.
 *
 * Each thread has 1 MiB of scratch for packed blocks and tiles, which the ledger does not count.
 */
export class CpuDevice extends BaseDevice {
  /** Always `cpu`. */
  readonly kind = "cpu" as const;
  /** Human-readable. */
  readonly description: string;
  // Dropped at disposal: until then they keep the memory alive.
  #parts: CpuParts | undefined;
  readonly #calls = new Map<Kernel, PreparedCall>();

  /** Use {@link openCpuDevice}. */
  constructor(parts: CpuParts, note?: string) {
    super();
    this.#parts = parts;
    const { pool, products } = parts, count = howMany(pool.threads, "thread");
    const words = ["cpu", count, "WebAssembly SIMD", ...(products ? [products.name] : [])];
    this.description = `${words.join(", ")}${note ? ` (${note})` : ""}`;
  }

  /** Allocated bytes of the shared memory: tensors, rounded up to cache lines, and scratch. */
  get allocatedBytes(): number {
    return this.#parts?.heap.liveBytes ?? 0;
  }

  /** Its parts; BaseDevice refuses calls after disposal. */
  get #open(): CpuParts {
    return this.#parts!;
  }

  protected override assertWorking(): void {
    this.#open.pool.assertWorking();
  }

  protected override get busyThreads(): number {
    return this.#open.pool.busy;
  }

  protected override allocateHandle(bytes: number, _type: ElementType, label: string): number {
    const { heap } = this.#open, address = heap.allocate(bytes);
    if (address !== undefined) return address;
    throw new DeviceError(
      `allocating ${label} needs ${bytes} bytes, but of the cpu device's ${memoryLimit} bytes ` +
        `${heap.liveBytes} are live`,
    );
  }

  protected override releaseHandle(storage: Storage): void {
    this.#open.heap.release(storage.handle as number, storage.bytes + storage.padding);
  }

  protected override writeValues(tensor: Tensor, values: HostTensor["data"]): void {
    this.#viewOf(tensor).set(values);
  }

  protected override run(
    kernel: Kernel,
    bindings: AnyBindings,
    scalars: Readonly<Record<string, number>>,
  ): void {
    const { products } = this.#open;
    if (products && isForBlas(kernel, scalars)) {
      this.#multiply(products, bindings, scalars);
    } else {
      this.#runKernel(kernel, bindings, scalars);
    }
  }

  /**
   * Multiplies by BLAS. BLAS has no bias, so our kernel writes it first, as a product with k = 0; a
   * second pair is added afterwards.
   */
  #multiply(products: Products, bindings: AnyBindings, scalars: ProductScalars): void {
    const { hasBias, accumulate, k2 } = scalars, { a, b, c } = bindings;
    if (hasBias) this.#runKernel(matmul, bindings, { ...scalars, ...onePair, k: 0 });
    const operands = { a: addressOf(a), b: addressOf(b), c: addressOf(c) };
    const adds = (hasBias || accumulate) !== 0;
    if (isHalfType(b.type)) products.multiplyHalf(b.type, operands, scalars, adds);
    else products.multiply(operands, scalars, adds);
    if (k2 > 0) this.run(matmul, ...secondPair(bindings, scalars));
  }

  #runKernel(kernel: Kernel, bindings: AnyBindings, scalars: ProductScalars): void {
    const call = this.#calls.get(kernel) ?? this.#prepare(kernel);
    let at = 0;
    for (const name of call.bindings) call.values[at++] = addressOf(bindings[name]);
    for (const name of call.scalars) call.values[at++] = scalars[name];
    this.#open.pool.run(call, kernel.cpu.units(scalars), kernel.cpu.grain(scalars));
  }

  protected override readValues(tensors: readonly Tensor[]): Promise<HostTensor[]> {
    return Promise.resolve(
      tensors.map((tensor) => ({ shape: tensor.shape, data: this.#viewOf(tensor).slice() })),
    );
  }

  protected override close(): void {
    const { pool, products } = this.#open;
    pool.stop();
    products?.[Symbol.dispose]();
    this.#calls.clear();
    this.#parts = undefined;
  }

  /** A new view each time: a view from before the memory grew would keep the old length. */
  #viewOf(tensor: Tensor): HostData {
    const buffer = this.#open.memory.buffer as ArrayBuffer; // shared, which the types of views do not allow
    return new hostArrays[tensor.type](buffer, addressOf(tensor), tensor.size);
  }

  #prepare(kernel: Kernel): PreparedCall {
    const call = callOf(kernel, this.#open.functions);
    this.#calls.set(kernel, call);
    return call;
  }
}

function addressOf(tensor: Tensor): number {
  return tensor.storage.handle as number + tensor.byteOffset;
}

// Calls.

/** A kernel's call with the names of its arguments, prepared once per kernel. */
export interface PreparedCall extends Call {
  /** Names of the buffers. */
  readonly bindings: readonly string[];
  /** Names of the scalars. */
  readonly scalars: readonly string[];
}

/**
 * Prepares the call of a kernel.
 *
 * @throws {DeviceError} when the exports have none of its name.
 */
function callOf(
  kernel: Kernel,
  functions: Readonly<Record<string, KernelFunction>>,
): PreparedCall {
  const run = functions[kernel.name];
  if (!run) throw new DeviceError(`kernels/cpu.wasm exports no kernel named ${kernel.name}`);
  const bindings = Object.keys(kernel.bindings), scalars = Object.keys(kernel.scalars);
  return {
    name: kernel.name,
    index: Object.keys(functions).indexOf(kernel.name),
    run,
    values: new Array(bindings.length + scalars.length + 2).fill(0),
    bindings,
    scalars,
  };
}

// The heap.

/** The size limit of WebAssembly memory: 65,536 pages of 64 KiB. */
const memoryLimit = 2 ** 32;

const pageBytes = 65536;

/** Allocations start on a cache line, so that threads writing to adjacent ones never share a line. */
const alignment = 64;

/** Memory grows in these steps: reserving costs no resident memory, growing costs a system call. */
const growthBytes = 2 ** 26;

/** Kernels may load a vector past the end of a buffer, so the last page is never allocated. */
const guardBytes = pageBytes;

/** Allocates ranges of a memory, first fit, and joins released ones with adjacent free ranges. */
export class Heap {
  readonly #memory: WebAssembly.Memory;
  // Free ranges in the order of their addresses; no two are adjacent.
  readonly #starts: number[] = [];
  readonly #sizes: number[] = [];
  #end: number;
  #live = 0;

  /** Manages `memory` from `base` upward. */
  constructor(memory: WebAssembly.Memory, base: number) {
    this.#memory = memory;
    this.#end = roundUp(base, alignment);
  }

  /** Allocated bytes, rounding included. */
  get liveBytes(): number {
    return this.#live;
  }

  /** The address of `bytes` free bytes, or `undefined` if the memory cannot grow that far. */
  allocate(bytes: number): number | undefined {
    const size = roomFor(bytes);
    const address = this.#reuse(size) ?? this.#extend(size);
    if (address !== undefined) this.#live += size;
    return address;
  }

  /** Releases an address that {@link Heap.allocate} returned for the same number of bytes. */
  release(address: number, bytes: number): void {
    const size = roomFor(bytes);
    this.#live -= size;
    let at = this.#starts.findIndex((start) => start > address);
    if (at < 0) at = this.#starts.length;
    this.#starts.splice(at, 0, address);
    this.#sizes.splice(at, 0, size);
    this.#joinWithNext(at);
    if (at > 0) this.#joinWithNext(at - 1);
    this.#shrink();
  }

  #reuse(size: number): number | undefined {
    const at = this.#sizes.findIndex((free) => free >= size);
    if (at < 0) return undefined;
    const address = this.#starts[at];
    if (this.#sizes[at] === size) this.#remove(at);
    else {
      this.#starts[at] += size;
      this.#sizes[at] -= size;
    }
    return address;
  }

  #extend(size: number): number | undefined {
    const address = this.#end, needed = address + size + guardBytes;
    if (needed > memoryLimit || !this.#growTo(needed)) return undefined;
    this.#end = address + size;
    return address;
  }

  #growTo(bytes: number): boolean {
    const current = this.#memory.buffer.byteLength;
    if (bytes <= current) return true;
    const generous = Math.min(memoryLimit, roundUp(bytes, growthBytes));
    return this.#grow(generous - current) || this.#grow(roundUp(bytes - current, pageBytes));
  }

  #grow(bytes: number): boolean {
    try {
      this.#memory.grow(bytes / pageBytes);
      return true;
    } catch {
      return false; // a RangeError: the system has no memory left
    }
  }

  #joinWithNext(at: number): void {
    if (this.#starts[at] + this.#sizes[at] !== this.#starts[at + 1]) return;
    this.#sizes[at] += this.#sizes[at + 1];
    this.#remove(at + 1);
  }

  /** A free range at the end becomes part of the unused memory again. */
  #shrink(): void {
    const last = this.#starts.length - 1;
    if (this.#starts[last] + this.#sizes[last] !== this.#end) return;
    this.#end = this.#starts[last];
    this.#remove(last);
  }

  #remove(at: number): void {
    this.#starts.splice(at, 1);
    this.#sizes.splice(at, 1);
  }
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** Even an empty tensor has its own address. */
function roomFor(bytes: number): number {
  return Math.max(alignment, roundUp(bytes, alignment));
}

// Compiled kernels.

/** Pages of 64 KiB that the memory starts with. */
const initialPages = 16;

let compiling: Promise<WebAssembly.Module> | undefined;

/**
 * The kernels, which are compiled once for all devices.
 *
 * @throws {DeviceError} when they cannot be loaded.
 */
export function kernelModule(): Promise<WebAssembly.Module> {
  return compiling ??= compileKernels();
}

/**
 * An empty memory: 4 GiB of addresses, of which only what is touched is resident.
 *
 * @throws {DeviceError} when the system has no addresses left.
 */
export function reserveMemory(): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: initialPages, maximum: 65536, shared: true });
  } catch (error) {
    const { message } = error as Error;
    throw new DeviceError(`cannot reserve the memory of a cpu device: ${message}`, {
      cause: error,
    });
  }
}

/** The exports of an instance of the kernels; `sgemm` computes products of theirs, if there is a BLAS. */
async function kernelsIn(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  sgemm: KernelFunction | undefined,
): Promise<Record<string, KernelFunction>> {
  const env = { memory, sgemm: sgemm ?? (() => {}) };
  const { exports } = await WebAssembly.instantiate(module, { env });
  const functions = exports as Record<string, KernelFunction>;
  if (sgemm) functions.use_blas();
  return functions;
}

async function compileKernels(): Promise<WebAssembly.Module> {
  try {
    const response = await fetch(cpuWasm);
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    return await WebAssembly.compile(await response.arrayBuffer());
  } catch (error) {
    compiling = undefined;
    throw new DeviceError(
      `cannot load the CPU kernels from ${cpuWasm}: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
}
