/**
 * Opens the system's LAPACK, where there is one, before any test begins: it stays open for the process,
 * and the test that came upon it first would be blamed for a leak.
 *
 * @module
 */

import { singularValues, zeros } from "../../src/linalg/mod.ts";

singularValues(zeros(64, 64));
