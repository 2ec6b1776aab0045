/** LoRA on one matrix of the width that the paper's claims are about. @module */

import { injectLora, type LoraAdapter, merge, unmerge } from "../../src/adapt/mod.ts";
import { DeviceError } from "../../src/core/errors.ts";
import {
  countChangedBits,
  grouped,
  largestDifference,
  largestOf,
  median,
} from "../../src/core/numbers.ts";
import { hash32, Random } from "../../src/core/random.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import type { Device, Tensor } from "../../src/device/device.ts";
import type { LedgerReading } from "../../src/device/ledger.ts";
import { type RoleBar, roleBars, table } from "../../src/figures/mod.ts";
import { denseOf, multiply, multiplyTransposed } from "../../src/linalg/mod.ts";
import { outputsOf, Perceptron } from "../../src/models/mod.ts";
import said from "../../src/paper/printed/claims.json" with { type: "json" };
import { type Experiment, experiment } from "../frame/mod.ts";
import { gpt3 } from "../gpt3.ts";

/** r, as in the paper's account of GPT-3. */
export const rank = 4;

/** Tokens of a forward pass, passes of which the median counts, and outputs that float64 checks. */
const tokens = 16, passes = 5, samples = 64;

/** A step: how long it took, and what was allocated at its peak. */
interface Moment {
  readonly label: string;
  readonly ms: number; // milliseconds; of a forward pass the median
  readonly reading: LedgerReading; // the ledger
}

/** Result of the measurement. */
type MatrixResult = Awaited<ReturnType<typeof measureMatrix>>;

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

/** Width of a quick run, and the least that a device must hold. */
const quickWidth = 768;

/** F32 rounding of sums of 12,288 terms stays far below this share of the largest. */
const tolerance = 1e-4;

/** The matrix, or the largest half, quarter … of it that the device holds twice. */
async function measureLargest(device: Device, width: number): Promise<MatrixResult> {
  try {
    return await measureMatrix(device, width);
  } catch (error) {
    if (!(error instanceof DeviceError) || width <= quickWidth) throw error;
    return await measureLargest(device, width / 2);
  }
}

const isGpt3s = (width: number): boolean => width === gpt3.n_embd;

/** Bytes of the weight and of the adapter at the peak of an unmerged forward pass. */
const unmergedBytes = ({ moments }: MatrixResult) =>
  moments.find(({ label }) => label === "forward, unmerged")!.reading.peakByRole;

/**
 * Bars of the run's memory, and of the memory that training W itself would hold between steps: 16
 * bytes per value.
 */
function barsOf({ moments, width }: MatrixResult): RoleBar[] {
  const bars = moments.filter(({ label }) => /unmerged|, merged/.test(label))
    .map(({ label, reading }) => ({ label, byRole: reading.peakByRole }));
  const values = width ** 2, none = { quantized: 0, adapter: 0, activation: 0, scratch: 0 };
  const full = { ...none, weight: 4 * values, gradient: 4 * values, optimizer: 8 * values };
  return [...bars, { label: "trained with AdamW (not run)", byRole: full }];
}

/** LoRA on one matrix of GPT-3's width: forward, merge, unmerge. */
export const matrix: Experiment = experiment({
  name: "matrix",
  seconds: 5,
  title: "LoRA on one matrix of GPT-3's size",
  question:
    "Does LoRA do what the paper says on a matrix of GPT-3's size, 12,288 x 12,288, which takes 604 MB?",
  source: "Hu et al. 2021, sections 4.1 and 4.2",
  rows: (_, { device, quick }) => measureLargest(device, quick ? quickWidth : gpt3.n_embd),
  settings: ({ width }) =>
    `Rank ${rank} on one matrix of ${grouped(width)} x ${grouped(width)}${
      isGpt3s(width) ? "" : ", smaller than GPT-3's"
    }, random weights, F32, 16 tokens. Times of forward passes are the median of 5 and include reading ` +
    "the outputs, one step after another: they follow what else the machine does. Where a kernel cannot bind the whole matrix, products are computed by blocks of rows.",
  claims: [{
    // A quick run and a small device do not reach GPT-3's width.
    text: ({ width }) =>
      `At ${isGpt3s(width) ? "GPT-3's width" : `width ${grouped(width)}, below GPT-3's`}, ` +
      "merging changes outputs only by rounding, and unmerging restores every bit",
    rule:
      `when merged and unmerged outputs differ by at most ${tolerance} of the largest output, 64 ` +
      "outputs of each token differ from float64 by no more than that, and every weight keeps its bits",
    ...said.matrixUnmerged,
    ours: ({ mergeError, changed }) =>
      `differ by ${mergeError.toExponential(0)}; ${changed} weights changed`,
    holds: ({ largest, mergeError, error, changed }) =>
      Math.max(mergeError, error) <= tolerance * largest && changed === 0,
    found: ({ width, largest, error }) =>
      `Outputs are up to ${largest.toFixed(2)} and differ from float64 by at most ` +
      `${error.toExponential(1)}; there are ${grouped(width ** 2)} weights.`,
  }, {
    text: "An update of rank r takes 2r / d of the memory of its d x d matrix",
    rule:
      "when, by the device's own record of its bytes, the weight has exactly d / 2r times the bytes of the adapter",
    exact: true,
    ...said.matrixBytes,
    ours: (result) => `d / 2r = ${grouped(result.width / (2 * rank))} times smaller`,
    holds(result) {
      const { weight, adapter } = unmergedBytes(result);
      return weight / adapter === result.width / (2 * rank);
    },
    found(result) {
      const { weight, adapter } = unmergedBytes(result), times = grouped(weight / adapter);
      return `${grouped(weight)} and ${grouped(adapter)} bytes: ${times} times at r = ${rank}.`;
    },
  }],
  tables: [({ moments }) =>
    table({
      id: "gpt3-matrix",
      title: "Time of each step, and bytes at its peak",
      columns: [
        ["label", "step", "text"],
        ["ms", "time (ms)", "time"],
        ["weight", "weight", "bytes", ({ reading }) => reading.peakByRole.weight],
        ["adapter", "adapter", "bytes", ({ reading }) => reading.peakByRole.adapter],
        ["activation", "activation", "bytes", ({ reading }) => reading.peakByRole.activation],
        ["peak", "total", "bytes", ({ reading }) => reading.peak],
        ["live", "live afterwards", "bytes", ({ reading }) => reading.live],
      ],
      rows: moments,
    })],
  figures: [(result, { device }) => ({
    id: "gpt3-matrix",
    title: `Bytes of one matrix of width ${grouped(result.width)}`,
    caption:
      `${device.description}. The last bar is computed: weight, gradient and two moments at ` +
      "4 bytes per value.",
    ...roleBars(barsOf(result), 300),
  })],
});
