/** The version of this release. @module */

/**
 * The version of `deno.json`, which `deno pack` leaves out of the package, so that it cannot be imported.
 * A test compares the two, and `CITATION.cff`.
 */
export const version = "0.1.0";
