/** LoRA on a linear teacher, with a rate for A and one for B. @module */

import { linear, Parameter, squaredError, Tape } from "../../src/autograd/mod.ts";
import { Random } from "../../src/core/random.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import { Arena, type Device, type Tensor } from "../../src/device/mod.ts";
import { adamW } from "../../src/train/mod.ts";

/** The rank of the change that is planted, and of LoRA. */
export const rank = 4;

/** Examples: as many at every width and in one batch, or as many for each dimension and in batches. */
export type Examples = "few" | "many";

/** Examples of `few`; of `many` for each dimension, and the batches that they are cut into. */
const fewExamples = 32, perDimension = 2, batchesOfMany = 16;

/** Unseen examples on which `many` is measured. */
const unseen = 256;

/** A teacher of a width. */
export interface LessonOptions {
  /** n, the number of inputs and of outputs. */
  readonly width: number;
  /** The examples. */
  readonly examples: Examples;
  /** Of the teacher and its examples. */
  readonly seed: number;
}

/** Inputs x, and what is to be added to W x. */
interface LinearBatch {
  readonly inputs: Tensor;
  readonly targets: HostTensor;
}

/** Examples of a teacher on a device. */
export interface Lesson extends Disposable {
  /** The device that has them. */
  readonly device: Device;
  /** n. */
  readonly width: number;
  /** In the order of the steps, again and again. */
  readonly batches: readonly LinearBatch[];
  /** On which the loss is measured: those of `few`, unseen ones of `many`. */
  readonly measured: LinearBatch;
}

/** Draws a teacher (W + B A) x and its examples; entries of x have a variance of 1, of A of 1/n, of B of 1/r. */
export function lessonOf(device: Device, { width, examples, seed }: LessonOptions): Lesson {
  const random = new Random(seed), few = examples === "few";
  const A = normals(random, rank * width, 1 / Math.sqrt(width));
  const B = normals(random, width * rank, 1 / Math.sqrt(rank));
  const arenas = new DisposableStack();
  const batchOf = (rows: number): LinearBatch => {
    const arena = new Arena(device, [{ name: "x", shape: [rows, width] }], "activation", "inputs");
    const inputs = arenas.use(arena).view("x"), x = normals(random, rows * width, 1);
    device.write(inputs, x);
    const data = product(product(x, A, rows), B, rows);
    return { inputs, targets: { shape: [rows, width], data } };
  };
  const size = few ? fewExamples : perDimension * width / batchesOfMany;
  const batches = Array.from({ length: few ? 1 : batchesOfMany }, () => batchOf(size));
  const measured = few ? batches[0] : batchOf(unseen);
  return { device, width, batches, measured, [Symbol.dispose]: () => arenas.dispose() };
}

const normals = (random: Random, size: number, deviation: number) =>
  Float32Array.from({ length: size }, () => deviation * random.normal());

/** X Mᵀ of X with `rows` rows. */
function product(X: Float32Array, M: Float32Array, rows: number): Float32Array<ArrayBuffer> {
  const inner = X.length / rows, outputs = M.length / inner, Y = new Float32Array(rows * outputs);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < outputs; j++) {
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += X[i * inner + k] * M[j * inner + k];
      Y[i * outputs + j] = sum;
    }
  }
  return Y;
}

/** A student's training. */
export interface StudentOptions {
  /** η of A, and of B. */
  readonly rates: { readonly A: number; readonly B: number };
  /** Steps of Adam at these rates. */
  readonly steps: number;
  /** Of A, which starts as LoRA's does; B starts at 0. */
  readonly seed: number;
}

/**
 * Trains A and B, and gives the loss that is left as a share of that before. W is frozen and adds the same to
 * outputs and targets, so that it is left out.
 */
export async function lossLeft(
  { device, width, batches, measured }: Lesson,
  { rates, steps, seed }: StudentOptions,
): Promise<number> {
  const entries = [{ name: "A", shape: [rank, width] }, { name: "B", shape: [width, rank] }];
  using arena = new Arena(device, entries, "adapter", "LoRA");
  const A = new Parameter("A", arena.view("A")), B = new Parameter("B", arena.view("B"));
  device.write(A.tensor, new Random(seed).uniformWithin(1 / Math.sqrt(width), A.size));
  device.write(B.tensor, new Float32Array(B.size));
  const groups = [
    { parameters: [A], learningRate: rates.A },
    { parameters: [B], learningRate: rates.B },
  ];
  using optimizer = adamW(groups, { learningRate: 1 });
  const error = (tape: Tape, { inputs, targets }: LinearBatch) =>
    squaredError(tape, linear(tape, linear(tape, inputs, A), B), targets);
  for (let step = 0; step < steps; step++) {
    using tape = new Tape(device);
    tape.backward(error(tape, batches[step % batches.length]));
    optimizer.step(tape);
  }
  using tape = new Tape(device);
  const [{ data: [left] }] = await device.read(error(tape, measured));
  return left / energyOf(measured.targets);
}

/** The mean over rows of a row's sum of squares. */
const energyOf = ({ shape: [rows], data }: HostTensor): number =>
  (data as Float32Array).reduce((sum, value) => sum + value * value, 0) / rows;
