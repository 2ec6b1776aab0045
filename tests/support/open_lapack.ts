/**
 * Imported for its effect: opens the system's LAPACK before any test begins. It is one for the process
 * and never closed, which Deno would call a leak of the test that first needs it.
 *
 * @module
 */

import { backendFor } from "../../src/linalg/linalg.ts";

backendFor(Infinity);
