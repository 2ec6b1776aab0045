/** The CPU device: AssemblyScript kernels on threads over one shared WebAssembly memory. @module */

import type { ElementType, Kernel } from "../../../kernels/kernel.ts";
import { cpuWasm } from "../../../kernels/cpu.ts";
import { matmul, onePair } from "../../../kernels/matmul/kernel.ts";
import { openBlas } from "../../blas/mod.ts";
import { DeviceError } from "../../core/errors.ts";
import type { HostData, HostTensor } from "../../core/host_tensor.ts";
import { howMany } from "../../core/how_many.ts";
import { inBrowser } from "../../core/platform.ts";
import { type AnyBindings, BaseDevice, hostArrays } from "../base.ts";
import type { Storage, Tensor } from "../device.ts";
import { type Call, type KernelFunction, WorkerPool } from "./worker_pool.ts";
import { Heap, memoryLimit } from "./heap.ts";
import { goesToBlas, Products, type ProductScalars, secondPair } from "./products.ts";

/** Options of {@link openCpuDevice}. */
export interface CpuOptions {
  /** Number of threads, the main one included. Default: one per processor, at most 8. */
  readonly threads?: number;
  /** Whether the system's BLAS, if there is one, computes large products. Default: true. */
  readonly blas?: boolean;
  /** Why it was chosen; the description shows it in parentheses. */
  readonly note?: string;
}

/** With more threads, each has too little work to be worth waking. */
const defaultThreadLimit = 8;

/** Pages of 64 KiB that the memory starts with. */
const initialPages = 16;

let compiling: Promise<WebAssembly.Module> | undefined;

/**
 * Opens the CPU device.
 *
 * It reads `kernels/cpu.wasm` of this package, so it needs permission to read or fetch that file. Large
 * products go to the system's BLAS if there is one and `--allow-ffi` permits it; `LOWRANK_BLAS`, set to
 * `off` or to the path of a library, overrides this. Without BLAS, results are bit-identical for any
 * number of threads.
 *
 * @throws {RangeError} when `threads` is not a positive integer.
 * @throws {DeviceError} when the kernels cannot be loaded, a thread does not start, or `LOWRANK_BLAS`
 * names a library that cannot be opened.
 *
 * @example
 * ```ts
 * using device = await openCpuDevice({ threads: 1, blas: false });
 * console.log(device.description); // cpu, 1 thread, WebAssembly SIMD
 * ```
 */
export async function openCpuDevice(options: CpuOptions = {}): Promise<CpuDevice> {
  const threads = options.threads ?? defaultThreads();
  if (!Number.isInteger(threads) || threads < 1) {
    throw new RangeError(`threads must be a positive integer, found ${threads}`);
  }
  if (inBrowser && threads > 1) {
    throw new RangeError(`the cpu device has one thread in a browser, found threads ${threads}`);
  }
  const module = await (compiling ??= compileKernels());
  const memory = new WebAssembly.Memory({ initial: initialPages, maximum: 65536, shared: true });
  const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
  const kernels = exports as Record<string, KernelFunction>;
  const { heap_base, scratch_bytes } = exports as Record<string, () => number>;
  const heap = new Heap(memory, heap_base() >>> 0);
  const scratches = Array.from({ length: threads }, () => heap.allocate(scratch_bytes())!);
  kernels.use_scratch(scratches[0]);
  const names = Object.keys(kernels), blas = options.blas === false ? undefined : openBlas();
  try {
    const data = { module, memory, names, blas: blas?.place };
    const pool = await WorkerPool.start(data, scratches.slice(1));
    const products = blas && new Products(blas, pool, memory, names.length);
    return new CpuDevice(memory, heap, pool, kernels, products, options.note);
  } catch (error) {
    blas?.[Symbol.dispose]();
    throw error;
  }
}

/** Default number of threads: 1 in a browser, whose main thread must not block. */
export function defaultThreads(): number {
  return inBrowser ? 1 : Math.min(navigator.hardwareConcurrency, defaultThreadLimit);
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
  readonly #memory: WebAssembly.Memory;
  readonly #heap: Heap;
  readonly #pool: WorkerPool;
  readonly #functions: Readonly<Record<string, KernelFunction>>;
  readonly #products: Products | undefined;
  readonly #calls = new Map<Kernel, PreparedCall>();

  /** Use {@link openCpuDevice}. */
  constructor(
    memory: WebAssembly.Memory,
    heap: Heap,
    pool: WorkerPool,
    functions: Readonly<Record<string, KernelFunction>>,
    products?: Products,
    note?: string,
  ) {
    super();
    this.#memory = memory;
    this.#heap = heap;
    this.#pool = pool;
    this.#functions = functions;
    this.#products = products;
    const { threads } = pool;
    const count = howMany(threads, "thread");
    const parts = ["cpu", count, "WebAssembly SIMD", ...(products ? [products.name] : [])];
    this.description = `${parts.join(", ")}${note ? ` (${note})` : ""}`;
  }

  /** Allocated bytes of the shared memory: tensors, rounded up to cache lines, and scratch. */
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
    if (this.#products && kernel.name === matmul.name && goesToBlas(scalars)) {
      this.#multiply(this.#products, bindings, scalars);
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
    products.multiply(operands, scalars, (hasBias || accumulate) !== 0);
    if (k2 > 0) this.run(matmul, ...secondPair(bindings, scalars));
  }

  #runKernel(kernel: Kernel, bindings: AnyBindings, scalars: ProductScalars): void {
    const call = this.#calls.get(kernel) ?? this.#prepare(kernel);
    let at = 0;
    for (const name of call.bindings) call.values[at++] = addressOf(bindings[name]);
    for (const name of call.scalars) call.values[at++] = scalars[name];
    this.#pool.run(call, kernel.cpu.units(scalars), kernel.cpu.grain(scalars));
  }

  protected override readValues(tensors: readonly Tensor[]): Promise<HostTensor[]> {
    return Promise.resolve(
      tensors.map((tensor) => ({ shape: tensor.shape, data: this.#viewOf(tensor).slice() })),
    );
  }

  protected override close(): void {
    this.#pool.stop();
    this.#products?.[Symbol.dispose]();
  }

  /** A new view each time: a view from before the memory grew would keep the old length. */
  #viewOf(tensor: Tensor): HostData {
    const buffer = this.#memory.buffer as ArrayBuffer; // shared, which the types of views do not allow
    return new hostArrays[tensor.type](buffer, addressOf(tensor), tensor.size);
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

/** A kernel's call with the names of its arguments, prepared once per kernel. */
interface PreparedCall extends Call {
  readonly bindings: readonly string[];
  readonly scalars: readonly string[];
}

function addressOf(tensor: Tensor): number {
  return tensor.storage.handle as number + tensor.byteOffset;
}
