/** A cache of bind groups: each step uses the same buffers as the one before. @module */

import { ceilDivide, type Kernel } from "../../../kernels/kernel.ts";
import type { AnyBindings, Tensor } from "../device.ts";
import type { PooledBuffer } from "./buffer_pool.ts";
import type { ErrorLog } from "./error_log.ts";
import { type Pipeline, scalarBytes } from "./pipelines.ts";

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
