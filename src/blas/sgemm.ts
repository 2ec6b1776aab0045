/** One thread's part of a matrix product. @module */

/** `cblas_sgemm` as Deno's FFI provides it. */
export type Sgemm = (
  order: number,
  opA: number,
  opB: number,
  m: number,
  n: number,
  k: number,
  alpha: number,
  a: bigint,
  aStride: number,
  b: bigint,
  bStride: number,
  beta: number,
  c: bigint,
  cStride: number,
) => void;

/**
 * The part from `begin` to `end` of C = alpha · opA opB + beta · C, row-major: columns if C is wider
 * than high, else rows. Its arguments, all numbers, are transposeA, transposeB, m, n, k, alpha, a,
 * aStride, b, bStride, beta, c, cStride, begin, end; a, b and c are addresses in the process.
 *
 * Its source text is sent to the CPU device's workers, so it must not use anything outside itself.
 */
export function sgemmRange(sgemm: Sgemm): (...values: number[]) => void {
  const rowMajor = 101, asIs = 111, transposed = 112;
  return (...[transposeA, transposeB, m, n, k, alpha, a, aStride, b, bStride, ...more]) => {
    const [beta, c, cStride, begin, end] = more, wide = n > m;
    const fromA = wide ? 0 : begin * (transposeA ? 1 : aStride);
    const fromB = wide ? begin * (transposeB ? bStride : 1) : 0;
    const fromC = begin * (wide ? 1 : cStride);
    sgemm(
      rowMajor,
      transposeA ? transposed : asIs,
      transposeB ? transposed : asIs,
      wide ? m : end - begin,
      wide ? end - begin : n,
      k,
      alpha,
      BigInt(a + 4 * fromA),
      aStride,
      BigInt(b + 4 * fromB),
      bStride,
      beta,
      BigInt(c + 4 * fromC),
      cStride,
    );
  };
}

/**
 * Products as the CPU device's kernels call them: transposeA, transposeB, m, n, k, alpha, a, aRow, b, bRow, beta, c,
 * cRow, with addresses in a memory that begins at `base`, and the bytes from one row to the next.
 *
 * Its source text is sent to the workers, like that of {@link sgemmRange}.
 */
export function sgemmIn(sgemm: Sgemm, base: number): (...values: number[]) => void {
  const rowMajor = 101, asIs = 111;
  const place = (address: number) => BigInt(base + (address >>> 0)); // it comes as a signed number
  return (transposeA, transposeB, m, n, k, alpha, a, aRow, b, bRow, beta, c, cRow) => {
    const opA = asIs + transposeA, opB = asIs + transposeB; // 112 is transposed
    const [placeA, placeB, placeC] = [place(a), place(b), place(c)];
    // deno-fmt-ignore
    sgemm(
      rowMajor, opA, opB, m, n, k, alpha, placeA, aRow / 4, placeB, bRow / 4, beta, placeC, cRow / 4,
    );
  };
}
