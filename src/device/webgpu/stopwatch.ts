/** The times of kernels on the hardware's own clock. @module */

/** Most times that WebGPU lets one query set hold; each kernel has two. */
const mostTimes = 4096;

/** When a kernel began, in ms after the first one, and how long it took. */
export interface KernelTime {
  /** ms. */
  readonly start: number;
  /** ms. */
  readonly time: number;
}

/** Gives each kernel's pass a place for the times at its beginning and its end. */
export class Stopwatch implements Disposable {
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

  /** Where the next kernel's pass writes its times. */
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
