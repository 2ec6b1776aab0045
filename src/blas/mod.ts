/** The system's BLAS through Deno's FFI. @module */

export { baseOf, Blas, type BlasPlace, openBlas } from "./blas.ts";
export { Lapack, type LapackSymbols, openLapack } from "./lapack.ts";
export { blasAdvice } from "./library.ts";
export { type Sgemm, sgemmRange } from "./sgemm.ts";
