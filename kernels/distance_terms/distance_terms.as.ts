/** distance_terms_forward and distance_terms_backward. A unit is a head of a token. */

import { bytesOf } from "../simd/vector.as";

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
  const bytes = bytesOf(time), row = bytesOf(buckets), step = bytesOf(ofKey ? heads * buckets : 0);
  for (let unit: usize = begin; unit < end; unit++) {
    const i = unit / heads % time, from = x + unit * bytes, to = y + unit * bytes;
    let owner = terms + (ofKey ? unit - i * heads : unit) * row;
    let bucket = bucketOf + (i + time - 1) * 4; // of the key at distance i, then i - 1, …
    for (let at: usize = 0; at < bytes; at += 4, owner += step, bucket -= 4) {
      const term = load<f32>(owner + bytesOf(load<u32>(bucket)));
      store<f32>(to + at, load<f32>(from + at) + term);
    }
  }
}

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
    const t = <u32>(unit / heads % time), head = unit - t * heads;
    const to = dTerms + unit * row;
    for (let bucket: usize = 0; bucket < buckets; bucket++) {
      const first = load<u32>(starts + bucket * 4), last = load<u32>(starts + bucket * 4, 4);
      let sum: f32 = accumulate ? load<f32>(to + bucket * 4) : 0;
      for (let p = first; p < last; p++) {
        // Below 0 they wrap, which is past the end too.
        const other = ofKey ? t + p - (time - 1) : t + time - 1 - p;
        if (other >= time) continue;
        const i: usize = ofKey ? other : t, j: usize = ofKey ? t : other;
        sum += load<f32>(dy + ((head + i * heads) * time + j) * 4);
      }
      store<f32>(to + bucket * 4, sum);
    }
  }
}
