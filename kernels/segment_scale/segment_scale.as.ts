/** segment_scale. */

import { bytesOf, madd, storeUntil, VECTOR } from "../simd/vector.as";

/** Bytes of a piece. */
const PIECE: usize = 12;

/** A unit is a row of y. */
export function segment_scale(
  pieces: usize,
  places: usize,
  vectors: usize,
  y: usize,
  rows: u32,
  time: u32,
  pieceCount: u32,
  _groups: u32,
  width: u32,
  begin: u32,
  end: u32,
): void {
  const last = pieces + <usize>pieceCount * PIECE, bytes = bytesOf(width);
  for (let piece = pieces; piece < last; piece += PIECE) {
    const before = load<u32>(piece) * time, place = load<u32>(places + bytesOf(load<u32>(piece, 8)));
    const after = (piece + PIECE < last ? load<u32>(piece + PIECE) : rows) * time;
    const low = max(begin, before), high = min(end, after);
    if (place == 0 || low >= high) continue;
    const scale = vectors + bytesOf(place - 1), shift = scale + bytes;
    const row: usize = load<u32>(piece, 4) * time + low - before;
    for (let to = y + row * bytes, stop = to + <usize>(high - low) * bytes; to < stop; to += bytes) {
      for (let at: usize = 0; at < bytes; at += VECTOR) {
        const value = madd(v128.load(to + at), v128.load(scale + at), v128.load(shift + at));
        storeUntil(to + bytes, to + at, value);
      }
    }
  }
}
