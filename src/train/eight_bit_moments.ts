/** Moments in 8 bits: which parameters have them, and how they are updated. @module */

import { adamwEightBit, momentBlock } from "../../kernels/adamw/kernel.ts";
import { cutRange } from "../core/update.ts";
import type { Scalars, Tensor } from "../device/device.ts";
import type { Scope } from "../device/arena.ts";
import { dynamicMap } from "../quant/quantized_tensor.ts";
import { roundingTo } from "../quant/quantize.ts";
import type { EightBitSlot } from "./optimizer_layout.ts";

/** A parameter of fewer values keeps its moments in F32, as in bitsandbytes (`min_8bit_size`). */
export const leastEightBit = 4096;

/** Parts of a parameter begin at such values: there the views of its scales are aligned to 256 bytes. */
const alignedValues = 64 * momentBlock;

/** Factors of a step of AdamW. */
export type StepScalars = Omit<Scalars<typeof adamwEightBit>, "size">;

/** Updates parameters whose moments are in 8 bits, each by a launch of its own: its blocks begin with it. */
export class EightBitUpdates {
  readonly #slots: readonly EightBitSlot[];
  readonly #maps: Tensor | undefined;

  /** Allocates the maps, which `scope` owns: 4 KiB of role `scratch`, if there are such parameters. */
  constructor(scope: Scope, slots: readonly EightBitSlot[]) {
    this.#slots = slots;
    this.#maps = slots.length > 0 ? mapsIn(scope) : undefined;
  }

  /** Steps all of them, those of a group with its scalars. */
  update(norm: Tensor, scalarsOf: (group: number) => StepScalars): void {
    for (const slot of this.#slots) {
      for (const { start, count: size } of cutRange(slot.gradient.size, mostValues(slot))) {
        const part = (tensor: Tensor, values: number) =>
          tensor.view([Math.ceil(size / values)], start / values);
        norm.device.launch(adamwEightBit, {
          parameter: part(slot.parameter.tensor, 1),
          gradient: part(slot.gradient, 1),
          first: part(slot.first, 4),
          second: part(slot.second, 4),
          firstScales: part(slot.scales.first, momentBlock),
          secondScales: part(slot.scales.second, momentBlock),
          maps: this.#maps!,
          norm,
        }, { size, ...scalarsOf(slot.group) });
      }
    }
  }
}

/** As many as the device binds, and kernels count bytes of with 32 bits. */
function mostValues({ gradient: { device } }: EightBitSlot): number {
  const most = Math.min(device.maxBindingBytes / 4, 2 ** 30);
  return Math.floor(most / alignedValues) * alignedValues;
}

/** The values of the signed and the unsigned map, each with the middles between them. */
function mapsIn(scope: Scope): Tensor {
  const maps = scope.allocate([4, 256], "f32", "scratch", "maps of moments in 8 bits");
  const rows = [dynamicMap(), dynamicMap(false)].flatMap((map) => [
    ...map,
    ...roundingTo(map).bounds,
    Infinity, // A map has one middle fewer than values.
  ]);
  scope.device.write(maps, Float32Array.from(rows));
  return maps;
}
