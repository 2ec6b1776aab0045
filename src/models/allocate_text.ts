/** Models with all weights zero, to be filled. @module */

import type { HalfType } from "../../kernels/kernel.ts";
import type { Architecture } from "../architectures/architecture.ts";
import type { ConfigJson } from "../architectures/config_fields.ts";
import { architectureOf } from "../architectures/registry.ts";
import { HalfWeight, type Weight } from "../autograd/weight.ts";
import { mostTensorValues } from "../core/limits.ts";
import { formatShape, sizeOf } from "../core/shape.ts";
import { Arena } from "../device/arena.ts";
import type { Device, Tensor } from "../device/device.ts";
import { Scope } from "../device/scope.ts";
import type { TextModel, TextModelClass, TextModelOptions } from "./text_model.ts";

/** The tensors of a model that are stored in 16 bits, by name. */
export type HalfTypes = ReadonlyMap<string, HalfType>;

/**
 * A model with all weights zero, in one arena, to be filled; those in 16 bits are undefined until then.
 */
export function allocateText<Family extends TextModel>(
  Class: TextModelClass<Family>,
  device: Device,
  config: ConfigJson,
  options?: TextModelOptions,
  halves: HalfTypes = new Map(),
): Family {
  const { tensors, modelType } = architectureOf(config);
  assertSizes(tensors);
  using unfinished = new DisposableStack();
  const owner = unfinished.use(new Scope(device));
  const full = tensors.filter(({ name }) => !halves.has(name));
  const arena = owner.own(new Arena(device, full, "weight", `${modelType} weights`));
  const stored = tensors.map(({ name, shape }): [string, Tensor | Weight] => {
    const type = halves.get(name);
    if (!type) return [name, arena.view(name)];
    return [name, new HalfWeight(name, owner.allocate(shape, type, "weight", name))];
  });
  const model = new Class(device, config, new Map(stored), owner, options);
  unfinished.move();
  return model;
}

function assertSizes(tensors: Architecture["tensors"]): void {
  const large = tensors.find(({ shape }) => sizeOf(shape) > mostTensorValues);
  if (large === undefined) return;
  throw new RangeError(
    `a tensor of a model may have at most ${mostTensorValues} values, found ${large.name} of ${
      formatShape(large.shape)
    }`,
  );
}
