/** Models with all weights zero, to be filled. @module */

import type { Architecture } from "../architectures/architecture.ts";
import type { ConfigJson } from "../architectures/config_fields.ts";
import { architectureOf } from "../architectures/registry.ts";
import type { Weight } from "../autograd/weight.ts";
import { mostTensorValues } from "../core/limits.ts";
import { formatShape, sizeOf } from "../core/tensor.ts";
import { Arena, Scope } from "../device/arena.ts";
import type { Device, Tensor } from "../device/device.ts";
import { storageFormOf } from "./storage/forms.ts";
import type { StoredForms } from "./stored_forms.ts";
import type { TextModelClass, TextModelOptions } from "./model.ts";
import type { TextModel } from "./text_model.ts";

/**
 * A model with all weights zero, in one arena, to be filled; those that are not in F32 are undefined until then.
 */
export function allocateText<Family extends TextModel>(
  Class: TextModelClass<Family>,
  device: Device,
  config: ConfigJson,
  options?: TextModelOptions,
  forms: StoredForms = new Map(),
): Family {
  const { tensors, modelType } = architectureOf(config);
  assertSizes(tensors);
  using unfinished = new DisposableStack();
  const owner = unfinished.use(new Scope(device));
  const full = tensors.filter(({ name }) => !forms.has(name));
  const arena = owner.own(new Arena(device, full, "weight", `${modelType} weights`));
  const stored = tensors.map((spec): [string, Tensor | Weight] => {
    const form = forms.get(spec.name);
    const weight = form && storageFormOf(form).allocate(owner, spec, form);
    return [spec.name, weight ?? arena.view(spec.name)];
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
