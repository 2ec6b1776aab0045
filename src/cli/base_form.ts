/** How a base is stored, and what it must be for the start of an adapter. @module */

import { openSafetensors, quantizedNames } from "../formats/mod.ts";
import type { MethodSpec } from "../runs/mod.ts";
import type { BaseDtypeOption } from "./arguments.ts";

/** Whether a folder has weights in 4 bits. */
export async function isInFourBits(folder: string): Promise<boolean> {
  using file = await openSafetensors(folder);
  return quantizedNames(file.tensors).length > 0;
}

/**
 * Refuses LoftQ where the floats are not at hand, or nothing is taken from them.
 *
 * @throws {RangeError} when the folder is in 4 bits already, or the base is not to be quantized.
 */
export async function assertStart(
  { model, baseDtype }: BaseDtypeOption & { readonly model: string },
  method: MethodSpec,
): Promise<void> {
  if (method.kind !== "lora" || method.init !== "loftq") return;
  if (await isInFourBits(model)) {
    throw new RangeError(
      `LoftQ needs the floats that a base was quantized from, found weights in 4 bits in ${model}: ` +
        "give the folder that it was made from, with --base-dtype nf4",
    );
  }
  if (baseDtype === "nf4" || baseDtype === "fp4") return;
  throw new RangeError(
    `LoftQ needs a base that is quantized: use --base-dtype nf4 or fp4, found ${
      baseDtype ?? "f32, the default"
    }`,
  );
}
