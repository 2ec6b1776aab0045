/** What a model's layers are built around: tensors as parameters, and weights stored in another form. @module */

import { Parameter } from "../autograd/parameter.ts";
import { DenseWeight, type Weight } from "../autograd/weight.ts";
import { Tensor } from "../device/device.ts";

/** Values by Hugging Face name: F32 tensors, and for linear layers' weights whatever stores them. */
export type StoredTensors = ReadonlyMap<string, Tensor | Weight>;

/** The tensors of one model. */
export class ModelTensors {
  /** Those in F32, which can be trained. */
  readonly parameters: ReadonlyMap<string, Parameter>;
  readonly #weights: ReadonlyMap<string, Weight>;

  /** Names each tensor. */
  constructor(tensors: StoredTensors) {
    const entries = [...tensors];
    this.parameters = new Map(
      entries.flatMap(([name, stored]) =>
        stored instanceof Tensor ? [[name, new Parameter(name, stored)]] : []
      ),
    );
    this.#weights = new Map(
      entries.flatMap(([name, stored]) => stored instanceof Tensor ? [] : [[name, stored]]),
    );
  }

  /** The weight of a linear layer. */
  readonly weightOf = (module: string): Weight => {
    const name = `${module}.weight`;
    return this.#weights.get(name) ?? new DenseWeight(this.parameters.get(name)!);
  };

  /** Its own tensors, adapters' stand-ins apart, with some replaced. */
  with(replaced: StoredTensors): StoredTensors {
    const own = [...this.parameters.values()].map(({ name, own }) => [name, own] as const);
    return new Map<string, Tensor | Weight>([...own, ...this.#weights, ...replaced]);
  }
}
