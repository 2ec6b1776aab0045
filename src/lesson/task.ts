/** The task: a teacher W = W₀ + D, and inputs that may be stretched. @module */

import { plantShift } from "../adapt/plant_shift.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { Random } from "../core/random.ts";
import type { Device } from "../device/mod.ts";
import { type DenseMatrix, gaussian, multiply, orthonormalRows } from "../linalg/mod.ts";
import { outputsOf } from "../models/outputs.ts";
import { Perceptron } from "../models/perceptron.ts";
import type { Batch } from "../core/batch.ts";
import type { LessonSettings } from "./settings.ts";

/** The one layer of every model here. */
export const layer = "layers.0";

/** Singular values of D are 1, 1/2, 1/4, … of the first; ‖D‖ = ‖W₀‖. */
const ratio = 0.5, share = 1;

/** Streams of the seed, apart from those of the weights. */
const streams = { inputs: 11, axes: 12 };

/** Inputs with what the teacher makes of them, and D. */
export interface LessonTask {
  /** Every example, in one batch. */
  readonly batch: Batch<HostTensor>;
  /** D, (outputs, inputs). */
  readonly shift: DenseMatrix;
}

/** The model before training, y = W₀ x. */
export const openBase = (device: Device, { width, seed }: LessonSettings): Perceptron =>
  Perceptron.init(device, { widths: [width, width], biases: false }, seed);

/** Plants D in a copy of the base, which answers for all inputs. */
export async function makeTask(device: Device, settings: LessonSettings): Promise<LessonTask> {
  const { shiftRank: rank, seed } = settings;
  using teacher = openBase(device, settings);
  const shifts = await plantShift(teacher, { sites: [layer], rank, ratio, share, seed });
  const inputs = drawInputs(settings);
  const targets = await outputsOf(teacher, inputs);
  return { batch: { inputs, targets }, shift: shifts.get(layer)! };
}

/** Normal inputs of mean square 1, with axes in random directions from the longest to the shortest. */
function drawInputs({ width, spread, seed }: LessonSettings): HostTensor {
  const random = new Random(seed), examples = width === 2 ? 48 : 128;
  const lengths = Array.from({ length: width }, (_, i) => spread ** (-i / (width - 1)));
  const scale = Math.sqrt(width) / Math.hypot(...lengths);
  const white = gaussian(examples, width, random.split(streams.inputs));
  const data = white.data.map((value, at) => scale * lengths[at % width] * value);
  const axes = orthonormalRows(width, width, random.split(streams.axes));
  const turned = multiply({ ...white, data }, axes);
  return { shape: [examples, width], data: Float32Array.from(turned.data) };
}
