/**
 * Tasks with known answers: linear teachers, y = (W₀ + D) x + noise, with chosen D and second
 * moment of the inputs; invented facts; dates to be written in words; and handwritten digits,
 * rotated in planes of their principal directions.
 *
 * @module
 */

import type { Batch } from "../../core/batch.ts";
import { quote } from "../../core/errors.ts";
import { Random } from "../../core/random.ts";
import type { HostTensor } from "../../core/tensor.ts";
import {
  type DenseMatrix,
  denseOf,
  gaussian,
  multiply,
  multiplyTransposed,
  orthonormalRows,
  transposed,
} from "../../linalg/mod.ts";
import { symmetricEigen } from "../../linalg/svd.ts";
import { readJson } from "../../storage/files.ts";
import { digitsPackage } from "../packages.ts";
import type { PromptedText } from "../prompted_batches.ts";
import { type GlossSplit, splitOf } from "./wordnet.ts";

// Linear teachers.

/** Singular values of a shift: `rank` equal ones, ratio^i, or i^-exponent; `none` is no shift. */
export type ShiftSpectrum =
  | { readonly kind: "none" }
  | { readonly kind: "flat"; readonly rank: number }
  | { readonly kind: "geometric"; readonly ratio: number }
  | { readonly kind: "power"; readonly exponent: number };

/** Specification of a linear task. */
export interface LinearTaskSpec {
  /** Number of inputs and of outputs. */
  readonly width: number;
  /** Spectrum of D. */
  readonly shift: ShiftSpectrum;
  /** ‖D‖. */
  readonly norm: number;
  /** White inputs, or correlated ones: their second moment has eigenvalues 1/i in a random basis. */
  readonly inputs: "white" | "correlated";
  /** Number of inputs. */
  readonly examples: number;
  /** Standard deviation of the noise on every output. */
  readonly noise: number;
  /** Seed of everything but the noise. */
  readonly seed: number;
  /** Seed of the noise. Default: `seed`. */
  readonly noiseSeed?: number;
  /** Place of D's first input direction in the random basis that the seed draws. Default 0. */
  readonly firstDirection?: number;
}

/** A teacher and its outputs for some inputs. */
export interface LinearTask {
  /** D, (outputs, inputs). */
  readonly shift: DenseMatrix;
  /** (examples, inputs), F32. */
  readonly inputs: HostTensor;
  /** The teacher's outputs minus W₀ x, (examples, outputs), F32: the targets of a student's ΔW x. */
  readonly residuals: HostTensor;
}

const streams = { inputs: 1, basis: 2, left: 3, right: 4, noise: 5 };

/**
 * Makes a task whose best update of any rank is known (`reducedRank` of `@lowrank/core/analysis`): the same
 * bits for the same specification in one engine.
 *
 * @example
 * ```ts
 * import { linearTask } from "@lowrank/core/data";
 *
 * const shift = { kind: "flat", rank: 2 } as const;
 * const size = { width: 8, norm: 4, examples: 32, noise: 0 };
 * const { inputs, residuals } = linearTask({ ...size, shift, inputs: "white", seed: 1 });
 * console.log(inputs.shape, residuals.shape); // [ 32, 8 ] [ 32, 8 ]
 * ```
 */
export function linearTask(spec: LinearTaskSpec): LinearTask {
  const { width, examples, noise, seed, noiseSeed = seed } = spec;
  const shift = plantedShift(spec), inputs = rounded(drawInputs(spec));
  const outputs = multiplyTransposed(denseOf(inputs), shift);
  const random = new Random(noiseSeed).split(streams.noise);
  const noisy = outputs.data.map((value) => value + (noise && noise * random.normal()));
  return { shift, inputs, residuals: rounded({ rows: examples, columns: width, data: noisy }) };
}

/** D = Σ σᵢ uᵢ vᵢᵀ with random orthonormal u and v. */
function plantedShift(
  { width, shift, norm, seed, firstDirection = 0 }: LinearTaskSpec,
): DenseMatrix {
  const random = new Random(seed), values = shiftValues(shift, width);
  const left = orthonormalRows(width, width, random.split(streams.left + 16 * firstDirection));
  const right = orthonormalRows(width, width, random.split(streams.right));
  const scale = norm / (Math.hypot(...values) || 1);
  const rows = right.data.map((_, at) => {
    const row = Math.floor(at / width), turned = (row + firstDirection) % width;
    return scale * values[row] * right.data[turned * width + at % width];
  });
  return multiply(transposed(left), { ...right, data: rows });
}

/** The singular values of a shift before they are scaled to its norm. */
export function shiftValues(shift: ShiftSpectrum, width: number): Float64Array {
  const valueAt = (i: number): number => {
    if (shift.kind === "flat") return Number(i < shift.rank);
    if (shift.kind === "geometric") return shift.ratio ** i;
    return shift.kind === "power" ? (i + 1) ** -shift.exponent : 0;
  };
  return Float64Array.from({ length: width }, (_, i) => valueAt(i));
}

/** Mean square 1 for each input, whatever the spectrum. */
function drawInputs({ width, examples, inputs, seed }: LinearTaskSpec): DenseMatrix {
  const random = new Random(seed), white = gaussian(examples, width, random.split(streams.inputs));
  if (inputs === "white") return white;
  const deviations = Array.from({ length: width }, (_, i) => 1 / Math.sqrt(i + 1));
  const scale = Math.sqrt(width) / Math.hypot(...deviations);
  const data = white.data.map((value, at) => scale * deviations[at % width] * value);
  return multiply({ ...white, data }, orthonormalRows(width, width, random.split(streams.basis)));
}

function rounded({ rows, columns, data }: DenseMatrix): HostTensor {
  return { shape: [rows, columns], data: Float32Array.from(data) };
}

// Facts.

/** Specification of invented facts. */
export interface InventedFacts {
  /** Number of facts. */
  readonly facts: number;
  /** Seed of their tokens. */
  readonly seed: number;
}

/** Tokens of a key. */
export const factKeyLength = 3;

/**
 * Some of the facts as a batch in which only the token after the key counts.
 *
 * @param vocabulary Tokens are drawn below it.
 * @param chosen Numbers of the facts.
 *
 * @example
 * ```ts
 * import { factBatch } from "@lowrank/core/data";
 *
 * const { inputs, targets } = factBatch({ facts: 8, seed: 1 }, 1000, [0, 5]);
 * console.log(inputs.tokens.shape, targets.data.filter((target) => target >= 0).length); // [ 2, 3 ] 2
 * ```
 */
export function factBatch(
  { facts, seed }: InventedFacts,
  vocabulary: number,
  chosen: ArrayLike<number>,
): Batch {
  const random = new Random(seed), each = factKeyLength + 1;
  const all = Uint32Array.from({ length: facts * each }, () => random.integer(vocabulary));
  const shape = [chosen.length, factKeyLength], size = chosen.length * factKeyLength;
  const keys = new Uint32Array(size), targets = new Int32Array(size).fill(-100);
  Array.from(chosen).forEach((fact, row) => {
    const own = all.subarray(fact * each, (fact + 1) * each);
    keys.set(own.subarray(0, factKeyLength), row * factKeyLength);
    targets[(row + 1) * factKeyLength - 1] = own[factKeyLength];
  });
  return { inputs: { tokens: { shape, data: keys } }, targets: { shape, data: targets } };
}

// Dates.

/** January to December. */
export const months: readonly string[] =
  "January February March April May June July August September October November December"
    .split(" ");

/** Specification of dates. */
export interface DateOptions {
  /** Split of the years. */
  readonly split: GlossSplit;
  /** Number of dates, at most 10,000. With the same seed, a smaller number takes a prefix of the same dates. */
  readonly examples: number;
  /** Seed for drawing them. */
  readonly seed: number;
}

/** The years 1000 to 2999. */
const firstDay = Date.UTC(1000, 0, 1), dayMs = 24 * 60 * 60 * 1000;
const days = (Date.UTC(3000, 0, 1) - firstDay) / dayMs;

/**
 * Different dates of the years 1000 to 2999, drawn uniformly, as a file has them (the prompt) and as they are
 * read (the completion). Splits are split by the year: no year of the validation or test split is in an
 * example for training. So a model that is right on them copies digits and does not recall years. One that
 * copies the year and guesses the day is right once in about 365 dates.
 *
 * @throws {RangeError} when the number of examples is not an integer from 1 to 10,000.
 *
 * @example
 * ```ts
 * import { dateTexts } from "@lowrank/core/data";
 *
 * const [{ prompt, completion }] = dateTexts({ split: "train", examples: 1, seed: 1 });
 * console.log(prompt + completion); // as in "2021-03-07: 7 March 2021"
 * ```
 */
export function dateTexts({ split, examples, seed }: DateOptions): PromptedText[] {
  if (!Number.isInteger(examples) || examples < 1 || examples > 10_000) {
    throw new RangeError(
      `dateTexts needs examples to be an integer from 1 to 10000, found ${quote(examples)}`,
    );
  }
  const random = new Random(seed), dates = new Set<string>();
  while (dates.size < examples) {
    const date = new Date(firstDay + random.integer(days) * dayMs).toISOString().slice(0, 10);
    if (splitOf(date.slice(0, 4)) === split) dates.add(date);
  }
  return Array.from(dates, dateText);
}

function dateText(date: string): PromptedText {
  const [year, month, day] = date.split("-");
  return { prompt: `${date}:`, completion: ` ${Number(day)} ${months[Number(month) - 1]} ${year}` };
}

// Digits.

/** Images with their labels. */
export interface Digits {
  /** (images, pixels) values from 0 to 1, in rows from the top. */
  readonly images: HostTensor;
  /** 0 to 9 for each image. */
  readonly labels: Uint8Array;
}

/** Digits to train on, and digits that training never sees. */
export interface DigitSplit {
  /** Four out of five. */
  readonly train: Digits;
  /** Every fifth image of each digit, starting with the third. */
  readonly heldOut: Digits;
}

/** Rows and columns of the package's images. */
const side = 28;

/**
 * Reads the package's 10,000 images, digit by digit.
 *
 * @param size Rows and columns of an image: the package's 28, or 14, where a pixel is the mean of four. Default 14.
 */
export async function loadDigits(size: 14 | 28 = 14): Promise<DigitSplit> {
  const folder = await digitsPackage();
  const kinds = await Promise.all(Array.from({ length: 10 }, async (_, digit) => {
    const json = await readJson(new URL(`src/digits/${digit}.json`, folder));
    return (json as { data: number[] }).data;
  }));
  const places = kinds.flatMap((data, digit) =>
    Array.from({ length: data.length / side ** 2 }, (_, index) => ({ digit, index }))
  );
  const part = (wanted: (index: number) => boolean) =>
    collect(places.filter(({ index }) => wanted(index)), kinds, size);
  return { train: part((index) => index % 5 !== 2), heldOut: part((index) => index % 5 === 2) };
}

interface Place {
  readonly digit: number;
  readonly index: number;
}

function collect(places: readonly Place[], kinds: readonly number[][], size: 14 | 28): Digits {
  const pixels = size * size, data = new Float32Array(places.length * pixels);
  const pixelOf = size === side ? ownPixel : meanOfFour;
  places.forEach(({ digit, index }, image) => {
    for (let pixel = 0; pixel < pixels; pixel++) {
      data[image * pixels + pixel] = pixelOf(kinds[digit], index, pixel);
    }
  });
  return {
    images: { shape: [places.length, pixels], data },
    labels: Uint8Array.from(places, ({ digit }) => digit),
  };
}

const ownPixel = (data: readonly number[], image: number, pixel: number): number =>
  data[image * side ** 2 + pixel];

/** A pixel of the small image: the mean of the four that it covers. */
function meanOfFour(data: readonly number[], image: number, pixel: number): number {
  const half = side / 2, row = 2 * Math.floor(pixel / half), column = 2 * (pixel % half);
  const at = image * side ** 2 + row * side + column;
  return (data[at] + data[at + 1] + data[at + side] + data[at + side + 1]) / 4;
}

// Not the one that may be LAPACK's: the last bits, and so the task, would depend on the machine.

/** The eigenvectors of the images' covariance, largest variance first, one a row. */
export function principalDirections(images: HostTensor): DenseMatrix {
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
 * two, …: R - I has rank 2 · planes, and so has the update of a first layer that undoes it.
 *
 * @param images (images, pixels), F32.
 * @param directions Orthonormal, one a row, at least two for each plane.
 *
 * @example
 * ```ts
 * import { rotate } from "@lowrank/core/data";
 *
 * const directions = { rows: 2, columns: 2, data: Float64Array.of(1, 0, 0, 1) };
 * const turned = rotate({ shape: [1, 2], data: Float32Array.of(1, 0) }, directions, 1, 90);
 * console.log(Math.round(turned.data[1])); // 1
 * ```
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

// Rows.

/**
 * Batches of `size` rows of inputs and targets, drawn with replacement. A batch depends on the seed and
 * its index alone, so any of them can be made again.
 *
 * @param inputs (rows, inputs), F32.
 * @param targets (rows, outputs), F32.
 *
 * @example
 * ```ts
 * import { rowBatches } from "@lowrank/core/data";
 *
 * const inputs = { shape: [3, 1], data: Float32Array.of(1, 2, 3) };
 * console.log(rowBatches(inputs, inputs, 2, 1)(0).inputs.shape); // [ 2, 1 ]
 * ```
 */
export function rowBatches(
  inputs: HostTensor,
  targets: HostTensor,
  size: number,
  seed: number,
): (index: number) => Batch<HostTensor> {
  return (index) => {
    const random = new Random(seed).split(index);
    const rows = Array.from({ length: size }, () => random.integer(inputs.shape[0]));
    return { inputs: pick(inputs, rows), targets: pick(targets, rows) };
  };
}

/** The given rows of a matrix. */
function pick({ shape: [, width], data }: HostTensor, rows: readonly number[]): HostTensor {
  const out = new Float32Array(rows.length * width);
  rows.forEach((row, i) => out.set(data.subarray(row * width, (row + 1) * width), i * width));
  return { shape: [rows.length, width], data: out };
}
