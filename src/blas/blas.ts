/**
 * The system's BLAS: the library opened for matrix products, and one thread's part of a product.
 *
 * @module
 */

import { type BlasLibrary, definitions, findLibrary, limitThreads, nameOf } from "./library.ts";

// The library.

/** The data from which a worker opens the library that the main thread found. */
export interface BlasPlace {
  /** Name or path for `Deno.dlopen`. */
  readonly path: string;
  /** The symbols. */
  readonly definitions: ReturnType<typeof definitions>;
}

/** Opens the system's BLAS, or returns `undefined` if there is none: see {@link findLibrary}. */
export function openBlas(): Blas | undefined {
  const found = findLibrary(definitions);
  return found && new Blas(found.library, { path: found.path, definitions: found.definitions });
}

/** The BLAS that {@link openBlas} opens. The caller disposes of it. */
export class Blas implements Disposable {
  /**
   * Such as `OpenBLAS 0.3.29 SkylakeX`; the last word is the kernels it chose, as others round
   * differently.
   */
  readonly name: string;
  /** For workers; `undefined` if the library splits its work among threads that we cannot turn off. */
  readonly place: BlasPlace | undefined;
  /** One thread's part of a product: see {@link sgemmRange}. */
  readonly multiply: (...values: number[]) => void;
  readonly #library: BlasLibrary;

  /** Takes ownership of an open library and limits it to one thread per call. */
  constructor(library: BlasLibrary, place: BlasPlace) {
    const { symbols } = library;
    this.#library = library;
    this.place = limitThreads(symbols) ? place : undefined;
    this.name = nameOf(symbols);
    this.multiply = sgemmRange(symbols.sgemm);
  }

  /** Products for kernels, see {@link sgemmIn}; `undefined` where workers cannot have them too. */
  productsIn(base: number): ((...values: number[]) => void) | undefined {
    return this.place && sgemmIn(this.#library.symbols.sgemm, base);
  }

  /** Closes the library. */
  [Symbol.dispose](): void {
    this.#library.close();
  }
}

/** The address where a memory begins. A shared memory never moves, even when it grows. */
export function baseOf(memory: SharedArrayBuffer): number {
  const bytes = new Uint8Array(memory as unknown as ArrayBuffer); // the types do not allow shared buffers
  return Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));
}

// Products.

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
