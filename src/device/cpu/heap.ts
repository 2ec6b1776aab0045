/** The heap of the CPU device: addresses in one shared WebAssembly memory. @module */

/** The size limit of WebAssembly memory: 65,536 pages of 64 KiB. */
export const memoryLimit = 2 ** 32;

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

  /** Releases what {@link Heap.allocate} returned for the same number of bytes. */
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
