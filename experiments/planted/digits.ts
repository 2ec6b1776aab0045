/** Digits that are rotated, and perceptrons that read upright ones. @module */

import { klDivergence } from "../../src/autograd/mod.ts";
import type { HostTensor } from "../../src/core/host_tensor.ts";
import { Random } from "../../src/core/random.ts";
import { type Digits, loadDigits } from "../../src/data/mod.ts";
import type { Device } from "../../src/device/device.ts";
import { type DenseMatrix, denseOf, multiplyTransposed, transposed } from "../../src/linalg/mod.ts";
// Not the one that may be LAPACK's: the last bits, and so the task, would depend on the machine.
import { symmetricEigen } from "../../src/linalg/symmetric_eigen.ts";
import { type Batch, runTrainer, Trainer } from "../../src/train/mod.ts";
import { Perceptron } from "../../src/models/perceptron.ts";

/** The shape of base and students. */
export const digitShape = { widths: [196, 64, 10], biases: true };

/** Digits in a step. */
export const digitBatch = 128;

/** Searched on seed 1000, which is reported nowhere. */
const learningRate = 1e-2;

/** Reads the digits and trains bases when first asked, and remembers them. */
export class DigitSource {
  #data?: ReturnType<typeof readData>;
  readonly #bases = new Map<string, Promise<HostTensor[]>>();

  /** The digits, with the directions that span the planes of rotations. */
  data(): ReturnType<typeof readData> {
    return this.#data ??= readData();
  }

  /** A base of its own for the caller, who disposes it; trained in under a second. */
  async openBase(device: Device, seed: number, steps: number): Promise<Perceptron> {
    const key = `${seed} ${steps}`, known = this.#bases.get(key);
    const weights = known ?? trainBase(device, seed, steps, (await this.data()).split.train);
    this.#bases.set(key, weights);
    const values = await weights, base = Perceptron.init(device, digitShape, seed);
    [...base.parameters.values()].forEach(({ tensor }, i) => device.write(tensor, values[i].data));
    return base;
  }
}

async function readData() {
  const split = await loadDigits();
  return { split, directions: principalDirections(split.train.images) };
}

/** Learns the digits with smoothed labels, given as logits. */
async function trainBase(device: Device, seed: number, steps: number, digits: Digits) {
  using base = Perceptron.init(device, digitShape, seed);
  const schedule = "cosine", loss = klDivergence, targets = labelLogits(digits);
  using trainer = new Trainer(base, { learningRate, steps, schedule, loss });
  const batches = (index: number) => sampleRows(digits.images, targets, seed, index);
  for await (const _ of runTrainer(trainer, batches));
  return await device.read(...[...base.parameters.values()].map(({ tensor }) => tensor));
}

/** Logits of a distribution with 0.9 on the label and a tenth spread over all. */
function labelLogits({ labels }: Digits): HostTensor {
  const gap = Math.log(0.91 / 0.01), data = new Float32Array(10 * labels.length);
  labels.forEach((label, i) => data[10 * i + label] = gap);
  return { shape: [labels.length, 10], data };
}

/** A batch of random rows, the same for the same seed and index. */
export function sampleRows(
  inputs: HostTensor,
  targets: HostTensor,
  seed: number,
  index: number,
): Batch<HostTensor> {
  const random = new Random(seed).split(index);
  const rows = Array.from({ length: digitBatch }, () => random.integer(inputs.shape[0]));
  return { inputs: pick(inputs, rows), targets: pick(targets, rows) };
}

function pick({ shape: [, width], data }: HostTensor, rows: readonly number[]): HostTensor {
  const out = new Float32Array(rows.length * width);
  rows.forEach((row, i) => out.set(data.subarray(row * width, (row + 1) * width), i * width));
  return { shape: [rows.length, width], data: out };
}

/** The eigenvectors of the images' covariance, largest variance first, one a row. */
function principalDirections(images: HostTensor): DenseMatrix {
  const columns = transposed(denseOf(images)), { rows, columns: count, data } = columns;
  for (let pixel = 0; pixel < rows; pixel++) {
    const own = data.subarray(pixel * count, (pixel + 1) * count);
    const mean = own.reduce((sum, value) => sum + value, 0) / count;
    own.forEach((value, i) => own[i] = value - mean);
  }
  return symmetricEigen(multiplyTransposed(columns, columns)).vectors;
}

/**
 * x ← R x with R a rotation by `degrees` inside each of `planes` planes, the first two directions, the next
 * two, …: R - I has rank 2 · planes.
 */
export function rotate(
  images: HostTensor,
  directions: DenseMatrix,
  planes: number,
  degrees: number,
): HostTensor {
  const angle = degrees * Math.PI / 180, cosine = Math.cos(angle), sine = Math.sin(angle);
  const [count, width] = images.shape, data = Float32Array.from(images.data);
  const axis = (i: number) => directions.data.subarray(i * width, (i + 1) * width);
  for (let image = 0; image < count; image++) {
    const x = data.subarray(image * width, (image + 1) * width);
    const turned = new Float64Array(x);
    for (let plane = 0; plane < planes; plane++) {
      const u = axis(2 * plane), v = axis(2 * plane + 1), a = dot(x, u), b = dot(x, v);
      const du = (cosine - 1) * a - sine * b, dv = sine * a + (cosine - 1) * b;
      for (let i = 0; i < width; i++) turned[i] += du * u[i] + dv * v[i];
    }
    x.set(turned);
  }
  return { shape: images.shape, data };
}

const dot = (x: Float32Array, y: Float64Array): number =>
  x.reduce((sum, value, i) => sum + value * y[i], 0);
