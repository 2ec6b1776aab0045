/** The tensors of a checkpoint: what is trained, its moments, and the best values so far. @module */

import { type HostTensor, nonFiniteAt } from "../core/host_tensor.ts";
import { formatShape, sameShape, type Shape } from "../core/shape.ts";
import type { Tensor } from "../device/device.ts";
import type { OptimizerSlot } from "./optimizer_layout.ts";
import type { Trainer } from "./trainer.ts";

/** Values by their names in a checkpoint's file. */
export type CheckpointTensors = ReadonlyMap<string, HostTensor>;

/** The values of a trainer, those at its lowest held-out loss included; `what` begins errors. */
export async function readTensors(
  what: string,
  trainer: Trainer<unknown>,
): Promise<Map<string, HostTensor>> {
  const tensors = tensorsOf(trainer), names = [...tensors.keys()];
  const values = await trainer.model.device.read(...tensors.values());
  values.forEach(({ data }, i) => {
    const at = nonFiniteAt(data);
    if (at >= 0) {
      throw new RangeError(`${what} needs finite values, found ${data[at]} in ${names[i]}`);
    }
  });
  const { bestValues } = trainer.heldOut, best = bestNames(trainer);
  return new Map([
    ...names.map((name, i) => [name, values[i]] as const),
    ...bestValues.map((tensor, i) => [best[i], tensor] as const),
  ]);
}

/** Throws unless a file has every tensor of a trainer in its shape, and no others. */
export function assertSameTensors(
  what: string,
  found: CheckpointTensors,
  trainer: Trainer<unknown>,
  hasBest: boolean,
): void {
  const fail = (name: string, found: string) => {
    throw new RangeError(`${what} needs the same parameters, found ${name} ${found}`);
  };
  const expected = shapesOf(trainer, hasBest);
  for (const [name, shape] of expected) {
    const entry = found.get(name);
    if (!entry) return fail(name, "missing");
    if (!sameShape(entry.shape, shape)) {
      return fail(name, `${formatShape(entry.shape)} for ${formatShape(shape)}`);
    }
  }
  for (const name of found.keys()) if (!expected.has(name)) fail(name, "in the file only");
}

/** Writes a checkpoint's values to a trainer that they fit. */
export function restoreTensors(tensors: CheckpointTensors, trainer: Trainer<unknown>): void {
  for (const [name, tensor] of tensorsOf(trainer)) {
    tensor.device.write(tensor, tensors.get(name)!.data);
  }
  const best = bestNames(trainer).flatMap((name) => tensors.get(name) ?? []);
  trainer.heldOut.bestValues = best;
}

function shapesOf(trainer: Trainer<unknown>, hasBest: boolean): Map<string, Shape> {
  const best = bestNames(trainer), { slots } = trainer.optimizer;
  return new Map([
    ...[...tensorsOf(trainer)].map(([name, { shape }]) => [name, shape] as const),
    ...hasBest ? slots.map(({ parameter }, i) => [best[i], parameter.tensor.shape] as const) : [],
  ]);
}

/** The tensors of a trainer by their names in the file. */
function tensorsOf(trainer: Trainer<unknown>): Map<string, Tensor> {
  return new Map(
    namedSlots(trainer).flatMap(([name, { parameter, first, second, scales }]) => [
      [`parameter.${name}`, parameter.tensor] as const,
      [`first.${name}`, first] as const,
      [`second.${name}`, second] as const,
      ...scales
        ? [
          [`firstScales.${name}`, scales.first] as const,
          [`secondScales.${name}`, scales.second] as const,
        ]
        : [],
    ]),
  );
}

const bestNames = (trainer: Trainer<unknown>): string[] =>
  namedSlots(trainer).map(([name]) => `best.${name}`);

function namedSlots({ optimizer: { slots } }: Trainer<unknown>): [string, OptimizerSlot][] {
  const seen = new Map<string, number>();
  return slots.map((slot) => {
    const { parameter: { name } } = slot, count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    // Two adapters on one site have the same names.
    return [count === 1 ? name : `${name}#${count}`, slot];
  });
}
