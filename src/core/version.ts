/** Which release this is. @module */

/** As in `deno.json`, which is not there once the package is packed. */
export const version = "0.1.0";
