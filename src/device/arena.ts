/**
 * Owners of tensors: scopes, which free all of their tensors at the end of a block, and arenas,
 * which put many tensors into one buffer, so that an optimizer can run over all of them at once.
 *
 * @module
 */

import type { ElementType } from "../../kernels/kernel.ts";
import { type Shape, sizeOf } from "../core/tensor.ts";
import { zero } from "./base.ts";
import type { Device, Tensor } from "./device.ts";
import type { Role } from "./ledger.ts";

/** Owns the tensors that it allocates or is given; disposing it frees everything, latest first. */
export class Scope implements Disposable {
  /** The device of its tensors. */
  readonly device: Device;
  readonly #owned = new Set<Disposable>();

  /** Starts empty. */
  constructor(device: Device) {
    this.device = device;
  }

  /** Allocates a tensor that lives as long as this scope. */
  allocate(shape: Shape, type: ElementType, role: Role, label: string, padding = 0): Tensor {
    return this.own(this.device.allocate(shape, type, role, label, padding));
  }

  /** Takes ownership of something. */
  own<T extends Disposable>(disposable: T): T {
    this.#owned.add(disposable);
    return disposable;
  }

  /** Frees one of the things that it owns before its end; leaves alone what it does not own. */
  free(disposable: Disposable): void {
    if (this.#owned.delete(disposable)) disposable[Symbol.dispose]();
  }

  /** Frees everything; a second call does nothing. */
  [Symbol.dispose](): void {
    const owned = [...this.#owned].reverse();
    this.#owned.clear();
    for (const disposable of owned) disposable[Symbol.dispose]();
  }
}

/** A named tensor of an arena. */
export interface ArenaEntry {
  /** Unique within the arena. */
  readonly name: string;
  /** Extents, outermost first. */
  readonly shape: Shape;
}

/** Entries start at multiples of this many elements: 256 bytes, WebGPU's offset alignment. */
const arenaAlignment = 64;

/** Elements that an entry takes with its padding. */
function alignedSize(shape: Shape): number {
  return Math.ceil(sizeOf(shape) / arenaAlignment) * arenaAlignment;
}

/**
 * F32 tensors side by side in as few buffers as the device allows, each aligned to 256 bytes.
 *
 * Entries keep their order and all bytes start as zero, so that kernels may run over a contiguous span of
 * entries with the padding between them.
 */
export class Arena extends Scope {
  readonly #views = new Map<string, Tensor>();

  /** Allocates all entries, or none if the device cannot hold them. */
  constructor(
    device: Device,
    entries: readonly ArenaEntry[],
    role: Role,
    label: string,
  ) {
    super(device);
    try {
      for (const block of blocksOf(entries, device.maxBufferBytes / 4)) {
        this.#place(block, role, label);
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** The tensor of that name, a view of the arena. */
  view(name: string): Tensor {
    const view = this.#views.get(name);
    if (!view) throw new RangeError(`an arena holds no tensor named ${name}`);
    return view;
  }

  #place(block: readonly ArenaEntry[], role: Role, label: string): void {
    const sizes = block.map(({ shape }) => alignedSize(shape));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const padding = block.reduce((sum, { shape }, i) => sum + 4 * (sizes[i] - sizeOf(shape)), 0);
    const buffer = this.allocate([total], "f32", role, label, padding);
    zero(buffer);
    let offset = 0;
    block.forEach(({ name, shape }, i) => {
      this.#views.set(name, buffer.view(shape, offset));
      offset += sizes[i];
    });
  }
}

function blocksOf(entries: readonly ArenaEntry[], limit: number): ArenaEntry[][] {
  const blocks: ArenaEntry[][] = [];
  let room = 0;
  for (const entry of entries) {
    const size = alignedSize(entry.shape);
    if (size > room || blocks.length === 0) {
      blocks.push([]);
      room = limit;
    }
    blocks[blocks.length - 1].push(entry);
    room -= size;
  }
  return blocks;
}
