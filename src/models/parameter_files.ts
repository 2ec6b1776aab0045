/** Parameters of any model to and from a safetensors file, under their own names and as they lie. @module */

import { join } from "node:path";
import { assertShape } from "../core/shape.ts";
import { type FloatDtype, openSafetensors, writeSafetensors } from "../formats/mod.ts";
import type { Model } from "./model.ts";

const fileName = "model.safetensors";

/** Writes `model.safetensors` in a folder that exists. */
export async function saveParameters(
  { device, parameters }: Model,
  folder: string,
  dtype: FloatDtype = "F32",
): Promise<void> {
  const values = await device.read(...[...parameters.values()].map(({ tensor }) => tensor));
  const entries = [...parameters.keys()].map((name, i) => [name, values[i]] as const);
  await writeSafetensors(join(folder, fileName), entries, { dtype });
}

/**
 * Reads every parameter of a model from a folder that {@link saveParameters} wrote.
 *
 * @throws {RangeError} when the file lacks a parameter.
 * @throws {ShapeError} when one is of another shape.
 */
export async function loadParameters(
  { device, parameters }: Model,
  folder: string,
): Promise<void> {
  using file = await openSafetensors(folder);
  for (const [name, { tensor }] of parameters) {
    const values = await file.read(name);
    assertShape(name, values.shape, tensor.shape);
    device.write(tensor, values.data);
  }
}
