/** Building a model's layers from its tensors by name. @module */

import type { LinearSpec, TensorSpec } from "../architectures/architecture.ts";
import { Parameter } from "../autograd/parameter.ts";
import { DenseWeight, type Weight } from "../autograd/weight.ts";
import type { HostData, HostTensor, Shape } from "../core/tensor.ts";
import { Tensor } from "../device/device.ts";
import type { TensorPiece } from "../formats/safetensors/read.ts";
import { type AdaptedLayer, Embedding } from "../nn/embedding.ts";
import { Linear } from "../nn/linear.ts";
import { LayerNorm, RmsNorm } from "../nn/norms.ts";
import { Place, type Sublayer } from "../nn/place.ts";

/** Tensors by Hugging Face name: F32 tensors, or, for matrices that are not trained, any {@link Weight}. */
export type StoredTensors = ReadonlyMap<string, Tensor | Weight>;

/** A linear layer's path and its parts. */
type NamedParts = Pick<LinearSpec, "name" | "parts">;

/** Builds the layers of one model, and keeps those that adapters attach to, in the order of the calls. */
export class ModelLayers {
  /** The F32 tensors, which can be trained. */
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** The weights that are stored otherwise, which cannot be trained. */
  readonly weights: ReadonlyMap<string, Weight>;
  /** The linear layers made so far. */
  readonly linears: Linear[] = [];
  /** The embeddings and the language model's head made so far, which are adapted only where they are named. */
  readonly outer: AdaptedLayer[] = [];
  /** The places made so far. */
  readonly places: Place[] = [];
  readonly #specs: ReadonlyMap<string, NamedParts>;

  /** Takes the tensors by name; `linears` says which parts the linear layers have. */
  constructor(tensors: StoredTensors, linears: readonly NamedParts[] = []) {
    const parameters: [string, Parameter][] = [], weights: [string, Weight][] = [];
    for (const [name, stored] of tensors) {
      if (stored instanceof Tensor) parameters.push([name, new Parameter(name, stored)]);
      else weights.push([name, stored]);
    }
    this.parameters = new Map(parameters);
    this.weights = new Map(weights);
    this.#specs = new Map(linears.map((spec) => [spec.name, spec]));
  }

  /** A parameter that the model must have. */
  parameter(name: string): Parameter {
    return this.parameters.get(name)!;
  }

  /** A matrix that the model must have, however it is stored. */
  weight(name: string): Weight {
    return this.weights.get(name) ?? new DenseWeight(this.parameter(name));
  }

  /** True if the model has a tensor of this name. */
  has(name: string): boolean {
    return this.parameters.has(name) || this.weights.has(name);
  }

  /** The linear layer of a module, with its bias if there is one. */
  linear(module: string): Linear {
    const { parts = {} } = this.#specs.get(module) ?? {};
    const bias = this.parameters.get(`${module}.bias`);
    const linear = new Linear(module, this.weight(`${module}.weight`), bias, parts);
    this.linears.push(linear);
    return linear;
  }

  /** The embedding of a module. */
  embedding(module: string): Embedding {
    const layer = new Embedding(module, this.weight(`${module}.weight`));
    this.outer.push(layer);
    return layer;
  }

  /**
   * The last layer of a language model's head.
   *
   * @param weight The tensor of its weight, which is an embedding's if the two are tied.
   * @param bias The tensor of its bias, if it has one.
   */
  output(module: string, weight: string, bias?: string): Linear {
    const own = this.weight(weight);
    const parts = { head: { start: 0, count: own.shape[0] } };
    const layer = new Linear(module, own, bias ? this.parameter(bias) : undefined, parts);
    this.outer.push(layer);
    return layer;
  }

  /** The layer norm of a module. */
  norm(module: string, epsilon: number): LayerNorm {
    const [weight, bias] = ["weight", "bias"].map((name) => this.parameter(`${module}.${name}`));
    return new LayerNorm(weight, bias, epsilon);
  }

  /** The RMS norm of a module. */
  rmsNorm(module: string, epsilon: number): RmsNorm {
    return new RmsNorm(this.parameter(`${module}.weight`), epsilon);
  }

  /** The place after the sublayer of a module. */
  place(module: string, width: number, sublayer: Sublayer): Place {
    const place = new Place(module, width, sublayer);
    this.places.push(place);
    return place;
  }

  /** The model's own tensors, not adapters' substitutes, with some replaced. */
  with(replaced: StoredTensors): StoredTensors {
    const own = [...this.parameters.values()].map(({ name, own }) => [name, own] as const);
    return new Map<string, Tensor | Weight>([...own, ...this.weights, ...replaced]);
  }
}

/** The transpose of a matrix. */
export function transpose({ shape, data }: HostTensor): HostTensor {
  const [rows, columns] = shape;
  const out = new (data.constructor as Float32ArrayConstructor)(data.length);
  transposeInto(out, { start: 0, data }, [rows, columns]);
  return { shape: [columns, rows], data: out };
}

/**
 * Writes a part of a matrix, several whole rows or a part of one, to its places in the transpose, in blocks that
 * stay in the cache.
 */
export function transposeInto(
  out: HostData,
  { start, data }: TensorPiece,
  [rows, columns]: Shape,
): void {
  const block = 32, first = Math.floor(start / columns), left = start % columns;
  const width = Math.min(columns, data.length), height = data.length / width;
  for (let top = 0; top < height; top += block) {
    for (let from = 0; from < width; from += block) {
      for (let row = top; row < Math.min(height, top + block); row++) {
        for (let column = from; column < Math.min(width, from + block); column++) {
          out[(left + column) * rows + first + row] = data[row * width + column];
        }
      }
    }
  }
}

/** A tensor's values, or its gradient, from a file's orientation to (out, in) or back. */
export function reorient({ storedTransposed }: TensorSpec, values: HostTensor): HostTensor {
  return storedTransposed ? transpose(values) : values;
}
