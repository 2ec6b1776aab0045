/** The interface of the four devices and the tensors that they hold; each refers to the other. @module */

import {
  type BindingNames,
  elementBytes,
  type ElementType,
  type Kernel,
  type ScalarNames,
} from "../../kernels/kernel.ts";
import { DeviceError, ShapeError } from "../core/errors.ts";
import { formatShape, type HostTensor, isCount, type Shape, sizeOf } from "../core/tensor.ts";
import type { Ledger, LedgerItem, Role } from "./ledger.ts";
import type { DeviceTrace } from "./trace.ts";

/** Names of the devices. */
export type DeviceKind = "webgpu" | "cpu" | "reference" | "dry";

/** A tensor for each of a kernel's buffers. */
export type Bindings<K> = Readonly<Record<BindingNames<K>, Tensor>>;

/** A number for each of a kernel's scalars. */
export type Scalars<K> = Readonly<Record<ScalarNames<K>, number>>;

/** Tensors by binding name, as a device sees them. */
export type AnyBindings = Readonly<Record<string, Tensor>>;

/** A kernel with any bindings and scalars. */
// deno-lint-ignore no-explicit-any
export type AnyKernel = Kernel<any, any>;

/** Receives the number of ready programs during {@link Device.compile}. */
export type CompileReport = (done: number, total: number) => void;

/** Something that holds tensors and runs kernels on them, in the order of the calls. */
export interface Device extends Disposable {
  /** Kind of the device, one of four. */
  readonly kind: DeviceKind;
  /** Human-readable: `cpu, 2 threads, WebAssembly SIMD`. */
  readonly description: string;
  /** Live and peak bytes by role and by element type. */
  readonly ledger: Ledger;
  /** The largest part of a buffer that one kernel may bind, in bytes. */
  readonly maxBindingBytes: number;
  /** The largest single buffer, in bytes. */
  readonly maxBufferBytes: number;
  /** Operations that surely end before a driver's time limit, of one launch and of those that are submitted together. */
  readonly maxLaunchFlops: number;
  /**
   * Allocates a tensor. Its values are undefined until something writes them.
   *
   * `padding` is how many of the shape's bytes only align its parts.
   *
   * @throws {ShapeError} when an extent is not a whole number from 0, or there are 2^53 elements or more.
   * @throws {RangeError} when `padding` is not a whole number from 0 to the shape's bytes.
   * @throws {DeviceError} when the device cannot hold it.
   */
  allocate(shape: Shape, type: ElementType, role: Role, label: string, padding?: number): Tensor;
  /** Frees a storage; tensors call it when they are disposed. */
  release(storage: Storage): void;
  /**
   * Allocates a released storage once more, so that its tensors can be used again. Its values are undefined.
   *
   * @throws {DeviceError} when the device cannot hold it.
   */
  reallocate(storage: Storage): void;
  /**
   * Copies values in, those of types f16 and bf16 as bits in a `Uint16Array`.
   *
   * @throws {ShapeError} when their number is not the tensor's, or a part in 16 bits ends at an odd element.
   * @throws {TypeError} when f16 or bf16 is not written as bits, or another type is.
   */
  write(tensor: Tensor, values: HostTensor["data"]): void;
  /**
   * Runs a kernel, or queues it.
   *
   * @throws {TypeError} when a tensor in 16 bits is bound as another type, or the other way around.
   * @throws {RangeError} when a u32 scalar is not a whole number from 0 below 2^32 (2^53 on `dry`).
   * @throws {ShapeError} when the kernel would read or write beyond a tensor.
   * @throws {DeviceError} when the kernel fails; a device that lost values thereby refuses further work.
   */
  launch<K extends AnyKernel>(kernel: K, bindings: Bindings<K>, scalars: Scalars<K>): void;
  /**
   * Compiles the kernels that `work` will launch, so that the first run is as fast as later ones.
   * `webgpu` calls `work` without executing its launches; other devices have nothing to compile and
   * do not call it.
   *
   * @throws {DeviceError} when a kernel does not compile.
   */
  compile(work: () => void, report?: CompileReport): Promise<void>;
  /** Submits queued work to the hardware. */
  submit(): void;
  /**
   * Copies values out, once everything launched before has finished.
   *
   * @throws {DeviceError} when an earlier kernel failed.
   */
  read(...tensors: Tensor[]): Promise<HostTensor[]>;
  /**
   * Runs `work`, waits until the device has finished it, and returns the time of each launch. On `webgpu` each is a
   * pass of its own meanwhile, which costs some microseconds more, and times are the hardware's.
   *
   * @throws {DeviceError} when it is traced already, a kernel fails, or the hardware has no clock.
   */
  trace(work: () => unknown): Promise<DeviceTrace>;
}

/** One buffer of a device. */
export interface Storage extends LedgerItem {
  /** A name for errors and listings. */
  readonly label: string;
  /** The device's own side of the buffer; nothing else reads it. */
  handle: unknown;
  /** False once it has been disposed. */
  alive: boolean;
}

/**
 * Values of one shape in a device's buffer, contiguous and row-major.
 *
 * A tensor from `device.allocate` owns its storage and frees it when disposed; a view from
 * {@link Tensor.view} shares it and frees nothing.
 */
export class Tensor implements Disposable {
  /** The device that holds it. */
  readonly device: Device;
  /** Extents, outermost first. */
  readonly shape: Shape;
  /** Type of its elements. */
  readonly type: ElementType;
  /** The buffer behind it. */
  readonly storage: Storage;
  /** First element within the storage. */
  readonly offset: number;
  /** Number of elements. */
  readonly size: number;
  readonly #owner: boolean;

  /** Only devices call it; use `device.allocate` or {@link Tensor.view}. */
  constructor(
    device: Device,
    shape: Shape,
    type: ElementType,
    storage: Storage,
    offset = 0,
    owner = true,
  ) {
    this.device = device;
    this.shape = shape;
    this.type = type;
    this.storage = storage;
    this.offset = offset;
    this.size = sizeOf(shape);
    this.#owner = owner;
  }

  /** The role of its storage. */
  get role(): Role {
    return this.storage.role;
  }

  /** The label of its storage. */
  get label(): string {
    return this.storage.label;
  }

  /** Bytes of its own elements. */
  get bytes(): number {
    return this.size * elementBytes(this.type);
  }

  /** First byte within the storage. */
  get byteOffset(): number {
    return this.offset * elementBytes(this.type);
  }

  /**
   * A view of the same storage with other extents, or of a part of it.
   *
   * @throws {ShapeError} when an extent or the offset is not a whole number from 0, when the view would
   * reach beyond this tensor, or when one of 16 bits would start at an odd element: devices address
   * words of 4 bytes.
   */
  view(shape: Shape, offset = 0): Tensor {
    const part = `a view ${formatShape(shape)} at ${offset}`;
    if (!isCount(offset)) throw new ShapeError(`${part} must start at a whole number from 0`);
    if (offset + sizeOf(shape) > this.size) {
      throw new ShapeError(`${part} must be within ${this.label} ${formatShape(this.shape)}`);
    }
    if (offset * elementBytes(this.type) % 4 !== 0) {
      throw new ShapeError(
        `${part} of ${this.label} must start at an even element of type ${this.type}`,
      );
    }
    return new Tensor(this.device, shape, this.type, this.storage, this.offset + offset, false);
  }

  /**
   * Throws unless the storage is alive.
   *
   * @throws {DeviceError} when it has been disposed.
   */
  assertAlive(): void {
    if (this.storage.alive) return;
    const hint = this.role === "activation" ? "; tape.keep(x) keeps x as long as its tape" : "";
    throw new DeviceError(`${this.label} was used after it was disposed${hint}`);
  }

  /** Frees the storage if this tensor owns it; a second call does nothing. */
  [Symbol.dispose](): void {
    if (this.#owner && this.storage.alive) this.device.release(this.storage);
  }
}
