/**
 * Contiguous spans: adjacent tensors of one buffer as one, and tensors cut into pieces that kernels can
 * bind.
 *
 * @module
 */

import { elementBytes } from "../../kernels/kernel.ts";
import { squaresChunk } from "../../kernels/reduce/kernel.ts";
import { cutRange, type RowRange } from "../core/update.ts";
import { type Storage, Tensor } from "./device.ts";

/** A part of a tensor that one kernel may bind. */
export interface Piece {
  /** First element within the tensor. */
  readonly start: number;
  /** Number of elements. */
  readonly size: number;
}

/** Byte offsets of at most this many 4-byte elements fit into the 32 bits that kernels count with. */
const mostElements = 2 ** 30;

/** One tensor that covers several consecutive ones of the same storage, including the gaps between them. */
export function spanOver(tensors: readonly Tensor[]): Tensor {
  const first = tensors[0], last = tensors[tensors.length - 1];
  const size = last.offset + last.size - first.offset;
  return new Tensor(first.device, [size], first.type, first.storage, first.offset, false);
}

/** Items by the places of their tensors: buffers in the order of their first tensors, then offsets. */
export function inMemoryOrder<T extends { readonly tensor: Tensor }>(items: readonly T[]): T[] {
  const storages = new Map<Storage, number>();
  for (const { tensor } of items) {
    if (!storages.has(tensor.storage)) storages.set(tensor.storage, storages.size);
  }
  const place = ({ tensor }: T) => storages.get(tensor.storage)!;
  return [...items].sort((a, b) => place(a) - place(b) || a.tensor.offset - b.tensor.offset);
}

/** Two tensors of the same size. */
export type TensorPair = readonly [Tensor, Tensor];

/**
 * The same pairs as few pairs of spans: pairs that are neighbors on both sides, apart from the same padding, become
 * one.
 */
export function joinPairs(pairs: readonly TensorPair[]): TensorPair[] {
  const chunks: TensorPair[][] = [];
  for (const pair of pairs) {
    const chunk = chunks.at(-1);
    if (chunk && areNeighbors(chunk.at(-1)!, pair)) chunk.push(pair);
    else chunks.push([pair]);
  }
  return chunks.map((chunk) => [
    spanOver(chunk.map(([one]) => one)),
    spanOver(chunk.map(([, other]) => other)),
  ]);
}

/** Tensors of an arena begin at multiples of 256 bytes. */
function areNeighbors(before: TensorPair, after: TensorPair): boolean {
  const distances = before.map(({ storage, offset, size }, i) => {
    const next = after[i], distance = next.offset - offset;
    return next.storage === storage && distance >= size && distance < size + 64 ? distance : 0;
  });
  return distances[0] > 0 && distances[0] === distances[1];
}

/**
 * Cuts a tensor into as few pieces as the device's binding limit allows. Cuts fall between the chunks of
 * `sumSquares`, so that a norm has the same bits however the tensor is cut.
 */
export function piecesOf({ size, type, device }: Tensor): Piece[] {
  const most = Math.min(device.maxBindingBytes / elementBytes(type), mostElements);
  const limit = Math.floor(most / squaresChunk) * squaresChunk;
  const starts = Array.from({ length: Math.ceil(size / limit) }, (_, i) => i * limit);
  return starts.map((start) => ({ start, size: Math.min(limit, size - start) }));
}

/** Cuts a matrix into as few blocks of rows as the device's binding limit allows. */
export function rowPiecesOf({ shape: [rows, width], type, device }: Tensor): RowRange[] {
  const bytes = elementBytes(type), limit = device.maxBindingBytes / bytes / width;
  // Every 64th row, in 16 bits every 128th, starts at a multiple of 256 bytes, both in the matrix and in
  // vectors with one value per row.
  const step = 256 / bytes,
    most = limit >= rows ? rows : Math.max(1, Math.floor(limit / step)) * step;
  return cutRange(rows, most);
}
