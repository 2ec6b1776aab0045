/** Digests of tensors: of a checkpoint's, and of what is frozen while the others are trained. @module */

import { sha256 } from "../core/digest.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { formatShape } from "../core/shape.ts";
import type { Trainer } from "./trainer.ts";

/** Digests of tensors by their names. */
export type TensorDigests = Readonly<Record<string, string>>;

/** A digest of a checkpoint: its state as text, and the name, shape, dtype and bytes of every tensor. */
export async function checkpointDigest(
  state: string,
  tensors: ReadonlyMap<string, HostTensor>,
): Promise<string> {
  const parts = [state];
  for (const name of [...tensors.keys()].sort()) {
    parts.push(name, await digestOf(tensors.get(name)!));
  }
  return await sha256(new TextEncoder().encode(JSON.stringify(parts)));
}

/**
 * Digests of everything in a trainer's model that is frozen. It is read once for each trainer.
 */
export function frozenDigests(trainer: Trainer<unknown>): Promise<TensorDigests> {
  const known = digests.get(trainer) ?? digestFrozen(trainer);
  digests.set(trainer, known);
  return known;
}

const digests = new WeakMap<Trainer<unknown>, Promise<TensorDigests>>();

async function digestFrozen({ model, optimizer }: Trainer<unknown>): Promise<TensorDigests> {
  const trained = new Set(optimizer.slots.map(({ parameter }) => parameter));
  const frozen = [...model.parameters?.values() ?? []].filter((one) => !trained.has(one));
  const found: Record<string, string> = {};
  let bytes = 0;
  const groups = Map.groupBy(frozen, ({ own }) => Math.floor((bytes += own.bytes) / readBytes));
  for (const group of groups.values()) {
    const values = await model.device.read(...group.map(({ own }) => own));
    for (const [i, { name }] of group.entries()) found[name] = await digestOf(values[i]);
  }
  for (const weight of model.weights?.values() ?? []) {
    using dense = weight.dense();
    found[weight.name] = await digestOf((await model.device.read(dense))[0]);
  }
  return found;
}

/** Bytes that are read at once: on a GPU every read waits, and on the host they take memory. */
const readBytes = 2 ** 26;

/** Dtype, shape and SHA-256 of the values as they are stored: codes in U32, all else in F32. */
async function digestOf({ shape, data }: HostTensor): Promise<string> {
  const isCodes = data instanceof Uint32Array;
  const { buffer, byteOffset, byteLength } = isCodes || data instanceof Float32Array
    ? data
    : Float32Array.from(data);
  const bytes = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  return `${isCodes ? "U32" : "F32"} ${formatShape(shape)} ${await sha256(bytes)}`;
}
