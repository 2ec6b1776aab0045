/**
 * The command encoder of a step, which turns launches into one submit: their scalars in one uniform
 * buffer, and their times on the hardware's own clock.
 *
 * @module
 */

import type { AdapterTraits, Kernel } from "../../../kernels/kernel.ts";
import type { AnyBindings } from "../device.ts";
import { BindGroups, bufferOf, type PooledBuffer } from "./buffers.ts";
import type { ErrorLog } from "./error_log.ts";
import { type Pipeline, Pipelines } from "./pipelines.ts";

// Recording.

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
    const program = this.#pipelines.program(kernel, scalars);
    const workgroups = program.workgroups(scalars);
    if (workgroups === 0) return this.#stopwatch?.skip();
    const pipeline = this.#pipelines.get(kernel, program, scalars);
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

  /** Submits the recorded commands to the queue; false if there were none. */
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

  /** Drops the references to a buffer that is about to be destroyed. */
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

// Scalars.

/** WebGPU's largest alignment of dynamic offsets, so that it holds on every adapter. */
const stride = 256;

/** Launches between two submits: more than a training step of GPT-2 medium has. */
const slots = 4096;

/**
 * Collects scalars on the host and writes them with one call at submit. The next step may overwrite
 * them, as its write is queued after the commands that read these.
 */
class ScalarRing {
  /** Buffer from which kernels read. */
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

  /** Writes the stored scalars; call it before submitting the commands that read them. */
  flush(): void {
    if (this.#used === 0) return;
    this.#queue.writeBuffer(this.buffer, 0, this.#view.buffer, 0, this.#used * stride);
    this.#used = 0;
  }
}

// Times.

/** Most times that WebGPU lets one query set hold; each kernel has two. */
const mostTimes = 4096;

/** Start of a kernel, in ms after the first one, and its duration. */
export interface KernelTime {
  /** ms. */
  readonly start: number;
  /** ms. */
  readonly time: number;
}

/** Gives each kernel's pass a place for the times at its beginning and its end. */
class Stopwatch implements Disposable {
  readonly #device: GPUDevice;
  readonly #stopped: () => void;
  readonly #sets: GPUQuerySet[] = [];
  #count = 0;
  /** The places of each launch, undefined for one without work. */
  readonly #places: (number | undefined)[] = [];

  /** Starts with no kernel; `stopped` is called when it is disposed. */
  constructor(device: GPUDevice, stopped: () => void) {
    this.#device = device;
    this.#stopped = stopped;
  }

  /** The slots for the times of the next kernel's pass. */
  next(): GPUComputePassTimestampWrites {
    const at = this.#count % mostTimes;
    if (at === 0) {
      this.#sets.push(this.#device.createQuerySet({ type: "timestamp", count: mostTimes }));
    }
    this.#places.push(this.#count);
    this.#count += 2;
    return {
      querySet: this.#sets.at(-1)!,
      beginningOfPassWriteIndex: at,
      endOfPassWriteIndex: at + 1,
    };
  }

  /** Counts a launch that has no work. */
  skip(): void {
    this.#places.push(undefined);
  }

  /** Waits for the times of all launches. */
  async read(): Promise<KernelTime[]> {
    const sets = await Promise.all(this.#sets.map((set) => this.#readSet(set)));
    const nanoseconds = sets.flatMap((times) => [...times]), first = nanoseconds[0] ?? 0n;
    const at = (place: number) => Number(nanoseconds[place] - first) / 1e6;
    return this.#places.map((place) =>
      place === undefined
        ? { start: 0, time: 0 }
        : { start: at(place), time: Math.max(0, at(place + 1) - at(place)) }
    );
  }

  /** Frees the query sets. */
  [Symbol.dispose](): void {
    this.#stopped();
    for (const set of this.#sets) set.destroy();
  }

  async #readSet(set: GPUQuerySet): Promise<BigUint64Array> {
    const size = 8 * mostTimes, device = this.#device;
    const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    const resolved = device.createBuffer({ size, usage: QUERY_RESOLVE | COPY_SRC });
    const readable = device.createBuffer({ size, usage: COPY_DST | MAP_READ });
    try {
      const encoder = device.createCommandEncoder();
      encoder.resolveQuerySet(set, 0, mostTimes, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, readable, 0, size);
      device.queue.submit([encoder.finish()]);
      await readable.mapAsync(GPUMapMode.READ);
      return new BigUint64Array(readable.getMappedRange().slice(0));
    } finally {
      resolved.destroy();
      readable.destroy();
    }
  }
}
