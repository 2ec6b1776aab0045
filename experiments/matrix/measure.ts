/** LoRA on one matrix, from the first forward pass to the unmerged weight, with bytes and times. @module */

import { injectLora, type LoraAdapter, merge, unmerge } from "../../src/adapt/mod.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import { countChangedBits, largestDifference, largestOf, median } from "../../src/core/numbers.ts";
import { hash32, Random } from "../../src/core/random.ts";
import type { Device, Tensor } from "../../src/device/device.ts";
import type { LedgerReading } from "../../src/device/ledger.ts";
import { denseOf, multiply, multiplyTransposed } from "../../src/linalg/mod.ts";
import { outputsOf, Perceptron } from "../../src/models/mod.ts";

/** r, as in the paper's account of GPT-3. */
export const rank = 4;

/** Tokens of a forward pass, passes of which the median counts, and outputs that float64 checks. */
const tokens = 16, passes = 5, samples = 64;

/** A step: how long it took, and what was allocated at its peak. */
export interface Moment {
  readonly label: string;
  readonly ms: number; // milliseconds; of a forward pass the median
  readonly reading: LedgerReading; // the ledger
}

/** Result of the measurement. */
export type MatrixResult = Awaited<ReturnType<typeof measureMatrix>>;

/**
 * Runs every step on a matrix of width x width; nothing stays on the device.
 *
 * @throws {DeviceError} when the device cannot hold the matrix twice.
 */
export async function measureMatrix(device: Device, width: number) {
  const watch = new Stopwatch(device), x = randomInput(width);
  using layer = await watch.time("weight written", () => initLayer(device, width));
  await watch.forward("forward, base", layer, x);
  using adapter = injectLora(layer, { rank, alpha: 2 * rank, sites: ["q"], seed: 1 });
  fillB(adapter);
  const unmerged = await watch.forward("forward, unmerged", layer, x);
  const merged = await watch.time("merge", () => merge(layer, adapter));
  const values = await watch.forward("forward, merged", merged, x);
  await watch.time("unmerge", () => unmerge(merged));
  const exact = await expected(adapter, x, width);
  return {
    width,
    moments: watch.moments,
    /** Largest |y|. */
    largest: largestOf(unmerged),
    /** Largest |merged - unmerged|. */
    mergeError: largestDifference(unmerged, values),
    /** Largest difference of either from float64, at the sampled outputs. */
    error: Math.max(...[unmerged, values].map((y) => largestDifference(sampled(y, width), exact))),
    /** Weights with other bits than before. */
    changed: await countChangedWeights(layer),
  };
}

/** Times what the device is asked for until it is done, and reads the ledger's peak. */
class Stopwatch {
  readonly moments: Moment[] = [];
  readonly #device: Device;

  constructor(device: Device) {
    this.#device = device;
  }

  async time<T extends Perceptron>(label: string, work: () => T): Promise<T> {
    this.#device.ledger.resetPeak();
    const start = performance.now(), result = work();
    // A read waits for all that was launched before it.
    await this.#device.read(weightOf(result).view([1]));
    const ms = performance.now() - start;
    this.moments.push({ label, ms, reading: this.#device.ledger.read() });
    return result;
  }

  async forward(label: string, layer: Perceptron, x: HostTensor): Promise<Float32Array> {
    const times: number[] = [];
    let values = new Float32Array();
    this.#device.ledger.resetPeak();
    for (let pass = -1; pass < passes; pass++) {
      const start = performance.now();
      const { data } = await outputsOf(layer, x);
      if (pass >= 0) times.push(performance.now() - start);
      values = data as typeof values;
    }
    this.moments.push({ label, ms: median(times), reading: this.#device.ledger.read() });
    return values;
  }
}

const name = "layers.0.weight";
const weightOf = ({ parameters }: Perceptron): Tensor => parameters.get(name)!.own;

/** Weights that are made and compared at once. */
const blockSize = 2 ** 22;

/** W[row, column], uniform with the variance 1 / (3 · width): a function of its place, kept nowhere. */
function weightAt(width: number, index: number): number {
  return Math.fround((hash32(1, index) / 2 ** 31 - 1) / Math.sqrt(width));
}

function* blocks(width: number): Iterable<[start: number, values: Float32Array<ArrayBuffer>]> {
  const size = width * width;
  for (let start = 0; start < size; start += blockSize) {
    const values = new Float32Array(Math.min(blockSize, size - start));
    for (let i = 0; i < values.length; i++) values[i] = weightAt(width, start + i);
    yield [start, values];
  }
}

/** One square layer, y = x Wᵀ, whose weights are {@link weightAt}; they are written block by block. */
function initLayer(device: Device, width: number): Perceptron {
  const weight = device.allocate([width, width], "f32", "weight", name);
  for (const [start, values] of blocks(width)) {
    device.write(weight.view([values.length], start), values);
  }
  return new Perceptron(device, new Map([[name, weight]]), weight, {
    q: { start: 0, count: width },
  });
}

/** Counts the weights that have other bits than those that were written. */
async function countChangedWeights(layer: Perceptron): Promise<number> {
  const weight = weightOf(layer);
  let changed = 0;
  for (const [start, values] of blocks(weight.shape[0])) {
    const [{ data }] = await layer.device.read(weight.view([values.length], start));
    changed += countChangedBits(data as Float32Array, values);
  }
  return changed;
}

function randomInput(width: number): HostTensor {
  const random = new Random(2);
  const data = Float32Array.from({ length: tokens * width }, () => 2 * random.uniform() - 1);
  return { shape: [tokens, width], data };
}

/** B is zero at first; values of a trained one's order make ΔW a few percent of W. */
function fillB({ sites: [{ B }] }: LoraAdapter): void {
  const random = new Random(3);
  const values = Float32Array.from({ length: B.size }, () => 0.02 * (2 * random.uniform() - 1));
  B.tensor.device.write(B.tensor, values);
}

/** Outputs that are checked: all tokens at every (width / samples)-th row of W. */
const sampledRows = (width: number): number[] =>
  Array.from({ length: samples }, (_, i) => Math.floor(i * width / samples));

function sampled(y: Float32Array, width: number): number[] {
  const rows = sampledRows(width);
  return Array.from({ length: tokens }, (_, t) => rows.map((row) => y[t * width + row])).flat();
}

/** The same outputs in float64: x · (W[row, :] + scaling · B[row, :] A). */
async function expected(adapter: LoraAdapter, x: HostTensor, width: number) {
  const [{ A, B, scaling }] = adapter.sites, rows = sampledRows(width);
  const [a, b] = (await A.tensor.device.read(A.tensor, B.tensor)).map(denseOf);
  const own = rows.flatMap((row) => Array.from(b.data.subarray(row * rank, (row + 1) * rank)));
  const update = multiply({ rows: samples, columns: rank, data: Float64Array.from(own) }, a);
  const data = update.data.map((value, at) => {
    const row = rows[Math.floor(at / width)];
    return weightAt(width, row * width + at % width) + scaling * value;
  });
  return multiplyTransposed(denseOf(x), { ...update, data }).data;
}
