/** Chooses between this package's code and the system's LAPACK. @module */

import { openLapack } from "../blas/mod.ts";
import { type Backend, own } from "./backend.ts";
import { lapackBackend } from "./lapack.ts";

/**
 * Below this many multiplications our own code takes well under a millisecond, while the library takes
 * 4 ms to open.
 */
const libraryThreshold = 2 ** 16;

let system: Backend | undefined;

/**
 * The backend for an operation of about this many multiplications; the system's library is opened when
 * first needed.
 */
export function backendFor(multiplications: number): Backend {
  if (multiplications < libraryThreshold) return own;
  return system ??= openSystem();
}

/** Whether large operations are the library's, which is one for the process and has one number of threads. */
export function usesLibrary(): boolean {
  return backendFor(Infinity) !== own;
}

/** Never closed: the process has one library with one set of threads. */
function openSystem(): Backend {
  const lapack = openLapack();
  return lapack ? lapackBackend(lapack) : own;
}
