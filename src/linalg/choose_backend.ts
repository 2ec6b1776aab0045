/** Who computes: this package, or the system's LAPACK. @module */

import { openLapack } from "../blas/mod.ts";
import { type Backend, own } from "./backend.ts";
import { lapackBackend } from "./lapack.ts";

/** Work of fewer multiplications takes us well under a millisecond: the library, 4 ms to open, is not asked. */
const worthACall = 2 ** 16;

let system: Backend | undefined;

/** The backend for work of so many multiplications; the system's library is opened when first needed. */
export function backendFor(multiplications: number): Backend {
  if (multiplications < worthACall) return own;
  return system ??= openSystem();
}

/** Never closed: it is one for the process, as its threads are. */
function openSystem(): Backend {
  const lapack = openLapack();
  return lapack ? lapackBackend(lapack) : own;
}
