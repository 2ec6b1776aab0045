/** Buffers kept for reuse: creating one costs far more than running a kernel on it. @module */

/** A buffer of the pool. */
export interface PooledBuffer {
  /** Unique for as long as the device lives. */
  readonly id: number;
  /** WebGPU's buffer. */
  readonly buffer: GPUBuffer;
  /** Its size class in bytes. */
  readonly bytes: number;
  /** Which free list it returns to. */
  readonly key: string;
  /** Number of the submit that holds the last command on it; the caller sets it. */
  lastSubmit: number;
}

/** How a pool creates and destroys buffers. */
export interface PoolCallbacks {
  /** Creates a buffer of that many bytes. */
  create(bytes: number, label: string): GPUBuffer;
  /** Called before a buffer is destroyed. */
  onDestroy(buffer: PooledBuffer): void;
}

/** Submits in each of the two windows over which the largest use is remembered. */
const window = 32;

/** Free bytes that are never worth destroying. */
const slack = 16 * 2 ** 20;

/** The size class of a request: at most an eighth more bytes, rounded to a multiple of 256. */
export function sizeClass(bytes: number): number {
  const step = Math.max(256, 2 ** (Math.floor(Math.log2(Math.max(bytes, 1))) - 3));
  return Math.max(256, Math.ceil(bytes / step) * step);
}

/**
 * Lends buffers by size class. Free buffers are kept as long as all buffers, in use or free, take no
 * more bytes than were recently in use at once: 2,000 steps of varying shapes take the memory of the
 * largest step, not of their sum.
 *
 * Of the free buffers of a size the oldest is lent. So a step that starts with the same ones free gets
 * the same ones in the same order, whatever was freed when in the step before: bind groups are found again.
 *
 * Commands run in order, so a buffer may be lent again while commands that use it are waiting. But it
 * must not be destroyed before they are submitted, so the pool keeps the buffers of the current submit.
 */
export class BufferPool {
  readonly #callbacks: PoolCallbacks;
  readonly #largest: number;
  readonly #all = new Set<PooledBuffer>();
  /** Free buffers, the longest unused first. */
  readonly #free = new Set<PooledBuffer>();
  /** Free buffers of each key, the oldest first. */
  readonly #freeByKey = new Map<string, PooledBuffer[]>();
  #bytes = 0;
  #freeBytes = 0;
  #peak = 0;
  #previousPeak = 0;
  #nextId = 0;

  /** Starts empty; `largest` is the device's limit for one buffer. */
  constructor(callbacks: PoolCallbacks, largest: number) {
    this.#callbacks = callbacks;
    this.#largest = largest;
  }

  /** Bytes of all buffers, in use or free. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A buffer of at least that many bytes, preferably one released under the same `kind`. */
  acquire(bytes: number, kind: string, label: string, currentSubmit: number): PooledBuffer {
    const size = Math.min(sizeClass(bytes), this.#largest);
    const key = `${kind}:${size}`;
    const found = this.#freeByKey.get(key)?.shift() ??
      this.#create(size, key, label, currentSubmit);
    if (this.#free.delete(found)) this.#freeBytes -= found.bytes;
    this.#peak = Math.max(this.#peak, this.#bytes - this.#freeBytes);
    return found;
  }

  /** Takes a buffer back. */
  release(buffer: PooledBuffer): void {
    const list = this.#freeByKey.get(buffer.key) ?? [];
    this.#freeByKey.set(buffer.key, list);
    list.splice(list.findLastIndex(({ id }) => id < buffer.id) + 1, 0, buffer);
    this.#free.add(buffer);
    this.#freeBytes += buffer.bytes;
  }

  /**
   * Call it after submit number `submit`, when no commands are waiting: destroys free buffers beyond
   * what is needed.
   */
  trim(submit: number): void {
    if (submit % window === 0) {
      this.#previousPeak = this.#peak;
      this.#peak = this.#bytes - this.#freeBytes;
    }
    this.#evict(0, submit + 1);
  }

  /** Destroys every buffer, in use or not. */
  destroy(): void {
    for (const buffer of this.#all) buffer.buffer.destroy();
    this.#all.clear();
    this.#free.clear();
    this.#freeByKey.clear();
    this.#bytes = this.#freeBytes = 0;
  }

  #create(bytes: number, key: string, label: string, currentSubmit: number): PooledBuffer {
    this.#evict(bytes, currentSubmit);
    const buffer = this.#callbacks.create(bytes, label);
    const pooled = { id: this.#nextId++, buffer, bytes, key, lastSubmit: -1 };
    this.#all.add(pooled);
    this.#bytes += bytes;
    return pooled;
  }

  /** Destroys free buffers until `coming` more bytes fit within what was recently in use. */
  #evict(coming: number, currentSubmit: number): void {
    const needed = this.#bytes - this.#freeBytes + coming;
    const limit = Math.max(needed, this.#peak, this.#previousPeak) + slack;
    for (const buffer of this.#free) {
      if (this.#bytes + coming <= limit) return;
      if (buffer.lastSubmit < currentSubmit) this.#destroy(buffer);
    }
  }

  #destroy(pooled: PooledBuffer): void {
    this.#callbacks.onDestroy(pooled);
    pooled.buffer.destroy();
    const list = this.#freeByKey.get(pooled.key)!;
    list.splice(list.indexOf(pooled), 1);
    if (list.length === 0) this.#freeByKey.delete(pooled.key);
    this.#free.delete(pooled);
    this.#all.delete(pooled);
    this.#bytes -= pooled.bytes;
    this.#freeBytes -= pooled.bytes;
  }
}
