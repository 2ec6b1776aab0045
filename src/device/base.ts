/**
 * The base of all four devices: the ledger, allocating and freeing tensors, the checks of a launch,
 * which keep every kernel within its tensors, and failures, announced before the next read throws
 * them.
 *
 * @module
 */

import { fill } from "../../kernels/elementwise/kernel.ts";
import {
  elementBytes,
  type ElementType,
  isHalfType,
  type Kernel,
  type Numbers,
} from "../../kernels/kernel.ts";
import { DeviceError, ShapeError } from "../core/errors.ts";
import { type HostTensor, isCount, type Shape, sizeOf } from "../core/tensor.ts";
import {
  type AnyBindings,
  type CompileReport,
  type Device,
  type DeviceKind,
  type Storage,
  Tensor,
} from "./device.ts";
import { Ledger, type Role } from "./ledger.ts";
import { bytesMoved, type DeviceTrace, type TracedLaunch } from "./trace.ts";

// The device.

/** Checks calls and keeps the ledger; a device adds the memory and the arithmetic. */
export abstract class BaseDevice implements Device {
  /** Kind of the device. */
  abstract readonly kind: DeviceKind;
  /** See {@link Device.description}. */
  abstract readonly description: string;
  /** Live and peak bytes. */
  readonly ledger = new Ledger();
  /** The largest part that one kernel may bind, in bytes. */
  readonly maxBindingBytes: number = Infinity;
  /** The largest single buffer, in bytes. */
  readonly maxBufferBytes: number = Infinity;
  /** See {@link Device.maxLaunchFlops}. */
  readonly maxLaunchFlops: number = Infinity;
  /** The largest u32 scalar. */
  protected readonly mostCount: number = 2 ** 32 - 1;
  #disposed = false;
  #traced: { readonly began: number; readonly launches: TracedLaunch[] } | undefined;

  /** Allocates the device's side of a buffer. */
  protected abstract allocateHandle(bytes: number, type: ElementType, label: string): unknown;
  /** Frees the device's side of a buffer. */
  protected abstract releaseHandle(storage: Storage): void;
  /** Copies values in. */
  protected abstract writeValues(tensor: Tensor, values: HostTensor["data"]): void;
  /** Runs or queues a kernel whose bindings have been checked. */
  protected abstract run(
    kernel: Kernel,
    bindings: AnyBindings,
    scalars: Readonly<Record<string, number>>,
  ): void;
  /** Copies values out. */
  protected abstract readValues(tensors: readonly Tensor[]): Promise<HostTensor[]>;
  /** Frees everything that the device itself holds. */
  protected abstract close(): void;
  /**
   * Throws once a failure has left the device's tensors in doubt.
   *
   * @throws {DeviceError} when it has.
   */
  protected assertWorking(): void {}

  /** Threads that the last launch was shared among, if the device has threads. */
  protected get busyThreads(): number | undefined {
    return undefined;
  }

  /** Allocates a tensor. */
  allocate(shape: Shape, type: ElementType, role: Role, label: string, padding = 0): Tensor {
    this.#assertOpen();
    const size = sizeOf(shape) * elementBytes(type), bytes = size - padding;
    assertPadding(label, padding, size);
    const total = wholeWords(size);
    const handle = this.allocateHandle(total, type, label);
    const storage = { role, type, bytes, padding: total - bytes, label, handle, alive: true };
    this.ledger.add(storage);
    return new Tensor(this, shape, type, storage);
  }

  /** Frees a storage. */
  release(storage: Storage): void {
    if (!storage.alive) return;
    storage.alive = false;
    this.ledger.remove(storage);
    if (!this.#disposed) this.releaseHandle(storage);
  }

  /** Allocates a released storage once more. */
  reallocate(storage: Storage): void {
    if (storage.alive) return;
    this.#assertOpen();
    const { bytes, padding, type, label } = storage;
    storage.handle = this.allocateHandle(bytes + padding, type, label);
    storage.alive = true;
    this.ledger.add(storage);
  }

  /** Copies values in. */
  write(tensor: Tensor, values: HostTensor["data"]): void {
    this.#assertUsable(tensor);
    assertWritable(tensor, values);
    if (tensor.size > 0) this.writeValues(tensor, values); // Deno 2.9.6 panics if WebGPU writes nothing
  }

  /** Runs or queues a kernel. */
  launch(kernel: Kernel, bindings: AnyBindings, scalars: Readonly<Record<string, number>>): void {
    for (const name in kernel.bindings) this.#assertUsable(bindings[name]);
    assertLaunch(kernel, bindings, scalars, this.mostCount);
    if (this.#traced) this.#runTraced(kernel, bindings, scalars);
    else this.run(kernel, bindings, scalars);
    for (const name in kernel.bindings) {
      if (kernel.bindings[name].access !== "read") {
        this.ledger.countLaunch(kernel.name, bindings[name].role);
      }
    }
  }

  /**
   * Compiles the kernels that `work` launches; a device with precompiled kernels has nothing to do.
   */
  compile(_work: () => void, _report?: CompileReport): Promise<void> {
    return Promise.resolve();
  }

  /** Submits queued work; a device without a queue has nothing to do. */
  submit(): void {}

  /** Copies values out. */
  async read(...tensors: Tensor[]): Promise<HostTensor[]> {
    for (const tensor of tensors) this.#assertUsable(tensor);
    return await this.readValues(tensors);
  }

  /** Runs `work` and times each launch. */
  async trace(work: () => unknown): Promise<DeviceTrace> {
    this.#assertOpen();
    if (this.#traced) throw new DeviceError(`the ${this.kind} device is being traced already`);
    const { began, launches } = this.#traced = { began: performance.now(), launches: [] };
    try {
      await work();
      return { launches, time: performance.now() - began };
    } finally {
      this.#traced = undefined;
    }
  }

  /** Closes the device; a second call does nothing. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.close();
  }

  #runTraced(
    kernel: Kernel,
    bindings: AnyBindings,
    scalars: Readonly<Record<string, number>>,
  ): void {
    const { began, launches } = this.#traced!, bytes = bytesMoved(kernel, bindings, scalars);
    const start = performance.now();
    this.run(kernel, bindings, scalars);
    const time = performance.now() - start, threads = this.busyThreads;
    launches.push({ kernel, scalars, bytes, threads, start: start - began, time });
  }

  #assertOpen(): void {
    if (this.#disposed) throw new DeviceError(`the ${this.kind} device was used after disposal`);
    this.assertWorking();
  }

  #assertUsable(tensor: Tensor): void {
    this.#assertOpen();
    tensor.assertAlive();
    if (tensor.device !== this) {
      throw new DeviceError(`${tensor.label} belongs to a device other than ${this.description}`);
    }
  }
}

/** The part of an array that a tensor covers. */
export function window<T extends Numbers & { subarray(begin: number, end: number): T }>(
  tensor: Tensor,
  array: T,
): T {
  return array.subarray(tensor.offset, tensor.offset + tensor.size);
}

/** Bytes rounded up to words of 4, which is what devices allocate and copy. */
export function wholeWords(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}

/** Throws unless the values of a write fit the tensor. */
function assertWritable(tensor: Tensor, values: HostTensor["data"]): void {
  const { label, size, type } = tensor, end = tensor.byteOffset + tensor.bytes;
  if (values.length !== size) {
    throw new ShapeError(`writing ${label} needs ${size} values, found ${values.length}`);
  }
  if (isHalfType(type) !== (values instanceof Uint16Array)) {
    throw new TypeError(
      `writing ${label} of type ${type} found a ${values.constructor.name}: f16 and bf16, and only ` +
        "they, are written as bits in a Uint16Array",
    );
  }
  if (end % 4 !== 0 && end !== tensor.storage.bytes) {
    throw new ShapeError(
      `writing a part of ${label} must end at an even element of type ${type}, found ${end / 2}`,
    );
  }
}

/** Throws unless a part of the bytes, all or none may be padding. */
function assertPadding(label: string, padding: number, bytes: number): void {
  if (Number.isInteger(padding) && padding >= 0 && padding <= bytes) return;
  throw new RangeError(
    `the padding of ${label} must be a whole number from 0 to ${bytes} bytes, found ${padding}`,
  );
}

// Checks.

/** Scalars by name. */
type ScalarValues = Readonly<Record<string, number>>;

/**
 * Checks the scalars of a launch, and that its tensors have the width and the elements that it needs.
 *
 * Scalars of type f32 may be infinite or NaN: what they make of the output is for the output to show.
 *
 * @throws {TypeError} when a tensor has elements of another width, or a scalar is not a number.
 * @throws {RangeError} when a u32 scalar is not a whole number from 0 to `mostCount`.
 * @throws {ShapeError} when the kernel would read or write beyond a tensor.
 */
function assertLaunch(
  kernel: Kernel,
  bindings: AnyBindings,
  scalars: ScalarValues,
  mostCount: number,
): void {
  for (const name in kernel.scalars) {
    const value = scalars[name];
    const fits = kernel.scalars[name] === "u32"
      ? isCount(value) && value <= mostCount
      : typeof value === "number";
    if (!fits) refuseScalar(kernel, name, value, mostCount);
  }
  const elements = kernel.elements(scalars);
  for (const name in kernel.bindings) {
    const { type, size } = bindings[name], expected = kernel.bindings[name].type;
    if (type !== expected && !areExchangeable(type, expected)) refuseType(kernel, name, bindings);
    const needed = elements[name];
    if (needed !== undefined && needed > size) refuseSize(kernel, name, bindings, needed);
  }
}

function refuseScalar(
  { name: kernel }: Kernel,
  name: string,
  value: unknown,
  mostCount: number,
): never {
  const found = `found ${String(value)}`;
  if (typeof value !== "number") {
    throw new TypeError(`${kernel} takes ${name} as a number, ${found}`);
  }
  throw new RangeError(
    `${kernel} takes ${name} as a whole number from 0 to ${mostCount}, ${found}`,
  );
}

/** An unused binding may have a placeholder of another type of 4 bytes; bits of 16 are f16 or bf16. */
const areExchangeable = (type: ElementType, expected: ElementType): boolean =>
  elementBytes(type) === 4 && elementBytes(expected) === 4;

function refuseType({ name: kernel, bindings }: Kernel, name: string, bound: AnyBindings): never {
  const { label, type } = bound[name];
  throw new TypeError(
    `${kernel} takes ${name} as ${bindings[name].type}, found ${label} of type ${type}`,
  );
}

function refuseSize(
  { name: kernel }: Kernel,
  name: string,
  bound: AnyBindings,
  needed: number,
): never {
  const { label, size } = bound[name];
  throw new ShapeError(
    `${kernel} needs ${needed} elements of ${name} for these scalars, found ${size} in ${label}`,
  );
}

/** The typed array for each element type; floats of 16 bits are stored as bits. */
export const hostArrays = {
  f32: Float32Array,
  u32: Uint32Array,
  i32: Int32Array,
  f16: Uint16Array,
  bf16: Uint16Array,
} as const;

// Failures.

/** A failure of a device. */
export interface DeviceFailure {
  /** The failure, in one sentence. */
  readonly message: string;
  /** True once it has been thrown as an error. */
  thrown: boolean;
}

type Listener = (failure: DeviceFailure) => void;

const listeners = new Set<Listener>();

/** Calls `listener` at every failure of any device, before a read throws it. */
export function onDeviceFailure(listener: Listener): void {
  listeners.add(listener);
}

/** Notifies all listeners of a failure. */
export function announceFailure(message: string): DeviceFailure {
  const failure = { message, thrown: false };
  for (const listener of listeners) listener(failure);
  return failure;
}

// Zeros.

/** Writes zeros, in as many launches as the device's binding limit requires. */
export function zero(tensor: Tensor): void {
  const limit = Math.floor(Math.min(tensor.device.maxBindingBytes / 4, 2 ** 30));
  for (let start = 0; start < tensor.size; start += limit) {
    const size = Math.min(limit, tensor.size - start);
    tensor.device.launch(fill, { y: tensor.view([size], start) }, { size, value: 0 });
  }
}
