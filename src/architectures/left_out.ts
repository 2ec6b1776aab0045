/** The layers in which a method leaves something out. @module */

import { howMany } from "../core/how_many.ts";
import { quote } from "../core/quote.ts";

/**
 * Throws unless layers can have no bottleneck.
 *
 * @param leaveOut The layers without one, from 0.
 * @param layers Number of layers of the model.
 * @param variant Of which form they are: `drop` leaves out the lowest layers.
 * @throws {RangeError} when a layer does not exist, none would have a bottleneck, or `drop` leaves out none or
 * others than the lowest.
 */
export function assertLeftOut(leaveOut: readonly number[], layers: number, variant: string): void {
  const isLayer = (layer: unknown) =>
    Number.isInteger(layer) && 0 <= Number(layer) && Number(layer) < layers;
  if (!(Array.isArray(leaveOut) && leaveOut.every(isLayer))) {
    throw new RangeError(
      `leaveOut must list layers of the model's ${layers}, from 0, found ${quote(leaveOut)}`,
    );
  }
  if (new Set(leaveOut).size === layers) {
    throw new RangeError(
      `leaveOut must leave a layer with a bottleneck, found all ${
        howMany(layers, "layer")
      } left out`,
    );
  }
  if (variant === "drop" && !areLowest(leaveOut)) {
    throw new RangeError(
      `drop needs the lowest layers in leaveOut, such as [0, 1], found ${quote(leaveOut)}`,
    );
  }
}

/** Whether layers are the lowest one or more. */
export function areLowest(layers: readonly number[]): boolean {
  const distinct = new Set(layers);
  return distinct.size > 0 && [...distinct].every((layer) => layer < distinct.size);
}
