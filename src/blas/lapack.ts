/** LAPACK, if the system's BLAS includes it. @module */

import { findLibrary, limitThreads, nameOf, settingDefinitions } from "./library.ts";

/** Fortran passes everything by address; the lengths of the strings come last, by value. */
const routine = <const Name extends string>(name: Name, buffers: number, strings = 0) => ({
  name,
  parameters: [
    ...Array<"buffer">(buffers).fill("buffer"),
    ...Array<"usize">(strings).fill("usize"),
  ],
  result: "void",
  optional: true,
} as const);

const lapackDefinitions = (prefix: string) => ({
  // Every BLAS has it, so it is not optional: it tells which prefix the names of a library have.
  dgemm: {
    name: `${prefix}cblas_dgemm`,
    parameters: [
      ...["i32", "i32", "i32", "i32", "i32", "i32"] as const, // order, transposes, m, n, k
      ...["f64", "buffer", "i32", "buffer", "i32", "f64", "buffer", "i32"] as const,
    ],
    result: "void",
  },
  dsyrk: {
    name: `${prefix}cblas_dsyrk`,
    parameters: [
      ...["i32", "i32", "i32", "i32", "i32"] as const, // order, triangle, transpose, n, k
      ...["f64", "buffer", "i32", "f64", "buffer", "i32"] as const,
    ],
    result: "void",
    optional: true,
  },
  dtrsm: {
    name: `${prefix}cblas_dtrsm`,
    parameters: [
      ...["i32", "i32", "i32", "i32", "i32"] as const, // order, side, triangle, transpose, diagonal
      ...["i32", "i32", "f64", "buffer", "i32", "buffer", "i32"] as const, // m, n
    ],
    result: "void",
    optional: true,
  },
  dpotrf: routine(`${prefix}dpotrf_`, 5, 1),
  dgeqrf: routine(`${prefix}dgeqrf_`, 8),
  dorgqr: routine(`${prefix}dorgqr_`, 9),
  dgesdd: routine(`${prefix}dgesdd_`, 14, 1),
  dsyevd: routine(`${prefix}dsyevd_`, 11, 2),
  ...settingDefinitions(prefix),
} as const);

type LapackLibrary = Deno.DynamicLibrary<ReturnType<typeof lapackDefinitions>>;
/** The routines; a library that lacks one is not used. */
const names = [
  ...["dgemm", "dsyrk", "dtrsm", "dpotrf", "dgeqrf", "dorgqr", "dgesdd", "dsyevd"] as const,
];

/** The routines, all of them present. */
export type LapackSymbols = {
  readonly [Name in typeof names[number]]: NonNullable<LapackLibrary["symbols"][Name]>;
};

/**
 * Opens the LAPACK in the system's BLAS, or returns `undefined` if there is none: `LOWRANK_BLAS=off`,
 * no `--allow-ffi`, no library, or one with BLAS alone.
 *
 * @throws {DeviceError} when `LOWRANK_BLAS` names a library that cannot be opened.
 */
export function openLapack(): Lapack | undefined {
  const found = findLibrary(lapackDefinitions);
  if (!found) return undefined;
  const { symbols } = found.library;
  if (names.every((name) => symbols[name])) {
    return new Lapack(found.library, symbols as LapackSymbols);
  }
  found.library.close();
  return undefined;
}

/** The LAPACK that {@link openLapack} opens. The caller disposes of it. */
export class Lapack implements Disposable {
  /** See `Blas.name`. */
  readonly name: string;
  /** The routines. */
  readonly symbols: LapackSymbols;
  readonly #library: LapackLibrary;

  /** Takes ownership of an open library and limits it to one thread per call. */
  constructor(library: LapackLibrary, symbols: LapackSymbols) {
    limitThreads(library.symbols);
    this.name = nameOf(library.symbols);
    this.symbols = symbols;
    this.#library = library;
  }

  /** Runs `call` with one thread for each processor, in MKL with one, and returns its result: decision 0011. */
  withAllThreads<T>(call: () => T): T {
    const { setThreads } = this.#library.symbols;
    setThreads?.(navigator.hardwareConcurrency);
    try {
      return call();
    } finally {
      setThreads?.(1);
    }
  }

  /** Closes the library. */
  [Symbol.dispose](): void {
    this.#library.close();
  }
}
