/** Tensors of a model as its files hold them. @module */

import type { HostTensor } from "../core/host_tensor.ts";
import { tensorPrefix } from "../formats/adapter_weights.ts";
import type { Model } from "../models/model.ts";
import { reorient } from "../models/transpose.ts";

/**
 * Turns the matrices that a model's files, and so PEFT's adapters, hold as (in, out): the weights of GPT-2's Conv1D
 * layers. It is its own inverse; names may have PEFT's prefix.
 */
export function inFileOrder(
  { architecture }: Model,
  tensors: ReadonlyMap<string, HostTensor>,
): Map<string, HostTensor> {
  const specs = new Map(architecture?.tensors.map((spec) => [spec.name, spec]));
  return new Map(
    Array.from(tensors, ([name, values]) => {
      const spec = specs.get(
        name.startsWith(tensorPrefix) ? name.slice(tensorPrefix.length) : name,
      );
      return [name, spec && values.shape.length === 2 ? reorient(spec, values) : values] as const;
    }),
  );
}
