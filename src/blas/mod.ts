/** The system's BLAS through Deno's FFI, and loops of our own for what is computed without. @module */

export { baseOf, Blas, type BlasPlace, openBlas, type Sgemm, sgemmIn, sgemmRange } from "./blas.ts";
export { Lapack, type LapackSymbols, openLapack } from "./lapack.ts";
export { blasAdvice, libraryWanted } from "./library.ts";
export { openRows, type RowSpace } from "./rows.ts";
