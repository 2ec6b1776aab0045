/** damped_inverse. */

import { bytesOf } from "../simd/vector.as";

export function damped_inverse(
  matrix: usize,
  size: u32,
  damping: f32,
  _begin: u32,
  _end: u32,
): void {
  for (let k: u32 = 0; k < size; k++) {
    const diagonal = matrix + bytesOf(k * size + k);
    store<f32>(diagonal, load<f32>(diagonal) + damping);
  }
  for (let k: u32 = 0; k < size; k++) eliminate(matrix, size, k);
}

function eliminate(matrix: usize, size: u32, k: u32): void {
  const row = matrix + bytesOf(k * size);
  const inverse: f32 = 1 / load<f32>(row + bytesOf(k));
  for (let j: u32 = 0; j < size; j++) {
    if (j != k) store<f32>(row + bytesOf(j), load<f32>(row + bytesOf(j)) * inverse);
  }
  for (let i: u32 = 0; i < size; i++) {
    if (i == k) continue;
    const other = matrix + bytesOf(i * size), factor = load<f32>(other + bytesOf(k));
    for (let j: u32 = 0; j < size; j++) {
      if (j == k) continue;
      const at = other + bytesOf(j);
      store<f32>(at, load<f32>(at) - factor * load<f32>(row + bytesOf(j)));
    }
    store<f32>(other + bytesOf(k), -factor * inverse);
  }
  store<f32>(row + bytesOf(k), inverse);
}
