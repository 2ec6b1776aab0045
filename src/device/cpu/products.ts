/** Matrix products of the CPU device that the system's BLAS computes, in the same memory. @module */

import type { Blas } from "../../blas/mod.ts";
import { widenF16 } from "../../../kernels/float16/kernel.ts";
import type { HalfType, Kernel } from "../../../kernels/kernel.ts";
import { matmul, matmulBf16, matmulF16, onePair } from "../../../kernels/matmul/kernel.ts";
import type { AnyBindings } from "../device.ts";
import type { Call, WorkerPool } from "./worker_pool.ts";

/** Scalars of the matmul kernel. */
export type ProductScalars = Readonly<Record<string, number>>;

/** Addresses of the operands in the shared memory. */
export interface Operands {
  /** Address of A, before its offset. */
  readonly a: number;
  /** Address of B. */
  readonly b: number;
  /** Address of C. */
  readonly c: number;
}

/** Fewest multiplications, and smallest k, for which BLAS wins. */
const leastWork = 2 ** 15, leastDepth = 4;

/** Up to this many rows, as when generating tokens, our kernel has its own dot products. */
const fewRows = 4;

/** Multiplications that make waking a thread worthwhile, and rows or columns that fill OpenBLAS's tiles. */
const threadWork = 2 ** 19, threadRows = 64;

/**
 * True if a product goes to BLAS, judged by its shape alone.
 *
 * **Measured** with OpenBLAS 0.3.29 on two cores of an AMD EPYC (Zen 5), our kernel's time over that of
 * BLAS: 0.5 to 1.4 with 8 x 8 x 8, 0.9 to 2.1 with 24, 1.2 to 3.2 with 32 and 2.2 to 4.2 with 64, least
 * with a bias; 0.6 to 1.5 below 5 rows with B transposed; 1.0 with k = 1 and a bias. Products with
 * alpha = 0 stay with our kernel, which multiplies NaN by 0, while BLAS skips the product.
 */
export function goesToBlas(scalars: ProductScalars): boolean {
  const { m, n, k, alpha } = scalars;
  return m * n * k >= leastWork && m > fewRows && k >= leastDepth && alpha !== 0 &&
    isDense(scalars);
}

/** True if BLAS can compute a kernel's product: a B in 16 bits must be widened first. */
export function isForBlas(kernel: Kernel, scalars: ProductScalars): boolean {
  const isHalf = kernel === matmulF16 || kernel === matmulBf16;
  return (kernel === matmul || isHalf && canWiden(scalars)) && goesToBlas(scalars);
}

/** True if blocks of a B in 16 bits can be widened: no row of it is larger than one. */
export function canWiden({ bStride }: ProductScalars): boolean {
  return bStride <= wideValues;
}

/** The second operand pair as a product of its own that is added to C. */
export function secondPair(
  { a2, b2, ...bindings }: AnyBindings,
  scalars: ProductScalars,
): [AnyBindings, ProductScalars] {
  const { k2, a2Offset, a2Stride, b2Offset, b2Stride } = scalars;
  const pair = { aOffset: a2Offset, aStride: a2Stride, bOffset: b2Offset, bStride: b2Stride };
  return [
    { ...bindings, a: a2, b: b2, a2, b2 },
    { ...scalars, ...onePair, ...pair, k: k2, hasBias: 0, accumulate: 1 },
  ];
}

/** The smallest share of a product for one thread. */
function grainOf({ m, n, k }: ProductScalars): number {
  return threadRows * Math.ceil(threadWork / (threadRows * Math.min(m, n) * k));
}

/** True if rows do not overlap, as BLAS requires. */
function isDense(scalars: ProductScalars): boolean {
  const { m, n, k, transposeA, transposeB, aStride, bStride, cStride } = scalars;
  return aStride >= (transposeA ? m : k) && bStride >= (transposeB ? k : n) && cStride >= n;
}

/** Values of B that are widened at a time: 1 MiB, so that the product reads them from a processor's cache. */
const wideValues = 2 ** 18;

/** Memory and function for widening blocks of a B in 16 bits. */
export interface Widening {
  /** Address of {@link wideBytes} bytes. */
  readonly scratch: number;
  /** The kernels. */
  readonly calls: Readonly<Record<HalfType, Call>>;
}

/** Bytes of scratch for widened blocks. */
export const wideBytes: number = 4 * wideValues;

/** A product with some of the rows in which B is stored. */
interface Block {
  readonly first: number;
  readonly size: number;
  readonly scalars: ProductScalars;
  readonly isFirst: boolean;
}

/** Cuts a product so that every part of B can be widened: its rows are columns of C, or terms. */
function* blocksOf(scalars: ProductScalars): Generator<Block> {
  const { n, k, transposeA, transposeB, aOffset, aStride, bOffset, bStride, cOffset } = scalars;
  const all = transposeB ? n : k, width = transposeB ? k : n;
  const most = Math.max(1, Math.floor(wideValues / bStride));
  for (let row = 0; row < all; row += most) {
    const count = Math.min(most, all - row);
    yield {
      first: bOffset + row * bStride,
      size: (count - 1) * bStride + width,
      scalars: transposeB
        ? { ...scalars, n: count, bOffset: 0, cOffset: cOffset + row }
        : { ...scalars, k: count, bOffset: 0, aOffset: aOffset + row * (transposeA ? aStride : 1) },
      isFirst: transposeB !== 0 || row === 0,
    };
  }
}

/** A BLAS on the shared memory: each thread of the pool computes its own rows or columns of C. */
export class Products implements Disposable {
  readonly #blas: Blas;
  readonly #pool: WorkerPool;
  readonly #base: number;
  readonly #call: Call;
  readonly #widening: Widening;

  /** Owns a BLAS, which the pool's workers know as export number `index`, for a memory that begins at `base`. */
  constructor(
    blas: Blas,
    pool: WorkerPool,
    base: number,
    index: number,
    widening: Widening,
  ) {
    this.#widening = widening;
    this.#blas = blas;
    this.#pool = pool;
    this.#base = base;
    this.#call = { name: "cblas_sgemm", index, run: blas.multiply, values: new Array(15).fill(0) };
  }

  /** The name of the BLAS. */
  get name(): string {
    return this.#blas.name;
  }

  /** C = (accumulate ? C : 0) + alpha · opA opB, like the matmul kernel without a bias. */
  multiply({ a, b, c }: Operands, scalars: ProductScalars, accumulate: boolean): void {
    const { m, n, k, transposeA, transposeB, aStride, bStride, cStride } = scalars;
    const values = this.#call.values, base = this.#base, units = Math.max(m, n);
    [values[0], values[1], values[2], values[3], values[4]] = [transposeA, transposeB, m, n, k];
    [values[5], values[6], values[7]] = [scalars.alpha, base + a + 4 * scalars.aOffset, aStride];
    [values[8], values[9]] = [base + b + 4 * scalars.bOffset, bStride];
    [values[10], values[11], values[12]] = [
      accumulate ? 1 : 0,
      base + c + 4 * scalars.cOffset,
      cStride,
    ];
    // One chunk per thread, as each packs the shorter operand for itself, which takes a tenth of the
    // time with two threads.
    const grain = this.#blas.place ? grainOf(scalars) : units;
    this.#pool.run(this.#call, units, grain, this.#pool.threads);
  }

  /**
   * The same with B in 16 bits. Blocks of B are widened into scratch one after another, so that there is never a
   * second copy of a weight.
   */
  multiplyHalf(
    type: HalfType,
    { a, b, c }: Operands,
    scalars: ProductScalars,
    accumulate: boolean,
  ): void {
    const { scratch, calls } = this.#widening, call = calls[type];
    for (const { first, size, scalars: part, isFirst } of blocksOf(scalars)) {
      [call.values[0], call.values[1], call.values[2]] = [b + 2 * first, scratch, size];
      this.#pool.run(call, size, widenF16.cpu.grain({ size }));
      this.multiply({ a, b: scratch, c }, part, accumulate || !isFirst);
    }
  }

  /** Closes the library. */
  [Symbol.dispose](): void {
    this.#blas[Symbol.dispose]();
  }
}
