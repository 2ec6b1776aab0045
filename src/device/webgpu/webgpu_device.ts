/**
 * The webgpu device; copies of values to and from a GPU's buffers; and checks of launches, which
 * refuse what WebGPU would refuse, but name the kernel.
 *
 * @module
 */

import { elementBytes, type ElementType, type Kernel } from "../../../kernels/kernel.ts";
import { DeviceError } from "../../core/errors.ts";
import type { HostTensor } from "../../core/tensor.ts";
import { BaseDevice, hostArrays, wholeWords } from "../base.ts";
import type { AnyBindings, CompileReport, Storage, Tensor } from "../device.ts";
import type { DeviceTrace } from "../trace.ts";
import {
  adapterName,
  findUsableAdapter,
  isSoftwareAdapter,
  type OpenedAdapter,
  requestDevice,
} from "./adapter.ts";
import { bufferOf, BufferPool, type PooledBuffer } from "./buffers.ts";
import { ErrorLog } from "./error_log.ts";
import { Recorder } from "./recorder.ts";
import { tunedFor } from "./tuned.ts";

// The device.

/** Bytes of waiting writes that trigger a submit, as the queue keeps a copy of each until then. */
const mostWaitingWrites = 64 * 2 ** 20;

/**
 * Operations of a launch, and of what is submitted together. Windows resets a GPU that does not answer for 2 s: a GPU that
 * does 0.1 TFLOP/s takes 0.7 s for these.
 */
const mostFlops = 2 ** 36;

/** Runs kernels on a GPU: one encoder and one compute pass per submit, and one submit per step, or several where it is long. */
export class WebgpuDevice extends BaseDevice {
  /** Always `webgpu`. */
  readonly kind = "webgpu" as const;
  /** Human-readable: `webgpu, llvmpipe (software)`. */
  readonly description: string;
  /** The largest part of a buffer that one kernel may bind, in bytes. */
  override readonly maxBindingBytes: number;
  /** The largest single buffer, in bytes. */
  override readonly maxBufferBytes: number;
  /** The most operations of one launch, and of those that are submitted together. */
  override readonly maxLaunchFlops: number = mostFlops;
  readonly #gpu: GPUDevice;
  readonly #errors: ErrorLog;
  readonly #recorder: Recorder;
  readonly #pool: BufferPool;
  readonly #staging: BufferPool;
  #waitingWrites = 0;
  #waitingFlops = 0;

  /** Wraps an open GPU device, which it owns; use {@link openWebgpuDevice}. */
  constructor({ gpu, traits }: OpenedAdapter, description: string) {
    super();
    this.#gpu = gpu;
    this.description = description;
    const { maxStorageBufferBindingSize, maxBufferSize } = gpu.limits;
    this.maxBufferBytes = floorTo256(maxBufferSize);
    this.maxBindingBytes = Math.min(floorTo256(maxStorageBufferBindingSize), this.maxBufferBytes);
    this.#errors = new ErrorLog(gpu);
    this.#recorder = new Recorder(gpu, traits, this.#errors);
    const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    this.#pool = this.#newPool(STORAGE | COPY_SRC | COPY_DST);
    this.#staging = this.#newPool(MAP_READ | COPY_DST);
  }

  /** Bytes of the GPU's buffers, including those kept for reuse. */
  get residentBytes(): number {
    return this.#pool.bytes + this.#staging.bytes;
  }

  /** Submits queued work to the GPU. */
  override submit(): void {
    if (!this.#recorder.submit()) {
      // Writes wait for a submit even without commands.
      if (this.#waitingWrites > 0) this.#gpu.queue.submit([]);
    }
    this.#waitingWrites = this.#waitingFlops = 0;
    this.#pool.trim(this.#recorder.currentSubmit - 1);
    this.#staging.trim(this.#recorder.currentSubmit - 1);
  }

  /** Compiles everything that `work` would launch, one program after another. */
  override async compile(work: () => void, report?: CompileReport): Promise<void> {
    const pipelines = this.ledger.rehearse(() => this.#recorder.rehearse(work));
    for (const [i, pipeline] of pipelines.entries()) {
      this.#recorder.warm(pipeline);
      report?.(i + 1, pipelines.length);
      await new Promise((resolve) => setTimeout(resolve)); // lets the caller draw the report
    }
    await this.#gpu.queue.onSubmittedWorkDone();
    await this.#errors.check();
  }

  /** Runs `work` and times each kernel on the GPU. */
  override async trace(work: () => unknown): Promise<DeviceTrace> {
    if (!this.#gpu.features.has("timestamp-query")) {
      throw new DeviceError(`${this.description} has no clock that can time its kernels`);
    }
    using stopwatch = this.#recorder.time();
    const { launches, time } = await super.trace(async () => {
      await work();
      this.submit();
      await this.#gpu.queue.onSubmittedWorkDone();
    });
    await this.#errors.check();
    const times = await stopwatch.read();
    return { launches: launches.map((launch, i) => ({ ...launch, ...times[i] })), time };
  }

  protected override allocateHandle(
    bytes: number,
    type: ElementType,
    label: string,
  ): PooledBuffer {
    if (bytes > this.maxBufferBytes) {
      throw new DeviceError(
        `${label} needs ${bytes} bytes, but a webgpu buffer holds at most ${this.maxBufferBytes}`,
      );
    }
    // Integers and f16 come from the host. With free lists separate from those of kernels' results,
    // their buffers seldom have waiting commands, so that a write in the middle of a step does not
    // split its submit.
    const kind = type === "f32" ? "values" : "indices";
    return this.#pool.acquire(bytes, kind, label, this.#recorder.currentSubmit);
  }

  protected override releaseHandle(storage: Storage): void {
    this.#pool.release(storage.handle as PooledBuffer);
    storage.handle = undefined;
  }

  protected override writeValues(tensor: Tensor, values: HostTensor["data"]): void {
    const buffer = bufferOf(tensor);
    // A write would run before the waiting commands and must not change what they read.
    if (this.#recorder.isWaiting(buffer)) this.submit();
    this.#errors.guard(
      () => `while writing ${tensor.label}`,
      () =>
        this.#gpu.queue.writeBuffer(
          buffer.buffer,
          tensor.byteOffset,
          writable(values, tensor.type),
        ),
    );
    this.#waitingWrites += tensor.bytes;
    if (this.#waitingWrites > mostWaitingWrites) this.submit();
  }

  protected override run(
    kernel: Kernel,
    bindings: AnyBindings,
    scalars: Readonly<Record<string, number>>,
  ): void {
    checkLaunch(kernel, bindings, this.maxBindingBytes);
    const flops = kernel.flops?.(scalars) ?? 0;
    if (this.#waitingFlops + flops > this.maxLaunchFlops) this.submit();
    this.#waitingFlops += flops;
    this.#recorder.dispatch(kernel, bindings, scalars);
  }

  protected override async readValues(tensors: readonly Tensor[]): Promise<HostTensor[]> {
    const total = tensors.reduce((sum, { bytes }) => sum + wholeWords(bytes), 0);
    const staging = this.#stage(tensors, total);
    this.submit();
    try {
      await this.#map(staging, total);
      return copyOut(tensors, staging.buffer.getMappedRange(0, total));
    } finally {
      if (!this.#errors.lost) {
        staging.buffer.unmap();
        this.#staging.release(staging);
      }
    }
  }

  protected override assertWorking(): void {
    this.#errors.assertNotLost();
  }

  protected override close(): void {
    this.#errors.close();
    this.#pool.destroy();
    this.#staging.destroy();
    this.#recorder.destroy();
    this.#gpu.destroy();
  }

  /** Waits until a copy is readable, and checks for errors of everything before it. */
  async #map({ buffer }: PooledBuffer, bytes: number): Promise<void> {
    const mapping = buffer.mapAsync(GPUMapMode.READ, 0, bytes).then(() => undefined, String);
    if (navigator.userAgent.includes("Firefox")) submitUntil(mapping, this.#gpu.queue);
    const problem = await Promise.race([mapping, this.#errors.whenLost]);
    await this.#errors.check();
    if (problem) throw new DeviceError(`reading from webgpu failed: ${problem}`);
  }

  #stage(tensors: readonly Tensor[], total: number): PooledBuffer {
    const submit = this.#recorder.currentSubmit;
    const staging = this.#staging.acquire(total, "staging", "staging", submit);
    let at = 0;
    for (const tensor of tensors) {
      const bytes = wholeWords(tensor.bytes);
      this.#recorder.copy(bufferOf(tensor), tensor.byteOffset, staging, at, bytes);
      at += bytes;
    }
    return staging;
  }

  #newPool(usage: GPUBufferUsageFlags): BufferPool {
    return new BufferPool({
      create: (size, label) =>
        this.#errors.guard(
          () =>
            `while allocating ${size} bytes for ${label} in addition to ${
              this.residentBytes - size
            }`,
          () => this.#gpu.createBuffer({ label, size, usage }),
        ),
      onDestroy: (buffer) => this.#recorder.forget(buffer),
    }, this.maxBufferBytes);
  }
}

/**
 * Opens the adapter, hardware or software.
 *
 * @throws {DeviceError} when there is no adapter, or software in place of a GPU that must be hardware.
 * @throws {RangeError} when `LOWRANK_TUNED` names no file of `deno task tune`, or one without this adapter.
 */
export async function openWebgpuDevice(): Promise<WebgpuDevice> {
  const adapter = await findUsableAdapter();
  if (!adapter) {
    throw new DeviceError(
      "opening a webgpu device needs an adapter, found none; on Debian mesa-vulkan-drivers has one",
    );
  }
  return await openAdapter(adapter);
}

/**
 * Opens a given adapter, with the programs for products that `LOWRANK_TUNED` names.
 *
 * @throws {DeviceError} when it refuses.
 * @throws {RangeError} when `LOWRANK_TUNED` names no file of `deno task tune`, or one without this adapter.
 */
export async function openAdapter(adapter: GPUAdapter): Promise<WebgpuDevice> {
  const name = adapterName(adapter.info);
  const software = isSoftwareAdapter(adapter.info) ? " (software)" : "";
  const tuned = await tunedFor(name), label = tuned ? `, ${tuned.label}` : "";
  try {
    const { gpu, traits } = await requestDevice(adapter);
    return new WebgpuDevice(
      { gpu, traits: { ...traits, fastestProduct: tuned?.fastestProduct } },
      `webgpu, ${name}${software}${label}`,
    );
  } catch (error) {
    throw new DeviceError(`opening ${name} with webgpu failed: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** Most submits for one read: after them Firefox has looked by itself. */
const mostNudges = 100;

/** Firefox 153 looks every 100 ms for reads that are done, and at every submit: so an empty one each ms until then. */
function submitUntil(done: Promise<unknown>, queue: GPUQueue): void {
  let left = mostNudges;
  const timer = setInterval(() => {
    queue.submit([]);
    if (--left === 0) clearInterval(timer);
  }, 1);
  done.finally(() => clearInterval(timer));
}

function floorTo256(bytes: number): number {
  return Math.floor(bytes / 256) * 256;
}

// Values to and from the host.

/** The values in a form that WebGPU accepts: of the element type, in unshared memory, in whole words. */
function writable(values: HostTensor["data"], type: ElementType): BufferSource {
  const Values = hostArrays[type];
  const fits = values instanceof Values && values.buffer instanceof ArrayBuffer &&
    values.byteLength % 4 === 0;
  if (fits) return values as BufferSource;
  const copy = new Values(wholeWords(values.length * elementBytes(type)) / elementBytes(type));
  copy.set(values);
  return copy;
}

/** The values of tensors that lie one after another, each in whole words. */
function copyOut(tensors: readonly Tensor[], range: ArrayBuffer): HostTensor[] {
  let at = 0;
  return tensors.map(({ shape, size, type }) => {
    const bytes = size * elementBytes(type);
    const data = new hostArrays[type](range.slice(at, at + bytes));
    at += wholeWords(bytes);
    return { shape, data };
  });
}

// Checks of launches.

/** WebGPU's largest alignment of bindings, so that a launch that runs on one adapter runs on all. */
const alignment = 256;

/**
 * Checks sizes, alignment and aliasing of a launch.
 *
 * @throws {DeviceError} when WebGPU does not allow it.
 */
function checkLaunch(kernel: Kernel, bindings: AnyBindings, maxBindingBytes: number): void {
  for (const name in kernel.bindings) {
    const { bytes, byteOffset, label } = bindings[name];
    if (bytes > maxBindingBytes) {
      refuse(
        kernel,
        name,
        `${label} of ${bytes} bytes, but webgpu binds at most ${maxBindingBytes}`,
      );
    }
    if (byteOffset % alignment !== 0) {
      refuse(
        kernel,
        name,
        `${label} at byte ${byteOffset}, but webgpu needs a multiple of ${alignment}`,
      );
    }
  }
  checkAliases(kernel, bindings);
}

/**
 * Refuses a buffer that is both read and written by a kernel, even in different places. Few buffers
 * are written, so the loop over those is the outer one.
 */
function checkAliases(kernel: Kernel, bindings: AnyBindings): void {
  for (const written in kernel.bindings) {
    if (kernel.bindings[written].access === "read") continue;
    for (const read in kernel.bindings) {
      if (bindings[read].storage !== bindings[written].storage) continue;
      if (kernel.bindings[read].access !== "read") continue;
      refuse(kernel, written, `${bindings[written].label}, which it reads as ${read}`);
    }
  }
}

function refuse(kernel: Kernel, binding: string, problem: string): never {
  throw new DeviceError(`${kernel.name} cannot bind as ${binding} ${problem}`);
}
