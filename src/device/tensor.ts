/** Tensors on a device, the storage behind them, and views into it. @module */

import { elementBytes, type ElementType } from "../../kernels/kernel.ts";
import { DeviceError, ShapeError } from "../core/errors.ts";
import { formatShape, type Shape, sizeOf } from "../core/shape.ts";
import type { Device } from "./device.ts";
import type { LedgerItem, Role } from "./ledger.ts";

/** One buffer of a device. `handle` is what that device keeps behind it. */
export interface Storage extends LedgerItem {
  /** A name for errors and listings. */
  readonly label: string;
  /** The device's own side of it; nothing else reads it. */
  handle: unknown;
  /** False once it was disposed. */
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
   * Other extents, or a part, of the same storage.
   *
   * @throws {ShapeError} when the part would reach beyond this tensor, or an f16 one starts at an odd
   * element: devices address words of 4 bytes.
   */
  view(shape: Shape, offset = 0): Tensor {
    const part = `a view ${formatShape(shape)} at ${offset}`;
    if (offset + sizeOf(shape) > this.size) {
      throw new ShapeError(`${part} must be within ${this.label} ${formatShape(this.shape)}`);
    }
    if (offset * elementBytes(this.type) % 4 !== 0) {
      throw new ShapeError(`${part} of ${this.label} must start at an even element of type f16`);
    }
    return new Tensor(this.device, shape, this.type, this.storage, this.offset + offset, false);
  }

  /**
   * Throws unless the storage is alive.
   *
   * @throws {DeviceError} when it was disposed.
   */
  assertAlive(): void {
    if (!this.storage.alive) throw new DeviceError(`${this.label} was used after it was disposed`);
  }

  /** Frees the storage if this tensor owns it; a second call does nothing. */
  [Symbol.dispose](): void {
    if (this.#owner && this.storage.alive) this.device.release(this.storage);
  }
}
