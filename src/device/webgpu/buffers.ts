/**
 * A pool of buffers kept for reuse, as creating one costs far more than running a kernel on it, and
 * a cache of bind groups, as each step uses the same buffers as the one before.
 *
 * @module
 */

import { ceilDivide, type Kernel } from "../../../kernels/kernel.ts";
import type { AnyBindings, Tensor } from "../device.ts";
import type { ErrorLog } from "./error_log.ts";
import { type Pipeline, scalarBytes } from "./pipelines.ts";

/** A buffer of the pool. */
export interface PooledBuffer {
  /** Unique for as long as the device lives. */
  readonly id: number;
  /** WebGPU's buffer. */
  readonly buffer: GPUBuffer;
  /** Its size class in bytes. */
  readonly bytes: number;
  /** Key of the free list that it returns to. */
  readonly key: string;
  /** Number of the submit that holds the last command on it; the caller sets it. */
  lastSubmit: number;
}

/** Functions by which a pool creates and destroys buffers. */
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

/** Most bind groups to keep: steps of ever-changing shapes must not fill the memory with them. */
const most = 4096;

/** Makes bind groups and keeps them until one of their buffers is destroyed. */
export class BindGroups {
  readonly #device: GPUDevice;
  readonly #scalars: GPUBuffer;
  readonly #errors: ErrorLog;
  readonly #groups = new Map<string, GPUBindGroup>();
  readonly #keysOfBuffer = new Map<number, Set<string>>();

  /** Starts empty; every group ends with the uniform buffer of scalars. */
  constructor(device: GPUDevice, scalars: GPUBuffer, errors: ErrorLog) {
    this.#device = device;
    this.#errors = errors;
    this.#scalars = scalars;
  }

  /** The bind group of a launch. */
  get(kernel: Kernel, pipeline: Pipeline, bindings: AnyBindings): GPUBindGroup {
    let key = `${pipeline.id}`;
    for (const name in kernel.bindings) {
      const tensor = bindings[name];
      key += `,${bufferOf(tensor).id}+${tensor.offset}:${tensor.size}`;
    }
    const found = this.#groups.get(key);
    if (found) return found;
    if (this.#groups.size >= most) this.#clear();
    return this.#create(key, kernel, pipeline, bindings);
  }

  /** Forgets the groups of a buffer that is about to be destroyed. */
  forget(buffer: PooledBuffer): void {
    for (const key of this.#keysOfBuffer.get(buffer.id) ?? []) this.#groups.delete(key);
    this.#keysOfBuffer.delete(buffer.id);
  }

  #clear(): void {
    this.#groups.clear();
    this.#keysOfBuffer.clear();
  }

  #create(
    key: string,
    kernel: Kernel,
    { layout }: Pipeline,
    bindings: AnyBindings,
  ): GPUBindGroup {
    const tensors = Object.keys(kernel.bindings).map((name) => bindings[name]);
    const resources: GPUBufferBinding[] = tensors.map((tensor) => ({
      buffer: bufferOf(tensor).buffer,
      offset: tensor.byteOffset,
      size: Math.max(ceilDivide(tensor.bytes, 16), 1) * 16, // a kernel may load four elements at a time
    }));
    resources.push({ buffer: this.#scalars, size: scalarBytes(kernel) });
    const entries = resources.map((resource, binding) => ({ binding, resource }));
    const group = this.#errors.guard(
      () => `while binding the buffers of ${kernel.name}`,
      () => this.#device.createBindGroup({ label: kernel.name, layout, entries }),
    );
    this.#groups.set(key, group);
    for (const tensor of tensors) this.#remember(bufferOf(tensor).id, key);
    return group;
  }

  #remember(id: number, key: string): void {
    const keys = this.#keysOfBuffer.get(id);
    if (keys) keys.add(key);
    else this.#keysOfBuffer.set(id, new Set([key]));
  }
}

/** The buffer behind a tensor of the webgpu device. */
export function bufferOf(tensor: Tensor): PooledBuffer {
  return tensor.storage.handle as PooledBuffer;
}
