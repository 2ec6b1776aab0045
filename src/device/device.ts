/** The interface of the four devices. The layers above know only tensors and kernels. @module */

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

/** A kernel of any bindings and scalars. */
// deno-lint-ignore no-explicit-any
export type AnyKernel = Kernel<any, any>;

/** Receives how many of the programs that a {@link Device.compile} needs are ready. */
export type CompileReport = (done: number, total: number) => void;

/** Something that holds tensors and runs kernels on them, in the order of the calls. */
export interface Device extends Disposable {
  /** Which of the four it is. */
  readonly kind: DeviceKind;
  /** Human-readable: `cpu, 2 threads, WebAssembly SIMD`. */
  readonly description: string;
  /** Live and peak bytes by role and by element type. */
  readonly ledger: Ledger;
  /** The largest part of a buffer that one kernel may bind, in bytes. */
  readonly maxBindingBytes: number;
  /** The largest single buffer, in bytes. */
  readonly maxBufferBytes: number;
  /**
   * Makes a tensor. Its values are undefined until something writes them.
   *
   * `padding` is the number of the shape's bytes that only align its parts.
   *
   * @throws {DeviceError} when the device cannot hold it.
   */
  allocate(shape: Shape, type: ElementType, role: Role, label: string, padding?: number): Tensor;
  /** Frees a storage; tensors call it when they are disposed. */
  release(storage: Storage): void;
  /**
   * Copies values in: of type f16 as bits in a `Uint16Array`.
   *
   * @throws {ShapeError} when their number is not the tensor's, or an f16 part ends at an odd element.
   * @throws {TypeError} when f16 is not written as bits, or another type is.
   */
  write(tensor: Tensor, values: HostTensor["data"]): void;
  /**
   * Runs a kernel, or queues it.
   *
   * @throws {TypeError} when an f16 tensor is bound as another type, or the other way around.
   */
  launch<K extends AnyKernel>(kernel: K, bindings: Bindings<K>, scalars: Scalars<K>): void;
  /**
   * Compiles what `work` will launch, so that its first run is as fast as the next. `webgpu` calls `work`
   * without executing its launches; other devices have nothing to compile and do not call it.
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
