/**
 * The tiles by which attention splits its work. A head has at most 2048 columns (mostHeadColumns in
 * src/core/limits.ts), so a tile has at least 8 rows. Tiles are multiples of 8, so that panels of
 * queries and of keys meet the diagonal at their corners.
 *
 * A hidden key has a weight of 0 within a tile and multiplies its value, so a value that is not finite
 * shows in the output: a mask does not conceal a broken activation.
 */

/** Most keys or queries of a tile of the forward. */
const FORWARD: u32 = 256;
/** Most keys or queries of a tile of the backward. */
const BACKWARD: u32 = 128;

/** Keys, and queries, of a tile of the forward: four packed operands of their width fit into scratch. */
export function forwardTile(headWidth: u32): u32 {
  return min(FORWARD, 57344 / headWidth & ~7);
}

/** The same for the backward, which has nine. */
export function backwardTile(headWidth: u32): u32 {
  return min(BACKWARD, 24576 / headWidth & ~7);
}
