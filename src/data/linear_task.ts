/** Linear teachers, y = (W₀ + D) x + noise, whose D and second moment of the inputs are chosen. @module */

import type { HostTensor } from "../core/host_tensor.ts";
import { Random } from "../core/random.ts";
import {
  type DenseMatrix,
  denseOf,
  gaussian,
  multiply,
  multiplyTransposed,
  orthonormalRows,
  transposed,
} from "../linalg/mod.ts";

/** Singular values of a shift: `rank` equal ones, ratio^i, or i^-exponent; `none` is no shift. */
export type ShiftSpectrum =
  | { readonly kind: "none" }
  | { readonly kind: "flat"; readonly rank: number }
  | { readonly kind: "geometric"; readonly ratio: number }
  | { readonly kind: "power"; readonly exponent: number };

/** What a linear task is made from. */
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
 * bits for the same specification, on every machine.
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
