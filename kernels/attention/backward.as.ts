/** attention_backward. */

import { expRange } from "../simd/exponential.as";
import { scratch } from "../simd/scratch.as";
import { bytesOf, loadUntil, madd, splat, sumLanes, VECTOR, zero } from "../simd/vector.as";
import { backwardByBlas, isForBlas } from "./blas.as";
import { firstRow, headOf, rowsOf, sequenceOf } from "./sequences.as";
import { hideWeights } from "./softmax.as";
import {
  LANES,
  packColumns,
  packRows,
  padded,
  product,
  ROW,
  transposeBlock,
  writeColumns,
} from "./panels.as";
import { backwardTile } from "./tiles.as";

export function attention_backward(
  qkv: usize,
  mask: usize,
  starts: usize,
  out: usize,
  logSumExp: usize,
  dOut: usize,
  delta: usize,
  dQkv: usize,
  batch: u32,
  heads: u32,
  headWidth: u32,
  time: u32,
  scale: f32,
  causal: u32,
  hasMask: u32,
  packedRows: u32,
  begin: u32,
  end: u32,
): void {
  const width = bytesOf(heads * headWidth), packed = packedRows ? starts : 0;
  for (let unit = begin; unit < end; unit++) {
    const b = sequenceOf(unit, packed, batch, heads), h = headOf(unit, packed, batch, heads);
    const first = firstRow(packed, b, time), length = rowsOf(packed, b, time);
    const rows = <usize>first * width, statistics = bytesOf(first * heads + h * length);
    const column = bytesOf(h * headWidth), outAt = rows + column, at: usize = 3 * rows + column;
    headDeltas(dOut + outAt, out + outAt, delta + statistics, headWidth, length, width);
    backwardHead(
      qkv + at,
      hasMask ? mask + bytesOf(b * time) : 0,
      logSumExp + statistics,
      dOut + outAt,
      delta + statistics,
      dQkv + at,
      width,
      headWidth,
      length,
      causal,
      scale,
    );
  }
}

/** δ_i = dOut_i · out_i. */
function headDeltas(
  dOut: usize,
  out: usize,
  delta: usize,
  headWidth: u32,
  time: u32,
  width: usize,
): void {
  const bytes = bytesOf(headWidth);
  for (let i: u32 = 0; i < time; i++, dOut += width, out += width, delta += 4) {
    let sum = zero();
    for (let at: usize = 0; at < bytes; at += VECTOR) {
      sum = madd(loadUntil(dOut + bytes, dOut + at), loadUntil(out + bytes, out + at), sum);
    }
    store<f32>(delta, sumLanes(sum));
  }
}

/** Address of one of a head's operands or results. */
// @ts-ignore: decorator
@inline function operand(index: u32, headWidth: u32): usize {
  return scratch(<usize>index * bytesOf(backwardTile(headWidth) * padded(headWidth)));
}

// Of a tile of keys: packed keys and values, and their gradients.
const KEYS: u32 = 0, VALUES: u32 = 1, KEY_COLUMNS: u32 = 2, D_KEYS: u32 = 3, D_VALUES: u32 = 4;
// Of a tile of queries: packed queries and gradients of outputs.
const QUERIES: u32 = 5, D_OUT: u32 = 6, QUERY_COLUMNS: u32 = 7, D_OUT_COLUMNS: u32 = 8;
// The gradients of all scores with a panel of 8 queries as columns, those of 8 keys as columns, …
const SCORES: u32 = 9;

function backwardHead(
  qkv: usize,
  mask: usize,
  logSumExp: usize,
  dOut: usize,
  delta: usize,
  dQkv: usize,
  width: usize,
  headWidth: u32,
  time: u32,
  causal: u32,
  scale: f32,
): void {
  if (isForBlas(time, time, headWidth)) {
    backwardByBlas(qkv, mask, logSumExp, dOut, delta, dQkv, width, headWidth, time, causal, scale);
    return;
  }
  const most = backwardTile(headWidth), row: usize = 3 * width;
  const dKeys = operand(D_KEYS, headWidth), dValues = operand(D_VALUES, headWidth);
  for (let key: u32 = 0; key < time; key += most) {
    const tile = min(most, time - key), k = qkv + width + <usize>key * row;
    packRows(LANES, operand(KEYS, headWidth), k, row, tile, headWidth, scale);
    packRows(LANES, operand(VALUES, headWidth), k + width, row, tile, headWidth, 1);
    packColumns(operand(KEY_COLUMNS, headWidth), k, row, tile, headWidth);
    memory.fill(dKeys, 0, 2 * (dValues - dKeys));
    const maskAt = mask ? mask + bytesOf(key) : 0;
    for (let query = causal ? key : 0; query < time; query += most) {
      const count = min(most, time - query), at = bytesOf(query);
      const q = qkv + <usize>query * row, d = dOut + <usize>query * width;
      packRows(4, operand(QUERIES, headWidth), q, row, count, headWidth, 1);
      packRows(4, operand(D_OUT, headWidth), d, width, count, headWidth, 1);
      packColumns(operand(QUERY_COLUMNS, headWidth), q, row, count, headWidth);
      packColumns(operand(D_OUT_COLUMNS, headWidth), d, width, count, headWidth);
      const diagonal = causal && query == key ? 1 : 0;
      for (let panel: u32 = 0; panel < tile; panel += LANES) {
        const hidden = maskAt ? maskAt + bytesOf(panel) : 0;
        keyPanel(panel, tile, count, headWidth, diagonal, hidden, logSumExp + at, delta + at);
      }
      const dq = dQkv + <usize>query * row;
      queryGradients(dq, row, tile, count, headWidth, diagonal, scale, key > 0 ? 1 : 0);
    }
    writePanels(dQkv + width + <usize>key * row, row, dKeys, tile, headWidth, scale);
    writePanels(dQkv + 2 * width + <usize>key * row, row, dValues, tile, headWidth, 1);
  }
}

/**
 * 8 keys and all queries of a tile that see them: p, ds / scale, and what they add to the keys' and the
 * values' gradients.
 */
function keyPanel(
  key: u32,
  tile: u32,
  count: u32,
  headWidth: u32,
  diagonal: u32,
  mask: usize,
  logSumExp: usize,
  delta: usize,
): void {
  const first = diagonal ? key : 0, rows = count - first, step: usize = 16 * padded(headWidth);
  const transposed = operand(SCORES, headWidth), most: usize = backwardTile(headWidth);
  const p = transposed + 4 * most * most, ds = p + ROW * (most + LANES);
  const panel = <usize>(first / 4) * step, keyPanel = bytesOf(key * padded(headWidth));
  const k = operand(KEYS, headWidth) + keyPanel, v = operand(VALUES, headWidth) + keyPanel;
  const lse = logSumExp + bytesOf(first), deltas = delta + bytesOf(first);
  product(rows, headWidth, operand(QUERIES, headWidth) + panel, step, k, p, 0, lse);
  product(rows, headWidth, operand(D_OUT, headWidth) + panel, step, v, ds, 0, deltas);
  expRange(p, p, LANES * rows, 0);
  hideWeights(p, rows, diagonal, mask);
  multiply(ds, p, rows);
  const dKey = operand(D_KEYS, headWidth) + keyPanel, dValue = operand(D_VALUES, headWidth) + keyPanel;
  const from: usize = 16 * first;
  product(headWidth, rows, operand(QUERY_COLUMNS, headWidth) + from, 16 * count, ds, dKey, 1, 0);
  product(headWidth, rows, operand(D_OUT_COLUMNS, headWidth) + from, 16 * count, p, dValue, 1, 0);
  for (let row: u32 = 0; row < rows; row += LANES) {
    const to = transposed + 4 * most * <usize>(first + row) + ROW * <usize>key;
    transposeBlock(to, ds + ROW * <usize>row);
  }
}

/** ds *= p. */
function multiply(ds: usize, p: usize, rows: u32): void {
  for (const last = p + ROW * <usize>rows; p < last; p += VECTOR, ds += VECTOR) {
    v128.store(ds, f32x4.mul(v128.load(ds), v128.load(p)));
  }
}

/** dq += scale Σ ds k. */
function queryGradients(
  dq: usize,
  row: usize,
  tile: u32,
  count: u32,
  headWidth: u32,
  diagonal: u32,
  scale: f32,
  accumulate: u32,
): void {
  const transposed = operand(SCORES, headWidth), most: usize = backwardTile(headWidth);
  const factor = splat(scale), result = transposed + 4 * most * most, k = operand(KEY_COLUMNS, headWidth);
  for (let query: u32 = 0; query < count; query += LANES) {
    const seen = diagonal ? min(tile, query + LANES) : tile;
    product(headWidth, seen, k, 16 * tile, transposed + 4 * most * query, result, 0, 0);
    const to = dq + <usize>query * row;
    writeColumns(to, row, result, headWidth, min(LANES, count - query), factor, factor, accumulate);
  }
}

function writePanels(to: usize, row: usize, panels: usize, tile: u32, headWidth: u32, scale: f32): void {
  const factor = splat(scale);
  for (let key: u32 = 0; key < tile; key += LANES) {
    const from = panels + bytesOf(key * padded(headWidth));
    writeColumns(to + <usize>key * row, row, from, headWidth, min(LANES, tile - key), factor, factor, 0);
  }
}
