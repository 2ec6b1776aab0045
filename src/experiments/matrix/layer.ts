/** One square linear layer as a model of its own. @module */

import { Parameter } from "../../autograd/parameter.ts";
import type { Tape } from "../../autograd/tape.ts";
import { hash32 } from "../../core/random.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import type { Device, Tensor } from "../../device/device.ts";
import { type Model, type StoredTensors, trainableOf } from "../../models/mod.ts";
import { DenseWeight, Linear, type Place } from "../../nn/mod.ts";

const name = "q_proj.weight";

/** Values that are made and compared at once. */
const blockSize = 2 ** 22;

/** y = x Wᵀ; what goes in is x itself, not tokens. */
export class SquareLayer implements Model {
  /** Where it lives. */
  readonly device: Device;
  /** W alone. */
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** The layer. */
  readonly linears: readonly Linear[];
  /** None. */
  readonly places: readonly Place[] = [];
  readonly #owner: Disposable;

  /** Wraps a weight; {@link initSquareLayer} makes one. */
  constructor(weight: Tensor, owner: Disposable) {
    this.device = weight.device;
    const parameter = new Parameter(name, weight), rows = { start: 0, count: weight.shape[0] };
    this.parameters = new Map([[name, parameter]]);
    this.linears = [new Linear("q_proj", new DenseWeight(parameter), undefined, { q: rows })];
    this.#owner = owner;
  }

  /** W. */
  get weight(): Tensor {
    return this.parameters.get(name)!.own;
  }

  /** A and B, where there are any. */
  trainable(): Parameter[] {
    return trainableOf(this);
  }

  /** The same layer around another weight. */
  withTensors(replaced: StoredTensors, owner: Disposable): SquareLayer {
    return new SquareLayer(replaced.get(name) as Tensor, owner);
  }

  /** x (tokens, width) to y (tokens, width). */
  forward(tape: Tape, { shape, data }: HostTensor): Tensor {
    const x = tape.activation(shape, "x");
    tape.device.write(x, data);
    return this.linears[0].forward(tape, x);
  }

  /** Frees W. */
  [Symbol.dispose](): void {
    this.#owner[Symbol.dispose]();
  }
}

/** A layer whose weights are {@link weightAt}; they are written block by block. */
export function initSquareLayer(device: Device, width: number): SquareLayer {
  const weight = device.allocate([width, width], "f32", "weight", name);
  for (const [start, values] of blocks(width)) {
    device.write(weight.view([values.length], start), values);
  }
  return new SquareLayer(weight, weight);
}

/** W[row, column], uniform with the variance 1 / (3 · width): a function of its place, kept nowhere. */
export function weightAt(width: number, index: number): number {
  return Math.fround((hash32(1, index) / 2 ** 31 - 1) / Math.sqrt(width));
}

/** How many of the weights have other bits than those that were written. */
export async function countChangedWeights({ device, weight }: SquareLayer): Promise<number> {
  let changed = 0;
  for (const [start, values] of blocks(weight.shape[0])) {
    const [{ data }] = await device.read(weight.view([values.length], start));
    const [found, written] = [data as Float32Array, values].map(({ buffer }) =>
      new Uint32Array(buffer)
    );
    for (let i = 0; i < values.length; i++) if (found[i] !== written[i]) changed++;
  }
  return changed;
}

function* blocks(width: number): Iterable<[start: number, values: Float32Array<ArrayBuffer>]> {
  const size = width * width;
  for (let start = 0; start < size; start += blockSize) {
    const values = new Float32Array(Math.min(blockSize, size - start));
    for (let i = 0; i < values.length; i++) values[i] = weightAt(width, start + i);
    yield [start, values];
  }
}
