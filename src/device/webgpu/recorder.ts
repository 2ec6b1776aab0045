/** The command encoder of a step, which turns launches into one submit. @module */

import type { AdapterTraits, Kernel } from "../../../kernels/kernel.ts";
import type { AnyBindings } from "../device.ts";
import { BindGroups, bufferOf } from "./bind_groups.ts";
import type { PooledBuffer } from "./buffer_pool.ts";
import type { ErrorLog } from "./error_log.ts";
import { type Pipeline, Pipelines } from "./pipelines.ts";
import { ScalarRing } from "./scalar_ring.ts";
import { Stopwatch } from "./stopwatch.ts";

/** Most kernels that an error names when WebGPU does not say which of a submit failed. */
const mostNamed = 8;

/** Records kernels and copies in order, in one compute pass unless a copy comes between. */
export class Recorder {
  readonly #device: GPUDevice;
  readonly #errors: ErrorLog;
  readonly #scalars: ScalarRing;
  readonly #pipelines: Pipelines;
  readonly #groups: BindGroups;
  readonly #named = new Set<string>();
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #submits = 0;
  #rehearsed: Set<Pipeline> | undefined;
  #stopwatch: Stopwatch | undefined;

  /** Starts with nothing recorded. */
  constructor(device: GPUDevice, traits: AdapterTraits, errors: ErrorLog) {
    this.#device = device;
    this.#errors = errors;
    this.#scalars = new ScalarRing(device);
    this.#pipelines = new Pipelines(device, traits, errors);
    this.#groups = new BindGroups(device, this.#scalars.buffer, errors);
  }

  /** Number of the submit that commands recorded now will be part of. */
  get currentSubmit(): number {
    return this.#submits;
  }

  /** True if commands that use a buffer are waiting to be submitted. */
  isWaiting(buffer: PooledBuffer): boolean {
    return this.#encoder !== undefined && buffer.lastSubmit === this.#submits;
  }

  /** Runs `work` without recording its kernels; returns the pipelines that they would run. */
  rehearse(work: () => void): Pipeline[] {
    const pipelines = this.#rehearsed = new Set();
    try {
      work();
    } finally {
      this.#rehearsed = undefined;
    }
    return [...pipelines];
  }

  /** Times each kernel from now on, until it is disposed. */
  time(): Stopwatch {
    this.#closePass();
    const before = this.#stopwatch;
    return this.#stopwatch = new Stopwatch(this.#device, () => this.#stopwatch = before);
  }

  /** Compiles a pipeline completely. */
  warm(pipeline: Pipeline): void {
    this.#pipelines.warm(pipeline);
  }

  /** Records a kernel. */
  dispatch(kernel: Kernel, bindings: AnyBindings, scalars: Readonly<Record<string, number>>): void {
    const workgroups = this.#pipelines.workgroups(kernel, scalars);
    if (workgroups === 0) return this.#stopwatch?.skip();
    const pipeline = this.#pipelines.get(kernel, scalars);
    if (this.#rehearsed) {
      this.#stopwatch?.skip();
      return void this.#rehearsed.add(pipeline);
    }
    if (this.#scalars.full) this.submit();
    const group = this.#groups.get(kernel, pipeline, bindings);
    const pass = this.#openPass();
    pass.setPipeline(pipeline.pipeline);
    pass.setBindGroup(0, group, [this.#scalars.push(kernel, scalars)]);
    pass.dispatchWorkgroups(
      ...fold(workgroups, this.#device.limits.maxComputeWorkgroupsPerDimension),
    );
    if (this.#stopwatch) this.#closePass();
    this.#named.add(kernel.name);
    for (const name in kernel.bindings) bufferOf(bindings[name]).lastSubmit = this.#submits;
  }

  /** Records a copy of `bytes` bytes. */
  copy(
    from: PooledBuffer,
    offset: number,
    to: PooledBuffer,
    toOffset: number,
    bytes: number,
  ): void {
    this.#closePass();
    this.#open().copyBufferToBuffer(from.buffer, offset, to.buffer, toOffset, bytes);
    from.lastSubmit = to.lastSubmit = this.#submits;
  }

  /** Submits what was recorded to the queue; false if there was nothing. */
  submit(): boolean {
    const encoder = this.#encoder;
    if (!encoder) return false;
    const names = [...this.#named];
    this.#errors.guard(() => describe(names), () => {
      this.#closePass();
      this.#scalars.flush();
      this.#device.queue.submit([encoder.finish()]);
    });
    this.#encoder = undefined;
    this.#named.clear();
    this.#submits++;
    return true;
  }

  /** Drops what refers to a buffer that is about to be destroyed. */
  forget(buffer: PooledBuffer): void {
    this.#groups.forget(buffer);
  }

  /** Frees its own buffer. */
  destroy(): void {
    this.#scalars.buffer.destroy();
  }

  #open(): GPUCommandEncoder {
    return this.#encoder ??= this.#device.createCommandEncoder({ label: "step" });
  }

  #openPass(): GPUComputePassEncoder {
    const timestampWrites = this.#stopwatch?.next();
    return this.#pass ??= this.#open().beginComputePass({ label: "step", timestampWrites });
  }

  #closePass(): void {
    this.#pass?.end();
    this.#pass = undefined;
  }
}

/** Workgroups in two dimensions, with as few rows as the limit allows. */
export function fold(workgroups: number, limit: number): [number, number] {
  const rows = Math.ceil(workgroups / limit);
  return [Math.ceil(workgroups / rows), rows];
}

function describe(names: readonly string[]): string {
  if (names.length === 0) return "while copying";
  const shown = names.slice(0, mostNamed).join(", ");
  return `while running ${shown}${names.length > mostNamed ? " and others" : ""}`;
}
