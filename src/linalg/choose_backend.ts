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

/**
 * True if the library computes large operations; it is one for the process and has one number of
 * threads.
 */
export function usesLibrary(): boolean {
  return backendFor(Infinity) !== own;
}

/**
 * Opens the system's library, if one is wanted, and gives up the permission for FFI for good and for all
 * threads. What is open works on; nothing else can be opened. Only for the entry of a program that is ours:
 * the permission is the program's.
 */
export function closeFfi(): void {
  usesLibrary();
  Deno.permissions.revokeSync({ name: "ffi" });
}

/** Never closed: the process has one library with one set of threads. */
function openSystem(): Backend {
  const lapack = openLapack();
  return lapack ? lapackBackend(lapack) : own;
}
