/** Products of the system's BLAS, which the host computes where it has one. */

let isThere: bool = false;

/** Tells this instance that the host has a BLAS. */
export function use_blas(): void {
  isThere = true;
}

// @ts-ignore: decorator
@inline export function hasBlas(): bool {
  return isThere;
}

/** C = alpha · opA opB + beta · C, row-major, with rows so many bytes apart. C is not read if beta is 0. */
// @ts-ignore: decorator
@external("env", "sgemm")
export declare function sgemm(
  transposeA: u32,
  transposeB: u32,
  m: u32,
  n: u32,
  k: u32,
  alpha: f32,
  a: usize,
  aRow: usize,
  b: usize,
  bRow: usize,
  beta: f32,
  c: usize,
  cRow: usize,
): void;
