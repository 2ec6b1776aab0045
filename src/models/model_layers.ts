/** Building a model's layers from its tensors by name. @module */

import type { LinearSpec } from "../architectures/architecture.ts";
import { Parameter } from "../autograd/parameter.ts";
import { DenseWeight, type Weight } from "../autograd/weight.ts";
import { Tensor } from "../device/device.ts";
import { type AdaptedLayer, Embedding } from "../nn/embedding.ts";
import { LayerNorm } from "../nn/layer_norm.ts";
import { Linear } from "../nn/linear.ts";
import { Place, type Sublayer } from "../nn/place.ts";
import { RmsNorm } from "../nn/rms_norm.ts";

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

  /** Whether the model has a tensor of this name. */
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
