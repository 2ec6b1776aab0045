/** Digests of tensors: of a checkpoint's, and of what is frozen while the others are trained. @module */

import { sha256 } from "../core/digest.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { formatShape } from "../core/shape.ts";
import type { Tensor } from "../device/device.ts";
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
 * Digests of everything in a trainer's model that is frozen. It is read once for each trainer, one tensor
 * at a time.
 */
export function frozenDigests(trainer: Trainer<unknown>): Promise<TensorDigests> {
  const known = digests.get(trainer) ?? digestFrozen(trainer);
  digests.set(trainer, known);
  return known;
}

const digests = new WeakMap<Trainer<unknown>, Promise<TensorDigests>>();

async function digestFrozen({ model, optimizer }: Trainer<unknown>): Promise<TensorDigests> {
  const trained = new Set(optimizer.slots.map(({ parameter }) => parameter));
  const found: Record<string, string> = {};
  const add = async (name: string, tensor: Tensor) => {
    found[name] = await digestOf((await model.device.read(tensor))[0]);
  };
  for (const parameter of model.parameters?.values() ?? []) {
    if (!trained.has(parameter)) await add(parameter.name, parameter.own);
  }
  for (const { weight } of model.linears ?? []) {
    if (weight.parameter) continue; // It is among the parameters.
    using dense = weight.dense();
    await add(weight.name, dense);
  }
  return found;
}

/** Dtype, shape and SHA-256 of the values, in F32 as they are stored. */
async function digestOf({ shape, data }: HostTensor): Promise<string> {
  const { buffer, byteOffset, byteLength } = data instanceof Float32Array
    ? data
    : Float32Array.from(data);
  const bytes = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  return `F32 ${formatShape(shape)} ${await sha256(bytes)}`;
}
