/** The interface of the four devices. Everything above it speaks of tensors and kernels only. @module */

import type { BindingNames, ElementType, Kernel, ScalarNames } from "../../kernels/kernel.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import type { Shape } from "../core/shape.ts";
import type { Ledger, Role } from "./ledger.ts";
import type { Storage, Tensor } from "./tensor.ts";

/** Names of the devices. */
export type DeviceKind = "webgpu" | "cpu" | "reference" | "dry";

/** A tensor for each of a kernel's buffers. */
export type Bindings<K> = Readonly<Record<BindingNames<K>, Tensor>>;

/** A number for each of a kernel's scalars. */
export type Scalars<K> = Readonly<Record<ScalarNames<K>, number>>;

/** A kernel of whatever bindings and scalars. */
// deno-lint-ignore no-explicit-any
export type AnyKernel = Kernel<any, any>;

/** Told how many of the programs that a {@link Device.compile} needs are ready. */
export type CompileReport = (done: number, total: number) => void;

/** Something that holds tensors and runs kernels on them, in the order of the calls. */
export interface Device extends Disposable {
  /** Which of the four it is. */
  readonly kind: DeviceKind;
  /** For people: `cpu, 2 threads, SIMD`. */
  readonly description: string;
  /** Live and peak bytes by role. */
  readonly ledger: Ledger;
  /** The largest part of a buffer that one kernel may bind, in bytes. */
  readonly maxBindingBytes: number;
  /** The largest single buffer, in bytes. */
  readonly maxBufferBytes: number;
  /**
   * Makes a tensor. Its values are undefined until something writes them.
   *
   * `padding` says how many of the shape's bytes only align its parts.
   *
   * @throws {DeviceError} when the device cannot hold it.
   */
  allocate(shape: Shape, type: ElementType, role: Role, label: string, padding?: number): Tensor;
  /** Frees a storage; tensors call it when they are disposed. */
  release(storage: Storage): void;
  /**
   * Copies values in.
   *
   * @throws {ShapeError} when there are not as many as the tensor holds.
   */
  write(tensor: Tensor, values: HostTensor["data"]): void;
  /** Runs a kernel, or queues it. */
  launch<K extends AnyKernel>(kernel: K, bindings: Bindings<K>, scalars: Scalars<K>): void;
  /**
   * Compiles what `work` will launch, so that its first run is as fast as the next. `webgpu` calls `work`
   * and leaves its launches out; other devices have nothing to compile and do not call it.
   *
   * @throws {DeviceError} when a kernel does not compile.
   */
  compile(work: () => void, report?: CompileReport): Promise<void>;
  /** Hands queued work to the hardware. */
  submit(): void;
  /**
   * Copies values out, after all that was launched before.
   *
   * @throws {DeviceError} when a kernel before it failed.
   */
  read(...tensors: Tensor[]): Promise<HostTensor[]>;
}
