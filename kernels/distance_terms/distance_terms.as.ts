/**
 * distance_terms_forward and distance_terms_backward; shapes and formulas are in kernel.ts. A unit is a head
 * of a token, (b · time + t) · heads + h. Pointers are addresses in bytes.
 */

import { bytesOf } from "../simd/vector.as";

/** y[unit, j] = x[unit, j] + the term that the query, or with `ofKey` key j, has for their distance. */
export function distance_terms_forward(
  x: usize,
  terms: usize,
  bucketOf: usize,
  y: usize,
  _batch: u32,
  heads: u32,
  time: u32,
  buckets: u32,
  ofKey: u32,
  begin: u32,
  end: u32,
): void {
  const bytes = bytesOf(time), row = bytesOf(buckets);
  const step = bytesOf(ofKey ? heads * buckets : 0); // from the terms of key j to those of key j + 1
  for (let unit: usize = begin; unit < end; unit++) {
    const i = unit / heads % time, from = x + unit * bytes, to = y + unit * bytes;
    let owner = terms + (ofKey ? unit - i * heads : unit) * row;
    let bucket = bucketOf + (i + time - 1) * 4; // of key 0, at distance i; then of key 1, at i - 1, …
    for (let at: usize = 0; at < bytes; at += 4, owner += step, bucket -= 4) {
      const term = load<f32>(owner + bytesOf(load<u32>(bucket)));
      store<f32>(to + at, load<f32>(from + at) + term);
    }
  }
}

/** dTerms[unit, bucket] += Σ dy over the pairs of the unit's token whose distance is in the bucket. */
export function distance_terms_backward(
  dy: usize,
  starts: usize,
  dTerms: usize,
  _batch: u32,
  heads: u32,
  time: u32,
  buckets: u32,
  ofKey: u32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  const row = bytesOf(buckets);
  for (let unit: usize = begin; unit < end; unit++) {
    const t = <u32>(unit / heads % time);
    const first = unit - t * heads; // the same head of the sequence's first token
    const to = dTerms + unit * row;
    for (let bucket: usize = 0; bucket < buckets; bucket++) {
      const start = load<u32>(starts + bucket * 4), past = load<u32>(starts + bucket * 4, 4);
      let sum: f32 = accumulate ? load<f32>(to + bucket * 4) : 0;
      for (let p = start; p < past; p++) {
        // p - (time - 1) is i - j. A place below 0 wraps to one past the end of the sequence.
        const other = ofKey ? t + p - (time - 1) : t + time - 1 - p;
        if (other >= time) continue;
        const i: usize = ofKey ? other : t, j: usize = ofKey ? t : other;
        sum += load<f32>(dy + ((first + i * heads) * time + j) * 4);
      }
      store<f32>(to + bucket * 4, sum);
    }
  }
}
