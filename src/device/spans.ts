/**
 * Contiguous spans: adjacent tensors of one buffer as one, and tensors cut into pieces that kernels can
 * bind.
 *
 * @module
 */

import { elementBytes } from "../../kernels/kernel.ts";
import { squaresChunk } from "../../kernels/reduce/kernel.ts";
import { cutRange, type RowRange } from "../core/row_range.ts";
import { Tensor } from "./device.ts";

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
