/** The scalars of the launches that are waiting to be submitted, in one uniform buffer. @module */

import type { Kernel } from "../../../kernels/kernel.ts";

/** WebGPU's largest alignment of dynamic offsets, so that it holds on every adapter. */
const stride = 256;

/** Launches between two submits: more than a training step of GPT-2 medium has. */
const slots = 4096;

/**
 * Collects scalars on the host and writes them with one call at submit. The next step may overwrite
 * them, as its write is queued after the commands that read these.
 */
export class ScalarRing {
  /** Where kernels read. */
  readonly buffer: GPUBuffer;
  readonly #queue: GPUQueue;
  readonly #view = new DataView(new ArrayBuffer(slots * stride));
  #used = 0;

  /** Makes the buffer. */
  constructor(device: GPUDevice) {
    this.#queue = device.queue;
    this.buffer = device.createBuffer({
      label: "scalars",
      size: slots * stride,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
  }

  /** True when the next launch needs a submit before it. */
  get full(): boolean {
    return this.#used === slots;
  }

  /** Stores a launch's scalars and returns their offset in bytes. */
  push(kernel: Kernel, scalars: Readonly<Record<string, number>>): number {
    const start = this.#used++ * stride;
    let at = start;
    for (const name in kernel.scalars) {
      if (kernel.scalars[name] === "u32") this.#view.setUint32(at, scalars[name], true);
      else this.#view.setFloat32(at, scalars[name], true);
      at += 4;
    }
    return start;
  }

  /** Writes what was stored; call it before submitting the commands that read it. */
  flush(): void {
    if (this.#used === 0) return;
    this.#queue.writeBuffer(this.buffer, 0, this.#view.buffer, 0, this.#used * stride);
    this.#used = 0;
  }
}
